"""`trio_ws._liveness.grace`: one more read cycle for a verdict that was noticed late."""

from __future__ import annotations

import pytest

from trio_ws._liveness.grace import GLANCE, GLANCES, GRACE, PUNCTUAL, STALLED, Grace


@pytest.mark.parametrize("late", [-1, 0, PUNCTUAL / 2])
def test_in_time(late: float) -> None:
    """A deadline that is noticed in time gets no grace."""
    assert Grace.for_late(30, 30 + late) is None


@pytest.mark.parametrize(
    ("now", "until"),
    [(30.001, 30.001 + GLANCE), (30 + STALLED / 2, 30 + STALLED / 2 + GLANCE), (31, 31 + GRACE)],
)
def test_late(now: float, until: float) -> None:
    """A deadline that is noticed late gets a glance; after a stall it gets more."""
    grace = Grace.for_late(30, now)
    assert grace is not None
    assert (grace.deadline, grace.until) == (30, until)


def test_a_wait_that_ends_in_time_is_the_last() -> None:
    """A wait that was not disturbed showed all that there was."""
    grace = Grace(30, 31)
    assert not grace.extend(31 + GRACE)
    assert not grace.extend(31 + GRACE + PUNCTUAL / 2)


def test_waits_that_end_late() -> None:
    """A wait that ends late is followed by a glance, a few times."""
    grace, now = Grace(30, 31), 40.0
    for _ in range(GLANCES):
        assert grace.extend(now)
        assert grace.until == now + GLANCE
        now += 10
    assert not grace.extend(now)


@pytest.mark.parametrize(
    ("now", "story"),
    [(30.05, ""), (32.5, "; our own event loop had stalled for 2.5 s before")],
)
def test_story(now: float, story: str) -> None:
    """A stall that is worth telling is told."""
    assert Grace(30, now).story == story
