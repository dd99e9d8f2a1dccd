"""`trio_ws._liveness.timer`: one policy's share in a lease."""

from __future__ import annotations

import math

import pytest

from trio_ws._liveness.outgoing import Outgoing
from trio_ws._liveness.timer import POSTPONEMENT, TICK, HeartbeatTimer, Verdict
from trio_ws._policies import BeatPolicy, Heartbeat, MessageHeartbeat, Watchdog

from ..leases import ASKING, BY_MESSAGE, CHOSEN_BEATS, CHOSEN_REPLIES, EVERY_20, LISTENING


def timer_of(policy: BeatPolicy, phase: float = 1) -> HeartbeatTimer:
    """Make a timer that begins at 0."""
    return HeartbeatTimer(policy, now=0, phase=phase)


@pytest.mark.parametrize("policy", ASKING)
def test_it_asks_and_waits(policy: BeatPolicy) -> None:
    """It asks after the interval, and gives up a timeout after the kernel had the question."""
    timer = timer_of(policy)
    assert (timer.due(0), timer.decide(), timer.next_question_at) == (20, Verdict.ASK, 20)
    timer.on_asked(20)
    assert timer.awaiting_answer
    assert timer.next_question_at == math.inf
    assert (timer.due(0), timer.decide()) == (30, Verdict.LOST)
    assert timer.due(25) == 35  # the kernel took other bytes at 25
    timer.writing(0)
    timer.written(27)
    timer.written(29)
    assert timer.due(28) == 37
    timer.renew(36)
    assert not timer.awaiting_answer
    assert (timer.due(0), timer.decide()) == (56, Verdict.ASK)


@pytest.mark.parametrize("policy", [LISTENING, CHOSEN_BEATS])
def test_it_listens(policy: BeatPolicy) -> None:
    """A watchdog never asks: it gives up a timeout after the last sign of life."""
    timer = timer_of(policy)
    timer.probe(5)
    assert (timer.due(0), timer.decide(), timer.next_question_at) == (30, Verdict.LOST, math.inf)
    timer.renew(7)
    assert timer.due(0) == 37
    assert not timer.on_ticks


def test_a_question_behind_other_messages() -> None:
    """A message is handed over with the frames that hold it; a ping overtakes the data."""
    timer = timer_of(BY_MESSAGE)
    timer.on_asked(20, frame=7)
    timer.writing(6)
    timer.written(22)
    assert timer.due(0) == 30
    timer.writing(7)
    timer.written(23)
    assert timer.due(0) == 33
    idle = timer_of(BY_MESSAGE)
    idle.writing(7)
    idle.written(23)
    assert idle.due(0) == 20


def test_the_arrival_of_a_question() -> None:
    """Where the kernel tells, a question counts as arrived when the bytes before it are there."""
    timer, outgoing = timer_of(EVERY_20), Outgoing(0, told=True)
    timer.look(19, 1000, outgoing)
    timer.on_asked(20)
    timer.look(20, 1000, outgoing)
    timer.writing(0)
    assert timer.written(20, told=True)
    assert not timer.written(21, told=True)
    for now, sent, unacknowledged, due in [
        (20, 5000, 5000, 30),
        (22, 9000, 4001, 30),
        (24, 9000, 4000, 34),
        (26, 9000, 3000, 34),
    ]:
        outgoing.look(now, sent, unacknowledged)
        timer.look(now, sent, outgoing)
        assert timer.due(0) == due


@pytest.mark.parametrize(("interval", "asks_at"), [(0.5, 0.51), (20, 20.0625)])
def test_ticks(interval: float, asks_at: float) -> None:
    """A question waits for the next tick, unless a tick is much of the interval."""
    timer = timer_of(Heartbeat(interval=interval, timeout=1))
    timer.renew(0.01)
    assert timer.next_question_at == pytest.approx(asks_at)
    assert timer.on_ticks is (interval >= 16 * TICK)


@pytest.mark.parametrize("policy", ASKING)
def test_sooner_or_later(policy: BeatPolicy) -> None:
    """It can be asked at once, if it is not sooner already, or in a moment."""
    timer = timer_of(policy)
    timer.probe(5)
    timer.probe(6)
    assert timer.next_question_at == 5
    timer.postpone(5)
    assert timer.next_question_at == 5 + POSTPONEMENT


@pytest.mark.parametrize(
    ("policy", "any_byte", "pings"),
    [
        (EVERY_20, True, True),
        (BY_MESSAGE, True, False),
        (CHOSEN_REPLIES, False, False),
        (LISTENING, True, False),
        (CHOSEN_BEATS, False, False),
    ],
)
def test_what_counts(policy: BeatPolicy, any_byte: bool, pings: bool) -> None:
    """Any byte counts unless the policy chooses; only `Heartbeat` asks with pings."""
    timer = timer_of(policy)
    assert (timer.any_byte, timer.pings) == (any_byte, pings)


@pytest.mark.parametrize(
    ("policy", "silence", "question"),
    [
        (EVERY_20, "nothing heard for 30.0 s", "a ping"),
        (BY_MESSAGE, "nothing heard for 30.0 s", "a heartbeat message"),
        (CHOSEN_REPLIES, "no reply for 30.0 s", "a heartbeat message"),
    ],
)
def test_description(policy: Heartbeat | MessageHeartbeat, silence: str, question: str) -> None:
    """The description says what was waited for, and whether the question was handed over."""
    timer = timer_of(policy)
    assert timer.describe(30) == silence
    timer.on_asked(20)
    assert timer.describe(30) == f"{silence}; {question} sent 10.0 s ago was not even taken"
    timer.writing(0)
    timer.written(20, told=True)
    assert timer.describe(30) == f"{silence}; {question} sent 10.0 s ago was not acknowledged"
    timer.on_asked(20)
    timer.writing(0)
    timer.written(20)
    assert timer.describe(30) == f"{silence}; {question} sent 10.0 s ago was not answered"


def test_description_of_a_watchdog() -> None:
    """A watchdog for chosen messages misses those."""
    assert timer_of(Watchdog(timeout=1, is_beat=bool)).describe(2) == "no beat for 2.0 s"
