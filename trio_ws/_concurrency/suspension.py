"""Noticing that the machine was suspended.

While a laptop sleeps, Trio's clock stands still, and so do all deadlines.
When it wakes, every connection may long be dead,
but the leases think that no time has passed and would wait out what is left of them.

Linux has a second clock, which goes on in suspend (``CLOCK_BOOTTIME``).
Once in `INTERVAL` seconds one task for the whole Trio run compares the two;
when the second has gained on the first, every connection asks its peer for a sign of life at once.
The task begins with the first connection, and ends when its time to look comes and there is none:
one that came and went with each of them would cost more than it saves.
A server, which expects some, keeps it going.
A system may have no such clock, or refuse it (a sandbox): then it is asked once, and no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Protocol

import trio

from .per_run import PerRun

INTERVAL = 5.0
"""How many seconds pass between two looks at the clocks."""

SUSPEND_THRESHOLD = 1.0
"""So many seconds more on the second clock mean that the machine was suspended."""


class ResumeListener(Protocol):
    """Something that acts when the machine has been suspended."""

    def probe(self, slept: float) -> None:
        """Act on it: the machine was suspended, for so many seconds."""


def seconds_suspended() -> float:
    """Return for how many seconds the machine has been suspended since it was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class SuspensionWatch:
    """Tells the connections of one Trio run; see the top of this file."""

    def __init__(self, clock: Callable[[], float] = seconds_suspended) -> None:
        self._clock = clock
        self._listeners: dict[ResumeListener, None] = {}
        self._is_watching = False
        self._refused = False
        self._seen: float | None = None

    def tell(self, listener: ResumeListener) -> None:
        """Call ``listener.probe(slept)`` after each suspension from now on."""
        if self._is_watching and not self._listeners and (now := self._look()) is not None:
            self._seen = now  # a suspension before it came is no news to it
        self._listeners[listener] = None
        if not self._is_watching and not self._refused:
            self._is_watching = True
            trio.lowlevel.spawn_system_task(self._watch)

    def tell_no_more(self, listener: ResumeListener) -> None:
        """Forget `listener`."""
        del self._listeners[listener]

    @property
    def listeners(self) -> tuple[ResumeListener, ...]:
        """Return what is told: every connection of the run, and what else wants to know."""
        return tuple(self._listeners)

    @contextmanager
    def kept_going(self) -> Generator[None]:
        """Watch for the length of a block, with listeners or without."""
        silent = _SilentListener()
        self.tell(silent)
        try:
            yield
        finally:
            self.tell_no_more(silent)

    async def _watch(self) -> None:
        self._seen = self._look()
        while self._seen is not None:
            await trio.sleep(INTERVAL)
            now = self._look() if self._listeners else None
            if now is not None and (slept := now - self._seen) > SUSPEND_THRESHOLD:
                for listener in list(self._listeners):
                    listener.probe(slept)
            self._seen = now
        self._is_watching = False

    def _look(self) -> float | None:
        """Look at the clocks; None if the system has no such clock, or refuses it."""
        try:
            return self._clock()
        except (AttributeError, OSError):  # in a system task it would end the whole run
            self._refused = True
            return None


class _SilentListener:
    """A listener that has no peer to ask."""

    def probe(self, slept: float) -> None:
        """Do nothing."""


watch_for_suspension = PerRun("trio_ws.suspension", SuspensionWatch)
"""Return the watch of the present Trio run."""
