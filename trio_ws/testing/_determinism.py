"""Doing the same again: the order of tasks, and where a seed comes from.

Trio runs the tasks that are ready in batches, and shuffles each batch,
so that no program relies on an order.  What it draws from is `trio._core._run._r`,
a `random.Random`; with `_ALLOW_DETERMINISTIC_SCHEDULING` it sorts the batch
by the age of its tasks first, so that the same seed gives the same order.
Neither is public; they are what Trio itself offers to Hypothesis
(`trio._core._run._hypothesis_plugin_setup`), and what pytest-trio uses as well.
This file is the only one that touches them.  If a Trio without them comes, all goes on
as before, but for the order of tasks.

A seed is an `int`.  One that is not given is drawn from the system's entropy,
so that each run of a test suite looks at other orders, unless the environment variable
``TRIO_WS_SEED`` or pytest's option ``--trio-ws-seed`` says which.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from random import Random
from typing import Any

import trio

from .._concurrency.chance import current_chance
from .._concurrency.checkpoints import CheckpointBudget, current_checkpoint_budget
from .._concurrency.suspension import ResumeListener, SuspensionWatch, watch_for_suspension
from .._supervision.throttle import Throttle, current_throttle

VARIABLE = "TRIO_WS_SEED"
"""The environment variable that gives the seed to all networks without one."""

_scheduler: Any = getattr(trio._core, "_run", None)


@contextmanager
def seeded_scheduler(seed: int) -> Generator[None]:
    """Let Trio run tasks in an order that depends on `seed` alone, for the length of a block."""
    drawn = getattr(_scheduler, "_r", None)
    if not isinstance(drawn, Random):
        yield
        return
    state, sorts = drawn.getstate(), _scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    drawn.seed(seed)
    _sort_batches(True)
    try:
        yield
    finally:
        drawn.setstate(state)
        _sort_batches(sorts)


def _sort_batches(sorts: bool) -> None:
    """Set the module global; Trio reads it for each batch."""
    vars(_scheduler)["_ALLOW_DETERMINISTIC_SCHEDULING"] = sorts


class AlwaysAwake(SuspensionWatch):
    """What the library asks for suspensions of the machine: virtual time knows none."""

    def tell(self, listener: ResumeListener) -> None:
        """Do nothing."""

    def tell_no_more(self, listener: ResumeListener) -> None:
        """Do nothing."""


@contextmanager
def repeatable_run(seed: int) -> Generator[None]:
    """Let a Trio run do again what it has done with the same seed, for a block.

    What the library shares within a run is replaced by something new,
    and what it draws by lot comes from the seed.
    So one network does not depend on what another left, and nothing looks at real clocks.
    """
    with (
        seeded_scheduler(seed),
        current_chance.replaced_by(source(seed, "chance")),
        current_checkpoint_budget.replaced_by(CheckpointBudget()),
        current_throttle.replaced_by(Throttle()),
        watch_for_suspension.replaced_by(AlwaysAwake()),
    ):
        yield


drawn_seeds: deque[int] = deque(maxlen=16)
"""The last seeds that were not given by a test; pytest's plugin reads them."""


def source(seed: int, purpose: str) -> Random:
    """Return what is drawn from for a purpose, so that another purpose does not change it."""
    return Random(f"{seed} {purpose}")


def choose_seed(seed: int | None) -> int:
    """Return `seed`, or what the environment says, or a fresh one.

    Raises:
        TypeError: the seed is not an int.
        ValueError: what the environment says is not one.
    """
    if seed is None:
        seed = _draw_seed()
        drawn_seeds.append(seed)
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an int or None, not {type(seed).__name__}")
    return seed


def _draw_seed() -> int:
    text = os.environ.get(VARIABLE)
    if text is None:
        return int.from_bytes(os.urandom(4), "big")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{VARIABLE} must be a whole number; got {text!r}") from None


def how_to_repeat(seed: int | None) -> str:
    """Return the command that does this run again; with a seed, if the code has none."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    if test:
        option = "" if seed is None else f" --trio-ws-seed={seed}"
        return f"pytest {shlex.quote(test)}{option}"
    variable = "" if seed is None else f"{VARIABLE}={seed} "
    return f"{variable}{shlex.join(['python', *sys.argv])}"
