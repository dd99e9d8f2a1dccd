"""`trio_ws._connection.bell`: which task reads, and that none sleeps on unread bytes."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws._concurrency.slim import SlimParkingLot
from trio_ws._connection.bell import Bell
from trio_ws._connection.block import ConnectionBlock
from trio_ws.testing._peer import BINARY, PING, TEXT, Frame, encode

from ..watched import ROOM, WatchedSocket, watched_websocket
from ..wires import settled

# The bell alone


async def sleep_at(bell: Bell) -> None:
    """Be the reader, until it is woken."""
    await bell.wait()


async def test_ringing_wakes_the_reader() -> None:
    """If no task waits in `receive`, the reader wakes; the bell stays rung until it has read."""
    bell = Bell(SlimParkingLot())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_at, bell)
        await settled()
        bell.ring(lasting=False)
        assert bell.is_rung
        assert not bell.may_be_answered
    with trio.testing.assert_checkpoints():
        await bell.wait()
    bell.note_read(more=False)
    assert not bell.is_rung


async def test_ringing_wakes_a_receiver() -> None:
    """The receiver that has waited longest wakes, and no other, however often it rings."""
    lot = SlimParkingLot()
    bell, woken = Bell(lot), []

    async def receive(name: str) -> None:
        await lot.park()
        woken.append((name, bell.may_be_answered))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_at, bell)
        for name in "ab":
            nursery.start_soon(receive, name)
            await settled()
        for _ in range(3):
            bell.ring(lasting=False)
        await settled()
        assert woken == [("a", True)]
        nursery.cancel_scope.cancel()


async def test_ringing_while_the_reader_is_awake() -> None:
    """The reader that is awake looks before it sleeps; nothing is woken."""
    lot = SlimParkingLot()
    bell = Bell(lot)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lot.park)
        await settled()
        bell.ring(lasting=False)
        assert len(lot) == 1
        assert not bell.may_be_answered
        await bell.wait()
        nursery.cancel_scope.cancel()


async def test_a_reader_that_is_cancelled() -> None:
    """A reader that was cancelled does not sleep."""
    bell = Bell(SlimParkingLot())
    with trio.move_on_after(0):
        await bell.wait()
    bell.ring(lasting=False)
    assert not bell.may_be_answered
    bell.wake_reader()


async def test_what_lasts() -> None:
    """Once the peer has ended, only a read that finds nothing shows that nothing is left."""
    bell = Bell(SlimParkingLot())
    bell.ring(lasting=False)
    bell.ring(lasting=True)
    bell.note_read(more=False)
    assert bell.is_rung
    bell.note_nothing()
    assert not bell.is_rung


async def test_silence() -> None:
    """A bell that falls silent wakes the reader, though nothing has come."""
    bell = Bell(SlimParkingLot())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep_at, bell)
        await settled()
        assert not bell.is_silent
        bell.fall_silent()
    assert bell.is_silent
    assert not bell.is_rung


# The rule

MESSAGES = {
    "message": encode(Frame(TEXT, b"hello")),
    "messages": encode(Frame(BINARY, b"x" * 100)) * 15,
    "pings": encode(Frame(PING, b"")) * 100,
    "fragments": encode(Frame(TEXT, b"frag", fin=False)) + encode(Frame(0, b"ment")),
    "large": encode(Frame(BINARY, bytes(100_000))),
    "full": encode(Frame(BINARY, bytes(ROOM - 4))),
}

steps = st.lists(
    st.tuples(
        st.sampled_from([*MESSAGES, "rest", "rest", "poll", "poll", "poll"]), st.integers(1, 10)
    )
    | st.tuples(
        st.sampled_from(
            ["comes", "comes", "goes", "goes", "runs", "runs", "talks", "talks", "alone"]
        ),
        st.integers(0, 3),
    ),
    max_size=40,
)


class Trial:
    """One interleaving."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.sock = WatchedSocket()
        self.sock.is_alone = True
        self.ws = watched_websocket(self.sock)
        self.receivers: list[trio.CancelScope] = []
        self.pending = b""
        self.got = 0

    async def receive(self, scope: trio.CancelScope) -> None:
        with scope:
            await self.ws.receive()
            self.got += 1
        self.receivers.remove(scope)

    def come(self) -> None:
        self.receivers.append(scope := trio.CancelScope())
        self.nursery.start_soon(self.receive, scope)

    async def talk(self) -> None:
        """Receive a lone message; the next receiver waits for the socket itself, if it may."""
        self.come()
        await settled()
        self.sock.arrive(self.pending + MESSAGES["message"])
        self.pending = b""
        self.sock.poll()
        await settled()
        self.come()
        await settled()

    async def do(self, what: str, number: int) -> None:
        if what in MESSAGES:
            data = self.pending + MESSAGES[what]
            cut = len(data) * number // 10
            self.sock.arrive(data[:cut])
            self.pending = data[cut:]
        elif what == "rest":
            data, self.pending = self.pending, b""
            self.sock.arrive(data)
        elif what == "poll":
            self.sock.poll()
        elif what == "alone":
            self.sock.is_alone = number > 0  # other sockets of the run come and go
        elif what == "talks":
            await self.talk()
        elif what == "comes":
            self.come()
        elif what == "goes" and self.receivers:
            self.receivers[number % len(self.receivers)].cancel()
        elif number:
            for _ in range(number):
                await trio.lowlevel.checkpoint()
        else:
            await settled()

    async def check(self) -> None:
        """No task sleeps on unread bytes, and none waits for a message that is there."""
        for _ in range(2):  # the reader may not even have begun
            self.sock.poll()
            await settled()
        queue = self.ws._receive_queue
        assert self.sock.is_aside <= (self.sock.lone.is_taken or self.ws._protocol.wants_buffer)
        assert not self.sock.unread or queue.is_full(self.ws._protocol.assembling)
        assert not (queue.messages and self.receivers)
        assert len(queue.receivers) == len(self.receivers)


async def run_trial(script: list[tuple[str, int]]) -> None:
    """Let things happen in this order, and look from time to time."""
    async with trio.open_nursery() as nursery:
        trial = Trial(nursery)
        async with ConnectionBlock(trial.ws):
            for number, (what, count) in enumerate(script):
                await trial.do(what, count)
                if number % 7 == 6:
                    await trial.check()
            await trial.check()
            while trial.sock.unread or trial.ws._receive_queue.messages:
                await trial.ws.receive()
                await trial.check()
            nursery.cancel_scope.cancel()


@settings(max_examples=300)
@given(steps)
def test_no_task_sleeps_on_unread_bytes(script: list[tuple[str, int]]) -> None:
    """Arrivals, receivers, cancellations and the reader's comings and goings, in any order."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(partial(run_trial, script), clock=clock)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@settings(max_examples=10_000)
@given(steps)
def test_no_task_ever_sleeps_on_unread_bytes(script: list[tuple[str, int]]) -> None:
    """The same, often."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(partial(run_trial, script), clock=clock)
