"""`trio_ws._connection.heartbeat`: the driver by itself, step by step."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import Heartbeat, MessageHeartbeat, MessageReply, Timeouts
from trio_ws._connection.heartbeat import HeartbeatDriver, PauseKeepalive
from trio_ws._liveness.timer import HeartbeatTimer

from .cores import core_of

Clock = trio.testing.MockClock

BEAT = Heartbeat(interval=8, timeout=4)


class Member:
    """A reader that does nothing."""

    def wake_at(self, tick: float) -> None:
        """Wake."""

    def on_tick(self, now: float) -> None:
        """Act."""


async def test_the_timeout_runs_from_the_hand_over(autojump_clock: Clock) -> None:
    """Once the kernel has taken the question, the answer is due a timeout later."""
    core = core_of(heartbeat=BEAT)
    driver, member = HeartbeatDriver(core), Member()
    with driver.shield_reading() as shield:
        driver.arm(member, 0)
        assert shield.deadline == 8
        assert driver.act(8)
        core.protocol.send_queue.take()
        driver.on_handed_over(9)
        driver.arm(member, 9)
        assert shield.deadline == 13


async def test_before_it_waits_for_bytes(autojump_clock: Clock) -> None:
    """Nothing has to be woken before the first wait."""
    driver = HeartbeatDriver(core_of(heartbeat=BEAT))
    driver.rearm()
    driver.probe(0)
    with driver.shield_reading() as shield:
        driver.rearm()
        assert shield.deadline == 0
        driver.wake_at(5)
        assert shield.deadline == 0


async def test_nothing_is_due_while_we_close(autojump_clock: Clock) -> None:
    """A closing connection has a bound already, and no peer is asked."""
    core = core_of(heartbeat=BEAT, timeouts=Timeouts(close=100))
    driver = HeartbeatDriver(core)
    core.begin_close(1000)
    with driver.shield_reading() as shield:
        driver.arm(Member(), 0)
        assert shield.deadline == 100
        driver.rearm()
        assert shield.deadline == 100
        assert not driver.act(50)
        assert not driver.act_at_tick(50)


async def test_heartbeats_that_wait_to_be_written(autojump_clock: Clock) -> None:
    """While some of several heartbeats wait to be written, those do not count as data either."""
    policy = MessageReply(is_ping=bool, reply="pong")
    core = core_of(heartbeat=policy, timeouts=Timeouts(idle=10))
    driver = HeartbeatDriver(core)
    for _ in range(2):
        driver.messages.inspect("ping", 0)
        driver.send_replies()
    await trio.sleep(3)
    driver.on_flushed(1)
    assert core.lease.next_wakeup().at == 10
    core.protocol.send_queue.take()
    driver.on_flushed(1)
    assert core.lease.next_wakeup().at == 10
    driver.on_flushed(1)
    assert core.lease.next_wakeup().at == 13


def beats(*policies: Heartbeat | MessageHeartbeat) -> list[HeartbeatTimer]:
    """Make the timers of policies."""
    return [HeartbeatTimer(policy, now=0, phase=1) for policy in policies]


@pytest.mark.parametrize(
    ("interval", "timeout", "first"), [(10, 30, 10), (10, 6, 3), (10, 20, 10), (10, 4, 2)]
)
def test_pongs_in_a_pause(interval: float, timeout: float, first: float) -> None:
    """The first pong comes early enough for a peer that has just asked, the next each interval."""
    pause = PauseKeepalive(beats(Heartbeat(interval=interval, timeout=timeout)))
    pause.begin(100)
    assert pause.active
    assert pause.next_pong_at == 100 + first
    pause.pong_sent(pause.next_pong_at)
    assert pause.next_pong_at == 100 + first + interval


def test_many_short_pauses() -> None:
    """Soon after a pause the plan of that pause goes on; after a whole interval it begins anew."""
    pause = PauseKeepalive(beats(Heartbeat(interval=10, timeout=10)))
    pause.begin(0)
    assert pause.next_pong_at == 5
    assert pause.end(1) == 1
    for now in (2, 3, 4):
        pause.begin(now)
        assert pause.next_pong_at == 5
        pause.end(now + 0.5)
    assert not pause.active
    assert pause.seconds(100) == 2.5
    pause.begin(14.5)
    assert pause.next_pong_at == 19.5
    assert pause.seconds(15) == 3


def test_no_pongs_without_a_policy_that_asks() -> None:
    """Where no policy asks, there is no pong to send."""
    pause = PauseKeepalive([])
    pause.begin(0)
    assert pause.next_pong_at == float("inf")
