"""`trio_ws._supervision.throttle`: what supervisors share."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_ws._supervision.throttle import RateLimiter, Throttle, current_throttle


def test_a_budget_allows_a_burst() -> None:
    """As many as one second brings may go at once, then one each interval."""
    budget = RateLimiter(4)
    assert [budget.reserve(100) for _ in range(7)] == [0, 0, 0, 0, 0.25, 0.5, 0.75]


def test_a_budget_fills_up_again() -> None:
    """What was not used for a second is there again, and no more than that."""
    budget = RateLimiter(4)
    for _ in range(4):
        budget.reserve(0)
    assert [budget.reserve(0.25), budget.reserve(0.25)] == [0, 0.25]
    assert [budget.reserve(1000) for _ in range(5)] == [0, 0, 0, 0, 0.25]


def test_a_slow_budget() -> None:
    """A rate below one per second allows one at once."""
    budget = RateLimiter(0.5)
    assert [budget.reserve(0) for _ in range(3)] == [0, 2, 4]


async def test_retries_wait_for_the_budget(autojump_clock: trio.testing.MockClock) -> None:
    """The eleventh retry of a second waits for its place."""
    throttle = Throttle()
    times = []
    for _ in range(12):
        await throttle.wait_for_retry()
        times.append(round(trio.current_time(), 3))
    assert times == [0.0] * 10 + [0.1, 0.2]


async def test_one_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    """Attempts to the same host and port go one after another, in order; others do not wait."""
    throttle, order = Throttle(), []

    async def connect(name: str, host: str, port: int) -> None:
        async with throttle.slot(host, port):
            await trio.sleep(1)
            order.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for name, host, port in [("a", "x", 1), ("b", "x", 1), ("c", "x", 2), ("d", "y", 1)]:
            nursery.start_soon(connect, name, host, port)
            await trio.testing.wait_all_tasks_blocked()
    assert order[-1] == ("b", 2.0)
    assert sorted(order[:-1]) == [("a", 1.0), ("c", 1.0), ("d", 1.0)]
    assert throttle._hosts == {}


async def test_a_slot_is_given_back_once(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever leaves early is not counted again at the end of the block."""
    throttle = Throttle(connecting_per_host=2)
    async with throttle.slot("x", 1), throttle.slot("x", 1) as slot:
        slot.leave()
        slot.leave()
        async with throttle.slot("x", 1):
            with trio.move_on_after(1) as scope:
                async with throttle.slot("x", 1):
                    raise AssertionError("there is no third slot")
            assert scope.cancelled_caught
    assert throttle._hosts == {}


async def test_a_cancelled_wait_keeps_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Who is cancelled while waiting for a slot holds none, and forgets no host."""
    throttle = Throttle()
    with trio.CancelScope() as scope:
        scope.cancel()
        async with throttle.slot("x", 1):
            raise AssertionError("cancelled")
    assert throttle._hosts == {}


async def test_cancelled_while_the_slot_comes(autojump_clock: trio.testing.MockClock) -> None:
    """Who is cancelled in the moment when the slot becomes free disturbs nobody."""
    for order in range(20):
        throttle = Throttle()

        async def hold(throttle: Throttle = throttle) -> None:
            async with throttle.slot("h", 80) as slot:
                await trio.sleep(1)
                slot.leave()

        async def wait(throttle: Throttle = throttle) -> None:
            with trio.move_on_after(1):
                async with throttle.slot("h", 80):
                    pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold)
            await wait_all_tasks_blocked()
            nursery.start_soon(wait)
        assert not throttle._hosts, order
        assert not throttle._users, order


async def test_cancelled_retries_use_no_budget(autojump_clock: trio.testing.MockClock) -> None:
    """A place in the budget that was waited for in vain is given back."""
    throttle = Throttle()
    with trio.move_on_after(0.5):
        async with trio.open_nursery() as nursery:
            for _ in range(1_000):
                nursery.start_soon(throttle.wait_for_retry)
    await throttle.wait_for_retry()
    assert trio.current_time() <= 1


async def test_a_run_has_one() -> None:
    """Within a Trio run everybody gets the same throttle."""
    assert current_throttle() is current_throttle()


@pytest.mark.parametrize(
    "wrong",
    [
        {"connecting_per_host": 0},
        {"connecting_per_host": 1.5},
        {"connecting_per_host": True},
        {"retries_per_second": 0},
        {"retries_per_second": math.inf},
        {"retries_per_second": math.nan},
    ],
)
def test_impossible_limits(wrong: dict[str, Any]) -> None:
    """Limits that make no sense are refused by name."""
    with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
        Throttle(**wrong)
