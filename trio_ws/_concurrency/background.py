"""A task beside a block of code, and one exception that comes out of both.

A nursery would do, but for what leaves it: a group, even if only one thing went wrong.
Here the block's exception leaves as it is, and a failure of the task beside it
cancels the block and leaves in its place.
When the block ends, the task is cancelled.

In detail, in this order:

1. A Ctrl-C, or an exit, in the task leaves.
2. The block raised an exception of its own, or a group of whatever: that leaves, untouched,
   with a simultaneous failure of the task as its ``__context__``.
   A scope around both finds its `trio.Cancelled` in the group and leaves the rest.
3. A scope around both was cancelled: `trio.Cancelled` leaves.
4. The task failed: its exception leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

import trio

from .exceptions import unwrap_group


@final
class BackgroundTask(AbstractAsyncContextManager[None, None]):
    """Run `task` for as long as the block runs; see the top of this file."""

    def __init__(self, task: Callable[[], Awaitable[object]], *, name: str) -> None:
        self._task = task
        self._name = name
        self._failure: Exception | None = None
        self._body = trio.CancelScope()

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> None:
        """Start the task."""
        self._nursery_manager = trio.open_nursery()
        self._nursery = await self._nursery_manager.__aenter__()
        self._nursery.start_soon(self._run, name=self._name)
        self._body.__enter__()

    @trio.lowlevel.disable_ki_protection
    async def _run(self) -> None:
        try:
            await self._task()
        except Exception as error:
            self._failure = error
            self._body.cancel(reason=f"{self._name} failed")

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the task, and let exactly one exception out."""
        failure = self._leave_body(exc)
        # Bounded: the task is cancelled.
        interruption = await self._leave_nursery(failure)  # noqa: ASYNC102
        verdict = self._verdict(failure, interruption)
        try:
            if verdict is not None and verdict is not exc:
                raise verdict
        finally:
            del failure, interruption, verdict

    def _leave_body(self, exc: BaseException | None) -> BaseException | None:
        try:
            caught = self._body.__exit__(type(exc) if exc else None, exc, None)
        except BaseException as rest:  # noqa: ASYNC103
            return rest  # noqa: ASYNC104 - it leaves at the end of the block
        return None if caught else exc

    async def _leave_nursery(self, failure: BaseException | None) -> BaseException | None:
        """End the task; return the cancellation (or Ctrl-C) that goes on outside.

        The nursery is told of a bare cancellation, which may be its own.
        A group it would wrap, and take to pieces.
        """
        self._nursery.cancel_scope.cancel()
        passing = None if _is_the_users(failure) else failure
        try:
            await self._nursery_manager.__aexit__(type(passing) if passing else None, passing, None)
        except BaseExceptionGroup as group:
            return unwrap_group(group)
        return None

    def _verdict(
        self, failure: BaseException | None, interruption: BaseException | None
    ) -> BaseException | None:
        if failure is None or not _is_the_users(failure):
            return interruption or self._failure
        if interruption is not None and not isinstance(interruption, trio.Cancelled):
            return interruption
        if failure.__context__ is None and failure is not self._failure:
            failure.__context__ = self._failure
        return failure


def _is_the_users(failure: BaseException | None) -> bool:
    return isinstance(failure, Exception | BaseExceptionGroup)
