"""Mutated handshakes and frames over the loopback (HAZARDS D6), with a bystander.

Some connections at a time say something spoilt; then they end, break, or just wait.
None of them may hang, nor leave a task or a descriptor behind,
nor come out in another way than is documented;
and somebody else, who talks all the while, must not notice.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

import pytest
import trio

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
TIMEOUTS = Timeouts(connect=0.8, close=0.4, goodbye=0.4)

few_or_many = pytest.mark.parametrize(
    "count",
    [100, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
    ids=["few", "many"],
)


@few_or_many
async def test_d6_server(count: int, caplog: pytest.LogCaptureFixture) -> None:
    """A server survives whatever its clients send; their neighbour's echo goes on."""
    async with running_server() as server, bystander(server):
        before = resources()

        async def attack(number: int) -> None:
            chance = Random(number)
            frames = mutated(chance, chance.choice(TO_SERVER))
            requests = mutated(chance, chance.choice(REQUESTS))
            stream = await trio.open_tcp_stream("127.0.0.1", server.port)
            await speak(stream, chance, chance.choice([UPGRADE % b"" + frames, requests]))

        await all_of(attack, count)
        await same_as(before)
        numbers = server.statistics()
        assert (numbers.connections, numbers.handshakes, numbers.failed) == (1, 0, 0)
        assert numbers.opened > count / 4
    assert caplog.records == []


@few_or_many
async def test_d6_client(count: int, caplog: pytest.LogCaptureFixture) -> None:
    """A client survives whatever servers answer; what else its program does goes on."""
    opened = 0

    async def answer(stream: trio.SocketStream) -> None:
        peer = RawPeer(stream, client=False)
        head = await peer.receive_head()
        chance = Random(int(head[5:].partition(b" ")[0]))
        frames = mutated(chance, chance.choice(TO_CLIENT))
        answers = mutated(chance, chance.choice(ANSWERS))
        data = chance.choice([ACCEPTED % (b"<accept>", b"") + frames, answers])
        token = _accept_token(_header(head, b"sec-websocket-key")).encode()
        await speak(stream, chance, data.replace(b"<accept>", token))

    async def call(number: int) -> None:
        nonlocal opened
        url = f"ws://127.0.0.1:{port}/{number}"
        with suppress(WebSocketError):
            async with open_websocket(
                url, subprotocols=["a"], heartbeat=HEARTBEAT, timeouts=TIMEOUTS
            ) as ws:
                opened += 1
                await echo(ws)

    async with trio.open_nursery() as nursery, running_server() as server, bystander(server):
        [listener] = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        before = resources()
        await all_of(call, count)
        await same_as(before)
        nursery.cancel_scope.cancel()
    assert opened > count / 4
    assert caplog.records == []


# What goes on meanwhile


@asynccontextmanager
async def running_server() -> AsyncGenerator[Server]:
    """Run a server that echoes, with little patience."""
    async with trio.open_nursery() as nursery:
        serve = partial(
            serve_websocket, echo, "127.0.0.1", 0, heartbeat=HEARTBEAT, timeouts=TIMEOUTS
        )
        yield await nursery.start(serve)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def bystander(server: Server) -> AsyncGenerator[None]:
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

    async with open_websocket(f"ws://127.0.0.1:{server.port}", heartbeat=None) as ws:
        async with trio.open_nursery() as nursery:
            await nursery.start(talk, ws)
            yield
            nursery.cancel_scope.cancel()
        assert ws.ending is None
    assert rounds > 10


# What is done, and what may be left of it


async def speak(stream: trio.SocketStream, chance: Random, data: bytes) -> None:
    """Say something; then end, break, or wait until the other side has had enough."""
    way = chance.choice(["end", "end", "break", "wait"])
    async with stream:
        with suppress(trio.BrokenResourceError):
            for piece in chunks(chance, data):
                await stream.send_all(piece)
            if way == "break":
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if way == "end":
                await stream.send_eof()
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
