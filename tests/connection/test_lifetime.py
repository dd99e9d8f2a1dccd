"""`trio_ws._connection.lifetime`: one deadline, and why the tasks end."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing

from trio_ws._connection.lifetime import Initiator, Lifetime

Clock = trio.testing.MockClock


async def test_the_deadline_only_comes_nearer(autojump_clock: Clock) -> None:
    """Of several bounds the nearest counts, whenever it was given."""
    lifetime = Lifetime()
    assert lifetime.deadline == math.inf
    lifetime.shorten(10)
    lifetime.shorten(5)
    await trio.sleep(3)
    lifetime.shorten(4)
    assert lifetime.deadline == 5
    assert not lifetime.expired
    await trio.sleep(2)
    assert lifetime.expired


@pytest.mark.parametrize("task", ["reading", "writing"])
async def test_shields(autojump_clock: Clock, task: str) -> None:
    """A shield keeps a cancellation out, and obeys the deadline from before and from later."""
    lifetime = Lifetime()
    shield = lifetime.shield_reading if task == "reading" else lifetime.shield_writing
    with trio.CancelScope() as outside:
        outside.cancel()
        lifetime.shorten(10)
        with shield() as within:
            await trio.sleep(3)
            lifetime.shorten(2)
            await trio.sleep_forever()
        assert within.cancelled_caught
        assert trio.current_time() == 5
        with shield() as within:
            await trio.sleep_forever()
        assert within.cancelled_caught
        assert trio.current_time() == 5


async def test_both_shields_obey(autojump_clock: Clock) -> None:
    """The reading and the writing task end at the same time."""
    lifetime = Lifetime()
    ends: list[float] = []

    async def wait(shield: trio.CancelScope) -> None:
        with shield:
            await trio.sleep_forever()
        ends.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, lifetime.shield_reading())
        nursery.start_soon(wait, lifetime.shield_writing())
        await trio.sleep(1)
        lifetime.shorten(2)
    assert ends == [3, 3]


@pytest.mark.parametrize(("own", "end"), [(3, 3), (7, 5)])
async def test_a_wait_with_a_deadline_of_its_own(
    autojump_clock: Clock, own: float, end: float
) -> None:
    """The reading task wakes at the earlier of its own deadline and that of the lifetime."""
    lifetime = Lifetime()
    lifetime.shorten(5)
    with lifetime.shield_reading(own) as shield:
        await trio.sleep_forever()
    assert shield.cancelled_caught
    assert trio.current_time() == end


async def test_an_earlier_deadline_of_a_shield_stays(autojump_clock: Clock) -> None:
    """To shorten the lifetime does not put off what was to come before."""
    lifetime = Lifetime()
    with lifetime.shield_reading(3):
        lifetime.shorten(5)
        await trio.sleep_forever()
    assert trio.current_time() == 3


def test_the_first_counts() -> None:
    """The first that began the end, and the first error, are what is told."""
    lifetime = Lifetime()
    assert lifetime.initiator is None
    lifetime.begin_end(Initiator.IDLE)
    lifetime.begin_end(Initiator.APPLICATION)
    assert lifetime.initiator is Initiator.IDLE
    first = ValueError()
    lifetime.fail(first)
    lifetime.fail(KeyError())
    assert lifetime.error is first
