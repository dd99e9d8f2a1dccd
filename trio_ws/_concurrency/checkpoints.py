"""When a call that need not wait yields all the same (P11).

Trio's rule is that every async function is a checkpoint: it notices a cancellation
and lets other tasks run.  A full checkpoint costs many times as much as a check for cancellation,
which is most of the cost of taking a small message from a queue.
So a call that can be answered at once always checks for cancellation,
but it lets others run only once in `CALLS` calls, when `BYTES` bytes have passed,
or `SECONDS` seconds since they could, counted over the whole Trio run:
a burst on one connection, or one message each on a hundred connections,
keeps no other task waiting longer than that, whatever is done between the calls.
A call that has waited has let them run: what counts begins anew.

This is the one place where we are less strict than Trio itself:
`trio.testing.assert_checkpoints` does not hold for a single call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter

import trio
from trio.lowlevel import checkpoint, checkpoint_if_cancelled

from .per_run import PerRun

CALLS = 128
"""With the smallest messages these take a fifth of a millisecond."""

BYTES = 512 * 1024
"""About twice what is read at once: what one read has brought may be answered in one turn."""

SECONDS = 0.005


class CheckpointBudget:
    """What the calls of one Trio run have left before one of them must yield."""

    __slots__ = ("_bytes", "_calls", "_now", "_until")

    def __init__(self) -> None:
        self._calls = CALLS
        self._bytes = BYTES
        self._now = fastest(trio.lowlevel.current_clock())
        self._until = self._now() + SECONDS

    def checkpoint(self, size: int) -> Awaitable[None]:
        """Return an awaitable that checks for cancellation, and yields if it is time to.

        `size` is in bytes.  This is no coroutine function itself: one frame less on a hot path.
        """
        calls = self._calls
        left = self._bytes - size
        now = self._now()
        if calls > 1 and left >= 0 and now < self._until:
            self._calls = calls - 1
            self._bytes = left
            return checkpoint_if_cancelled()  # noqa: ASYNC105 - by the caller
        self._calls = CALLS
        self._until = now + SECONDS
        self._bytes = BYTES - size
        return checkpoint()  # noqa: ASYNC105 - by the caller

    def renew(self) -> None:
        """Note that other tasks could run just now: the caller has waited."""
        self._calls = CALLS
        self._bytes = BYTES
        self._until = self._now() + SECONDS


def fastest(clock: trio.abc.Clock) -> Callable[[], float]:
    """Return what tells how time passes on a clock, for intervals only.

    If a second of the clock is a second of the system, the system's own counter tells it,
    which is quicker than to ask the clock.  In virtual time only the clock knows.
    """
    passes = clock.deadline_to_sleep_time(clock.current_time() + 100)
    return perf_counter if 99 < passes <= 100 else clock.current_time


current_checkpoint_budget = PerRun("trio_ws.checkpoints", CheckpointBudget)
"""Return the budget of the present Trio run."""
