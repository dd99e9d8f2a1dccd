"""`trio_ws._connection.heartbeat`: the driver by itself, step by step."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import Heartbeat, MessageReply, Timeouts
from trio_ws._connection.heartbeat import HeartbeatDriver

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


async def test_the_pauses_of_a_connection(autojump_clock: Clock) -> None:
    """What is known of the pauses so far is kept for the next one; before the first is nothing."""
    driver = HeartbeatDriver(core_of(heartbeat=BEAT))
    assert driver.pauses is None
    first = driver.begin_pause(0)
    first.end(1)
    assert not first.active
    assert driver.begin_pause(2) is first is driver.pauses
    assert first.active
