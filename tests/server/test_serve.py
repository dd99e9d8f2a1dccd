"""`trio_ws._server.serve`: three doors to one server, and what they refuse."""

from __future__ import annotations

import errno
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from trio_ws import (
    Server,
    TLSError,
    WebSocket,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_listeners,
    serve_websocket_on,
)

from ..halls import MemoryListener, echo, serving

CA = trustme.CA()
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: testserver\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def sockets_of(server: Server) -> list[trio.socket.SocketType]:
    return [each.socket for each in server.listeners if isinstance(each, trio.SocketListener)]


# Listening


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", None])
async def test_conversation(host: str | None) -> None:
    """Over TCP, on each of the addresses, with one port for all of them."""
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket, echo, host, 0)
        families = {sock.family for sock in sockets_of(server)}
        for family in families:
            address = "127.0.0.1" if family == socket.AF_INET else "[::1]"
            async with open_websocket(f"ws://{address}:{server.port}/chat") as ws:
                await ws.send("hello")
                assert await ws.receive() == "hello"
                (served,) = server.connections
                assert served.request.target == "/chat"
                assert served.remote_address == ws.local_address
                assert served.request.remote_address == ws.local_address
        nursery.cancel_scope.cancel()
    assert len(families) == (2 if host is None else 1)


async def test_log_of_the_address(caplog: pytest.LogCaptureFixture) -> None:
    """The log begins with the peer's address, and a failed handler is named with it."""
    caplog.set_level("DEBUG", "trio_ws.server")

    async def fail(ws: WebSocket) -> None:
        raise ZeroDivisionError

    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket, fail, "127.0.0.1", 0)
        async with open_websocket(f"ws://127.0.0.1:{server.port}/chat") as ws:
            await ws.wait_closed()
            address = ws.local_address
        await server.drain()
    assert caplog.messages[0].endswith(f"] connection from {address!r}")
    assert caplog.messages[-1].endswith(f"] the handler failed: /chat for {address!r}")


async def test_log_of_a_context_without_certificate(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """When TLS fails because the server has no certificate, its log says so."""
    caplog.set_level("DEBUG", "trio_ws.server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_websocket_on, echo, ours, ssl_context=context))
        with pytest.raises(TLSError):
            async with open_websocket_on(theirs, "wss://h"):
                pass
    assert "has the ssl_context a certificate" in caplog.messages[-1]


async def test_given_port() -> None:
    """A port may be given; one that is taken is an OSError, bare."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket, echo, "127.0.0.1", port)
        assert server.port == port
        with pytest.raises(OSError) as caught:
            await serve_websocket(echo, "127.0.0.1", port)
        assert caught.value.errno == errno.EADDRINUSE
        nursery.cancel_scope.cancel()


async def test_tls() -> None:
    """Over TLS; and a client that does not trust the certificate hurts nobody."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    CA.configure_trust(trusting)
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, echo, "127.0.0.1", 0, ssl_context=context)
        server: Server = await nursery.start(serve)
        url = f"wss://localhost:{server.port}"
        async with open_websocket(url, ssl_context=trusting) as ws:
            with pytest.raises(Exception, match="certificate"):
                async with open_websocket(url):
                    pass
            await ws.send("secret")
            assert await ws.receive() == "secret"
        nursery.cancel_scope.cancel()


async def test_tls_listener() -> None:
    """TLS may be in the listener; the port is found behind it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    CA.configure_trust(trusting)
    listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket_listeners, echo, listeners)
        url = f"wss://localhost:{server.port}"
        async with open_websocket(url, ssl_context=trusting) as ws:
            await ws.send("secret")
            assert await ws.receive() == "secret"
        nursery.cancel_scope.cancel()


async def test_unix(tmp_path: Path) -> None:
    """A Unix socket can be listened on; addresses work, and there is no port (hazard C6)."""
    path = str(tmp_path / "socket")
    sock = trio.socket.socket(socket.AF_UNIX)
    await sock.bind(path)
    sock.listen()
    async with trio.open_nursery() as nursery:
        listeners = [trio.SocketListener(sock)]
        server: Server = await nursery.start(serve_websocket_listeners, echo, listeners)
        with pytest.raises(RuntimeError, match="does not listen on a TCP port"):
            _ = server.port
        async with open_websocket_on(await trio.open_unix_socket(path), "ws://localhost") as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
            (served,) = server.connections
            assert (served.local_address, served.remote_address) == (path, "")
        nursery.cancel_scope.cancel()


async def test_own_listener(autojump_clock: object) -> None:
    """Any listener will do; it is closed at the end."""
    async with serving() as hall:
        assert hall.server.listeners == (hall.listener,)
        with pytest.raises(RuntimeError, match="TCP"):
            _ = hall.server.port
        async with hall.open() as ws:
            await ws.send(b"hello")
            assert await ws.receive() == b"hello"
    assert hall.listener.closed


async def test_broken_listener(autojump_clock: object) -> None:
    """A listener that fails ends the server, with that exception, bare."""

    class Broken(MemoryListener):
        async def accept(self) -> trio.abc.Stream:
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await serve_websocket_listeners(echo, [Broken()])


async def test_one_stream(autojump_clock: object) -> None:
    """One connection can be served on a stream, to its end."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_websocket_on, echo, ours, subprotocols=["a"]))
        async with open_websocket_on(theirs, "ws://h", subprotocols=["a"]) as ws:
            assert ws.subprotocol == "a"
    with pytest.raises(trio.ClosedResourceError):
        await ours.receive_some()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[trio.SocketListener]:
    """Collect the listeners that are opened."""
    opened: list[trio.SocketListener] = []
    open_listeners = trio.open_tcp_listeners

    async def open_and_tell(port: int, **options: Any) -> list[trio.SocketListener]:
        opened.extend(listeners := await open_listeners(port, **options))
        return listeners

    monkeypatch.setattr(trio, "open_tcp_listeners", open_and_tell)
    return opened


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_connections": 0}, ValueError),
        ({"heartbeat": 3}, TypeError),
        ({"timeouts": 3}, TypeError),
        ({"limits": 3}, TypeError),
        ({"origins": "https://a"}, TypeError),
        ({"subprotocols": "chat"}, TypeError),
        ({"ssl_context": True}, TypeError),
        ({"ssl_context": ssl.create_default_context()}, ValueError),
        ({"on_request": 3}, TypeError),
        ({"on_handler_error": None}, TypeError),
        ({"handler": 3}, TypeError),
        ({"port": 65536}, ValueError),
        ({"port": "80"}, TypeError),
        ({"host": b"127.0.0.1"}, TypeError),
    ],
)
async def test_wrong_options_open_no_listener(
    options: dict[str, Any], error: type[Exception], opened: list[trio.SocketListener]
) -> None:
    """Options are checked before anything listens."""
    given: dict[str, Any] = {"handler": echo, "host": "127.0.0.1", "port": 0, **options}
    with pytest.raises(error):
        await serve_websocket(**given)
    assert not opened


async def test_nobody_wants_to_know(opened: list[trio.SocketListener]) -> None:
    """When telling that the server has started fails, its listeners are closed."""

    class Broken(trio.TaskStatus[Server]):
        def started(self, value: object = None) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await serve_websocket(echo, "127.0.0.1", 0, task_status=Broken())
    (listener,) = opened
    assert listener.socket.fileno() == -1


async def test_wrong_handler(autojump_clock: object) -> None:
    """A handler that cannot be called is refused on listeners of one's own, too."""
    with pytest.raises(TypeError, match="handler must be a function"):
        await serve_websocket_listeners(3, [MemoryListener()])  # type: ignore[arg-type]


async def test_strange_stream(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """A stream that fails in ways of its own is logged and hurts nobody."""

    class Strange(trio.abc.Stream):
        async def send_all(self, data: object) -> None:
            raise NotImplementedError

        async def wait_send_all_might_not_block(self) -> None:
            raise NotImplementedError

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise ArithmeticError("strange")

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()

    async with serving() as hall, hall.open() as ws:
        hall.listener._send.send_nowait(Strange())
        await trio.testing.wait_all_tasks_blocked()
        assert "ArithmeticError: strange" in caplog.text
        await ws.send("still here")
        assert await ws.receive() == "still here"


@pytest.mark.parametrize(
    ("listeners", "error"),
    [([], ValueError), (3, TypeError), ([socket.socket], TypeError), ([None], TypeError)],
)
async def test_no_listeners(listeners: Any, error: type[Exception]) -> None:
    """Raw sockets are no listeners, and no listener at all would serve nothing."""
    with pytest.raises(error, match="listeners"):
        await serve_websocket_listeners(echo, listeners)


async def test_no_stream() -> None:
    """A raw socket is no stream."""
    left, right = socket.socketpair()
    with left, right, pytest.raises(TypeError, match=r"stream must be a trio\.abc\.Stream, not"):
        await serve_websocket_on(echo, left)  # type: ignore[arg-type]
