"""`trio_ws._connection.pausing`: what ends a connection while nothing is read (F1.2, P12)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionLost,
    Heartbeat,
    HeartbeatTimeout,
    Limits,
    Loss,
    MessageHeartbeat,
    Timeouts,
    Watchdog,
    WebSocket,
)
from trio_ws._connection.pausing import Pauses
from trio_ws._transport.kernel import HangUp
from trio_ws.testing import RawPeer
from trio_ws.testing._peer import CLOSE, PONG, TEXT

from ..kernels import SaidKernel, kernel
from ..wires import both_roles, frames_of, open_wired
from .cores import core_of

__all__ = ["kernel"]

Clock = trio.testing.MockClock
BEAT = Heartbeat(interval=4, timeout=2)
BROKEN = HangUp(ConnectionResetError(104, "Connection reset by peer"))
ENDED = HangUp(None)


@asynccontextmanager
async def open_full(
    client: bool, *, stuck: bool = False, **policies: Any
) -> AsyncGenerator[tuple[WebSocket, RawPeer, Any]]:
    """Open a connection whose reader waits for room; with `stuck` its writer waits, too."""
    limits = Limits(receive_buffer=1)
    async with open_wired(client, limits=limits, **policies) as (ws, peer, wire):
        if stuck:
            wire.stop_taking()
            await ws.send("in hand")
        await peer.send_text("unread")
        await trio.testing.wait_all_tasks_blocked()
        assert ws.statistics().reading_paused
        yield ws, peer, wire


@asynccontextmanager
async def ends_after(seconds: float) -> AsyncGenerator[None]:
    """Expect that the connection ends after so many seconds; a sender sees it at once."""
    began = trio.current_time()
    try:
        yield
    finally:
        assert trio.current_time() - began == seconds


# Nothing of ours is acknowledged


@both_roles
@pytest.mark.parametrize(
    ("policies", "after", "loss"),
    [
        ({"heartbeat": BEAT}, 2, Loss.HEARTBEAT),
        ({"heartbeat": MessageHeartbeat(message="?", timeout=3)}, 3, Loss.HEARTBEAT),
        ({"heartbeat": Watchdog(timeout=1), "timeouts": Timeouts(send=4)}, 4, Loss.SEND_TIMEOUT),
        ({"timeouts": Timeouts(send=4)}, 4, Loss.SEND_TIMEOUT),
        ({"timeouts": Timeouts(stall=5)}, 5, Loss.SEND_TIMEOUT),
        ({"heartbeat": BEAT, "timeouts": Timeouts(stall=1)}, 1, Loss.SEND_TIMEOUT),
    ],
)
async def test_a_write_that_stands_still(
    client: bool, policies: dict[str, Any], after: float, loss: Loss, autojump_clock: Clock
) -> None:
    """A peer that takes nothing is lost although we do not read, by the shortest bound."""
    with pytest.raises(ConnectionLost) as caught:
        async with open_full(client, stuck=True, **policies) as (ws, _, _), ends_after(after):
            await ws.flush()
    ending = caught.value.ending
    assert ending.loss is loss
    assert ending.detail == (
        f"nothing of ours taken for {after:.1f} s; we have not read for {after:.1f} s"
    )
    assert isinstance(caught.value, HeartbeatTimeout) is (loss is Loss.HEARTBEAT)


@both_roles
async def test_a_peer_that_has_vanished(
    client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """The pong that we send unasked is what a peer that is gone does not acknowledge."""
    with pytest.raises(HeartbeatTimeout, match="nothing of ours acknowledged for 2"):
        async with open_full(client, heartbeat=BEAT) as (ws, peer, _):
            await peer.expect_frame(PONG)
            assert trio.current_time() == 1
            kernel.unacknowledged = 6
            async with ends_after(2):
                await ws.ping()


@both_roles
@pytest.mark.parametrize("delivers", [False, True])
async def test_a_peer_that_acknowledges(
    client: bool, delivers: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """A peer that acknowledges is kept, however long we rest; so is one behind a lost packet."""
    async with open_full(client, heartbeat=BEAT) as (ws, _, _):
        kernel.unacknowledged = 500_000
        kernel.delivers = delivers
        for _ in range(100):
            await trio.sleep(1)
            if not delivers:
                kernel.sent += 1
        assert ws.ending is None
        assert ws.statistics().seconds_paused == 100
        assert await ws.receive() == "unread"


@both_roles
async def test_a_peer_that_takes_all(client: bool, autojump_clock: Clock) -> None:
    """Where the system does not tell a peer that takes our bytes is kept; it gets pongs."""
    async with open_full(client, heartbeat=BEAT) as (ws, _, wire):
        await trio.sleep(100)
        assert ws.ending is None
        assert [frame.opcode for frame in frames_of(wire.written)] == [PONG] * 25


@both_roles
async def test_no_bound(client: bool, kernel: SaidKernel, autojump_clock: Clock) -> None:
    """Without a heartbeat and without timeouts nothing is bounded: that is what was asked for."""
    async with open_full(client, stuck=True) as (ws, _, wire):
        kernel.unacknowledged = 1000
        await trio.sleep(1000)
        assert ws.ending is None
        wire.take_again()


async def test_a_pause_that_is_short_asks_no_kernel(
    kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """A reader that soon goes on has asked nothing: an application may rest for each message."""
    async with open_full(True, heartbeat=Heartbeat()) as (ws, peer, _):
        for _ in range(10):
            await trio.sleep(0.9)
            assert await ws.receive() == "unread"
            await peer.send_text("unread")
            await trio.testing.wait_all_tasks_blocked()
        assert kernel.looks == []


async def test_a_program_that_only_sends(autojump_clock: Clock) -> None:
    """A program that only sends, to one that only sends, is told after the timeout."""
    quick = Heartbeat(interval=1, timeout=1)
    with pytest.raises(HeartbeatTimeout):
        async with open_full(True, stuck=True, heartbeat=quick) as (ws, _, _), ends_after(1):
            while True:
                await ws.send(bytes(100_000))


# It is over


@both_roles
@pytest.mark.parametrize("policies", [{}, {"heartbeat": BEAT}])
@pytest.mark.parametrize(("end", "loss"), [(BROKEN, Loss.BROKEN), (ENDED, Loss.EOF)])
async def test_what_shows_without_reading(
    client: bool,
    policies: dict[str, Any],
    end: HangUp,
    loss: Loss,
    kernel: SaidKernel,
    autojump_clock: Clock,
) -> None:
    """A reset, and the peer's end, are noticed at the next look: within a second."""
    with pytest.raises(ConnectionLost) as caught:
        async with open_full(client, **policies) as (ws, _, _):
            await trio.sleep(0.25)
            kernel.end = end
            try:
                await ws.ping()
            finally:
                assert trio.current_time() == (0.5 if policies else 1)
    ending = caught.value.ending
    assert ending.loss is loss
    assert "noticed while we did not read, for " in ending.detail
    assert ending.cause is end.error


@both_roles
async def test_an_application_that_takes_messages(
    client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """After the peer's end an application may read what came before, unless it dawdles."""
    limits, timeouts = Limits(receive_buffer=1), Timeouts(close=5)
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client, limits=limits, timeouts=timeouts) as (ws, peer, _):
            for number in range(5):
                await peer.send_text(str(number))
            kernel.end = ENDED
            for number in range(3):
                assert await ws.receive() == str(number)
                await trio.sleep(4.5)
                assert ws.ending is None
            with trio.fail_after(2):  # that the last message was taken is seen within a second
                await ws.ping()
    assert caught.value.ending.loss is Loss.EOF


@both_roles
async def test_what_was_read_may_be_taken(
    client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """What was in the queue can still be taken, as after each loss (P3)."""
    with pytest.raises(ConnectionLost):
        async with open_full(client) as (ws, _, _):
            kernel.end = BROKEN
            await trio.sleep(5)
            assert ws.ending is not None
            assert await ws.receive() == "unread"
            await ws.receive()
    assert trio.current_time() == 5


# Idle


@both_roles
async def test_idle(client: bool, autojump_clock: Clock) -> None:
    """`Timeouts.idle` runs while we do not read, and closes in order."""
    timeouts = Timeouts(idle=5, close=3)
    with pytest.raises(ConnectionLost):
        async with open_full(client, timeouts=timeouts) as (ws, peer, _):
            async with ends_after(5):
                assert await peer.expect_close(1001) == "idle"
            async with ends_after(3):
                await ws.ping()


@both_roles
async def test_who_takes_or_sends_is_not_idle(client: bool, autojump_clock: Clock) -> None:
    """An application that takes messages, or sends some, is not idle."""
    limits, timeouts = Limits(receive_buffer=1), Timeouts(idle=5)
    async with open_wired(client, limits=limits, timeouts=timeouts) as (ws, peer, wire):
        for _ in range(3):
            await peer.send_text("one")
        for _ in range(2):
            await trio.sleep(4)
            await ws.send("another")
            await trio.sleep(4)
            assert await ws.receive() == "one"
        assert ws.ending is None
        await peer.expect_frame(TEXT)
        await peer.expect_frame(TEXT)
        assert await peer.expect_close(1001) == "idle"
        assert 21 <= trio.current_time() <= 22, "that a message was taken is seen within a second"
        await peer.send_close(1001)
        await peer.send_eof()
    assert [frame.opcode for frame in frames_of(wire.written)] == [TEXT, TEXT, CLOSE]


# Unsolicited pongs


@both_roles
async def test_a_pong_does_not_wait_for_the_next_look(client: bool, autojump_clock: Clock) -> None:
    """The reader wakes for it in time, between two looks at the connection."""
    beat = Heartbeat(interval=3, timeout=5)
    async with open_full(client, heartbeat=beat) as (ws, peer, _):
        await peer.expect_frame(PONG)
        assert trio.current_time() == 2.5
        assert await ws.receive() == "unread"


def pauses_of(*policies: Heartbeat) -> Pauses:
    """Make the pauses of a connection that has only these policies."""
    return Pauses(core_of(heartbeat=policies))


@pytest.mark.parametrize(
    ("interval", "timeout", "first"), [(10, 30, 10), (10, 6, 3), (10, 20, 10), (10, 4, 2)]
)
async def test_pongs_in_a_pause(
    interval: float, timeout: float, first: float, autojump_clock: Clock
) -> None:
    """The first pong comes early enough for a peer that has just asked, the next each interval."""
    pauses = pauses_of(Heartbeat(interval=interval, timeout=timeout))
    pauses.begin(100)
    assert pauses.active
    assert pauses.next_pong_at == 100 + first
    pauses.act(pauses.next_pong_at)
    assert pauses.next_pong_at == 100 + first + interval


async def test_many_short_pauses(autojump_clock: Clock) -> None:
    """Soon after a pause the plan of that pause goes on; after a whole interval it begins anew."""
    pauses = pauses_of(Heartbeat(interval=10, timeout=10))
    pauses.begin(0)
    assert pauses.next_pong_at == 5
    pauses.end(1)
    for now in (2, 3, 4):
        pauses.begin(now)
        assert pauses.next_pong_at == 5
        pauses.end(now + 0.5)
    assert not pauses.active
    assert pauses.seconds(100) == 2.5
    pauses.begin(14.5)
    assert pauses.next_pong_at == 19.5
    assert pauses.seconds(15) == 3


async def test_no_pongs_without_a_policy_that_asks(autojump_clock: Clock) -> None:
    """Where no policy asks there is no pong to send."""
    pauses = pauses_of()
    pauses.begin(0)
    assert pauses.next_pong_at == float("inf")


# Our own stalls


async def test_a_late_verdict(autojump_clock: Clock) -> None:
    """If our own loop stood still the verdict waits for one more read cycle."""
    with pytest.raises(HeartbeatTimeout):
        async with open_full(True, stuck=True, heartbeat=BEAT) as (ws, _, _):
            await trio.sleep(1.9)
            autojump_clock.jump(10)
            async with ends_after(1):
                await ws.flush()
