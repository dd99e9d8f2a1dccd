"""Leaving at 1,000 seeded points (B6): `break`, `return`, `raise`, a cancellation.

Each seed is a small program: a block of one of the doors or of the testing kit,
in it a loop over one of the things that can be looped over,
and a way out of both, taken after so many rounds or at a moment of its own.
Whatever it is, the scopes of the task are as they were, no task is left,
the connection is over, its peer was told the right code,
and since the peer answers all that takes no more than a second.
"""

from __future__ import annotations

import math
import random
from collections.abc import AsyncGenerator
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    Heartbeat,
    Limits,
    WebSocket,
    open_websocket_on,
    serve_websocket_on,
)
from trio_ws._concurrency.suspension import watch_for_suspension
from trio_ws.testing import open_websocket_pair

from ..wires import TwoWayWire, settled

SEEDS = 1000
BATCH = 100
LIMITS = Limits(send_buffer=1000, receive_buffer=20_000)
HEARTBEAT = Heartbeat(interval=2, timeout=2)
CODES = {"break": 1000, "return": 1000, "raise": 1011, "cancel": 1001, "cancel later": 1001}


class Out(Exception):
    """A way out that is an exception."""


class Program:
    """What one seed does."""

    def __init__(self, seed: int, nursery: trio.Nursery) -> None:
        rng = random.Random(seed)
        self.way = rng.choice(list(CODES))
        self.block = rng.choice([self.in_client, self.in_server, self.in_pair])
        self.loop = rng.choice([messages, receive, chunks, pings, sends, fragments])
        self.rounds = math.inf if self.way == "cancel later" else rng.randrange(5)
        self.later = rng.random() * rng.choice([0, 1, 20])
        self.pause = 0.1 if self.way == "cancel later" else rng.choice([None, 0.0, 0.25])
        self.nursery = nursery
        self.scope = trio.CancelScope()
        self.left_at = math.inf
        self.failures: list[BaseException] = []
        self.ws: WebSocket | None = None
        self.other: WebSocket | None = None

    def __repr__(self) -> str:
        ways = f"{self.way} after {self.rounds} rounds or {self.later} s"
        return f"{self.block.__name__}, over {self.loop.__name__}, {ways}, pausing {self.pause}"

    async def is_over(self) -> bool:
        """End a round; leave, or tell that it is time to break out of the loop."""
        if self.pause is not None:
            await trio.sleep(self.pause)
        self.rounds -= 1
        if self.rounds >= 0:
            return False
        self.left_at = trio.current_time()
        if self.way == "raise":
            raise Out
        if self.way == "cancel":
            self.scope.cancel()
            await trio.sleep_forever()
        return True

    async def run(self) -> None:
        """Run to the end, whatever it is; it must be the one that was meant."""
        if self.way == "cancel later":
            self.scope.deadline = self.left_at = trio.current_time() + self.later
        try:
            with self.scope:
                await self.block()
        except Out as failure:
            self.failures.append(failure)

    async def talk(self, ws: WebSocket) -> None:
        """Be the other side: say something now and then, take everything."""
        self.other = ws
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.listen, ws)
            try:
                for number in range(1000):
                    await ws.send([f"{number}", "x" * 300] if number % 3 else "y" * 300)
                    await trio.sleep(0.125 if number % 4 else 0)
            except ConnectionClosed:
                nursery.cancel_scope.cancel()

    async def listen(self, ws: WebSocket) -> None:
        try:
            async for _ in ws:
                pass
        except ConnectionClosed as error:
            if not error.ending.clean:
                raise

    # The blocks

    async def in_client(self) -> None:
        ours, theirs = map(TwoWayWire, trio.testing.memory_stream_pair())
        self.nursery.start_soon(partial(serve_websocket_on, self.talk, theirs, limits=LIMITS))
        while True:
            options = open_websocket_on(ours, "ws://test/", limits=LIMITS, heartbeat=HEARTBEAT)
            async with options as self.ws:
                await self.loop(self.ws, self)
                if self.way == "return":
                    return
                break

    async def in_server(self) -> None:
        ours, theirs = map(TwoWayWire, trio.testing.memory_stream_pair())

        async def call() -> None:
            try:
                async with open_websocket_on(ours, "ws://test/", limits=LIMITS) as ws:
                    await self.talk(ws)
            except HandshakeError:
                assert self.way == "cancel later"

        async def handler(ws: WebSocket) -> None:
            self.ws = ws
            await self.loop(ws, self)

        def failed(ws: WebSocket, failure: BaseException) -> None:
            assert ws is self.ws
            self.failures.append(failure)

        self.nursery.start_soon(call)
        await serve_websocket_on(
            handler, theirs, limits=LIMITS, heartbeat=HEARTBEAT, on_handler_error=failed
        )

    async def in_pair(self) -> None:
        while True:
            async with open_websocket_pair(limits=LIMITS, heartbeat=HEARTBEAT) as pair:
                self.ws, server = pair
                self.nursery.start_soon(self.talk, server)
                await self.loop(self.ws, self)
                if self.way == "return":
                    return
                break


# The loops


async def messages(ws: WebSocket, program: Program) -> None:
    async for _ in ws:
        if await program.is_over():
            break


async def receive(ws: WebSocket, program: Program) -> None:
    while not await program.is_over():
        await ws.receive()


async def chunks(ws: WebSocket, program: Program) -> None:
    while True:
        async with ws.receive_stream() as message:
            async for _ in message:
                if await program.is_over():
                    return


async def pings(ws: WebSocket, program: Program) -> None:
    while not await program.is_over():
        await ws.ping()


async def sends(ws: WebSocket, program: Program) -> None:
    while not await program.is_over():
        await ws.send("z" * 700)


async def fragments(ws: WebSocket, program: Program) -> None:
    async def generate() -> AsyncGenerator[bytes, None]:  # noqa: ASYNC900
        yield b"begun"
        while not await program.is_over():
            yield b"z" * 700

    await ws.send(generate())


async def run_program(seed: int) -> None:
    """Run the program of a seed, and check what it leaves behind."""
    with watch_for_suspension().kept_going():  # its task outlives the last connection
        await run_and_count(seed)


async def run_and_count(seed: int) -> None:
    tasks = trio.lowlevel.current_statistics().tasks_living
    program = None
    try:
        async with trio.open_nursery() as nursery:
            program = Program(seed, nursery)
            await program.run()
            assert trio.current_time() <= program.left_at + 1
            await trio.sleep(1)
            assert nursery.child_tasks == frozenset(), "the other side was left to wait"
        assert trio.current_effective_deadline() == math.inf
        await settled()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        assert [type(failure) for failure in program.failures] == [Out] * (program.way == "raise")
        if program.ws is not None and program.other is not None:
            assert program.ws.ending is not None
            assert program.other.ending is not None
            assert program.other.ending.code == CODES[program.way]
    except BaseException as error:
        error.add_note(f"seed {seed}: {program}")
        raise


@pytest.mark.parametrize(
    "first",
    [0, BATCH, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2 * BATCH, SEEDS, BATCH))],
)
def test_exits(first: int) -> None:
    """Out of every loop and block, by every way, nothing is left and the right code is told."""
    for seed in range(first, first + BATCH):
        trio.run(run_program, seed, clock=trio.testing.MockClock(autojump_threshold=0))
