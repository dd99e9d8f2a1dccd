"""`_concurrency.checkpoints`: calls that need not wait yield at 128, 512 KiB or 5 ms (P11)."""

from __future__ import annotations

from time import perf_counter

import pytest
import trio
import trio.testing

from trio_ws._concurrency.checkpoints import (
    BYTES,
    CALLS,
    SECONDS,
    CheckpointBudget,
    current_checkpoint_budget,
    fastest,
)

Clock = trio.testing.MockClock


class Yields(trio.abc.Instrument):
    """Counts how often the task that made it has given way to others."""

    def __init__(self) -> None:
        self.count = 0
        self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self._task


async def yields_of(pace: CheckpointBudget, sizes: list[int]) -> list[int]:
    """Call once for each size and tell which calls, counted from 1, yielded."""
    yields = Yields()
    trio.lowlevel.add_instrument(yields)
    found = []
    for number, size in enumerate(sizes, start=1):
        before = yields.count
        await pace.checkpoint(size)
        if yields.count > before:
            found.append(number)
    trio.lowlevel.remove_instrument(yields)
    return found


async def test_calls(autojump_clock: Clock) -> None:
    """Of calls that cost nothing, every 128th yields and no other."""
    assert CALLS == 128
    assert await yields_of(CheckpointBudget(), [0] * 400) == [128, 256, 384]


async def test_bytes(autojump_clock: Clock) -> None:
    """A call yields that would pass 512 KiB since the last that did."""
    assert BYTES == 512 * 1024
    quarter = BYTES // 4
    assert await yields_of(CheckpointBudget(), [quarter] * 10) == [5, 9]
    assert await yields_of(CheckpointBudget(), [quarter - 1] * 12) == [5, 9]
    assert await yields_of(CheckpointBudget(), [BYTES - 1, 1, 1]) == [3]


async def test_large_calls(autojump_clock: Clock) -> None:
    """A call of more than 512 KiB yields, and one of 512 KiB or more makes the next one yield."""
    assert await yields_of(CheckpointBudget(), [BYTES] * 6) == [2, 3, 4, 5, 6]
    assert await yields_of(CheckpointBudget(), [10 * BYTES, 1, BYTES, 1]) == [1, 2, 3, 4]
    assert await yields_of(CheckpointBudget(), [0] * 127 + [BYTES] + [0] * 128) == [128, 256]
    assert await yields_of(CheckpointBudget(), [0] * 20 + [BYTES] + [1] + [0] * 129) == [22, 150]


async def test_seconds(autojump_clock: Clock) -> None:
    """A call yields if others could not run for 5 ms, and the next ones need not."""
    assert SECONDS == 0.005
    budget = CheckpointBudget()
    assert await yields_of(budget, [0, 0]) == []
    autojump_clock.jump(0.0049)
    assert await yields_of(budget, [0]) == []
    autojump_clock.jump(0.0001)
    assert await yields_of(budget, [0, 0]) == [1]


async def test_renew(autojump_clock: Clock) -> None:
    """What has waited need not yield at once, however long it took."""
    budget = CheckpointBudget()
    autojump_clock.jump(1)
    budget.renew()
    autojump_clock.jump(0.0049)
    assert await yields_of(budget, [0]) == []
    autojump_clock.jump(0.0001)
    assert await yields_of(budget, [0]) == [1]


@pytest.mark.parametrize("sizes", [[0] * (CALLS - 1), [BYTES]])
async def test_renew_all(sizes: list[int], autojump_clock: Clock) -> None:
    """What has waited has all calls and all bytes before it again."""
    budget = CheckpointBudget()
    assert await yields_of(budget, sizes) == []
    budget.renew()
    assert await yields_of(budget, sizes) == []
    assert await yields_of(budget, [1]) == [1]


async def test_the_clock_of_virtual_time(autojump_clock: Clock) -> None:
    """What counts is the run's own time, of which the system knows nothing."""
    assert fastest(autojump_clock) == autojump_clock.current_time
    autojump_clock.rate = 10.0
    assert fastest(autojump_clock) == autojump_clock.current_time
    autojump_clock.rate = 1.0
    assert fastest(autojump_clock) is perf_counter


async def test_the_clock_of_the_system() -> None:
    """Where time passes as everywhere, the system's counter tells it, which is fastest."""
    assert fastest(trio.lowlevel.current_clock()) is perf_counter


@pytest.mark.parametrize("before", [0, 1, CALLS - 2, CALLS - 1])
async def test_cancellation(before: int, autojump_clock: Clock) -> None:
    """Every call notices a cancellation, whether or not it would yield."""
    pace = CheckpointBudget()
    for _ in range(before):
        await pace.checkpoint(0)
    with trio.CancelScope() as scope:
        scope.cancel()
        await pace.checkpoint(0)
    assert scope.cancelled_caught


async def test_one_pace_per_run() -> None:
    """Whoever asks within one Trio run gets the same pace: what one call uses up others lack."""
    assert current_checkpoint_budget() is current_checkpoint_budget()


def test_another_run_has_another_pace() -> None:
    """Two Trio runs do not share a pace."""

    async def ask() -> CheckpointBudget:
        return current_checkpoint_budget()

    assert trio.run(ask) is not trio.run(ask)
