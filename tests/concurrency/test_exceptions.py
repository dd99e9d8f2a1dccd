"""`trio_ws._concurrency.exceptions`: one exception out of a group."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trio_ws._concurrency.exceptions import (
    cancel_reason,
    contain,
    iter_chain,
    iter_leaves,
    may_pass,
    strip_tracebacks,
    unwrap_group,
    unwrapping,
)


async def cancelled() -> BaseException:
    """A real Cancelled; Trio lets nobody make one by hand."""
    with trio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(trio.Cancelled) as caught:
            await trio.lowlevel.checkpoint()
    return caught.value


def group(*errors: BaseException) -> BaseExceptionGroup:
    return BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [error]) for error in errors])


async def test_leaves() -> None:
    """The leaves of a group are found at any depth; an exception is its own leaf."""
    one, two = ValueError(), KeyError()
    assert list(iter_leaves(group(one, two))) == [one, two]
    assert list(iter_leaves(one)) == [one]


async def test_choice() -> None:
    """Ctrl-C and exit come before an error, an error before a cancellation."""
    stop, error, cancel = KeyboardInterrupt(), ValueError(), await cancelled()
    assert unwrap_group(group(cancel, error, stop)) is stop
    assert unwrap_group(group(error, cancel)) is error
    assert unwrap_group(group(cancel)) is cancel
    several = group(error, KeyError())
    assert unwrap_group(several) is several


async def test_around_a_nursery() -> None:
    """What one task raises leaves bare, its cause kept."""
    error, cause = ValueError(), KeyError()
    error.__cause__ = cause

    async def fail() -> None:
        raise error

    with pytest.raises(ValueError) as caught, unwrapping():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail)
    assert caught.value is error
    assert error.__cause__ is cause


async def test_several() -> None:
    """A group of several errors leaves as it is."""
    several = group(ValueError(), KeyError())
    with (
        pytest.RaisesGroup(pytest.RaisesGroup(ValueError), pytest.RaisesGroup(KeyError)) as caught,
        unwrapping(),
    ):
        raise several
    assert caught.value is several


async def test_nothing() -> None:
    """Other exceptions, and none, are left alone."""
    with unwrapping():
        pass
    with pytest.raises(ValueError, match="x"), unwrapping():
        raise ValueError("x")


def raised(error: Exception) -> Exception:
    """An error with a frame that it has passed."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_without_frames() -> None:
    """An error keeps its causes, and of none of them the frames."""
    error, cause, origin = map(raised, (trio.BrokenResourceError(), OSError(), KeyError()))
    error.__cause__, cause.__context__ = cause, origin
    assert strip_tracebacks(error) is error
    assert (error.__cause__, cause.__context__) == (cause, origin)
    assert [each.__traceback__ for each in (error, cause, origin)] == [None] * 3


def test_a_chain() -> None:
    """A chain of exceptions is walked to its end; where it is a ring, once round."""
    one, two, three = KeyError(1), KeyError(2), KeyError(3)
    one.__context__ = two
    two.__context__ = three
    assert list(iter_chain(one)) == [one, two, three]
    three.__context__ = one
    assert list(iter_chain(one)) == [one, two, three]
    assert list(iter_chain(None)) == []
    one.__cause__ = three
    assert list(iter_chain(one, causes=True)) == [one, three]
    assert strip_tracebacks(one) is one


@pytest.mark.parametrize(
    ("reason", "told"), [("maintenance", "maintenance"), (None, ""), ("", ""), (7, ""), ([], "")]
)
async def test_the_reason_of_a_cancellation(reason: Any, told: str) -> None:
    """The text that was given to a cancellation is found in a group; what is none is not told."""
    with trio.CancelScope() as scope:
        scope.cancel(reason=reason)
        with pytest.raises(trio.Cancelled) as caught:
            await trio.lowlevel.checkpoint()
    assert cancel_reason(group(ValueError(), caught.value)) == told
    assert cancel_reason(ValueError()) == ""


async def test_a_deadline_has_no_reason() -> None:
    """What Trio itself says about a cancellation is not what somebody gave."""
    with trio.CancelScope(deadline=-1), pytest.raises(trio.Cancelled) as caught:
        await trio.lowlevel.checkpoint()
    assert caught.value.source == "deadline"
    assert cancel_reason(caught.value) == ""


class Own(BaseException):
    """What a user may derive from `BaseException`."""


async def test_what_stays() -> None:
    """What is neither a Ctrl-C nor an exit stays with the one that it is given to."""
    for error in (Own(), ZeroDivisionError(), GeneratorExit()):
        assert contain(error) is error
    for passing in (KeyboardInterrupt(), SystemExit(), group(KeyError(), group(SystemExit()))):
        with pytest.raises(type(passing)) as caught:
            contain(passing)
        assert caught.value is passing
    assert may_pass(await cancelled())


def test_an_abandoned_coroutine() -> None:
    """Outside a Trio run a `GeneratorExit` means that nothing more can be done."""
    with pytest.raises(GeneratorExit):
        contain(GeneratorExit())
