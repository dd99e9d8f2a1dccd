"""`open_listeners` and `inherited_listeners`: a port for several processes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_ws import (
    WebSocket,
    inherited_listeners,
    open_listeners,
    open_websocket,
    serve_websocket_listeners,
)
from trio_ws._server.listeners import FIRST_DESCRIPTOR


def port_of(listener: trio.SocketListener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


async def test_one_port() -> None:
    """Without the option a port has one owner; port 0 is the same on all addresses."""
    listeners = await open_listeners("localhost", 0, backlog=5)
    port = port_of(listeners[0])
    assert {port_of(listener) for listener in listeners} == {port}
    with pytest.raises(OSError, match=f":{port}: "):
        await open_listeners("localhost", port)
    for listener in listeners:
        await listener.aclose()


async def test_a_shared_port() -> None:
    """With it several may listen on the same addresses, and each gets a part of the connections."""
    ours = await open_listeners("localhost", 0, reuse_port=True)
    port = port_of(ours[0])
    theirs = await open_listeners("localhost", port, reuse_port=True)
    assert [each.socket.getsockname() for each in ours] == [
        each.socket.getsockname() for each in theirs
    ]
    answers: set[str | bytes] = set()
    async with trio.open_nursery() as nursery:
        for number, listeners in enumerate((ours, theirs)):

            async def tell(ws: WebSocket, number: int = number) -> None:
                await ws.send(f"{number}")

            await nursery.start(serve_websocket_listeners, tell, listeners)
        while len(answers) < 2:  # dealt out by a hash of the ports: soon it has been both
            async with open_websocket(f"ws://localhost:{port}") as ws:
                answers.add(await ws.receive())
        nursery.cancel_scope.cancel()


async def test_a_port_that_is_not_shared() -> None:
    """A port that another one keeps for itself is taken; so is one that is not to be shared."""
    alone = await open_listeners("127.0.0.1", 0)
    shared = await open_listeners("127.0.0.1", 0, reuse_port=True)
    for listener, reuse_port in ((alone[0], True), (shared[0], False)):
        with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:"):
            await open_listeners("127.0.0.1", port_of(listener), reuse_port=reuse_port)
        await listener.aclose()


async def test_a_system_that_cannot_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no such option, the error says so (Windows)."""
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(OSError, match="reuse_port: this system has no SO_REUSEPORT"):
        await open_listeners("localhost", 0, reuse_port=True)


# Inherited sockets


@contextmanager
def listening(*families: socket.AddressFamily, path: str = "") -> Iterator[list[socket.socket]]:
    """Sockets that listen, closed at the end unless somebody else has done so."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(family)) for family in families]
        for sock in sockets:
            sock.bind(path if sock.family == socket.AF_UNIX else ("127.0.0.1", 0))
            sock.listen()
        yield sockets


async def test_inherited(tmp_path: Path) -> None:
    """Sockets of each kind are served by their numbers, and are not handed down again."""

    async def hello(ws: WebSocket) -> None:
        await ws.send("hello")

    families = socket.AF_INET, socket.AF_UNIX
    with listening(*families, path=str(tmp_path / "socket")) as sockets:
        numbers = [sock.detach() for sock in sockets]
        for number in numbers:
            os.set_inheritable(number, True)
        listeners = inherited_listeners(iter(numbers))
        assert not any(map(os.get_inheritable, numbers))
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_websocket_listeners, hello, listeners)
            async with open_websocket(f"ws://127.0.0.1:{port_of(listeners[0])}") as ws:
                assert await ws.receive() == "hello"
            stream = await trio.open_unix_socket(tmp_path / "socket")
            await stream.aclose()
            nursery.cancel_scope.cancel()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(numbers[0])


async def test_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a service manager hands down are told by two variables."""
    first = 700  # descriptors that no one else has
    with listening(socket.AF_INET, socket.AF_INET) as sockets:
        for number, sock in enumerate(sockets, first):
            os.dup2(sock.fileno(), number)
    monkeypatch.setattr("trio_ws._server.listeners.FIRST_DESCRIPTOR", first)
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    found = inherited_listeners()
    assert [each.socket.fileno() for each in found] == [first, first + 1]
    for listener in found:
        await listener.aclose()


@pytest.mark.parametrize("pid", [None, "", "1", "x"])
def test_nothing_handed_down(pid: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variables, and with those meant for another process, there are none."""
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.delenv("LISTEN_PID", raising=False)
    if pid is not None:
        monkeypatch.setenv("LISTEN_PID", pid)
    assert FIRST_DESCRIPTOR == 3
    assert inherited_listeners() == []


@pytest.mark.parametrize("count", ["", "-1", "x", "²", "1.5"])
def test_a_service_manager_that_errs(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that is none is told."""
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", count)
    with pytest.raises(ValueError, match="LISTEN_FDS must be a number"):
        inherited_listeners()


async def test_no_listener() -> None:
    """What does not listen is refused, and nothing is closed, neither it nor what is fine."""
    with ExitStack() as stack, listening(socket.AF_INET) as (fine,):
        datagrams = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        silent = stack.enter_context(socket.socket())
        file, other = os.pipe()
        stack.callback(os.close, file)
        stack.callback(os.close, other)
        for number in (datagrams.fileno(), silent.fileno(), file, 99_999, 10**30):
            with pytest.raises(
                ValueError, match=f"descriptors: {number} is no socket that listens"
            ):
                inherited_listeners([fine.fileno(), number])
        for number in (fine.fileno(), datagrams.fileno(), silent.fileno(), file):
            os.fstat(number)


@pytest.mark.parametrize(
    ("descriptors", "error", "why"),
    [
        (5, TypeError, "descriptors must be a list of numbers, not"),
        ("34", TypeError, "descriptors must be a list of numbers, not"),
        (b"34", TypeError, "descriptors must be a list of numbers, not"),
        ([3, "4"], TypeError, "each of descriptors must be a whole number"),
        ([True], TypeError, "each of descriptors must be a whole number"),
        ([-1], ValueError, "each of descriptors must be a whole number, 0 or more"),
        ([5, 5], ValueError, "descriptors must be different from each other"),
    ],
)
def test_no_descriptors(descriptors: Any, error: type[Exception], why: str) -> None:
    """What are no numbers of sockets is refused."""
    with pytest.raises(error, match=why):
        inherited_listeners(descriptors)
