"""`trio_ws._supervision.retry_timer`: a wait that two things cut short."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_ws._concurrency.suspension import INTERVAL, SuspensionWatch, watch_for_suspension
from trio_ws._supervision import retry_timer
from trio_ws._supervision.retry_timer import RESUME_JITTER, RetryTimer


def half() -> float:
    return 0.5


async def test_a_wait(autojump_clock: MockClock) -> None:
    """It ends when it is due, or at the time until which it is to last."""
    timer = RetryTimer(half)
    with timer.running(10):
        await timer.wait(4)
        assert trio.current_time() == 4
        await timer.wait()
        assert trio.current_time() == 10
        await timer.wait()
    assert not timer.resumed


async def test_brought_forward(autojump_clock: MockClock) -> None:
    """It ends earlier if it is brought forward, and never later."""
    timer = RetryTimer(half)
    async with trio.open_nursery() as nursery:
        with timer.running(10):
            nursery.start_soon(timer.wait)
            await trio.sleep(1)
            timer.bring_forward(3)
            timer.bring_forward(20)
            await timer.wait()
            assert trio.current_time() == 3
    assert not timer.resumed


async def test_before_it_runs(autojump_clock: MockClock) -> None:
    """What is brought forward before a wait has begun does not shorten it."""
    timer = RetryTimer(half)
    timer.bring_forward(1)
    with timer.running(10):
        await timer.wait()
    assert trio.current_time() == 10


async def test_the_machine_wakes_up(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a sleep of the machine the wait ends soon, at a random time (hazard F2.7)."""
    slept = 0.0
    watch = SuspensionWatch(lambda: slept)
    monkeypatch.setattr(retry_timer, "watch_for_suspension", lambda: watch)
    timer = RetryTimer(half)
    with timer.running(1000):
        await trio.sleep(1)
        slept = 3600.0
        await timer.wait()
        assert trio.current_time() == INTERVAL + RESUME_JITTER / 2
        assert timer.resumed
    with timer.running(1000):
        assert not timer.resumed


async def test_what_the_server_asked_for_outlasts_a_sleep(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time that the server named still holds after a sleep, less what was slept."""
    slept = 0.0
    watch = SuspensionWatch(lambda: slept)
    monkeypatch.setattr(retry_timer, "watch_for_suspension", lambda: watch)
    timer = RetryTimer(half)
    with timer.running(150, not_before=120):
        await trio.sleep(1)
        slept += 60
        await trio.sleep(INTERVAL)
        slept += 30
        await timer.wait()
        assert trio.current_time() == 120 - 60 - 30
    with timer.running(trio.current_time() + 150, not_before=trio.current_time() + 120):
        await trio.sleep(1)
        slept += 3600
        before = trio.current_time()
        await timer.wait()
        assert before < trio.current_time() <= before + INTERVAL + RESUME_JITTER / 2


async def test_nothing_listens_afterwards(autojump_clock: MockClock) -> None:
    """The wait leaves no listener behind, however it ends."""
    timer = RetryTimer(half)
    with pytest.raises(KeyError), timer.running(10):
        raise KeyError
    assert watch_for_suspension()._listeners == {}
