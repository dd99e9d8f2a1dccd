"""`trio_ws._supervision.backoff`: delays as arithmetic, compared exactly."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from trio_ws._supervision.backoff import Backoff, BackoffState, Delay
from trio_ws._supervision.retry_rules import Remedy


def zero() -> float:
    return 0.0


def half() -> float:
    return 0.5


def almost_one() -> float:
    return math.nextafter(1.0, 0.0)


def streak(backoff: Backoff | None = None, rng: Callable[[], float] = half) -> BackoffState:
    return BackoffState(backoff or Backoff(), rng, now=0.0)


def delays(made: BackoffState, count: int, remedy: Remedy = Remedy.WAIT) -> list[float]:
    """The delays before the same endpoint is asked again."""
    told = [made.failed(0.0, remedy) for _ in range(count)]
    return [max(each.seconds, each.rest) for each in told]


def test_the_lower_ends() -> None:
    """The lower ends of the ranges are 0, 1, 3, 9, 27, 30, 30, …"""
    assert delays(streak(rng=zero), 7) == [0, 1, 3, 9, 27, 30, 30]


def test_the_upper_ends() -> None:
    """The upper ends of the ranges are 5, 5, 15, 45, 60, 60, 60, …"""
    assert delays(streak(rng=almost_one), 7) == pytest.approx([5, 5, 15, 45, 60, 60, 60])


def test_a_seeded_source() -> None:
    """Each failure draws exactly one number, and the formula turns it into the delay."""
    draws = random.Random(7)
    expected = [5 * draws.random()]
    ranges = [(1, 5), (3, 15), (9, 45), (27, 60), (30, 60), (30, 60)]
    expected += [low + (high - low) * draws.random() for low, high in ranges]
    assert delays(streak(rng=random.Random(7).random), 7) == expected


def test_a_long_streak() -> None:
    """A thousand failures are no trouble for the arithmetic."""
    made = streak(Backoff(cap=86400))
    assert delays(made, 1000)[-1] == 1.5 * 86400


@pytest.mark.parametrize("rng", [zero, half, almost_one])
def test_a_server_that_accepts_and_then_closes(rng: Callable[[], float]) -> None:
    """It gets at most 3 handshakes in the first 3 s, and 12 in the first minute."""
    made, now, handshakes = streak(rng=rng), 0.0, []
    while now < 60:
        handshakes.append(now)
        made.attempt()
        made.lost(now)
        now += made.failed(now, Remedy.WAIT).seconds
    assert len([at for at in handshakes if at < 3]) <= 3
    assert len(handshakes) <= 12


def test_success_begins_afresh() -> None:
    """After a success the delays, the attempts and the refresh start again."""
    made = streak()
    assert made.attempt() == 1
    made.failed(0, Remedy.REFRESH)
    assert (made.refreshed, made.attempts) == (True, 1)
    made.succeeded(100)
    assert (made.refreshed, made.attempts) == (False, 0)
    assert made.attempt() == 1
    assert made.failed(100, Remedy.WAIT).seconds == 2.5


def test_what_counts_as_a_success() -> None:
    """A connection must last for 10 s, or for as long as we waited before it."""
    made = streak()
    assert made.stable_after() == 10
    made.will_wait(43.5)
    assert made.stable_after() == 43.5
    made.succeeded(0)
    assert made.stable_after() == 10


@pytest.mark.parametrize(
    ("remedy", "rng", "expected"),
    [
        (Remedy.RESTART, zero, [5, 5, 5, 9, 27, 30, 30]),
        (Remedy.RESTART, half, [17.5, 17.5, 17.5, 29.5, 46, 47.5, 47.5]),
        (Remedy.ELSEWHERE, zero, [30, 30, 30, 30, 30, 30, 30]),
        (Remedy.ELSEWHERE, half, [45, 45, 45, 52.5, 60, 60, 60]),
    ],
)
def test_what_stretches(remedy: Remedy, rng: Callable[[], float], expected: list[float]) -> None:
    """1012 means 5 to 30 s and 1013 at least 30 s, unless the delay is longer anyway."""
    assert delays(streak(rng=rng), 7, remedy) == expected


def test_another_endpoint() -> None:
    """What an endpoint asks for is a rest of its own: the delay of the others is the usual one."""
    for remedy, told in ((Remedy.RESTART, None), (Remedy.ELSEWHERE, None), (Remedy.WAIT, 40)):
        made = streak()
        assert [made.failed(0, remedy, retry_after=told).seconds for _ in range(3)] == [2.5, 3, 9]
    assert streak().failed(0, Remedy.WAIT).rest == 0


def test_a_lower_bound_keeps_the_range_wide() -> None:
    """A server that names one second for all leaves its clients the range that was due anyway."""
    backoff = Backoff(restart=(20, 20))
    told = [streak(backoff, rng).failed(0, Remedy.RESTART).rest for rng in (zero, almost_one)]
    assert told == pytest.approx([20, 25])


@pytest.mark.parametrize(("asked", "least"), [(0, 0), (1, 1), (40, 40), (300, 300), (86400, 300)])
def test_retry_after(asked: float, least: float) -> None:
    """Retry-After moves the range, by at most 300 s, and makes it three times as wide."""
    told = [
        streak(rng=rng).failed(0, Remedy.WAIT, retry_after=asked).rest
        for rng in (zero, half, almost_one)
    ]
    assert told == pytest.approx([least, least + 7.5, least + 15])


def test_retry_after_never_shortens() -> None:
    """A Retry-After that is less than the delay that is due leaves its lower end where it is."""
    made = streak(rng=zero)
    delays(made, 4)
    assert made.failed(0, Remedy.WAIT, retry_after=1).rest == 27


def test_what_1013_and_a_retry_after_say_together() -> None:
    """The later of both is the lower end."""
    for asked, least in ((10, 30), (100, 100)):
        made = streak(rng=zero)
        assert made.failed(0, Remedy.ELSEWHERE, retry_after=asked).rest == least


@pytest.mark.parametrize(("asked", "waits"), [(None, 2.5), (0, 0), (7, 7)])
def test_a_request(asked: float | None, waits: float) -> None:
    """A session that asks for another connection may say when, and leaves no endpoint at rest."""
    assert streak().requested(0, asked) == Delay(waits)


@pytest.mark.parametrize(("asked", "waits"), [(None, 45), (0, 45), (50, 50)])
def test_a_request_cannot_spin(asked: float | None, waits: float) -> None:
    """The fifth within 30 s waits as after any loss, whatever it asks for."""
    made = streak()
    for _ in range(5):
        made.lost(0)
    assert made.requested(0, asked) == Delay(waits, flapping=True)


def test_a_machine_that_was_suspended() -> None:
    """Afterwards the delays begin at the beginning; the attempts are still counted."""
    made = streak()
    made.attempt()
    delays(made, 5)
    made.resumed()
    assert delays(made, 2) == [2.5, 3]
    assert made.attempts == 1


def test_restart_intensity() -> None:
    """The fifth connection that is lost within 30 s sends the delay straight to the cap."""
    made = streak()
    told = []
    for now in (0, 7, 14, 21, 28):
        made.lost(now)
        told.append(made.failed(now, Remedy.WAIT))
        made.succeeded(now)
    assert told == [Delay(2.5)] * 4 + [Delay(45, flapping=True)]


def test_restart_intensity_lasts() -> None:
    """Once at the cap, delays stay there until the next success."""
    made = streak()
    for _ in range(5):
        made.lost(0)
    assert made.failed(0, Remedy.WAIT) == Delay(45, flapping=True)
    assert made.failed(100, Remedy.WAIT) == Delay(45)


def test_losses_far_apart() -> None:
    """Five losses within more than 30 s are no reason to wait longer."""
    made = streak()
    for now in (0, 8, 16, 24, 32):
        made.lost(now)
    assert made.failed(32, Remedy.WAIT) == Delay(2.5)


def test_max_attempts() -> None:
    """After `max_attempts` attempts without a success there is no other."""
    made = streak(Backoff(max_attempts=2))
    made.attempt()
    assert made.is_exhausted(1) == ""
    made.attempt()
    assert made.is_exhausted(1) == "2 of 2 attempts failed"


def test_max_elapsed() -> None:
    """The time begins with the first attempt, or with the loss of a stable connection."""
    made = streak(Backoff(max_elapsed=60))
    assert made.is_exhausted(60) == ""
    assert "60 s" in made.is_exhausted(61)
    made.succeeded(70)
    made.lost(100)
    made.attempt()
    made.lost(150)
    assert made.is_exhausted(160) == ""
    assert made.is_exhausted(161)


def test_no_bound() -> None:
    """Without bounds there is always another attempt."""
    made = streak()
    for _ in range(1000):
        made.attempt()
    assert made.is_exhausted(1e9) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": -1},
        {"cap": 0},
        {"cap": math.inf},
        {"stable": 0},
        {"stable": "10"},
        {"overload": math.nan},
        {"longest_retry_after": -1},
        {"restart_window": 0},
        {"suspend_after": 0},
        {"max_elapsed": 0},
        {"max_restarts": 0},
        {"max_restarts": True},
        {"max_attempts": 0},
        {"max_attempts": 2.5},
        {"restart": (30, 5)},
        {"restart": (-1, 5)},
        {"restart": (0, math.inf)},
        {"restart": 5},
    ],
)
def test_impossible_policies(wrong: dict[str, Any]) -> None:
    """A policy that makes no sense is refused where it is written, by name."""
    with pytest.raises((ValueError, TypeError), match=f"Backoff.{next(iter(wrong))}"):
        Backoff(**wrong)


def test_the_bounds_that_are_allowed() -> None:
    """No first delay, no patience for Retry-After and both bounds are fine."""
    made = Backoff(first=0, longest_retry_after=0, max_attempts=1, max_elapsed=1)
    assert streak(made).failed(0, Remedy.WAIT, retry_after=7) == Delay(0)
