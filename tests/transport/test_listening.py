"""`_transport.listening`: one port on all addresses, and streams accepted one after another."""

from __future__ import annotations

import errno
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._transport.listening import (
    ACCEPT_RETRY_DELAY,
    close_by_force,
    listen_tcp,
    port_of,
    serve_forever,
)


def close(listeners: list[trio.SocketListener]) -> None:
    for listener in listeners:
        listener.socket.close()


async def test_one_address() -> None:
    """A free port of one address."""
    listeners = await listen_tcp("127.0.0.1", 0)
    (port,) = map(port_of, listeners)
    assert port
    close(listeners)


async def test_one_port_for_all_addresses() -> None:
    """The free port is the same for IPv4 and IPv6."""
    listeners = await listen_tcp(None, 0)
    assert {each.socket.family for each in listeners} == {socket.AF_INET, socket.AF_INET6}
    assert len(set(map(port_of, listeners))) == 1
    close(listeners)


async def test_port_taken_on_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the port found for one address is taken on another, both get a new one."""
    taken: list[int] = []
    open_listeners = trio.open_tcp_listeners

    async def unlucky(port: int, *, host: str | None = None) -> list[trio.SocketListener]:
        if port and not taken:
            taken.append(port)
            raise OSError(errno.EADDRINUSE, "taken")
        return await open_listeners(port, host=host)

    monkeypatch.setattr(trio, "open_tcp_listeners", unlucky)
    listeners = await listen_tcp(None, 0)
    assert len(set(map(port_of, listeners))) == 1
    assert len(listeners) == 2
    assert len(taken) == 1
    close(listeners)


async def test_no_such_address() -> None:
    """An address that is not ours cannot be listened on."""
    with pytest.raises(OSError):
        await listen_tcp("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "port", "error"),
    [("127.0.0.1", 65536, ValueError), (None, "80", TypeError), (b"127.0.0.1", 0, TypeError)],
)
async def test_no_place(host: Any, port: Any, error: type[Exception]) -> None:
    """What is no host or no port is refused."""
    with pytest.raises(error, match=r"the (host|port) must be"):
        await listen_tcp(host, port)


async def test_port_behind_tls() -> None:
    """The port is found behind TLS, too."""
    (tcp,) = await listen_tcp("127.0.0.1", 0)
    secure = trio.SSLListener(tcp, ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert port_of(secure) == port_of(tcp)
    close([tcp])


async def test_no_port(tmp_path: Path) -> None:
    """A Unix socket has no port, and something else has none either."""
    sock = trio.socket.socket(socket.AF_UNIX)
    await sock.bind(str(tmp_path / "socket"))
    sock.listen()
    assert port_of(trio.SocketListener(sock)) is None
    assert port_of(object()) is None
    sock.close()


class Listener(trio.abc.Listener[trio.abc.Stream]):
    """Gives out streams, and raises errors, as it was told; then it waits."""

    def __init__(self, *script: trio.abc.Stream | OSError) -> None:
        self.script = list(script)
        self.closed = False

    async def accept(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if not self.script:
            await trio.sleep_forever()
        if isinstance(event := self.script.pop(0), OSError):
            raise event
        return event

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def test_accepting(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """Each stream is served; without sockets it is tried again soon, and the log says so once."""
    one, two = trio.testing.memory_stream_pair()
    exhausted = OSError(errno.EMFILE, "too many")
    listener = Listener(one, exhausted, exhausted, two)
    served: list[tuple[trio.abc.Stream, float]] = []

    async def serve(stream: trio.abc.Stream) -> None:
        assert trio.lowlevel.current_task().name == "trio_ws connection"
        served.append((stream, trio.current_time()))
        await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            await serve_forever(listener, nursery, serve)
    assert served == [(one, 0), (two, 2 * ACCEPT_RETRY_DELAY)]
    assert listener.closed
    assert [record.getMessage() for record in caplog.records] == [
        "nothing can be accepted for now: [Errno 24] too many"
    ]


async def test_accepting_fails() -> None:
    """Any other error ends the listening."""
    listener = Listener(OSError(errno.EBADF, "gone"))
    async with trio.open_nursery() as nursery:
        with pytest.raises(OSError, match="gone"):
            await serve_forever(listener, nursery, trio.aclose_forcefully)
    assert listener.closed


async def test_closing_a_socket() -> None:
    """A socket is closed at once, once or twice, also by somebody who is cancelled."""
    left, right = socket.socketpair()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(left))
    with right, trio.CancelScope() as scope:
        scope.cancel()
        await close_by_force(stream)
        await close_by_force(stream)
        assert right.recv(1) == b""
    assert stream.socket.fileno() == -1
    assert not scope.cancelled_caught


async def test_closing_something_else() -> None:
    """Any other stream is closed as it can be, without waiting for its peer."""
    ours, theirs = trio.testing.memory_stream_pair()
    await close_by_force(ours)
    assert await theirs.receive_some() == b""
