"""Parts of a run in processes of their own, so that both cores are used and a livelock is seen."""

from __future__ import annotations

import faulthandler
import logging
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol, TypeAlias

from trio_ws._concurrency.exceptions import iter_leaves

from .figures import Figures
from .grid import cells, run_cell, run_cells
from .world import run_world

LONGEST = 240.0
"""Real seconds after which a part counts as a livelock: usually it takes five."""

COMMAND = "python -m tests.simulation"


class Part(Protocol):
    """One part of a run."""

    def run(self) -> Figures:
        """Run it."""

    def how_to_repeat(self, error: Exception) -> str:
        """Return the command that does again what has failed."""


@dataclass(frozen=True, slots=True)
class OneWorld:
    """The world of a seed."""

    seed: int
    seconds: float

    def __str__(self) -> str:
        return f"world {self.seed}"

    def run(self) -> Figures:
        """Run it."""
        return run_world(self.seed, self.seconds)

    def how_to_repeat(self, error: Exception) -> str:
        """Return the command for this world."""
        return f"{COMMAND} --seed {self.seed} --seconds {self.seconds:g}"


@dataclass(frozen=True, slots=True)
class SomeCells:
    """Some cells of the grid: one of so many."""

    stride: int
    start: int

    def __str__(self) -> str:
        return f"cells {self.start} of {self.stride}"

    def run(self) -> Figures:
        """Run them."""
        return run_cells(self.stride, self.start)

    def how_to_repeat(self, error: Exception) -> str:
        """Return the command for the cell that the note of the error names."""
        number = error.__notes__[-1].removeprefix("This was cell ").partition(":")[0]
        return f"{COMMAND} --cell {number}"


@dataclass(frozen=True, slots=True)
class OneCell:
    """One cell of the grid."""

    number: int

    def run(self) -> Figures:
        """Run it."""
        cell = list(cells())[self.number]
        print(cell)
        run_cell(self.number, cell)
        return Figures(cells=1)

    def how_to_repeat(self, error: Exception) -> str:
        """Return the command for this cell."""
        return f"{COMMAND} --cell {self.number}"


Outcome: TypeAlias = tuple[Part, Figures | str]


def play(part: Part) -> Outcome:
    """Run a part; return its figures, or what went wrong and how to repeat it."""
    logging.disable()  # thousands of lost connections, each with a line
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        return part, part.run()
    except Exception as error:
        told = "".join(traceback.format_exception(next(iter_leaves(error))))
        return part, f"{told}Repeat it with: {part.how_to_repeat(error)}"
    finally:
        faulthandler.cancel_dump_traceback_later()
        logging.disable(logging.NOTSET)


def play_all(parts: Iterable[Part], jobs: int) -> Iterator[Outcome]:
    """Run all parts, so many at a time."""
    if jobs == 1:
        yield from map(play, parts)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play, parts)
