"""`trio_ws._liveness.lease`: what is due when, to the exact second."""

from __future__ import annotations

import math

import pytest

from trio_ws._liveness.lease import Expiry
from trio_ws._liveness.timer import POSTPONEMENT
from trio_ws._policies import BeatPolicy, Heartbeat, Timeouts, Watchdog

from ..leases import (
    ALL,
    ASK,
    ASKING,
    BY_MESSAGE,
    CHOSEN_BEATS,
    CHOSEN_REPLIES,
    EVERY_20,
    IDLE,
    LISTENING,
    LOST,
    STUCK,
    WAIT,
    Event,
    at,
    lease_of,
    run,
    tell,
)

# Silence


@pytest.mark.parametrize("policy", ASKING)
def test_silence(policy: BeatPolicy) -> None:
    """A silent peer is asked after the interval and lost after the timeout."""
    assert run(policies=[policy]) == [(20, ASK), (30, LOST)]


@pytest.mark.parametrize(("phase", "first"), [(0, 0), (0.25, 5), (1, 20)])
@pytest.mark.parametrize("policy", ASKING)
def test_phase(policy: BeatPolicy, phase: float, first: float) -> None:
    """The first question comes at the chosen point of the interval, and the timeout follows it."""
    assert run(policies=[policy], phase=phase) == [(first, ASK), (first + 10, LOST)]


@pytest.mark.parametrize("policy", [EVERY_20, BY_MESSAGE])
def test_questions_are_asked_at_whole_ticks(policy: BeatPolicy) -> None:
    """What is due within a tick is asked at its end, together; no verdict waits for a tick."""
    for heard in (3.001, 3.01, 3.0625):
        assert run((heard, "heard"), policies=[policy]) == [(23.0625, ASK), (33.0625, LOST)]
    assert run(policies=[policy], phase=0.001) == [(0.0625, ASK), (10.0625, LOST)]


@pytest.mark.parametrize(("interval", "asked"), [(0.99, 0.99), (1, 1), (1.01, 1.0625)])
def test_a_short_interval_is_exact(interval: float, asked: float) -> None:
    """Where a tick would be much of the interval there are none."""
    policy = Heartbeat(interval=interval, timeout=0.5)
    assert run(policies=[policy]) == [(asked, ASK), (asked + 0.5, LOST)]


@pytest.mark.parametrize("policy", [EVERY_20, BY_MESSAGE])
def test_a_byte_puts_the_question_off(policy: BeatPolicy) -> None:
    """Each byte puts the question off to a whole interval later, the first one too."""
    events = [(3, "heard"), (15, "heard")]
    assert run(*events, policies=[policy], phase=0.5) == [(35, ASK), (45, LOST)]


@pytest.mark.parametrize("policy", [EVERY_20, BY_MESSAGE])
def test_any_byte_answers(policy: BeatPolicy) -> None:
    """A byte within the timeout renews the lease, and the next silence gets its own question."""
    assert run((29.5, "heard"), policies=[policy]) == [(20, ASK), (49.5, ASK), (59.5, LOST)]


def test_questioning() -> None:
    """Between a question and its answer the lease says that something may be due earlier."""
    lease = lease_of(EVERY_20, CHOSEN_REPLIES)
    assert not lease.awaiting_answer
    tell(lease, (20, "on_asked"))
    assert lease.awaiting_answer
    tell(lease, (21, "renew"))
    assert not lease.awaiting_answer


def test_only_chosen_replies_answer() -> None:
    """Where replies are chosen other bytes prove nothing."""
    chosen = [CHOSEN_REPLIES]
    assert run((29.5, "heard"), policies=chosen) == [(20, ASK), (30, LOST)]
    assert run((29.5, "renew"), policies=chosen) == [(20, ASK), (49.5, ASK), (59.5, LOST)]


def test_a_healthy_peer() -> None:
    """A peer that answers each question is asked for ever and never lost."""
    answers = [20.5 * number for number in range(1, 1000)]
    verdicts = run(*at(answers, "heard"), until=answers[-1])
    assert verdicts == [(time - 0.5, ASK) for time in answers]


def test_a_busy_peer() -> None:
    """A peer that is heard more often than the interval is never asked."""
    assert run(*at(range(1, 1000, 19), "heard"), until=1000) == []


def test_no_policy() -> None:
    """Without a policy nothing is ever due."""
    lease = lease_of()
    tell(lease, (5, "heard"), (6, "writing"))
    assert lease.next_wakeup().at == math.inf
    assert lease.decide(1e9) == Expiry(WAIT)


# A watchdog


def test_watchdog() -> None:
    """A watchdog never asks; it gives the peer up when nothing was heard within its timeout."""
    assert run(policies=[LISTENING]) == [(30, LOST)]
    assert run((29, "heard"), (58, "heard"), policies=[LISTENING]) == [(88, LOST)]


def test_watchdog_of_chosen_beats() -> None:
    """Where beats are chosen other bytes prove nothing."""
    assert run((29, "heard"), policies=[CHOSEN_BEATS]) == [(30, LOST)]
    assert run((29, "renew"), policies=[CHOSEN_BEATS]) == [(59, LOST)]


# Several policies


def test_each_policy_counts_for_itself() -> None:
    """Of several policies each keeps its own time, and the first to give up decides."""
    pings = Heartbeat(interval=5, timeout=5)
    heard = at(range(7, 100, 7), "heard")
    assert run(*heard, policies=[pings, CHOSEN_BEATS]) == [
        *[(time, ASK) for time in (5, 12, 19, 26)],
        (30, LOST),
    ]


def test_the_verdict_names_its_beat() -> None:
    """What is due comes with the policy that wants it, one after the other."""
    lease = lease_of(EVERY_20, CHOSEN_REPLIES, CHOSEN_BEATS)
    found = []
    for _ in range(3):
        due = lease.decide(30)
        assert due.beat
        found.append((due.verdict, due.beat.policy))
        due.beat.on_asked(30)
    assert found == [(ASK, EVERY_20), (ASK, CHOSEN_REPLIES), (LOST, CHOSEN_BEATS)]


# Questions


def test_question() -> None:
    """A ping that is due is a question that anybody may ask; it is one until it was asked."""
    lease = lease_of(EVERY_20)
    assert lease.question(19.5) is None
    assert lease.question(20) is lease.question(25) is lease.beats[0]
    tell(lease, (25, "on_asked"), (25, "writing"), (25, "written"))
    assert lease.question(30) is lease.question(35) is None


def test_question_after_a_byte() -> None:
    """A byte puts the question off."""
    lease = lease_of(EVERY_20)
    tell(lease, (5, "heard"))
    assert lease.question(20) is None
    assert lease.question(25) is lease.beats[0]


@pytest.mark.parametrize("policy", [BY_MESSAGE, CHOSEN_REPLIES, Watchdog(timeout=20)])
def test_no_question_for_others(policy: BeatPolicy) -> None:
    """What a function of the policies has a part in, and a verdict, is the reader's own affair."""
    assert lease_of(policy).question(20) is None
    assert lease_of(policy, EVERY_20).question(20) is None


def test_no_question_beside_a_verdict() -> None:
    """A connection that is idle, or whose peer takes nothing, is for its own reader to judge."""
    assert lease_of(EVERY_20, timeouts=Timeouts(idle=20)).question(20) is None
    stuck = lease_of(EVERY_20, timeouts=Timeouts(send=5))
    tell(stuck, (5, "writing"))
    assert stuck.question(10) is None


def test_probe() -> None:
    """A probe asks at once, and the timeout runs as ever."""
    events = [(3, "heard"), (5, "probe")]
    assert run(*events, policies=[EVERY_20, LISTENING]) == [(5, ASK), (15, LOST)]


def test_probe_after_a_byte() -> None:
    """A byte that was heard before the probe does not answer it."""
    lease = lease_of(EVERY_20)
    tell(lease, (3, "heard"), (5, "probe"))
    assert lease.decide(5).verdict is ASK


def test_probe_of_one_that_was_asked() -> None:
    """A probe does not ask again while a question is open."""
    assert run((25, "probe")) == [(20, ASK), (30, LOST)]


@pytest.mark.parametrize("times", [1, 5])
def test_postpone(times: int) -> None:
    """A question that cannot be asked now is due again a moment later."""
    lease = lease_of(BY_MESSAGE)
    for number in range(times):
        assert lease.decide(20 + number * POSTPONEMENT).verdict is ASK
        tell(lease, (20 + number * POSTPONEMENT, "postpone"))
    assert lease.next_wakeup().at == 20 + times * POSTPONEMENT


# Hand-over


def test_slow_upload() -> None:
    """While the kernel goes on taking bytes the timeout does not begin before the hand-over."""
    progress = at(range(14, 200, 4), "progress")
    hand_over = at([200], "written", "writing", "written")
    assert run((10, "writing"), *progress, *hand_over) == [(20, ASK), (210, LOST)]


def test_ping_behind_another_chunk() -> None:
    """A ping queued behind a chunk is not handed over with it but with the next chunk."""
    chunks = [*at([25], "written", "writing"), (33, "progress"), (40, "written")]
    assert run((10, "writing"), *chunks) == [(20, ASK), (50, LOST)]


def test_message_behind_other_messages() -> None:
    """A question that is a message is handed over with the chunk that holds its frame."""
    lease = lease_of(BY_MESSAGE)
    lease.beats[0].on_asked(20, frame=7)
    lease.writing(20, frames=6)
    tell(lease, (25, "written"))
    assert lease.next_wakeup().at == 30
    lease.writing(26, frames=7)
    assert lease.next_wakeup().at == 36
    tell(lease, (40, "written"))
    assert lease.next_wakeup().at == 50


def test_upload_that_stops() -> None:
    """When the kernel stops taking bytes the timeout runs from the last that it took."""
    assert run((10, "writing"), (22, "progress")) == [(20, ASK), (32, LOST)]


def test_closed_window() -> None:
    """When the kernel takes nothing at all the timeout runs from the queueing of the ping."""
    assert run((10, "writing")) == [(20, ASK), (30, LOST)]


def test_hand_over_counts_once() -> None:
    """What is written after the ping does not put the verdict off."""
    more = at(range(21, 40), "writing", "progress", "written")
    assert run(*more) == [(20, ASK), (30, LOST)]


def test_hand_over_after_the_answer() -> None:
    """A byte that comes before the hand-over is told renews the lease all the same."""
    events = [(10, "writing"), (21, "heard"), (22, "written")]
    assert run(*events) == [(20, ASK), (41, ASK), (51, LOST)]


# A peer that takes nothing


@pytest.mark.parametrize(
    ("events", "stuck_at"),
    [
        ([(5, "writing")], 20),
        ([(5, "writing"), (10, "progress")], 25),
        ([(5, "writing"), (10, "heard")], 25),
        ([(5, "writing"), (10, "heard"), (12, "progress")], 27),
        ([(5, "writing"), (19, "written")], None),
        ([(5, "writing"), (19, "written"), (40, "writing")], 55),
    ],
)
def test_stuck(events: list[Event], stuck_at: float | None) -> None:
    """A peer is stuck `Timeouts.send` after the last byte either way, while we have bytes."""
    expected = [] if stuck_at is None else [(stuck_at, STUCK)]
    assert run(*events, policies=[], timeouts=Timeouts(send=15)) == expected


@pytest.mark.parametrize(
    ("policies", "stuck_at"),
    [([EVERY_20], 30), ([Watchdog(), BY_MESSAGE], 30), ([EVERY_20, Heartbeat(timeout=1)], 21)],
)
def test_stuck_by_default(policies: list[BeatPolicy], stuck_at: float) -> None:
    """Without `Timeouts.send` a peer is stuck after interval and timeout of what asks."""
    lease = lease_of(*policies)
    tell(lease, (0, "writing"), (stuck_at - 1, "postpone"))
    assert lease.decide(stuck_at - 0.5) == Expiry(WAIT)
    tell(lease, (stuck_at, "postpone"))
    assert lease.decide(stuck_at) == Expiry(STUCK)


def test_stuck_beside_a_heartbeat() -> None:
    """A short `Timeouts.send` speaks before the heartbeat does."""
    assert run((15, "writing"), timeouts=Timeouts(send=4)) == [(19, STUCK)]


# Idle


@pytest.mark.parametrize(
    ("events", "idle_at"),
    [([], 50), ([(30, "data")], 80), ([(30, "heard")], 50), ([(30, "writing")], 50)],
)
def test_idle(events: list[Event], idle_at: float) -> None:
    """Idle is due when no message went either way for so long; other bytes do not count."""
    timeouts = Timeouts(idle=50)
    assert run(*events, policies=[], timeouts=timeouts) == [(idle_at, IDLE)]


def test_idle_is_said_once() -> None:
    """Idle is due once, however long the close that follows takes."""
    lease = lease_of(timeouts=Timeouts(idle=50))
    assert lease.decide(50) == Expiry(IDLE)
    assert lease.next_wakeup().at == math.inf


def test_idle_beside_a_heartbeat() -> None:
    """Pings and their answers do not keep an idle connection."""
    answers = at([21, 42, 63], "heard")
    verdicts = run(*answers, timeouts=Timeouts(idle=50), until=70)
    assert verdicts == [(20, ASK), (41, ASK), (50, IDLE), (62, ASK)]


# Reading paused


@pytest.mark.parametrize("policy", ALL)
def test_resume(policy: BeatPolicy) -> None:
    """However long we did not read, the silence counts from when we read again."""
    lease = lease_of(policy)
    first = lease.next_wakeup().at
    tell(lease, (20, "on_asked"), (500, "resume"))
    assert lease.next_wakeup().at == 500 + first


def test_message_on_its_way() -> None:
    """A message that we write, or are about to receive, moved when bytes of it last went."""
    lease = lease_of(timeouts=Timeouts(idle=50))
    tell(lease, (10, "heard"))
    assert lease.last_moved(receiving=False) < 0
    assert lease.last_moved(receiving=True) == 10
    tell(lease, (20, "writing"), (30, "progress"))
    assert lease.last_moved(receiving=False) == lease.last_moved(receiving=True) == 30
    assert not lease.is_idle_since(30, 79)
    assert lease.is_idle_since(30, 80)
    tell(lease, (40, "written"))
    assert lease.last_moved(receiving=False) < 0


def test_resume_of_a_writer() -> None:
    """While we did not read we could not hear that the peer takes our bytes again."""
    lease = lease_of(timeouts=Timeouts(send=15))
    tell(lease, (0, "writing"), (500, "resume"))
    assert lease.next_wakeup().at == 515


def test_the_last_byte_is_a_fact() -> None:
    """Reading again is not hearing: when the last byte came does not change."""
    lease = lease_of(EVERY_20)
    tell(lease, (3, "heard"), (500, "resume"))
    assert lease.last_heard == 3


# Between two beats


@pytest.mark.parametrize("policy", [CHOSEN_REPLIES, CHOSEN_BEATS])
def test_excuse(policy: BeatPolicy) -> None:
    """A peer that is heard amid another message is excused from its beats, as long as it is."""
    lease = lease_of(policy)
    timeout = lease.beats[0].timeout
    first = lease.next_wakeup().at
    tell(lease, (20, "on_asked"), (29, "heard"))
    assert lease.extend_for_message(lease.beats[0], 30)
    assert lease.next_wakeup().at == 29 + first
    assert not lease.extend_for_message(lease.beats[0], 29 + timeout)


@pytest.mark.parametrize("policy", [EVERY_20, BY_MESSAGE, LISTENING])
def test_no_excuse(policy: BeatPolicy) -> None:
    """Where any byte counts there is nothing to excuse."""
    lease = lease_of(policy)
    tell(lease, (29, "heard"))
    assert not lease.extend_for_message(lease.beats[0], 30)
