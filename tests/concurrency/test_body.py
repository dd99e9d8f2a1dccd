"""`trio_ws._concurrency.body`: leaving a block in two halves, neither of which raises."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import trio

from trio_ws._concurrency import body
from trio_ws._concurrency.body import (
    ask_unprotected,
    call_unprotected,
    is_own_exception,
    leave_body,
    leave_nursery,
    unwrap_end,
)


class End(Exception):
    """The end of a block."""


def is_end(error: BaseException) -> bool:
    return isinstance(error, End)


async def cancelled() -> trio.Cancelled:
    """A real Cancelled; Trio lets nobody make one by hand."""
    with trio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(trio.Cancelled) as caught:
            await trio.lowlevel.checkpoint()
    return caught.value


async def test_leaving_a_body() -> None:
    """The scope catches its own cancellation; the rest is returned."""
    body = trio.CancelScope()
    body.__enter__()
    assert leave_body(body, None) is None
    error = KeyError()
    body = trio.CancelScope()
    body.__enter__()
    assert leave_body(body, error) is error
    body = trio.CancelScope()
    body.__enter__()
    body.cancel()
    with pytest.raises(trio.Cancelled) as caught:
        await trio.lowlevel.checkpoint()
    assert leave_body(body, caught.value) is None
    assert body.cancelled_caught


async def test_what_a_body_does_not_catch() -> None:
    """Of a group in which its cancellation is, the rest is returned, and not raised."""
    body = trio.CancelScope()
    body.__enter__()
    body.cancel()
    with pytest.raises(trio.Cancelled) as caught:
        await trio.lowlevel.checkpoint()
    error = KeyError()
    rest = leave_body(body, BaseExceptionGroup("both", [caught.value, error]))
    assert isinstance(rest, ExceptionGroup)
    assert rest.exceptions == (error,)


async def nursery() -> tuple[Any, trio.Nursery]:
    """An open nursery, and what closes it."""
    manager = trio.open_nursery()
    return manager, await manager.__aenter__()


async def test_leaving_a_nursery() -> None:
    """Nothing comes out of a nursery in which nothing went wrong."""
    manager, _ = await nursery()
    assert await leave_nursery(manager) is None


async def test_a_task_that_failed() -> None:
    """The one exception that comes out of it is returned, without its group."""
    manager, inner = await nursery()

    async def fail() -> None:
        raise KeyError

    inner.start_soon(fail)
    assert isinstance(await leave_nursery(manager), KeyError)


async def test_a_cancellation_of_the_nursery() -> None:
    """A cancellation that is the nursery's own goes no further."""
    manager, inner = await nursery()
    inner.cancel_scope.cancel()
    with pytest.raises(trio.Cancelled) as caught:
        await trio.lowlevel.checkpoint()
    assert await leave_nursery(manager, caught.value) is None


async def test_unwrapping() -> None:
    """A group of ends and cancellations is one of them; any other stays as it is."""
    end, cancel = End(), await cancelled()
    assert unwrap_end(None, is_end) is None
    assert unwrap_end(end, is_end) is end
    assert unwrap_end(ExceptionGroup("g", [end, End()]), is_end) is end
    nested = BaseExceptionGroup("g", [BaseExceptionGroup("h", [end]), cancel])
    assert unwrap_end(nested, is_end) is cancel
    for other in (
        ExceptionGroup("g", [end, KeyError()]),
        BaseExceptionGroup("g", [cancel]),
        BaseExceptionGroup("g", [end, KeyboardInterrupt()]),
    ):
        assert unwrap_end(other, is_end) is other


async def test_whose_exception() -> None:
    """An exception or a group is the user's own; a bare cancellation or Ctrl-C is not."""
    assert is_own_exception(KeyError())
    assert is_own_exception(BaseExceptionGroup("g", [KeyboardInterrupt()]))
    for other in (None, KeyboardInterrupt(), await cancelled()):
        assert not is_own_exception(other)


@trio.lowlevel.enable_ki_protection
async def test_calling_a_function_of_the_users() -> None:
    """It is not protected against a Ctrl-C, though its caller is."""

    async def double(number: int) -> int:
        assert not trio.lowlevel.currently_ki_protected()
        return 2 * number

    assert trio.lowlevel.currently_ki_protected()
    assert await call_unprotected("double", double, 21) == 42


async def test_a_function_that_is_not_async() -> None:
    """It is named, and what it returned is not shown."""
    with pytest.raises(TypeError, match=r"session must be an async .* a value of type str$"):
        await call_unprotected("session", lambda _: "secret", None)  # type: ignore[arg-type, return-value]


@trio.lowlevel.enable_ki_protection
async def test_asking_a_function_of_the_users() -> None:
    """It may be async or not, and is protected in neither case."""

    def double(number: int) -> int:
        assert not trio.lowlevel.currently_ki_protected()
        return 2 * number

    async def double_later(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return double(number)

    assert await ask_unprotected(double, 21) == 42
    assert await ask_unprotected(double_later, 21) == 42


@pytest.mark.parametrize("asked", [True, False])
async def test_a_coroutine_that_never_began(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C that lands before its first step closes it: it is not to be waited for any more."""

    async def function() -> None:
        pass

    def interrupted(_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(body, "isawaitable", interrupted)
    coroutine = function()
    with pytest.raises(KeyboardInterrupt):
        if asked:
            await ask_unprotected(lambda: coroutine)
        else:
            await call_unprotected("function", lambda _: coroutine, None)
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
