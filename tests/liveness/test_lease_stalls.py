"""`trio_ws._liveness.lease`: our own stalls excuse the peer, and the story tells of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._liveness.grace import GLANCE, GLANCES, GRACE, STALLED
from trio_ws._liveness.lease import Expiry
from trio_ws._policies import BeatPolicy, Timeouts

from ..leases import (
    ASK,
    BY_MESSAGE,
    CHOSEN_BEATS,
    CHOSEN_REPLIES,
    EVERY_20,
    LISTENING,
    LOST,
    STUCK,
    WAIT,
    Event,
    late_lease,
    lease_of,
    tell,
)


def test_on_time() -> None:
    """A verdict that is noticed in time stands."""
    assert late_lease(judged_at=29.75).decide(30).verdict is LOST


@pytest.mark.parametrize("late", [0.001, STALLED / 2])
def test_a_little_late(late: float) -> None:
    """A verdict that is a little late is put off by a glance: a peer in this process can answer."""
    lease = late_lease(judged_at=30 + late)
    assert lease.next_wakeup().at == 30 + late + GLANCE
    assert lease.decide(lease.next_wakeup().at).verdict is LOST


def test_stall() -> None:
    """A verdict that is noticed late is put off by the grace; then it stands."""
    lease = late_lease(judged_at=57)
    assert lease.next_wakeup().at == 57 + GRACE
    assert lease.decide(57.5) == Expiry(WAIT)
    assert lease.decide(57 + GRACE).verdict is LOST


def test_one_grace_for_each_deadline() -> None:
    """A stall in the grace too is followed by a few glances, and by no other grace."""
    lease = late_lease(judged_at=57)
    now = 57 + GRACE
    for _ in range(GLANCES):
        now += 20
        assert lease.decide(now) == Expiry(WAIT)
        now = lease.next_wakeup().at
    assert lease.decide(now + 20).verdict is LOST
    assert now == 57 + GRACE + GLANCES * (20 + GLANCE)


def test_stall_with_the_answer_in_the_socket() -> None:
    """An answer that is found within the grace renews the lease, and the grace is over."""
    lease = late_lease(judged_at=57)
    tell(lease, (57, "heard"))
    assert lease.next_wakeup().at == 77


def test_the_next_stall() -> None:
    """After an answer the next late verdict gets a grace again."""
    lease = late_lease(judged_at=57)
    tell(lease, (57, "heard"))
    assert lease.decide(77).verdict is ASK
    tell(lease, (77, "on_asked"), (77, "writing"), (77, "written"))
    assert lease.decide(100) == Expiry(WAIT)
    assert lease.next_wakeup().at == 100 + GRACE


def test_stall_of_a_stuck_writer() -> None:
    """A stall is no proof that the peer takes nothing, each time anew."""
    lease = lease_of(timeouts=Timeouts(send=15))
    tell(lease, (0, "writing"))
    assert lease.decide(40) == Expiry(WAIT)
    tell(lease, (40, "progress"))
    assert lease.decide(80) == Expiry(WAIT)
    assert lease.decide(80 + GRACE) == Expiry(STUCK)


def test_late_question() -> None:
    """A stall does not put a question off: it is no verdict."""
    assert lease_of(EVERY_20).decide(300).verdict is ASK


@given(
    st.sampled_from([EVERY_20, BY_MESSAGE]),
    st.lists(st.tuples(st.floats(0.01, 9.9), st.booleans())),
)
def test_nobody_is_lost_unjustly(policy: BeatPolicy, steps: list[tuple[float, bool]]) -> None:
    """A peer that is heard at least every 9.9 s, or whose silence is our stall, is never lost."""
    now = 0.0
    lease = lease_of(policy)
    for gap, stalled in steps:
        now += gap * (100 if stalled else 1)
        if stalled and lease.decide(now).verdict is ASK:
            tell(lease, (now, "on_asked"))
        assert not stalled or lease.decide(now) == Expiry(WAIT)
        tell(lease, (now, "heard"))


# The story


@pytest.mark.parametrize(
    ("policy", "events", "story"),
    [
        (EVERY_20, [], "nothing heard for 30.0 s"),
        (EVERY_20, [(10, "heard")], "nothing heard for 20.0 s"),
        (LISTENING, [], "nothing heard for 30.0 s"),
        (CHOSEN_BEATS, [(10, "heard")], "no beat for 30.0 s"),
        (CHOSEN_REPLIES, [(10, "heard")], "no reply for 30.0 s"),
        (
            EVERY_20,
            [(20, "on_asked")],
            "nothing heard for 30.0 s; a ping sent 10.0 s ago was not even taken",
        ),
        (
            CHOSEN_REPLIES,
            [(20, "on_asked"), (20, "writing"), (20, "written")],
            "no reply for 30.0 s; a heartbeat message sent 10.0 s ago was not answered",
        ),
    ],
)
def test_story(policy: BeatPolicy, events: list[Event], story: str) -> None:
    """The story tells how long what was missed, and what became of the question."""
    lease = lease_of(policy)
    tell(lease, *events)
    lease.next_wakeup()
    assert lease.describe(Expiry(LOST, lease.beats[0]), 30) == story


def test_story_of_a_stuck_peer() -> None:
    """Where no policy is to blame the story tells of both directions."""
    lease = lease_of(CHOSEN_BEATS)
    tell(lease, (5, "writing"), (10, "heard"), (12, "progress"))
    assert lease.describe(Expiry(STUCK), 30) == (
        "nothing heard for 20.0 s; nothing of ours taken for 18.0 s"
    )


def test_story_of_a_stall() -> None:
    """The story tells of a stall of ours, until the peer was heard again."""
    lease = late_lease(judged_at=57)
    lost = lease.decide(58)
    assert lease.describe(lost, 58) == (
        "nothing heard for 58.0 s; a ping sent 38.0 s ago was not answered; "
        "our own event loop had stalled for 27.0 s before"
    )
    tell(lease, (58, "heard"))
    lease.next_wakeup()
    assert lease.describe(Expiry(LOST, lease.beats[0]), 59) == "nothing heard for 1.0 s"


def test_story_of_a_pause() -> None:
    """The story tells for how long we had not read, until the peer was heard again."""
    lease = lease_of(EVERY_20)
    tell(lease, (10, "heard"))
    lease.resume(500, paused=480)
    lost = Expiry(LOST, lease.beats[0])
    assert lease.describe(lost, 530) == (
        "nothing heard for 30.0 s; we had not read for 480.0 s before"
    )
    tell(lease, (540, "heard"))
    lease.next_wakeup()
    assert lease.describe(lost, 570) == "nothing heard for 30.0 s"
