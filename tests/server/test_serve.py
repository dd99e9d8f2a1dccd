"""`trio_ws._server.serve`: listening, isolation, numbers, draining."""

from __future__ import annotations

import dataclasses
import errno
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Limits,
    LocalProtocolError,
    Rejected,
    Request,
    Response,
    Server,
    TLSError,
    WebSocket,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_listeners,
    serve_websocket_on,
)
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import encode

from ..halls import MemoryListener, echo, forever, serving
from ..wires import memory

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
        with pytest.raises(RuntimeError):
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


# Numbers


async def test_memory_of_idle_connections() -> None:
    """A connection that waits takes less than 16 KiB, heartbeat, handler and headers included."""

    async def crowd(count: int) -> list[socket.socket]:
        peers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
        for peer in peers:
            peer.sendall(UPGRADE)
        await trio.testing.wait_all_tasks_blocked(0.05)
        return peers

    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0)
        peers = await crowd(50)
        with memory() as kept:
            peers += await crowd(200)
        assert server.statistics().connections == 250
        assert kept[0] < 200 * 16 * 1024
        for peer in peers:
            peer.close()
        nursery.cancel_scope.cancel()


def numbers(server: Server) -> dict[str, int]:
    """The statistics that are not zero."""
    return {name: n for name, n in dataclasses.asdict(server.statistics()).items() if n}


async def test_statistics(autojump_clock: object) -> None:
    """The numbers are those of connections, handshakes and the past."""
    async with serving() as hall, hall.raw(), hall.open() as one, hall.open():
        past = {"accepted": 3, "opened": 2}
        assert numbers(hall.server) == {"connections": 2, "handshakes": 1, **past}
        assert len(hall.server.connections) == 2
        await one.close()
        await trio.testing.wait_all_tasks_blocked()
        assert numbers(hall.server) == {"connections": 1, "handshakes": 1, **past}


def teapots(request: Request) -> Response | None:
    """A server's own pages: one is an error, one fails, one cannot be sent."""
    if request.path == "/broken":
        raise ZeroDivisionError
    status = {"/teapot": 418, "/odd": 101}.get(request.path)
    return None if status is None else Response(status)


@pytest.mark.parametrize(
    ("head", "status", "refused"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, 1),
        (b"nonsense\r\n\r\n", 400, 1),
        (UPGRADE[:-2] + b"Origin: https://evil.example\r\n\r\n", 403, 1),
        (UPGRADE, 503, 1),
        (b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n", 500, 1),
        (b"GET /odd HTTP/1.1\r\nHost: a\r\n\r\n", 500, 1),
        (b"GET /teapot HTTP/1.1\r\nHost: a\r\n\r\n", 418, 0),
    ],
)
async def test_refused(head: bytes, status: int, refused: int, autojump_clock: object) -> None:
    """What the server itself answers with an error is counted; what `on_request` says is not."""
    async with serving(max_connections=1, on_request=teapots) as hall, hall.open():
        async with hall.raw() as peer:
            await peer.send_bytes(head)
            assert (await peer.receive_head()).startswith(b"HTTP/1.1 %d " % status)
        await trio.testing.wait_all_tasks_blocked()
        now = hall.server.statistics()
        assert (now.accepted, now.opened, now.refused) == (2, 1, refused)


async def vanish(peer: RawPeer) -> None:
    """End the transport without a word."""
    await peer.send_eof()


async def lie(peer: RawPeer) -> None:
    """Break the protocol: no such opcode, no mask."""
    await peer.send_bytes(encode(Frame(0x3)))


async def say_nothing(peer: RawPeer) -> None:
    """Ignore the heartbeat, then the close."""
    await trio.sleep(50)


@pytest.mark.parametrize(
    ("misbehave", "story"),
    [
        (vanish, "the peer ended the transport without a closing handshake"),
        (lie, "the peer broke the protocol"),
        (say_nothing, "the peer fell silent"),
    ],
)
async def test_lost(
    misbehave: Callable[[RawPeer], Awaitable[None]],
    story: str,
    autojump_clock: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A connection that is lost is counted, and one line of the log, above DEBUG, tells how."""
    caplog.set_level("INFO", "trio_ws.server")
    async with serving() as hall:
        async with hall.raw() as peer:
            await peer.request("/chat?secret")
            await misbehave(peer)
        await trio.testing.wait_all_tasks_blocked()
        assert numbers(hall.server) == {"accepted": 1, "opened": 1, "lost": 1}
    (record,) = caplog.records
    assert record.levelname == "INFO"
    line = r"\[server-\d+\] the connection was lost: /chat for None: "
    assert re.match(line + re.escape(story), record.getMessage())


async def test_a_log_that_fails(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """A filter of the log that raises when a connection is lost ends nobody else's."""

    def refuse(record: logging.LogRecord) -> bool:
        raise ZeroDivisionError

    logger = logging.getLogger("trio_ws.server")
    caplog.set_level("INFO", "trio_ws.server")
    logger.addFilter(refuse)
    try:
        async with serving() as hall, hall.open() as neighbour:
            async with hall.raw() as peer:
                await peer.request("/chat")
                await vanish(peer)
            await trio.testing.wait_all_tasks_blocked()
            assert hall.server.statistics().lost == 1
            assert neighbour.ending is None
    finally:
        logger.removeFilter(refuse)


async def test_what_is_not_lost(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """A closing handshake, with whatever code, is no loss, and no handshake of HTTP is one."""
    caplog.set_level("INFO", "trio_ws.server")
    async with serving() as hall:
        for code in (1000, 1011, 4000):
            async with hall.open() as ws:
                await ws.close(code)
        async with hall.raw() as peer:
            await peer.send_bytes(b"GET /")
        await trio.testing.wait_all_tasks_blocked()
        assert numbers(hall.server) == {"accepted": 4, "opened": 3}
    assert caplog.records == []


async def test_nobody_writes_into_the_log(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a peer says before it is lost, the log has one line of bounded length about it."""
    caplog.set_level("INFO", "trio_ws.server")
    async with serving(forever) as hall:
        async with hall.raw() as peer:
            await peer.request("/" + "x" * 5000)
            for _ in range(100):
                await peer.send_bytes(encode(Frame(0x8, b"\x03\xe8\r\n\xff", masked=False)))
        await trio.testing.wait_all_tasks_blocked()
    (line,) = caplog.messages
    assert line.isprintable()
    assert len(line) < 1000


async def test_max_connections(autojump_clock: object) -> None:
    """A full server answers 503 with a time to try again, until somebody leaves."""
    async with serving(max_connections=2) as hall, hall.open():
        async with hall.open():
            with pytest.raises(Rejected) as caught:
                async with hall.open():
                    pass
            assert caught.value.response.status == 503
            assert caught.value.retry_after == 5.0
        async with hall.open():
            pass


async def test_seat_of_a_peer_that_vanished(autojump_clock: object) -> None:
    """A seat that was taken for a peer which is gone before the 101 is free again."""

    class Deaf(trio.abc.Stream):
        def __init__(self, stream: trio.abc.Stream) -> None:
            self.stream = stream

        async def send_all(self, data: object) -> None:
            raise trio.BrokenResourceError

        async def wait_send_all_might_not_block(self) -> None:
            raise NotImplementedError

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self.stream.receive_some(max_bytes)

        async def aclose(self) -> None:
            await self.stream.aclose()

    async with serving() as hall:
        ours, theirs = trio.testing.memory_stream_pair()
        hall.listener._send.send_nowait(Deaf(theirs))
        async with RawPeer(ours, client=True) as peer:
            with pytest.raises(EOFError):
                await peer.request()
        now = hall.server.statistics()
        assert (now.connections, now.handshakes, now.opened) == (0, 0, 0)


# Slow and hostile peers


@pytest.mark.parametrize("count", [300, pytest.param(1_000, marks=pytest.mark.slow)])
async def test_slowloris(count: int, autojump_clock: object) -> None:
    """Hundreds of peers that drip are dropped at the deadline, and nobody waits (hazard D4)."""
    dropped = 0

    async def drip(peer: RawPeer) -> None:
        nonlocal dropped
        async with peer:
            try:
                while True:
                    await peer.send_bytes(b"G")
                    await trio.sleep(1)
            except trio.BrokenResourceError:
                dropped += 1

    async with serving() as hall, trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(drip, hall.raw())
        await trio.sleep(5)
        assert hall.server.statistics().handshakes == count
        async with hall.open() as ws:
            await ws.send("quick")
            assert await ws.receive() == "quick"
        assert trio.current_time() == 5
        await trio.sleep(5.5)
        assert hall.server.statistics().handshakes == 0
        await trio.sleep(1)
        assert dropped == count


async def test_flood_of_newcomers(autojump_clock: object) -> None:
    """When the lobby is full the longest-waiting are dropped, and one that hurries gets in."""
    async with serving(limits=Limits(max_handshakes=20)) as hall:
        idle = [hall.listener.connect() for _ in range(100)]
        await trio.testing.wait_all_tasks_blocked()
        assert hall.server.statistics().handshakes == 20
        for stream in idle[:80]:
            assert await stream.receive_some() == b""
        async with hall.open() as ws:
            await ws.send("quick")
            assert await ws.receive() == "quick"
        assert trio.current_time() == 0


async def test_answer_survives_a_large_request() -> None:
    """Over TCP a peer that still sends when it is refused reads the whole answer (law 10)."""
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0)
        async with RawPeer(await trio.open_tcp_stream("127.0.0.1", server.port), client=True) as it:
            await it.send_bytes(b"GET /" + b"x" * 2_000_000)
            answer = b""
            while data := await it.stream.receive_some():
                answer += data
            assert answer.startswith(b"HTTP/1.1 431 ")
            assert answer.endswith(b"bytes.\n")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("replaced", "by"),
    [
        (b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\nGET / HTT"),
        (b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nHost: other\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
        (b"\r\n\r\n", b"\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        (b"Host", b"Host "),
    ],
)
async def test_smuggling(replaced: bytes, by: bytes, autojump_clock: object) -> None:
    """What two parsers might read differently is answered 400, and ends there (hazard D10)."""
    async with serving() as hall, hall.raw() as peer:
        await peer.send_bytes(UPGRADE.replace(replaced, by) + UPGRADE)
        assert (await peer.receive_head()).startswith(b"HTTP/1.1 400 ")
        rest = b""
        while data := await peer.stream.receive_some():
            rest += data
        assert b"HTTP" not in rest


# Ending


async def test_cancel(autojump_clock: object) -> None:
    """A cancelled server says 1001 to all at the same time and drops unfinished handshakes."""
    async with trio.open_nursery() as peers:
        async with serving(forever, heartbeat=None) as hall:
            others = [hall.raw() for _ in range(50)]
            for peer in others:
                await peer.request()
            newcomer = hall.raw()
            await newcomer.send_bytes(b"GET /")
            for peer in others:
                peers.start_soon(peer.expect_close, 1001)
            await trio.sleep(1)
        assert trio.current_time() == 1.5
        await newcomer.expect_eof()
        for peer in others:
            await peer.aclose()


async def test_drain(autojump_clock: object) -> None:
    """Draining lets nobody in, closes one after another with 1012, and ends the server."""
    closed: list[tuple[int, float]] = []
    listener = MemoryListener()

    async def client(start: trio.Event) -> None:
        async with open_websocket_on(listener.connect(), "ws://h") as ws:
            start.set()
            ending = await ws.wait_closed()
            closed.append((ending.code, trio.current_time()))

    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket_listeners, echo, [listener])
        for _ in range(4):
            start = trio.Event()
            nursery.start_soon(client, start)
            await start.wait()
        early = RawPeer(listener.connect(), client=True)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(partial(server.drain, timeout=20, spread=8))
        await trio.testing.wait_all_tasks_blocked()
        assert listener.closed
        answer = await early.request()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 20\r\n" in answer
    assert closed == [(1012, 0), (1012, 2), (1012, 4), (1012, 6)]
    assert trio.current_time() == 6


async def test_drain_while_somebody_comes_in(autojump_clock: object) -> None:
    """Whoever was being let in when the draining began is closed politely too, and at once."""
    listener = MemoryListener()

    async with trio.open_nursery() as nursery:

        def drain_now(request: Request) -> None:
            nursery.start_soon(partial(server.drain, timeout=20, spread=0))

        server: Server = await nursery.start(
            partial(serve_websocket_listeners, echo, [listener], on_request=drain_now)
        )
        with pytest.raises(ConnectionClosed) as caught:
            async with open_websocket_on(listener.connect(), "ws://h") as ws:
                await ws.receive()
        assert caught.value.ending.code == 1012
    assert trio.current_time() == 0


async def test_drain_keeps_plain_http(autojump_clock: object) -> None:
    """While it drains a server still answers plain requests on connections that exist."""

    def health(request: Request) -> Response | None:
        return Response(200) if request.path == "/health" else None

    async with (
        serving(forever, on_request=health) as hall,
        hall.open(),
        hall.raw() as peer,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(partial(hall.server.drain, timeout=3))
        await trio.testing.wait_all_tasks_blocked()
        await peer.send_bytes(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await peer.receive_head()).startswith(b"HTTP/1.1 200 ")


async def test_drain_cuts_at_its_deadline(autojump_clock: object) -> None:
    """Handlers that go on, and peers that do not answer, are cut off."""
    async with trio.open_nursery() as nursery:
        listener = MemoryListener()
        server: Server = await nursery.start(serve_websocket_listeners, forever, [listener])
        async with RawPeer(listener.connect(), client=True) as peer:
            await peer.request()
            await server.drain(timeout=3, spread=0, code=1001)
            await peer.expect_close(1001)
            assert trio.current_time() == 3
    assert trio.current_time() < 4


async def test_drain_of_nobody(autojump_clock: object) -> None:
    """An empty server is drained at once."""
    async with trio.open_nursery() as nursery:
        listener = MemoryListener()
        server: Server = await nursery.start(serve_websocket_listeners, echo, [listener])
        await server.drain()
    assert trio.current_time() == 0


async def test_drain_with_a_forbidden_code(autojump_clock: object) -> None:
    """A code that may not be sent is refused, and the server goes on."""
    async with serving() as hall:
        with pytest.raises(LocalProtocolError):
            await hall.server.drain(code=1006)
        async with hall.open():
            pass


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["timeout", "spread"])
async def test_drain_for_no_duration(name: str, seconds: float, autojump_clock: object) -> None:
    """Durations must make sense."""
    async with serving() as hall:
        with pytest.raises(ValueError, match="seconds"):
            await hall.server.drain(**{name: seconds})  # type: ignore[arg-type]


async def test_lost_peers(autojump_clock: object) -> None:
    """A peer that vanishes ends its handler as lost, which is no failure."""
    seen: list[BaseException] = []

    async def handler(ws: WebSocket) -> None:
        try:
            await ws.receive()
        except ConnectionLost as exc:
            seen.append(exc)
            raise

    async with serving(handler) as hall:
        async with hall.raw() as peer:
            await peer.request()
        await trio.testing.wait_all_tasks_blocked()
        assert hall.server.statistics().failed == 0
    assert len(seen) == 1
