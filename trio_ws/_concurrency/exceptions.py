"""Errors leave singly: what comes out of a nursery of ours, without the group around it.

A nursery wraps whatever its tasks raise into a group, even a single Ctrl-C.
That a function uses a nursery inside must not show outside,
so the doors take the wrapping off again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import trio


def iter_leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions of a group, however deep; of anything else, itself."""
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from iter_leaves(member)
    else:
        yield error


def may_pass(error: BaseException) -> bool:
    """Return True for what no connection keeps to itself: Ctrl-C, an exit, a cancellation (P9).

    `GeneratorExit` is one where Python abandons a coroutine, which is never within a Trio run.
    """
    if isinstance(error, GeneratorExit):
        return not trio.lowlevel.in_trio_task()
    return isinstance(error, KeyboardInterrupt | SystemExit | trio.Cancelled)


def contain(error: BaseException) -> BaseException:
    """Return an error that stays with its connection; raise one that may pass, or a group of it."""
    if any(map(may_pass, iter_leaves(error))):
        raise error
    return error


def iter_chain(error: BaseException | None, *, causes: bool = False) -> Iterator[BaseException]:
    """Return an exception, the one in whose handling it was raised, and so on.

    With `causes`, of an exception that was raised from another, that one.
    An application may have made a ring of them; the walk ends where it would begin again.
    """
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = (error.__cause__ if causes else None) or error.__context__


def strip_tracebacks(error: Exception) -> Exception:
    """Return an error, and what caused it, without the frames that it has passed.

    Frames keep the whole connection alive as long as the error is kept.
    """
    for each in iter_chain(error, causes=True):
        each.__traceback__ = None
    return error


def unwrap_group(group: BaseExceptionGroup) -> BaseException:
    """Return the one exception that a group is about.

    That is a Ctrl-C or an exit, before an error, before a cancellation;
    a group of several errors stays as it is.
    """
    errors = [leaf for leaf in iter_leaves(group) if isinstance(leaf, Exception)]
    others = [leaf for leaf in iter_leaves(group) if not isinstance(leaf, Exception)]
    exits = [leaf for leaf in others if not isinstance(leaf, trio.Cancelled)]
    if exits:
        return exits[0]
    if len(errors) > 1:
        return group
    return (errors or others)[0]


def cancel_reason(error: BaseException) -> str:
    """Return the text that was given to ``cancel(reason=…)``; empty if none was."""
    for leaf in iter_leaves(error):
        told = leaf.reason if isinstance(leaf, trio.Cancelled) and leaf.source == "explicit" else ""
        if told and isinstance(told, str):  # an application may have given anything
            return told
    return ""


@contextmanager
def unwrapping() -> Generator[None]:
    """Let the exception of a nursery leave without the group."""
    try:
        yield
    except BaseExceptionGroup as group:
        single = unwrap_group(group)
        if single is group:
            raise
        raise single from single.__cause__
