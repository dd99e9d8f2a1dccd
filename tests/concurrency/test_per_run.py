"""`trio_ws._concurrency.per_run`: a value for each Trio run."""

from __future__ import annotations

import pytest
import trio

from trio_ws._concurrency.per_run import PerRun


class Value:
    """Anything with an identity."""


def test_one_for_each_run() -> None:
    """Calls within one run give the same value, and those of another run another."""
    current = PerRun("test", Value)

    async def ask() -> list[Value]:
        await trio.lowlevel.checkpoint()
        return [current(), current()]

    first, second = trio.run(ask), trio.run(ask)
    assert first[0] is first[1]
    assert second[0] is second[1]
    assert first[0] is not second[0]


def test_outside_of_a_run() -> None:
    """Outside of a Trio run there is no value, and none is made."""
    made: list[None] = []
    with pytest.raises(RuntimeError, match="outside of a run context"):
        PerRun("test", lambda: made.append(None))()
    assert made == []


async def test_replaced_for_a_block() -> None:
    """Within the block calls give another value, and then what they gave before."""
    current = PerRun("test", Value)
    before, other = current(), Value()
    with current.replaced_by(other):
        assert current() is other
    assert current() is before
    with pytest.raises(ZeroDivisionError), current.replaced_by(other):
        raise ZeroDivisionError
    assert current() is before
