"""`trio_ws._supervision.throttle`: what supervisors share."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_ws._supervision.throttle import FORGET_AFTER, RateLimiter, Throttle, current_throttle


def waits(budget: RateLimiter, now: float, count: int) -> list[float]:
    """Take so many places, each as soon as it is free; return how long that took."""
    seconds = []
    for _ in range(count):
        at = max(now, budget.free_at)
        budget.take(at)
        seconds.append(at - now)
    return seconds


def test_a_budget_allows_a_burst() -> None:
    """As many as one second brings may go at once, then one each interval."""
    assert waits(RateLimiter(4), 100, 7) == [0, 0, 0, 0, 0.25, 0.5, 0.75]


def test_a_budget_fills_up_again() -> None:
    """What was not used for a second is there again, and no more than that."""
    budget = RateLimiter(4)
    waits(budget, 0, 4)
    assert waits(budget, 0.25, 2) == [0, 0.25]
    assert waits(budget, 1000, 5) == [0, 0, 0, 0, 0.25]


def test_a_slow_budget() -> None:
    """A rate below one per second allows one at once."""
    assert waits(RateLimiter(0.5), 0, 3) == [0, 2, 4]


async def test_retries_wait_for_the_budget(autojump_clock: trio.testing.MockClock) -> None:
    """The eleventh retry of a second waits for its place."""
    throttle = Throttle()
    times = []
    for _ in range(12):
        await throttle.wait_for_retry("h")
        times.append(round(trio.current_time(), 3))
    assert times == [0.0] * 10 + [0.1, 0.2]


async def retries(throttle: Throttle, *hosts: str) -> list[tuple[str, float]]:
    """Let these wait, in this order; return in which they began, and when."""
    began: list[tuple[str, float]] = []

    async def wait(host: str) -> None:
        await throttle.wait_for_retry(host)
        began.append((host, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for host in hosts:
            nursery.start_soon(wait, host)
            await wait_all_tasks_blocked()
    return began


async def test_the_budget_is_fair(autojump_clock: trio.testing.MockClock) -> None:
    """Of the hosts that wait, the one whose last retry is longest ago goes first."""
    throttle = Throttle(retries_per_second=1)
    assert await retries(throttle, "a", "a", "b", "a", "c") == [
        *[("a", 0), ("b", 1), ("c", 2), ("a", 3), ("a", 4)]
    ]
    assert await retries(throttle, "a", "c", "b", "d") == [
        *[("d", 5), ("b", 6), ("c", 7), ("a", 8)]
    ]
    assert not throttle._retries


async def test_a_thousand_dead_hosts(autojump_clock: trio.testing.MockClock) -> None:
    """They use up all of the budget, and do not delay a host that was well until now."""
    throttle = Throttle()

    async def dead(host: str) -> None:
        while True:
            await throttle.wait_for_retry(host)

    async with trio.open_nursery() as nursery:
        for number in range(1000):
            nursery.start_soon(dead, f"dead-{number}")
        await trio.sleep(300)
        began = trio.current_time()
        await throttle.wait_for_retry("healthy")
        assert trio.current_time() - began <= 0.11
        nursery.cancel_scope.cancel()
    assert len(throttle._retries) == 0


async def test_nothing_is_left_of_hosts(autojump_clock: trio.testing.MockClock) -> None:
    """A host without a retry for ten minutes is forgotten."""
    throttle = Throttle()
    for number in range(100):
        await throttle.wait_for_retry(f"h{number}")
    assert len(throttle._retries._last) == 100
    await trio.sleep(FORGET_AFTER)
    await throttle.wait_for_retry("h")
    assert list(throttle._retries._last) == ["h"]
    assert throttle._retries._waiting == {}


async def test_one_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    """Attempts to the same host and port go one after another, in order; others do not wait."""
    throttle, order = Throttle(), []

    async def connect(name: str, host: str, port: int) -> None:
        async with throttle.slot() as slot:
            await slot.acquire(host, port)
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
    """One that was given back early is not counted again at the end of the block."""
    throttle = Throttle(connecting_per_host=2)
    async with throttle.slot() as other, throttle.slot() as slot:
        assert not await other.acquire("x", 1)
        assert not await slot.acquire("x", 1)
        slot.leave()
        slot.leave()
        async with throttle.slot() as third, throttle.slot() as fourth:
            assert not await third.acquire("x", 1)
            with trio.move_on_after(1) as scope:
                await fourth.acquire("x", 1)
            assert scope.cancelled_caught
    assert throttle._hosts == {}


async def test_a_slot_of_another_host(autojump_clock: trio.testing.MockClock) -> None:
    """It takes the place of the one that is held; whether it had to be waited for is told."""
    throttle = Throttle()
    waited: list[bool] = []

    async def hold(host: str, seconds: float) -> None:
        async with throttle.slot() as slot:
            await slot.acquire(host, 80)
            await trio.sleep(seconds)

    async with trio.open_nursery() as nursery, throttle.slot() as slot:
        nursery.start_soon(hold, "b", 3)
        await wait_all_tasks_blocked()
        waited += [await slot.acquire(host, 80) for host in ("a", "a", "b", "a")]
        assert trio.current_time() == 3
    assert waited == [False, False, True, False]
    assert throttle._hosts == {}


async def test_a_cancelled_wait_keeps_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """A task that is cancelled while it waits for a slot holds none, and forgets no host."""
    throttle = Throttle()
    with trio.CancelScope() as scope:
        async with throttle.slot() as slot:
            scope.cancel()
            await slot.acquire("x", 1)
            raise AssertionError("cancelled")
    assert throttle._hosts == {}


async def test_cancelled_while_the_slot_comes(autojump_clock: trio.testing.MockClock) -> None:
    """A task that is cancelled in the moment when the slot becomes free disturbs no other."""
    for order in range(20):
        throttle = Throttle()

        async def hold(throttle: Throttle = throttle) -> None:
            async with throttle.slot() as slot:
                await slot.acquire("h", 80)
                await trio.sleep(1)
                slot.leave()

        async def wait(throttle: Throttle = throttle) -> None:
            with trio.move_on_after(1):
                async with throttle.slot() as slot:
                    await slot.acquire("h", 80)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold)
            await wait_all_tasks_blocked()
            nursery.start_soon(wait)
        assert not throttle._hosts, order
        assert not throttle._users, order


async def test_cancelled_retries_use_no_budget(autojump_clock: trio.testing.MockClock) -> None:
    """Retries that were given up leave their places to others, at once."""
    throttle = Throttle(retries_per_second=1)
    await throttle.wait_for_retry("x")
    with trio.move_on_after(0.5):
        async with trio.open_nursery() as nursery:
            for number in range(1_000):
                nursery.start_soon(throttle.wait_for_retry, f"h{number % 10}")
    await throttle.wait_for_retry("x")
    assert trio.current_time() == 1
    assert len(throttle._retries) == 0


async def test_the_first_gives_up(autojump_clock: trio.testing.MockClock) -> None:
    """When the retry that goes next is given up, the one behind it is on time."""
    throttle = Throttle(retries_per_second=1)
    await throttle.wait_for_retry("x")
    times: list[float] = []

    async def wait(patience: float) -> None:
        with trio.move_on_after(patience):
            await throttle.wait_for_retry("h")
            times.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for patience in (0.5, 10, 10):
            nursery.start_soon(wait, patience)
            await wait_all_tasks_blocked()
    assert times == [1, 2]


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
