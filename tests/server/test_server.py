"""`trio_ws._server.server`: isolation, numbers, and the end of a server."""

from __future__ import annotations

import dataclasses
import logging
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import product
from typing import Any, Unpack

import pytest
import trio
import trio.testing
import trustme

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Limits,
    LocalProtocolError,
    MessageHeartbeat,
    MessageReply,
    Rejected,
    Request,
    Response,
    Server,
    Watchdog,
    WebSocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_listeners,
)
from trio_ws._concurrency.exceptions import iter_leaves
from trio_ws._server.options import ServerConfig, ServerOptions
from trio_ws._server.router import selector_for
from trio_ws._server.selection import Handler
from trio_ws._server.server import _close, serve_stream
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import encode

from ..halls import Hall, MemoryListener, echo, forever, serving
from ..streams import UnwritableStream
from ..wires import Wire, memory

CA = trustme.CA()
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: testserver\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def sockets_of(server: Server) -> list[trio.socket.SocketType]:
    return [each.socket for each in server.listeners if isinstance(each, trio.SocketListener)]


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
            assert 5 <= (caught.value.retry_after or 0) <= 10
        async with hall.open():
            pass


async def test_seat_of_a_peer_that_vanished(autojump_clock: object) -> None:
    """A seat that was taken for a peer which is gone before the 101 is free again."""
    async with serving() as hall:
        ours, theirs = trio.testing.memory_stream_pair()
        hall.listener._send.send_nowait(UnwritableStream(theirs))
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


async def test_a_ctrl_c_while_the_server_is_cancelled(autojump_clock: object) -> None:
    """It leaves the server, though closing the stream is cancelled as well."""

    async def handler(ws: WebSocket) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: ASYNC401 - however deep it is
        async with serving(handler, heartbeat=None) as hall:
            peer = hall.raw()
            await peer.request()
    assert [type(leaf) for leaf in iter_leaves(caught.value)] == [KeyboardInterrupt]


async def test_what_it_looks_like(autojump_clock: object) -> None:
    """A server shows where it listens, what it is doing, and how many connections there are."""
    async with serving() as hall:
        assert repr(hall.server) == "<Server on MemoryListener: serving, 0 connections>"
        async with hall.open() as ws:
            assert repr(hall.server) == "<Server on MemoryListener: serving, 1 connection>"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(hall.server.drain, spread=0, timeout=5))
                while not hall.server.draining:  # noqa: ASYNC110
                    await trio.lowlevel.checkpoint()
                assert repr(hall.server) == "<Server on MemoryListener: draining, 1 connection>"
                with pytest.raises(ConnectionClosed):
                    await ws.receive()
    assert repr(hall.server) == "<Server on MemoryListener: over, 0 connections>"
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0)
        assert repr(server).startswith(f"<Server on 127.0.0.1:{server.port}: serving")
        nursery.cancel_scope.cancel()
    assert repr(server).endswith(": over, 0 connections>")


async def test_drain(autojump_clock: object) -> None:
    """Draining lets nobody in, closes with 1012 in the order of arrival, and ends the server."""
    closed: list[tuple[int, int, float]] = []
    listener = MemoryListener()

    async def client(number: int, start: trio.Event) -> None:
        async with open_websocket_on(listener.connect(), "ws://h") as ws:
            start.set()
            ending = await ws.wait_closed()
            closed.append((number, ending.code, trio.current_time()))

    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket_listeners, echo, [listener])
        for number in range(4):
            start = trio.Event()
            nursery.start_soon(client, number, start)
            await start.wait()
        early = RawPeer(listener.connect(), client=True)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(partial(server.drain, timeout=20, spread=8))
        await trio.testing.wait_all_tasks_blocked()
        assert listener.closed
        answer = await early.request()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert 20 <= int(answer.split(b"\r\nRetry-After: ")[1].split()[0]) <= 40
    assert closed == [(0, 1012, 0), (1, 1012, 2), (2, 1012, 4), (3, 1012, 6)]
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


# Draining, with everything that may be going on


HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def drainable(
    handler: Handler = forever, **options: Unpack[ServerOptions]
) -> AsyncGenerator[Hall]:
    """A server that must end by itself before the block is left."""
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket_listeners, handler, [listener], **options)
        server: Server = await nursery.start(serve)
        yield Hall(server, listener)


async def test_drain_waits_for_a_request(autojump_clock: object) -> None:
    """A plain request that is being answered gets its answer, though no WebSocket is open."""

    async def slow(request: Request) -> Response:
        await trio.sleep(2)
        return Response(200, body="fine")

    async with (
        drainable(on_request=slow) as hall,
        hall.raw() as peer,
        trio.open_nursery() as nursery,
    ):
        await peer.send_bytes(HEALTH)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(hall.server.drain)
        head = await peer.receive_head()
        assert trio.current_time() == 2
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nConnection: close\r\n" in head
        await peer.aclose()
    assert trio.current_time() == 2


async def test_drain_waits_for_the_rest_of_a_request(autojump_clock: object) -> None:
    """A request of which a part has come is answered, an upgrade with 503."""
    async with drainable() as hall, hall.raw() as peer, trio.open_nursery() as nursery:
        await peer.send_bytes(UPGRADE[:20])
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(hall.server.drain)
        await trio.sleep(3)
        await peer.send_bytes(UPGRADE[20:])
        assert (await peer.receive_head()).startswith(b"HTTP/1.1 503 ")
        await peer.aclose()
    assert trio.current_time() == 3


async def test_drain_ends_what_is_idle(autojump_clock: object) -> None:
    """A connection between two requests ends at once, one that has sent nothing within a second."""
    async with (
        drainable(on_request=lambda request: Response(200)) as hall,
        hall.raw() as idle,
        hall.raw() as silent,
    ):
        await idle.send_bytes(HEALTH)
        await idle.receive_head()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hall.server.drain)
            await idle.expect_eof()
            assert trio.current_time() == 0
            await silent.expect_eof()
            assert trio.current_time() == 1


async def test_drain_from_a_handler(autojump_clock: object) -> None:
    """A handler that drains is not waited for by the call, but by the server."""
    done: list[tuple[str, float]] = []

    async def admin(ws: WebSocket) -> None:
        if await ws.receive() == "drain":
            async with trio.open_nursery() as nursery:  # noqa: ASYNC112 - from a child, too
                nursery.start_soon(partial(server.drain, timeout=20, spread=4))
            done.append(("drained", trio.current_time()))
            await trio.sleep(3)
            done.append(("handler", trio.current_time()))

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket_listeners, admin, [listener])

        @nursery.start_soon
        async def other() -> None:
            with suppress(ConnectionClosed):
                async with open_websocket_on(listener.connect(), "ws://h") as ws:
                    await ws.receive()
            done.append(("other", trio.current_time()))

        async with open_websocket_on(listener.connect(), "ws://h") as ws:
            await ws.send("drain")
            assert (await ws.wait_closed()).code == 1012
    assert max(done, key=lambda each: each[1]) == ("handler", trio.current_time())
    assert dict(done)["handler"] == dict(done)["drained"] + 3
    assert dict(done)["drained"] == 2, "the second of two connections is closed after half of it"


async def test_drain_from_a_handler_that_stays(autojump_clock: object) -> None:
    """The timeout holds for the handler that drains as well."""

    async def admin(ws: WebSocket) -> None:
        await ws.receive()
        await server.drain(timeout=7, spread=0)
        await trio.sleep_forever()

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(serve_websocket_listeners, admin, [listener])
        async with open_websocket_on(listener.connect(), "ws://h") as ws:
            await ws.send("drain")
            await ws.wait_closed()
    assert trio.current_time() == 7


async def test_drain_from_on_request(autojump_clock: object) -> None:
    """A request that drains the server is answered."""

    async def hook(request: Request) -> Response:
        await server.drain()
        return Response(200, body="drained")

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket_listeners, echo, [listener], on_request=hook)
        server: Server = await nursery.start(serve)
        async with RawPeer(listener.connect(), client=True) as peer:
            await peer.send_bytes(HEALTH)
            assert (await peer.receive_head()).startswith(b"HTTP/1.1 200 ")
    assert trio.current_time() == 0


async def test_the_spread_fits_the_timeout(autojump_clock: object) -> None:
    """Connections are closed politely within the timeout, however long they should be spread."""
    codes: list[tuple[int, float]] = []

    async def client(hall: Hall) -> None:
        async with hall.open() as ws:
            codes.append(((await ws.wait_closed()).code, trio.current_time()))

    async with drainable(echo) as hall, trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(client, hall)
        await trio.testing.wait_all_tasks_blocked()
        await hall.server.drain(timeout=2, spread=100)
    assert codes == [(1012, 0), (1012, 0.5), (1012, 1), (1012, 1.5)]


async def test_keep_listening(autojump_clock: object) -> None:
    """For a while a health check still hears that it drains; nobody is let in, none is closed."""

    def health(request: Request) -> Response | None:
        status = 503 if hall.server.draining else 200
        return Response(status) if request.path == "/health" else None

    async with drainable(echo, on_request=health) as hall, hall.open() as ws:
        assert not hall.server.draining
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(hall.server.drain, keep_listening=5, timeout=3, spread=0))
            await trio.sleep(4)
            assert hall.server.draining
            for request, status in ((HEALTH, 503), (UPGRADE, 503)):
                async with hall.raw() as peer:
                    await peer.send_bytes(request)
                    head = await peer.receive_head()
                    assert int(head.split()[1]) == status
                    assert b"\r\nConnection: close\r\n" in head
            await ws.send("still here")
            assert await ws.receive() == "still here"
            assert not hall.listener.closed
            await ws.wait_closed()
            assert trio.current_time() == 5
            assert hall.listener.closed


async def test_drain_again_after_a_cancellation(autojump_clock: object) -> None:
    """A drain that was cancelled can be gone on with; meanwhile nothing is let in."""
    async with drainable() as hall:
        with trio.move_on_after(1):
            await hall.server.drain(keep_listening=5)
        with pytest.raises(Rejected, match="status 503"):
            async with hall.open():
                pass
        await hall.server.drain(timeout=0)
    assert trio.current_time() == 1


# What one connection does to the others


class Own(BaseException):
    """What a user may derive from `BaseException`."""


def raising(error: type[BaseException]) -> Callable[..., Any]:
    """Make a function that raises, whatever it is called with."""

    def function(*arguments: object) -> Any:
        raise error

    return function


def raising_later(error: type[BaseException]) -> Callable[..., Any]:
    """Make an async one."""

    async def function(*arguments: object) -> Any:
        await trio.lowlevel.checkpoint()
        raise error

    return function


@pytest.mark.parametrize("make", [raising, raising_later])
@pytest.mark.parametrize("error", [ZeroDivisionError, Own, GeneratorExit, StopIteration])
@pytest.mark.parametrize("where", ["handler", "on_request", "subprotocols", "on_handler_error"])
async def test_what_a_function_raises_stays(
    where: str, error: type[BaseException], make: Any, autojump_clock: object
) -> None:
    """Whatever a function of the application raises, a bystander goes on, and nothing is held."""
    if make is raising_later and (where == "subprotocols" or error is StopIteration):
        return  # the one is called, not awaited; the other cannot leave a coroutine
    fails = make(error)

    async def handler(ws: WebSocket) -> None:
        if ws.request.path == "/bad":
            if where == "handler":
                await fails()
            raise ZeroDivisionError
        await echo(ws)

    def only_bad(request: Request, *rest: object) -> Any:
        return fails() if request.path == "/bad" else None

    options: Any = {} if where == "handler" else {where: only_bad}
    if where == "on_handler_error":
        options = {where: fails}
    async with serving(handler, **options) as hall, hall.open() as bystander:
        with suppress(Rejected, ConnectionClosed):
            async with hall.open("/bad") as ws:
                await ws.receive()
        await bystander.send("work")
        assert await bystander.receive() == "work"
        await trio.testing.wait_all_tasks_blocked()
        assert hall.server.statistics().connections == 1
        assert hall.server.statistics().handshakes == 0


@pytest.mark.parametrize(
    ("begin", "error"), list(product([b"", UPGRADE], [ZeroDivisionError, Own, GeneratorExit]))
)
async def test_a_stream_that_cannot_be_closed(
    begin: bytes, error: type[BaseException], autojump_clock: object
) -> None:
    """Whatever the closing of a stream raises stays with its connection (HAZARDS F7.4)."""

    class Tunnel(Wire):
        async def aclose(self) -> None:
            with trio.CancelScope(shield=True):
                await super().aclose()
            raise error

    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket_listeners, echo, [listener], on_handler_error=print)
        await nursery.start(serve)
        async with open_websocket_on(listener.connect(), "ws://h") as bystander:
            ours, theirs = trio.testing.memory_stream_pair()
            listener.offer(Tunnel(theirs))
            await ours.send_all(begin)
            await trio.testing.wait_all_tasks_blocked()
            await ours.aclose()
            await trio.testing.wait_all_tasks_blocked()
            await bystander.send("work")
            assert await bystander.receive() == "work"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("error", [ZeroDivisionError, Own, GeneratorExit])
async def test_a_stream_that_cannot_be_closed_stops_no_ctrl_c(error: type[BaseException]) -> None:
    """What the closing raises does not take the place of what is on its way out."""

    class Tunnel(Wire):
        async def aclose(self) -> None:
            raise error

    with pytest.raises(KeyboardInterrupt):
        try:
            raise KeyboardInterrupt
        finally:
            await _close(Tunnel(trio.testing.memory_stream_pair()[0]), "server-1")  # noqa: ASYNC102


@pytest.mark.parametrize("error", [ZeroDivisionError, Own, GeneratorExit])
@pytest.mark.parametrize("where", ["is_beat", "is_ping", "reply", "is_reply", "message"])
async def test_what_a_heartbeat_raises_stays(
    where: str, error: type[BaseException], autojump_clock: object
) -> None:
    """The same holds for the functions of the heartbeats, which are called in the reader."""
    failures: list[BaseException] = []
    fails = raising(error)

    def only_bad(*arguments: Any) -> Any:
        if not arguments or arguments[0] == "bad":
            fails()
        return False

    policies: dict[str, Any] = {
        "is_beat": Watchdog(is_beat=only_bad),
        "is_ping": MessageReply(is_ping=only_bad, reply=""),
        "reply": MessageReply(is_ping=lambda message: message == "bad", reply=fails),
        "is_reply": MessageHeartbeat(message="?", is_reply=only_bad, timeout=100),
        "message": MessageHeartbeat(message=fails, interval=5),
    }
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serve = partial(
            serve_websocket_listeners,
            echo,
            [listener],
            heartbeat=policies[where],
            on_handler_error=lambda ws, error: failures.append(error),
        )
        server: Server = await nursery.start(serve)
        with pytest.raises(ConnectionClosed):
            async with open_websocket_on(listener.connect(), "ws://h") as ws:
                await ws.send("bad")
                while True:
                    await ws.receive()
        await trio.testing.wait_all_tasks_blocked()
        assert server.statistics().connections == 0
        async with open_websocket_on(listener.connect(), "ws://h") as other:
            await other.send("work")
            assert await other.receive() == "work"
        nursery.cancel_scope.cancel()
    assert [type(failure) for failure in failures] == [error]


async def test_a_log_that_fails_at_the_101(autojump_clock: object) -> None:
    """A filter of the log that raises holds no slot and ends nothing (HAZARDS F7.10)."""

    def fail(record: logging.LogRecord) -> bool:
        raise ZeroDivisionError

    logger = logging.getLogger("trio_ws.server")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addFilter(fail)
    try:
        async with serving(max_connections=1) as hall:
            for _ in range(3):
                async with hall.open() as ws:
                    await ws.send("work")
                    assert await ws.receive() == "work"
                await trio.testing.wait_all_tasks_blocked()
    finally:
        logger.removeFilter(fail)
        logger.setLevel(before)


async def test_names_of_tasks(autojump_clock: object) -> None:
    """The task of a handler is called as its connection is in the log."""
    names: list[str] = []

    async def handler(ws: WebSocket) -> None:
        names.append(trio.lowlevel.current_task().name)
        names.append(f"trio_ws {ws._connection.core.name}")

    async with serving(handler) as hall, hall.open() as ws:
        await ws.wait_closed()
    assert names[0] == names[1]
    assert names[0].startswith("trio_ws server-")


async def test_one_stream(autojump_clock: object) -> None:
    """A server of one stream listens nowhere, and ends with it."""
    ours, theirs = trio.testing.memory_stream_pair()
    server = Server(selector_for(echo), (), ServerConfig())
    with pytest.raises(RuntimeError, match="does not listen on a TCP port"):
        _ = server.port
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, server, theirs)
        async with open_websocket_on(ours, "ws://h") as ws:
            assert len(server.connections) == 1
            await ws.send("hello")
            assert await ws.receive() == "hello"
    assert server.statistics().opened == 1


async def test_a_ctrl_c_lands_in_functions_of_the_users(autojump_clock: object) -> None:
    """The server is protected against a Ctrl-C between two lines; what it calls is not."""
    protected: dict[str, bool] = {}

    def note(name: str) -> None:
        protected[name] = trio.lowlevel.currently_ki_protected()

    async def handler(ws: WebSocket) -> None:
        note("handler")
        raise ZeroDivisionError

    def hook(request: Request) -> None:
        note("on_request")

    def choose(request: Request, offers: Sequence[str]) -> None:
        note("subprotocols")

    def failed(ws: WebSocket, error: BaseException) -> None:
        note("on_handler_error")

    options: Any = {"on_request": hook, "subprotocols": choose, "on_handler_error": failed}
    async with serving(handler, **options) as hall, hall.open() as ws:
        await ws.wait_closed()
    names = ["on_request", "subprotocols", "handler", "on_handler_error"]
    assert protected == dict.fromkeys(names, False)
