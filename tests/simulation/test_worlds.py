"""Some small worlds in each run of the tests, and those that have failed once."""

from __future__ import annotations

import pytest

from . import grid
from .figures import QUICK, Figures
from .grid import run_cells
from .processes import OneWorld, SomeCells, play
from .world import run_world

FAILED_ONCE = [
    (13, "a simulated line let a segment overtake another that was due in the same moment"),
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
    world = OneWorld(7, 30)
    first, second = (play(world) for _ in range(2))
    assert first == second
    assert isinstance(first[1], Figures)


def test_how_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is told with the command that does it again."""
    monkeypatch.setattr(grid, "BOUND", 0)
    _, told = play(SomeCells(1, 0))
    assert isinstance(told, str)
    assert told.endswith("Repeat it with: python -m tests.simulation --cell 0")
    assert OneWorld(7, 30).how_to_repeat(ValueError()).endswith("--seed 7 --seconds 30")


def test_some_cells() -> None:
    """Faults meet states, and the model finds nothing wrong with it."""
    assert run_cells(stride=331, start=5).cells > 10
