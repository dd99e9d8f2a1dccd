"""Doing the same again: the order of tasks, seeds, and what a run shares."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._concurrency.chance import current_chance
from trio_ws._concurrency.checkpoints import current_checkpoint_budget
from trio_ws._concurrency.suspension import watch_for_suspension
from trio_ws._supervision.throttle import current_throttle
from trio_ws.testing import _determinism as determinism
from trio_ws.testing._determinism import (
    VARIABLE,
    choose_seed,
    drawn_seeds,
    how_to_repeat,
    repeatable_run,
    seeded_scheduler,
)


def order_of_tasks(seed: int) -> list[int]:
    """Return in which order 20 tasks run, five times each."""
    order: list[int] = []

    async def task(number: int) -> None:
        for _ in range(5):
            order.append(number)
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        with seeded_scheduler(seed):
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(task, number)

    trio.run(main)
    return order


def test_a_seed_is_an_order_of_tasks() -> None:
    """The same seed runs tasks in the same order, and other seeds in others."""
    first = order_of_tasks(1)
    assert all(order_of_tasks(1) == first for _ in range(10))
    assert len({tuple(order_of_tasks(seed)) for seed in range(10)}) == 10


def test_the_scheduler_is_left_as_it_was() -> None:
    """Behind the block Trio draws on from where it was."""
    scheduler: Any = trio._core._run
    scheduler._r.seed(99)
    expected = scheduler._r.random()
    scheduler._r.seed(99)
    for sorts in (False, True):
        determinism._sort_batches(sorts)
        with seeded_scheduler(1):
            scheduler._r.random()
            assert scheduler._ALLOW_DETERMINISTIC_SCHEDULING is True
        assert scheduler._ALLOW_DETERMINISTIC_SCHEDULING is sorts
    assert scheduler._r.random() == expected


def test_a_trio_that_has_no_such_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Trio draws from something else, only the order of tasks is left to chance."""
    monkeypatch.setattr(determinism, "_scheduler", None)
    with seeded_scheduler(1):
        assert trio._core._run._r.random() != 0.13436424411240122


def test_a_seed_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what it is, whatever the environment says."""
    monkeypatch.setenv(VARIABLE, "5")
    drawn_seeds.clear()
    assert choose_seed(7) == 7
    assert list(drawn_seeds) == []


def test_a_seed_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one the environment is asked, then chance; both are written down."""
    monkeypatch.setenv(VARIABLE, "5")
    drawn_seeds.clear()
    assert choose_seed(None) == 5
    monkeypatch.delenv(VARIABLE)
    drawn = {choose_seed(None) for _ in range(10)}
    assert len(drawn) > 5
    assert {5, *drawn} == set(drawn_seeds)


def test_seeds_that_make_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed is a whole number."""
    monkeypatch.setenv(VARIABLE, "five")
    with pytest.raises(ValueError, match="TRIO_WS_SEED must be a whole number; got 'five'"):
        choose_seed(None)
    for seed in (True, "7"):
        with pytest.raises(TypeError, match=r"seed must be an int or None, not (bool|str)"):
            choose_seed(seed)  # type: ignore[arg-type]


def test_how_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under pytest it is pytest's command, otherwise the program's; a given seed is in the code."""
    test = "tests/test_x.py::test_y[a b]"
    monkeypatch.setitem(os.environ, "PYTEST_CURRENT_TEST", f"{test} (call)")
    assert how_to_repeat(7) == f"pytest '{test}' --trio-ws-seed=7"
    assert how_to_repeat(None) == f"pytest '{test}'"
    monkeypatch.delitem(os.environ, "PYTEST_CURRENT_TEST")
    monkeypatch.setattr(sys, "argv", ["app.py", "--fast"])
    assert how_to_repeat(7) == "TRIO_WS_SEED=7 python app.py --fast"
    assert how_to_repeat(None) == "python app.py --fast"


async def test_what_a_run_shares_is_fresh(autojump_clock: trio.testing.MockClock) -> None:
    """Inside there are others than outside, and no task that looks at real clocks."""
    shared = current_chance, current_checkpoint_budget, current_throttle, watch_for_suspension
    outside = [ask() for ask in shared]
    with repeatable_run(1):
        inside = [ask() for ask in shared]
        assert all(a is not b for a, b in zip(inside, outside, strict=True))
        with watch_for_suspension().kept_going():
            await trio.sleep(3600)
            names = [task.name for task in system_tasks()]
    assert not [name for name in names if "suspension" in name]
    assert [ask() for ask in shared] == outside


def system_tasks() -> list[trio.lowlevel.Task]:
    """List the tasks beside the main task."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return [task for nursery in root.child_nurseries for task in nursery.child_tasks]
