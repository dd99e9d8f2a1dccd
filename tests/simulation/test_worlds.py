"""Some small worlds in each run of the tests, and those that have failed once."""

from __future__ import annotations

import pytest

from .figures import QUICK, Figures
from .processes import play
from .world import run_world

FAILED_ONCE = [
    (1, "a simulated line let a segment overtake another that was due in the same moment"),
    (13, "the same, on another line"),
]
"""Seeds that found a mistake, and which."""


def test_small_worlds() -> None:
    """Order, no duplicates, no undocumented loss, right endings, nothing left, in time."""
    total = Figures()
    for seed in range(100, 100 + QUICK.worlds):
        total.add(run_world(seed, QUICK.seconds))
    assert QUICK.shortfall(total) == ""


@pytest.mark.parametrize(("seed", "what"), FAILED_ONCE)
def test_worlds_that_failed_once(seed: int, what: str) -> None:
    """What was mended stays so."""
    run_world(seed, QUICK.seconds)


def test_a_world_is_the_same_again() -> None:
    """The same seed gives the same figures, so that a failure can be repeated."""
    first, second = (play(30, 7) for _ in range(2))
    assert first == second
    assert isinstance(first[1], Figures)
