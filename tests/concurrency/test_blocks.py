"""`trio_ws._concurrency.blocks`: what a door returns says how it is to be used."""

from __future__ import annotations

import asyncio
import copy
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from trio_ws._concurrency.blocks import Block, check_in_trio

left: list[object] = []


@asynccontextmanager
async def five() -> Any:  # noqa: ASYNC900 - this is how it becomes a block
    """A block over a number."""
    try:
        yield 5
    except ZeroDivisionError as error:
        left.append(error)


def block() -> Any:
    """Make one, as its users have it."""
    return Block("five(…)", five())


async def test_entered() -> None:
    """It gives what the other block gives, and lets it decide about exceptions."""
    async with block() as number:
        assert number == 5
    async with block():
        raise ZeroDivisionError
    assert isinstance(left.pop(), ZeroDivisionError)
    with pytest.raises(KeyError):
        async with block():
            raise KeyError


REMEDY = r"`async with five\(…\) as x:`"


def test_not_entered() -> None:
    """Whatever else is done with it, the error is the remedy."""
    with pytest.raises(AttributeError, match=REMEDY + ", and look for 'send' at x"):
        block().send("hello")
    with pytest.raises(TypeError, match=REMEDY), block():
        pass
    assert block().__exit__(None, None, None) is None
    assert "five(…)" in repr(block())
    assert not hasattr(block(), "receive")
    assert repr(copy.copy(block())) == repr(block())


async def test_used_in_another_way() -> None:
    """It can be neither awaited nor iterated over."""
    with pytest.raises(TypeError, match=REMEDY):
        await block()
    with pytest.raises(TypeError, match=REMEDY):
        async for _ in block():
            pass


def test_outside_trio() -> None:
    """Under asyncio, or under nothing, the error says what is missing."""

    async def enter() -> None:
        async with block():
            pass

    with pytest.raises(RuntimeError, match=r"^five\(…\) needs Trio: .*trio\.run"):
        asyncio.run(enter())
    with pytest.raises(RuntimeError, match=r"^f needs Trio"):
        check_in_trio("f")


async def test_within_trio() -> None:
    """Within Trio nothing is missing."""
    check_in_trio("f")
    await trio.lowlevel.checkpoint()
