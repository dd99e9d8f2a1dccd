"""Mutated handshakes and frames over the loopback (HAZARDS D6), with a bystander.

Some connections at a time say something spoilt; then they end, break, or just wait.
With TLS it is spoilt inside, and now and then the records are, too.
None of them may hang, nor leave a task or a descriptor behind,
nor come out in another way than is documented;
and somebody else, who talks all the while, must not notice.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trio
import trustme

from trio_ws import (
    Heartbeat,
    Server,
    Timeouts,
    WebSocket,
    WebSocketError,
    open_websocket,
    serve_websocket,
)
from trio_ws.testing import RawPeer
from trio_ws.testing._peer import _accept_token, _header

from ..halls import echo
from ..mutations import (
    ACCEPTED,
    ANSWERS,
    FIRST,
    REQUESTS,
    TO_CLIENT,
    TO_SERVER,
    UPGRADE,
    chunks,
    mutated,
    told,
)

AT_A_TIME = 50
BOUND = 15  # what our own timeouts add up to is about 3 s
HEARTBEAT = Heartbeat(interval=0.4, timeout=0.4)
GONE = (trio.BrokenResourceError, trio.ClosedResourceError, EOFError)
TIMEOUTS = Timeouts(connect=0.8, close=0.4, goodbye=0.4, keep_alive=0.8)

few_or_many = pytest.mark.parametrize(
    "count",
    [60, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
    ids=["few", "many"],
)
tcp_or_tls = pytest.mark.parametrize("secure", [False, True], ids=["TCP", "TLS"])


@few_or_many
@tcp_or_tls
async def test_d6_server(secure: bool, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """A server survives whatever its clients send; their neighbour's echo goes on."""
    papers = Papers() if secure else None
    async with running_server(papers) as server, bystander(server, papers):
        before = resources()

        async def attack(number: int) -> None:
            chance = Random(number)
            frames = mutated(chance, chance.choice(TO_SERVER))
            requests = mutated(chance, chance.choice(REQUESTS))
            data = chance.choice([UPGRADE % b"" + frames, requests])
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as tcp:
                with suppress(*GONE):
                    await speak(tcp, papers.spoilt(tcp, chance) if papers else tcp, chance, data)

        await all_of(attack, count)
        await same_as(before)
        numbers = server.statistics()
        assert (numbers.connections, numbers.handshakes, numbers.failed) == (1, 0, 0)
        assert numbers.opened > count / 5
    assert caplog.records == []


@few_or_many
@tcp_or_tls
async def test_d6_client(secure: bool, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """A client survives whatever servers answer; what else its program does goes on."""
    papers = Papers() if secure else None
    opened = 0

    async def answer(listener: trio.SocketListener, chance: Random) -> None:
        frames = mutated(chance, chance.choice(TO_CLIENT))
        answers = mutated(chance, chance.choice(ANSWERS))
        data = chance.choice([ACCEPTED % (b"<accept>", b"") + frames, answers])
        async with await listener.accept() as tcp:
            stream = papers.spoilt(tcp, chance, server_side=True) if papers else tcp
            with suppress(*GONE):
                head = await RawPeer(stream, client=False).receive_head()
                token = _accept_token(_header(head, b"sec-websocket-key")).encode()
                await speak(tcp, stream, chance, data.replace(b"<accept>", token))

    async def call(number: int) -> None:
        nonlocal opened
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listener, trio.open_nursery() as nursery:
            nursery.start_soon(answer, listener, Random(number))
            with suppress(WebSocketError):
                async with client(listener.socket.getsockname()[1], papers) as ws:
                    opened += 1
                    await echo(ws)

    async with running_server(papers) as server, bystander(server, papers):
        before = resources()
        await all_of(call, count)
        await same_as(before)
    assert opened > count / 5
    assert caplog.records == []


class Papers:
    """A certificate, who trusts it, and those who speak TLS in their own way."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)

    def spoilt(
        self, tcp: trio.SocketStream, chance: Random, *, server_side: bool = False
    ) -> trio.SSLStream[trio.abc.Stream]:
        """TLS whose records are spoilt on one connection in three."""
        return trio.SSLStream(
            SpoiltStream(tcp, chance) if chance.random() < 0.3 else tcp,
            self.server if server_side else self.client,
            server_hostname=None if server_side else "127.0.0.1",
            server_side=server_side,
            https_compatible=True,
        )


class SpoiltStream(trio.abc.Stream):
    """A stream on which now and then something else is sent."""

    def __init__(self, stream: trio.abc.Stream, chance: Random) -> None:
        self._stream = stream
        self._chance = chance

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send it, or a mutation of it."""
        spoil = self._chance.random() < 0.3
        await self._stream.send_all(mutated(self._chance, bytes(data)) if spoil else data)

    async def wait_send_all_might_not_block(self) -> None:
        """As on the stream itself."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """As on the stream itself."""
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        """As on the stream itself."""
        await self._stream.aclose()


# What goes on meanwhile


@asynccontextmanager
async def running_server(papers: Papers | None) -> AsyncGenerator[Server]:
    """Run a server that echoes, with little patience."""
    context = papers.server if papers else None
    async with trio.open_nursery() as nursery:
        serve = partial(
            serve_websocket, ssl_context=context, heartbeat=HEARTBEAT, timeouts=TIMEOUTS
        )
        yield await nursery.start(serve, echo, "127.0.0.1", 0)
        nursery.cancel_scope.cancel()


def client(port: int, papers: Papers | None) -> AbstractAsyncContextManager[WebSocket]:
    """A client of ours, with little patience."""
    return open_websocket(
        f"{'wss' if papers else 'ws'}://127.0.0.1:{port}/",
        subprotocols=["a"],
        ssl_context=papers.client if papers else None,
        heartbeat=HEARTBEAT,
        timeouts=TIMEOUTS,
    )


@asynccontextmanager
async def bystander(server: Server, papers: Papers | None) -> AsyncGenerator[None]:
    """Talk to a server all the while; no answer takes long, and none is wrong."""
    rounds = 0

    async def talk(ws: WebSocket, task_status: trio.TaskStatus[None]) -> None:
        nonlocal rounds
        while True:
            with trio.fail_after(5):
                await ws.send(f"{rounds}")
                assert await ws.receive() == f"{rounds}"
            rounds += 1
            if rounds == 1:
                task_status.started()
            await trio.sleep(0.01)

    async with client(server.port, papers) as ws:
        async with trio.open_nursery() as nursery:
            await nursery.start(talk, ws)
            yield
            nursery.cancel_scope.cancel()
        assert ws.ending is None
    assert rounds > 10


# What is done, and what may be left of it


async def speak(
    tcp: trio.SocketStream, stream: trio.abc.Stream, chance: Random, data: bytes
) -> None:
    """Say something; then end, break, or wait until the other side has had enough."""
    way = chance.choice(["end", "end", "break", "wait"])
    for piece in chunks(chance, data):
        await stream.send_all(piece)
    if way == "break":
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    if way == "end":
        await tcp.send_eof()
    async for _ in stream:
        pass


async def all_of(visit: Callable[[int], Awaitable[None]], count: int) -> None:
    """Make so many visits, some at a time, each within a bound."""
    limiter = trio.CapacityLimiter(AT_A_TIME)

    async def bounded(number: int) -> None:
        try:
            with trio.fail_after(BOUND):
                await visit(number)
        except BaseException as error:
            error.add_note(told(number))
            raise
        finally:
            limiter.release_on_behalf_of(number)

    async with trio.open_nursery() as nursery:
        for number in range(FIRST, FIRST + count):
            await limiter.acquire_on_behalf_of(number)
            nursery.start_soon(bounded, number)


def resources() -> tuple[int, int]:
    """How many tasks there are, and how many descriptors, where these can be counted."""
    folder = Path("/dev/fd")
    descriptors = len(list(folder.iterdir())) if folder.exists() else 0
    return trio.lowlevel.current_statistics().tasks_living, descriptors


async def same_as(before: tuple[int, int]) -> None:
    """Wait until nothing is left that was not there before, for no longer than a visit may take."""
    with trio.move_on_after(BOUND):
        await trio.lowlevel.checkpoint()
        while resources() != before:  # noqa: ASYNC110
            await trio.sleep(0.02)
    assert resources() == before
