"""A connection as a machine that Hypothesis plays with, step by step and in virtual time.

The worlds (`world`) find what happens by chance among a thousand things.
This finds the shortest conversation that goes wrong: Hypothesis shrinks it.

Hypothesis calls a rule and wants it to be done when it returns; Trio wants to run as a whole.
So the run is a guest (`trio.lowlevel.start_guest_run`) of a loop of ours, which turns it
until a rule is done and then lets it stand still: no time passes between two rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import outcome
import trio
import trio.testing
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from trio_ws import (
    ConnectionClosed,
    Deflate,
    Heartbeat,
    Limits,
    Timeouts,
    WebSocket,
    open_websocket,
)
from trio_ws.testing import Fault, FaultKind, MemoryNetwork

from .book import Book
from .endings import Record, Side
from .messages import compose
from .model import Lane, Source

T = TypeVar("T")
HOST = "server.example"
STEP = 2.0
"""So many seconds a rule waits for something at most."""


class Guest:
    """A Trio run that goes on only while something is asked of it."""

    def __init__(self) -> None:
        self._turns: deque[Callable[[], object]] = deque()
        self._tasks, self._inbox = trio.open_memory_channel[Callable[[], Awaitable[None]]](1)
        self._over: outcome.Outcome[None] | None = None
        trio.lowlevel.start_guest_run(
            self._main,
            run_sync_soon_threadsafe=self._turns.append,
            done_callback=self._end,
            clock=trio.testing.MockClock(autojump_threshold=0),
        )

    async def _main(self) -> None:
        async for task in self._inbox:
            await task()

    def _end(self, result: outcome.Outcome[None]) -> None:
        self._over = result

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run an async function to its end, and nothing after that."""
        done: list[outcome.Outcome[T]] = []

        async def task() -> None:
            done.append(await outcome.acapture(function))

        self._tasks.send_nowait(task)
        while not done and self._over is None:
            self._turn()
        if self._over is not None:
            self._over.unwrap()
        return done[0].unwrap()

    def close(self) -> None:
        """Let the run end."""
        self._tasks.close()
        while self._over is None:
            self._turn()
        self._over.unwrap()

    def _turn(self) -> None:
        while not self._turns:  # the run waits for a real event in a thread of its own
            pass
        self._turns.popleft()()


class Conversation(RuleBasedStateMachine):
    """One connection between a client and a server, both under control."""

    def __init__(self) -> None:
        super().__init__()
        self.guest = Guest()
        self.book = Book()
        self.kinds: set[str] = set()
        self.spoken = 0
        self.sides: dict[str, tuple[WebSocket, Side, Source, Lane]] = {}
        self.record: Record

    # The connection

    @initialize(
        compressed=st.booleans(),
        takeover=st.booleans(),
        room=st.sampled_from([3_000, 50_000, 1_000_000]),
        seed=st.integers(0, 1000),
    )
    def connect(self, compressed: bool, takeover: bool, room: int, seed: int) -> None:
        """Open it; the options are drawn."""
        self.options: dict[str, Any] = {
            "compression": Deflate(threshold=0, context_takeover=takeover) if compressed else None,
            "heartbeat": Heartbeat(interval=6, timeout=6),
            "timeouts": Timeouts(close=4),
            "limits": Limits(receive_buffer=room),
        }
        self.end_of_client, self.end_of_server = trio.Event(), trio.Event()
        self.guest.run(lambda: self._connect(seed))

    async def _connect(self, seed: int) -> None:
        self.network = MemoryNetwork(seed=seed, strict=False)
        await self.network.__aenter__()
        self.nursery_manager = trio.open_nursery()
        self.nursery = await self.nursery_manager.__aenter__()
        await self.network.serve(
            f"ws://{HOST}/",
            self._serve,
            on_handler_error=self.book.note_handler_error,
            **self.options,
        )
        self.network.link(HOST, latency=0.01)
        self.record = self.book.begin("plain", ("client", HOST))
        await self.nursery.start(self._be_client)
        with trio.fail_after(STEP):  # noqa: ASYNC912
            while "server" not in self.sides:  # noqa: ASYNC110 - the handler begins in a moment
                await trio.sleep(0.01)

    async def _be_client(self, *, task_status: trio.TaskStatus[None]) -> None:
        with suppress(ConnectionClosed):
            async with open_websocket(f"ws://{HOST}/?{self.record.name}", **self.options) as ws:
                self._note("client", ws, self.record.client, self.record.up, self.record.down)
                task_status.started()
                await self.end_of_client.wait()
                self.record.client.leave(1000)

    async def _serve(self, ws: WebSocket) -> None:
        self._note("server", ws, self.record.server, self.record.down, self.record.up)
        try:
            await self.end_of_server.wait()
            self.record.server.leave(1000)
        finally:
            self.record.server.cut_short()

    def _note(self, name: str, ws: WebSocket, side: Side, out: Lane, into: Lane) -> None:
        side.ws, side.opened_at, side.slow = ws, trio.current_time(), True
        self.sides[name] = ws, side, self.book.open_source(self.record, out), into

    who = st.sampled_from(["client", "server"])

    def has_spoken(self) -> bool:
        """Return True if enough was said for an end to be interesting."""
        return self.spoken >= 4

    def is_open(self) -> bool:
        """Return True if neither side knows of an end."""
        return all(ws.ending is None for ws, *_ in self.sides.values())

    # What the sides do

    @rule(
        who=who,
        count=st.sampled_from([20, 5, 1, 60]),
        seconds=st.sampled_from([STEP, STEP, 0.001, 0]),
    )
    def send(self, who: str, count: int, seconds: float) -> None:
        """Send some messages, and be cancelled after a while."""
        ws, _, source, _ = self.sides[who]
        self.spoken += 1

        async def run() -> None:
            with trio.move_on_after(seconds), suppress(ConnectionClosed):  # noqa: ASYNC912
                for _ in range(count):
                    label = source.offer()
                    await ws.send(compose(label))
                    source.accept(label)

        self.guest.run(run)

    @rule(who=who, compress=st.booleans())
    def send_nowait(self, who: str, compress: bool) -> None:
        """Send a message if that needs no waiting."""
        ws, _, source, _ = self.sides[who]

        async def run() -> None:
            label = source.offer()
            with suppress(ConnectionClosed, trio.WouldBlock):
                ws.send_nowait(compose(label), compress=compress)
                source.accept(label)

        self.guest.run(run)

    @rule(who=who, pieces=st.integers(1, 6), seconds=st.sampled_from([0.0, STEP, STEP]))
    def send_fragments(self, who: str, pieces: int, seconds: float) -> None:
        """Send a message in fragments; if it is cancelled half-way the connection closes."""
        ws, side, source, _ = self.sides[who]

        async def run() -> None:
            label = source.offer()
            message = compose(label)
            size = len(message) // pieces + 1
            source.begin(label)
            with trio.move_on_after(seconds), suppress(ConnectionClosed):
                await ws.send([message[at : at + size] for at in range(0, len(message), size)])
                source.accept(label)
                return
            side.codes.update((1001, 1011))
            side.polite = False

        self.guest.run(run)

    @rule(
        who=who,
        count=st.sampled_from([30, 5, 1, 90]),
        seconds=st.sampled_from([STEP, STEP, 0.001, 0]),
    )
    def receive(self, who: str, count: int, seconds: float) -> None:
        """Receive some messages, and be cancelled after a while."""
        ws, _, _, lane = self.sides[who]

        async def run() -> None:
            with trio.move_on_after(seconds), suppress(ConnectionClosed):  # noqa: ASYNC912
                for _ in range(count):
                    self.book.ledger.hear(await ws.receive(), lane)

        self.guest.run(run)

    @precondition(lambda self: not self.kinds and self.is_open())
    @rule(who=who)
    def receive_what_must_come(self, who: str) -> None:
        """If nothing is wrong, a message that was accepted arrives when it is asked for."""
        ws, side, _, lane = self.sides[who]
        other = "server" if who == "client" else "client"
        _, other_side, source, _ = self.sides[other]
        if side.ended_it or other_side.ended_it or not other_side.polite or not source.missing:
            return

        async def run() -> None:
            with trio.fail_after(STEP):
                self.book.ledger.hear(await ws.receive(), lane)

        self.guest.run(run)

    @rule(who=who, payload=st.binary(max_size=125))
    def ping(self, who: str, payload: bytes) -> None:
        """Ping; the pong comes unless something is in its way."""
        ws, *_ = self.sides[who]

        async def run() -> None:
            with trio.move_on_after(STEP), suppress(ConnectionClosed):
                assert await ws.ping(payload) >= 0

        self.guest.run(run)

    @precondition(has_spoken)
    @rule(who=who, code=st.sampled_from([1000, 1001, 1011, 3000, 4999]), seconds=st.just(STEP))
    def close(self, who: str, code: int, seconds: float) -> None:
        """Close, and wait a while for the other side."""
        ws, side, *_ = self.sides[who]
        side.leave(code, 1011)

        async def run() -> None:
            with trio.move_on_after(seconds) as scope:
                await ws.close(code)
            if scope.cancelled_caught:
                side.polite = False

        self.guest.run(run)

    # What the network does

    @precondition(has_spoken)
    @rule(
        kind=st.sampled_from(
            [kind for kind in FaultKind if kind not in (FaultKind.CORRUPT, FaultKind.DRIP)]
        ),
        seconds=st.sampled_from([0.5, 5.0, 30.0]),
        after=st.sampled_from([0, 0, 1, 500]),
    )
    def suffer(self, kind: FaultKind, seconds: float, after: int) -> None:
        """Let a fault happen."""
        amounts = {"latency": 0.5, "jitter": 0.5, "bandwidth": 5_000, "slice": 9}
        refusing = kind.value in ("refuse", "unreachable", "silence", "tls_failure")
        fault = Fault(
            kind,
            amounts.get(kind.value, 0.0),
            for_=seconds,
            after_bytes=0 if refusing else after,
        )
        if kind is not FaultKind.SLICE:
            self.kinds.add(kind.value)
        self.guest.run(lambda: self._in_network(lambda: self.network.inject(HOST, fault)))

    @rule()
    def heal(self) -> None:
        """Let all faults be over."""
        self.guest.run(lambda: self._in_network(lambda: self.network.heal(HOST)))

    async def _in_network(self, call: Callable[[], object]) -> None:
        call()

    @rule(seconds=st.sampled_from([0.001, 1.0, 15.0, 100.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.guest.run(partial(trio.sleep, seconds))

    # The end

    def teardown(self) -> None:
        """End the connection, and check everything."""
        try:
            if self.sides:
                self.guest.run(self._end)
                self.book.check(lambda hosts, since, until: self.kinds)
        finally:
            self.guest.close()

    async def _end(self) -> None:
        try:
            await self._wind_up()
        finally:  # whatever has failed, the run must come to an end, or the next cannot begin
            self.nursery.cancel_scope.cancel()
            await self.nursery_manager.__aexit__(None, None, None)  # noqa: ASYNC102
            await self.network.__aexit__(None, None, None)  # noqa: ASYNC102

    async def _wind_up(self) -> None:
        self.network.heal(HOST)
        async with trio.open_nursery() as nursery:
            for ws, _, _, lane in self.sides.values():
                nursery.start_soon(self._take_the_rest, ws, lane)
        self.end_of_client.set()
        await trio.sleep(30)
        self.end_of_server.set()
        with trio.fail_after(200):
            await self.book.wait_until_nothing_is_left(self.network)

    async def _take_the_rest(self, ws: WebSocket, lane: Lane) -> None:
        with trio.move_on_after(5), suppress(ConnectionClosed):
            while True:
                self.book.ledger.hear(await ws.receive(), lane)
