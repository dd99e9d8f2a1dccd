"""Where tasks wait until somebody wakes them.

`trio.lowlevel.ParkingLot` and `trio.Event` take some 400 and 250 bytes even when nobody waits.
A connection has several places to wait at, and most connections are idle most of the time;
this one takes next to nothing while it is empty, and little with one task in it.
"""

from __future__ import annotations

from typing import final

import trio


@final
class QuietLot:
    """A parking lot: tasks leave it in the order in which they came."""

    __slots__ = ("_parked",)

    def __init__(self) -> None:
        self._parked: list[trio.lowlevel.Task] = []

    def __len__(self) -> int:
        return len(self._parked)

    async def park(self) -> None:
        """Wait until woken; a checkpoint."""
        task = trio.lowlevel.current_task()
        parked = self._parked

        def abort(_: object) -> trio.lowlevel.Abort:
            parked.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        parked.append(task)
        await trio.lowlevel.wait_task_rescheduled(abort)

    def unpark(self, count: int = 1) -> None:
        """Wake those who have waited longest, at most so many."""
        woken = self._parked[:count]
        del self._parked[:count]
        for task in woken:
            trio.lowlevel.reschedule(task)

    def unpark_all(self) -> None:
        """Wake everybody."""
        self.unpark(len(self._parked))
