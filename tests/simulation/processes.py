"""Worlds in processes of their own, so that both cores are used and a livelock is seen."""

from __future__ import annotations

import faulthandler
import logging
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeAlias

from trio_ws._concurrency.exceptions import iter_leaves

from .figures import Figures
from .world import run_world

LONGEST = 120.0
"""Real seconds after which a world counts as a livelock: usually it takes three."""

Outcome: TypeAlias = tuple[int, Figures | str]


def play(seconds: float, seed: int) -> Outcome:
    """Run one world; return its seed, and its figures or what went wrong."""
    logging.disable()  # thousands of lost connections, each with a line
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        return seed, run_world(seed, seconds)
    except Exception as error:
        first = next(iter_leaves(error))
        return seed, "".join(traceback.format_exception(first))
    finally:
        faulthandler.cancel_dump_traceback_later()


def play_all(seeds: Iterable[int], seconds: float, jobs: int) -> Iterator[Outcome]:
    """Run the worlds of some seeds."""
    if jobs == 1:
        yield from map(partial(play, seconds), seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(play, seconds), seeds)
