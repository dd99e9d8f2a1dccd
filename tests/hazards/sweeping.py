"""What the cancellation sweeps share: run again and again, cancelled one step later each time.

`Steps` counts the steps of all tasks, ours and the other side's, since each of them
is an instant at which a cancellation may come.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from ..wires import Steps

some_or_all = pytest.mark.parametrize(
    "stride", [23, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
just_after_or_before = pytest.mark.parametrize("after", [True, False], ids=["after", "before"])


def sweep(run: Callable[[Steps], Awaitable[None]], *, after: bool, stride: int) -> int:
    """Run once for each step, or for some; return how many there were."""
    for at in itertools.count(1, stride):
        steps = Steps(trio.CancelScope(), at, after=after)
        try:
            trio.run(run, steps, clock=trio.testing.MockClock(autojump_threshold=0))
        except BaseException as error:
            error.add_note(f"cancelled {'after' if after else 'before'} step {at}")
            raise
        if steps.cancelled_at is None:
            return at
    raise AssertionError
