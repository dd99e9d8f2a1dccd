"""`trio_ws._parking`: a parking lot that is made when somebody parks."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from trio_ws._parking import QuietLot


async def test_nobody() -> None:
    """An empty lot is empty, and waking nobody does nothing."""
    lot = QuietLot()
    lot.unpark_all()
    assert len(lot) == 0
    assert not lot


async def test_everybody() -> None:
    """Whoever parks waits until all are woken."""
    lot = QuietLot()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lot.park)
        await wait_all_tasks_blocked()
        assert len(lot) == 3
        lot.unpark_all()
        assert len(lot) == 0


async def test_cancelled() -> None:
    """Who is cancelled while parked leaves no trace."""
    lot = QuietLot()
    with trio.move_on_after(0) as scope:
        await lot.park()
    assert scope.cancelled_caught
    assert len(lot) == 0
