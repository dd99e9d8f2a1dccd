"""`_concurrency.slim`: a parking lot and an event that cost nothing until somebody waits."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from trio_ws._concurrency.slim import Elsewhere, SlimEvent, SlimParkingLot


async def test_nobody() -> None:
    """An empty lot is empty, and waking nobody does nothing."""
    lot = SlimParkingLot()
    lot.unpark()
    lot.unpark_all()
    assert len(lot) == 0
    assert not lot


async def test_everybody() -> None:
    """Whoever parks waits until all are woken."""
    lot = SlimParkingLot()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lot.park)
        await wait_all_tasks_blocked()
        assert len(lot) == 3
        lot.unpark_all()
        assert len(lot) == 0


async def test_who_runs_when_woken() -> None:
    """The first runs for certain if it is parked, and not if it waits elsewhere."""
    lot = SlimParkingLot()
    assert not lot.first_is_parked
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lot.park)
        await wait_all_tasks_blocked()
        lot.enter(Other())
        assert lot.first_is_parked
        lot.unpark()
        assert not lot.first_is_parked


async def test_cancelled() -> None:
    """Who is cancelled while parked leaves no trace."""
    lot = SlimParkingLot()
    with trio.move_on_after(0) as scope:
        await lot.park()
    assert scope.cancelled_caught
    assert len(lot) == 0


class Other(Elsewhere):
    """Something else to wait for, that never comes; it counts how often it is woken."""

    def __init__(self) -> None:
        self.wakes = 0

    def wait(self) -> Awaitable[None]:
        return trio.sleep_forever()  # noqa: ASYNC105 - by the caller

    def release(self) -> None:
        raise AssertionError

    def wake(self) -> None:
        self.wakes += 1


async def test_elsewhere() -> None:
    """A task that waits elsewhere has its turn like the others, once."""
    lot, other = SlimParkingLot(), Other()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lot.park)
        await wait_all_tasks_blocked()
        lot.enter(other)
        nursery.start_soon(lot.park)
        await wait_all_tasks_blocked()
        assert len(lot) == 3
        lot.unpark()
        assert other.wakes == 0
        lot.unpark()
        assert other.wakes == 1
        assert len(lot) == 1
        lot.enter(other)
        lot.unpark_all()
        assert other.wakes == 2
    assert not lot.leave(other)


async def test_elsewhere_and_left() -> None:
    """A place that was given up is not woken, and the others keep theirs."""
    lot, other, third = SlimParkingLot(), Other(), Other()
    lot.enter(other)
    assert lot.leave(other)
    assert not lot
    assert not lot.leave(other)
    for each in (other, third):
        lot.enter(each)
    assert lot.leave(other)
    lot.unpark_all()
    assert (other.wakes, third.wakes) == (0, 1)


async def test_in_their_order() -> None:
    """Those who have waited longest are woken first, and who has left is not counted."""
    lot = SlimParkingLot()
    woken: list[int] = []
    scopes = [trio.CancelScope() for _ in range(6)]

    async def park(number: int) -> None:
        with scopes[number]:
            await lot.park()
            woken.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(park, number)
            await wait_all_tasks_blocked()
        scopes[1].cancel()
        await wait_all_tasks_blocked()
        for count, expected in ((1, [0]), (2, [0, 2, 3]), (0, [0, 2, 3]), (9, [0, 2, 3, 4, 5])):
            lot.unpark(count)
            await wait_all_tasks_blocked()
            assert sorted(woken) == expected


def test_ctrl_c_waits(  # in a run of its own: it is for the main task
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Ctrl-C between the entry in the list and the wait is felt in the wait, without a trace."""
    lot = SlimParkingLot()
    wait = trio.lowlevel.wait_task_rescheduled

    async def pressed(abort: Callable[[object], trio.lowlevel.Abort]) -> object:
        signal.raise_signal(signal.SIGINT)
        return await wait(abort)

    async def main() -> None:
        monkeypatch.setattr(trio.lowlevel, "wait_task_rescheduled", pressed)
        await lot.park()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert len(lot) == 0


async def test_event() -> None:
    """Whoever waits for an event waits until it is set."""
    event = SlimEvent()
    assert not event.is_set()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(event.wait)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 2
        event.set()
    assert event.is_set()


async def test_event_that_is_set() -> None:
    """To wait for what has happened is a checkpoint, and no more."""
    event = SlimEvent()
    event.set()
    event.set()
    with assert_checkpoints():
        await event.wait()


async def test_a_task_that_keeps_its_place() -> None:
    """A task that comes back as the first is woken before the others."""
    lot, woken = SlimParkingLot(), []

    async def wait(name: str, first: bool) -> None:
        await lot.parking(first=first)
        woken.append(name)

    async with trio.open_nursery() as nursery:
        for name, first in (("a", False), ("b", False), ("c", True)):
            nursery.start_soon(wait, name, first)
            await wait_all_tasks_blocked()
        for _ in range(3):
            lot.unpark()
            await wait_all_tasks_blocked()
    assert woken == ["c", "a", "b"]
