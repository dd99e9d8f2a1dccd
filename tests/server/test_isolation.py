"""`trio_ws._server.isolation`: what stays with a connection, and what passes (P9)."""

from __future__ import annotations

import pytest
import trio

from trio_ws._concurrency.exceptions import may_pass
from trio_ws._server.isolation import Outcome, split


class Own(BaseException):
    """What a user may derive from `BaseException`."""


async def cancelled() -> trio.Cancelled:
    """Get hold of a real cancellation."""
    caught: trio.Cancelled | None = None
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as exc:
            caught = exc
            raise
    assert caught is not None
    return caught


async def test_what_may_pass() -> None:
    """Ctrl-C, an exit and a cancellation do, and nothing else does."""
    for passing in (KeyboardInterrupt(), SystemExit(), await cancelled()):
        assert may_pass(passing)
        assert split(passing) == Outcome(passing=passing)
    for failure in (ZeroDivisionError(), Own(), GeneratorExit(), trio.EndOfChannel()):
        assert not may_pass(failure)
        assert split(failure) == Outcome(failure=failure)


def test_an_abandoned_coroutine() -> None:
    """Outside a Trio run a `GeneratorExit` means that nothing more can be done."""
    assert may_pass(GeneratorExit())


async def test_groups() -> None:
    """A group is parted, however deep; what is no failure is left out of it."""
    exit_, own, zero, key = SystemExit(), Own(), ZeroDivisionError(), KeyError()
    group = BaseExceptionGroup("a", [zero, BaseExceptionGroup("b", [own, exit_, key])])
    outcome = split(group, is_no_failure=lambda leaf: leaf is key)
    assert isinstance(outcome.failure, BaseExceptionGroup)
    assert isinstance(outcome.passing, BaseExceptionGroup)
    assert outcome.failure.exceptions[0] is zero
    assert outcome.failure.exceptions[1].exceptions == (own,)
    assert outcome.passing.exceptions[0].exceptions == (exit_,)
    assert split(BaseExceptionGroup("d", [exit_])).failure is None
    assert split(ExceptionGroup("c", [key]), is_no_failure=lambda _: True) == Outcome()
    assert split(key, is_no_failure=lambda _: True) == Outcome()


async def test_let_pass() -> None:
    """What must pass is raised as it was, with its cause; nothing is nothing."""
    Outcome().let_pass()
    Outcome(failure=Own()).let_pass()
    stop, why = SystemExit(3), ZeroDivisionError()
    stop.__cause__ = why
    with pytest.raises(SystemExit) as caught:
        Outcome(passing=stop).let_pass()
    assert caught.value is stop
    assert stop.__cause__ is why
