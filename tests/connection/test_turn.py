"""`trio_ws._connection.turn`: a lock whose waiters are woken when the connection ends."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from trio_ws._connection.turn import Turn


async def wait(turn: Turn, number: int, log: list[tuple[int, bool]]) -> None:
    """Wait for the turn and note what came of it."""
    log.append((number, await turn.acquire()))


async def test_order_of_arrival() -> None:
    """The turn goes to the task that has waited longest, and no other overtakes it."""
    turn, log = Turn(), list[tuple[int, bool]]()
    assert await turn.acquire()
    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(wait, turn, number, log)
            await wait_all_tasks_blocked()
        assert len(turn) == 3
        turn.release()
        nursery.start_soon(wait, turn, 3, log)  # it comes before the first has run
        for number in range(4):
            await wait_all_tasks_blocked()
            assert log == [(each, True) for each in range(number + 1)]
            assert turn.is_held
            turn.release()
    assert not turn.is_held


async def test_a_cancelled_task_gives_way() -> None:
    """A task that is cancelled while it waits is passed over."""
    turn, log = Turn(), list[tuple[int, bool]]()
    assert await turn.acquire()
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            scope.cancel()
            await turn.acquire()
        assert scope.cancelled_caught
        assert len(turn) == 0
        nursery.start_soon(wait, turn, 1, log)
        await wait_all_tasks_blocked()
        turn.release()
    assert log == [(1, True)]


async def test_a_turn_is_not_lost_with_a_cancelled_task() -> None:
    """A turn that is handed to a task in the moment of its cancellation goes to the next."""
    turn, log = Turn(), list[tuple[int, bool]]()
    assert await turn.acquire()
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as cancelled:
                cancelled.start_soon(wait, turn, 0, log)
                await wait_all_tasks_blocked()
                nursery.start_soon(wait, turn, 1, log)
                await wait_all_tasks_blocked()
                scope.cancel()
                turn.release()
    assert log == [(1, True)]
    turn.release()
    assert not turn.is_held


async def test_closed() -> None:
    """When it is closed, a task that waits is woken without the turn, and none waits any more."""
    turn, log = Turn(), list[tuple[int, bool]]()
    assert await turn.acquire()
    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(wait, turn, number, log)
            await wait_all_tasks_blocked()
        turn.release()
        turn.close()
    assert sorted(log) == [(0, True), (1, False), (2, False)]
    assert len(turn) == 0
    assert not await turn.acquire()
    turn.release()
    assert not turn.is_held
    assert await turn.acquire()


async def test_made_after_the_end() -> None:
    """A turn that is made when all is over may be had once, and is not waited for."""
    turn = Turn(closed=True)
    assert await turn.acquire()
    assert not await turn.acquire()
