"""The body of a block, and the nursery around it: how both are left, in two halves.

A block of ours is a class with ``__aenter__`` and ``__aexit__``: it opens a nursery for its tasks,
and in it a scope around the user's code, so that the tasks can cancel that code alone.
Leaving goes the other way round, and something else happens between the two halves::

    leave_body ─▶ a goodbye, which may be cancelled ─▶ leave_nursery ─▶ the verdict

No half raises.  Each returns what it found, and the verdict chooses the one exception that leaves:
what was raised too early would leave a nursery open, and Trio would end the run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from inspect import isawaitable
from typing import Any, TypeVar

import trio

from .._validation import kind_of
from .exceptions import iter_leaves, unwrap_group

A = TypeVar("A")
T = TypeVar("T")


def leave_body(body: trio.CancelScope, failure: BaseException | None) -> BaseException | None:
    """Leave the scope around the user's code; return what it does not catch of `failure`."""
    try:
        caught = body.__exit__(type(failure) if failure else None, failure, None)
    except BaseException as rest:  # noqa: ASYNC103
        return rest  # noqa: ASYNC104 - it leaves at the end of the block
    return None if caught else failure


async def leave_nursery(
    manager: AbstractAsyncContextManager[trio.Nursery], passing: BaseException | None = None
) -> BaseException | None:
    """Wait for the tasks of a nursery; return the one exception that comes out of it, or None.

    `passing` is told to the nursery: a bare cancellation, which may be its own.
    A group it would wrap, and take to pieces.
    """
    try:
        await manager.__aexit__(type(passing) if passing else None, passing, None)
    except BaseExceptionGroup as group:
        return unwrap_group(group)
    return None


def unwrap_end(
    failure: BaseException | None, is_end: Callable[[BaseException], bool]
) -> BaseException | None:
    """Unwrap a group in which there is nothing but ends of the block, and cancellations (P2).

    What comes of it is a cancellation, if there is one: a scope around the block waits for it.
    """
    if not isinstance(failure, BaseExceptionGroup):
        return failure
    leaves = list(iter_leaves(failure))
    ends = [leaf for leaf in leaves if is_end(leaf)]
    outer = [leaf for leaf in leaves if isinstance(leaf, trio.Cancelled)]
    if not ends or len(ends) + len(outer) < len(leaves):
        return failure
    return (outer or ends)[0]


@trio.lowlevel.disable_ki_protection
async def call_unprotected(name: str, function: Callable[[A], Awaitable[T]], argument: A) -> T:
    """Call a function of the user's from protected code: a Ctrl-C lands in it as anywhere.

    It takes one argument: an idle connection would have to keep a tuple of them.

    Raises:
        TypeError: what it returns cannot be awaited; `name` says which function it is.
    """
    result: object = None
    try:
        result = function(argument)
        if isawaitable(result):
            return await result
        raise TypeError(f"{name} must be an async function; this one returned {kind_of(result)}")
    finally:
        _close(result)


@trio.lowlevel.disable_ki_protection
async def ask_unprotected(function: Callable[..., object], *args: object) -> Any:
    """Call a function of the user's, async or not, as `call_unprotected` does."""
    result: object = None
    try:
        result = function(*args)
        return await result if isawaitable(result) else result
    finally:
        _close(result)


def _close(result: object) -> None:
    """Close a coroutine: a Ctrl-C may come before its first step.  One that has ended stays so."""
    if isinstance(result, Coroutine):
        result.close()


def is_own_exception(failure: BaseException | None) -> bool:
    """Return True if the user's code raised something of its own: no cancellation, no Ctrl-C."""
    return isinstance(failure, Exception | BaseExceptionGroup)
