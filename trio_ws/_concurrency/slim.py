"""Where tasks wait until another task wakes them.

`trio.lowlevel.ParkingLot` and `trio.Event` take some 400 and 250 bytes even when no task waits.
A connection has several places to wait at, and most connections are idle most of the time;
these take next to nothing while they are empty, and little with one task in them.

A task may have its place in a lot and wait for something else as well (`Elsewhere`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable
from typing import final

import trio


class Elsewhere(ABC):
    """What a task waits for that has its place in a lot, and is not parked there."""

    __slots__ = ()

    @abstractmethod
    def wait(self) -> Awaitable[None]:
        """Return an awaitable: it waits for that; then `release`.

        Raises:
            trio.ClosedResourceError: `wake` came before that.
            OSError: the system refuses.
        """

    @abstractmethod
    def release(self) -> None:
        """Note that the task waits no longer."""

    @abstractmethod
    def wake(self) -> None:
        """End the wait, if the task still waits: its turn in the lot has come."""


@final
class _Leave:
    """What Trio calls when a parked task is cancelled; a partial function takes more memory."""

    __slots__ = ("_lot", "_task")

    def __init__(self, lot: SlimParkingLot, task: trio.lowlevel.Task) -> None:
        self._lot = lot
        self._task = task

    def __call__(self, _: object) -> trio.lowlevel.Abort:
        self._lot.forget(self._task)
        return trio.lowlevel.Abort.SUCCEEDED


@final
class SlimParkingLot:
    """A parking lot: tasks leave it in the order in which they came."""

    __slots__ = ("_parked",)

    def __init__(self) -> None:
        # Most lots have one task or none, and a tuple of one takes half of the memory of a list.
        self._parked: tuple[trio.lowlevel.Task | Elsewhere, ...] = ()

    def __len__(self) -> int:
        return len(self._parked)

    @trio.lowlevel.enable_ki_protection
    async def park(self) -> None:
        """Wait until woken; a checkpoint."""
        await self.parking()

    def parking(self, *, first: bool = False) -> Awaitable[object]:
        """Return an awaitable that waits until woken; a checkpoint.

        To be awaited at once, in a task that a Ctrl-C does not reach.
        A task that was woken too early comes back as the `first`.
        This is no coroutine function itself: an idle connection would have to keep its frame.
        """
        task = trio.lowlevel.current_task()
        if first:
            self._parked = (task, *self._parked)
        else:
            self._parked += (task,)
        leave = _Leave(self, task)
        return trio.lowlevel.wait_task_rescheduled(leave)  # noqa: ASYNC105 - by the caller

    def forget(self, task: trio.lowlevel.Task | Elsewhere) -> None:
        """Forget a task that waits no longer."""
        at = self._parked.index(task)
        self._parked = self._parked[:at] + self._parked[at + 1 :]

    @property
    def first_is_parked(self) -> bool:
        """Return True if the task that has waited longest is parked here: it runs when it is woken.

        One that waits elsewhere may have been cancelled in this turn.
        """
        return isinstance(next(iter(self._parked), None), trio.lowlevel.Task)

    def enter(self, place: Elsewhere) -> None:
        """Let a task that waits elsewhere be woken like the others; it has to `leave`."""
        self._parked += (place,)

    def leave(self, place: Elsewhere) -> bool:
        """Give up a place; return False if its turn had come."""
        if place not in self._parked:
            return False
        self.forget(place)
        return True

    def unpark(self, count: int = 1) -> None:
        """Wake those who have waited longest, at most so many."""
        if self._parked:
            woken, self._parked = self._parked[:count], self._parked[count:]
            _wake(woken)

    def unpark_all(self) -> None:
        """Wake all tasks."""
        parked, self._parked = self._parked, ()
        _wake(parked)


def _wake(parked: Iterable[trio.lowlevel.Task | Elsewhere]) -> None:
    for each in parked:
        if isinstance(each, trio.lowlevel.Task):  # asked the other way it would take longer
            trio.lowlevel.reschedule(each)
        else:
            each.wake()


@final
class SlimEvent:
    """An event: a task that waits for it goes on when it is set, or at once if it was."""

    __slots__ = ("_is_set", "_lot")

    def __init__(self) -> None:
        self._is_set = False
        self._lot: SlimParkingLot | None = None

    def is_set(self) -> bool:
        """Return True if it has happened."""
        return self._is_set

    def set(self) -> None:
        """Note that it has happened, and wake all tasks that wait for it."""
        self._is_set = True
        if self._lot is not None:
            self._lot.unpark_all()

    @trio.lowlevel.enable_ki_protection
    async def wait(self) -> None:
        """Wait until it has happened; a checkpoint."""
        if self._is_set:
            await trio.lowlevel.checkpoint()
            return
        if self._lot is None:
            self._lot = SlimParkingLot()
        await self._lot.park()
