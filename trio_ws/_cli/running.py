"""Run an async command: signals become a polite end, errors a message and an exit code.

    trio.run
    └─ nursery
       ├─ the command, in a scope      ← cancelled by a signal: connections say goodbye (1001)
       └─ a task that waits for signals, until the command has ended

A second signal finds the scope cancelled already; `Timeouts.goodbye` bounds the rest.
(A terminal that hangs up often sends two: its own, and what reading from it makes of it.)
"""

from __future__ import annotations

import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple

import trio

from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    InvalidURL,
    LocalProtocolError,
    SupervisorGaveUp,
)

from .console import escape
from .exits import CommandError, Exit

Command = Callable[[], Awaitable[int]]

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Ctrl-C, a polite kill, and a terminal that hangs up."""


class Loss(NamedTuple):
    """A message and a code that an error means for the user."""

    message: str
    code: int


def run_async(command: Command, *, clock: trio.abc.Clock | None = None) -> int:
    """Run the command; return its exit code, or that of the signal that ended it.

    `clock` is a clock of Trio; None: the real one.

    Raises:
        CommandError: it failed in a way that the user must know.
        BrokenPipeError: the reader of the output went away.
    """
    try:
        return trio.run(until_signal, command, clock=clock)
    except Exception as error:
        raise explained(error) from error


async def until_signal(command: Command) -> int:
    """Run the command until it ends, or a signal arrives; return the exit code."""
    caught: list[int] = []
    scope = trio.CancelScope()
    code: int = Exit.OK
    with trio.open_signal_receiver(*SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, signals, scope, caught)
            with scope:
                code = await command()
            nursery.cancel_scope.cancel(reason="the command has ended")
    return 128 + caught[0] if caught else code


async def _cancel_on_signal(
    signals: AsyncIterator[int], scope: trio.CancelScope, caught: list[int]
) -> None:
    """Cancel the command; further signals, while it says goodbye, change nothing."""
    async for number in signals:
        caught.append(number)
        scope.cancel(reason=f"signal {number}")


def explained(error: Exception) -> Exception:
    """Return the error as one that `main` knows, or itself if it is a fault of ours."""
    leaves = list(iter_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, CommandError | BrokenPipeError):
            return leaf
    return next((CommandError(*told) for leaf in leaves if (told := _told(leaf))), error)


def _told(error: BaseException) -> Loss | None:
    text = escape(str(error))
    match error:
        case InvalidURL() | LocalProtocolError():
            return Loss(text, Exit.USAGE)
        case HandshakeError() | SupervisorGaveUp():
            return Loss(text, Exit.NO_CONNECTION)
        case ConnectionClosed():
            return Loss(text, Exit.LOST)
        case ssl.SSLError() | OSError():
            return Loss(text, Exit.USAGE)
    return None


def iter_leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group, however deep; of a single one, itself."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from iter_leaves(part)
    else:
        yield error
