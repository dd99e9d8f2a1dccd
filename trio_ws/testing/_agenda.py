"""What happens when in a simulated network: plain functions, called at their times.

A network in virtual time is a discrete-event simulation.
Nothing in it waits by itself: a segment that takes 30 ms to arrive is an entry in the agenda,
"at 12.030 call `Wire._arrive`".
One task sleeps until the first entry is due.
Trio's virtual clock (`trio.testing.MockClock`) jumps there when all tasks wait.

The functions do not wait, so nothing can come between two halves of a change.
Entries of the same time are called in the order in which they were made:
a simulation that is repeated does the same again.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import NoReturn, TypeAlias

import trio

Call: TypeAlias = Callable[[], object]


class Agenda:
    """A list of calls to be made, and the task that makes them."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Call]] = []
        self._numbers = itertools.count()
        self._sleep = trio.CancelScope()

    def at(self, when: float, call: Call) -> None:
        """Call `call()` when the clock of the run shows `when`."""
        heapq.heappush(self._entries, (when, next(self._numbers), call))
        if when < self._sleep.deadline:
            self._sleep.deadline = when

    async def run(self) -> NoReturn:
        """Make the calls, until cancelled."""
        while True:
            self._call_what_is_due(trio.current_time())
            # An entry is due only after `at` lowered the deadline, so none is missed.
            with trio.CancelScope(deadline=self._next()) as self._sleep:
                await trio.sleep_forever()

    def _call_what_is_due(self, now: float) -> None:
        while self._entries and self._entries[0][0] <= now:
            _, _, call = heapq.heappop(self._entries)
            call()

    def _next(self) -> float:
        return self._entries[0][0] if self._entries else float("inf")
