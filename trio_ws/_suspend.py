"""Noticing that the machine was suspended.

While a laptop sleeps, Trio's clock stands still, and so do all deadlines.
When it wakes, every connection may long be dead,
but the leases think that no time has passed and would wait out what is left of them.

Linux has a second clock, which goes on in suspend (``CLOCK_BOOTTIME``).
Once in `INTERVAL` seconds one task for the whole Trio run compares the two;
when the second has gained on the first, every connection asks its peer for a sign of life at once.
The task comes with the first connection.  When it looks and finds no connection it goes;
it does not go with the last one, since on many servers the next is there in a moment.
Where there is no such clock it is not started.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import trio

INTERVAL = 5.0
"""How many seconds pass between two looks at the clocks."""

GAINED = 1.0
"""So many seconds more on the second clock mean that the machine was suspended."""


class Probed(Protocol):
    """What wants to be told."""

    def probe(self) -> None:
        """The machine was suspended."""


def seconds_suspended() -> float:
    """For how long the machine has been suspended since it was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class SuspensionWatch:
    """Tells the connections of one Trio run; see the top of this file."""

    def __init__(self, clock: Callable[[], float] = seconds_suspended) -> None:
        self._clock = clock
        self._listeners: dict[Probed, None] = {}
        self._has_clock = hasattr(time, "CLOCK_BOOTTIME")
        self._watching = False
        self._before = 0.0

    def tell(self, listener: Probed) -> None:
        """Call ``listener.probe()`` after each suspension from now on."""
        if self._has_clock and not self._listeners:
            self._begin()
        self._listeners[listener] = None

    def tell_no_more(self, listener: Probed) -> None:
        """Forget `listener`."""
        del self._listeners[listener]

    def _begin(self) -> None:
        """What passed while nobody listened concerns nobody."""
        self._before = self._clock()
        if not self._watching:
            self._watching = True
            trio.lowlevel.spawn_system_task(self._watch)

    async def _watch(self) -> None:
        try:
            while self._listeners:
                await trio.sleep(INTERVAL)
                now = self._clock()
                if now - self._before > GAINED:
                    for listener in list(self._listeners):
                        listener.probe()
                self._before = now
        finally:
            self._watching = False


_watch: trio.lowlevel.RunVar[SuspensionWatch] = trio.lowlevel.RunVar("trio_ws.suspension")


def watch_for_suspension() -> SuspensionWatch:
    """The watch of the Trio run that we are in."""
    try:
        return _watch.get()
    except LookupError:
        watch = SuspensionWatch()
        _watch.set(watch)
        return watch
