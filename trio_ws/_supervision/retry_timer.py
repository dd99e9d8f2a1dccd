"""The wait before the next attempt, which two things can cut short.

`Supervisor.retry_now` does, and so does a machine that wakes up from sleep.
While it slept, Trio's clock stood still; what was worth waiting for is long over.
All machines of a building may wake up together, so this attempt has a little jitter.
What the server asked for (``Retry-After``, 1012) still holds, less the time slept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager

import trio

from .._concurrency.suspension import watch_for_suspension

RESUME_JITTER = 1.0
"""Within so many seconds after the machine woke up the next attempt begins."""


class RetryTimer:
    """A time that is waited for, and may be brought forward.

    Attributes:
        due: when the next attempt begins, as a time of Trio's clock.
        resumed: whether the machine woke up from sleep during the last wait.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self.due = -math.inf
        self.resumed = False
        self._not_before = -math.inf
        self._jitter = jitter
        self._moved = trio.Event()

    @contextmanager
    def running(self, due: float, *, not_before: float = -math.inf) -> Generator[None]:
        """Begin a wait, and listen for the end of a sleep of the machine meanwhile.

        `not_before` is when the server may be asked again: a sleep counts as waiting for that.
        """
        self.due = due
        self._not_before = not_before
        self.resumed = False
        watch = watch_for_suspension()
        watch.tell(self)
        try:
            yield
        finally:
            watch.tell_no_more(self)

    def bring_forward(self, due: float) -> None:
        """Let the wait end at `due`, unless it ends before."""
        self.due = min(self.due, due)
        self._moved.set()

    def probe(self, slept: float) -> None:
        """Let the wait end soon: the machine was suspended (`_concurrency.suspension`)."""
        self.resumed = True
        self._not_before -= slept  # Trio's clock stood still, and the server's did not
        soon = trio.current_time() + RESUME_JITTER * self._jitter()
        self.bring_forward(max(soon, self._not_before))

    async def wait(self, until: float = math.inf) -> None:
        """Wait for the next attempt, or for the time `until`."""
        while min(self.due, until) > trio.current_time():
            self._moved = trio.Event()
            with trio.move_on_at(min(self.due, until)):
                await self._moved.wait()
