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

from .body import is_own_exception, leave_body, leave_nursery
from .exceptions import contain


@final
class BackgroundTask(AbstractAsyncContextManager[None, None]):
    """Run `task` for as long as the block runs; see the top of this file."""

    def __init__(self, task: Callable[[], Awaitable[object]], *, name: str) -> None:
        self._task = task
        self._name = name
        self._failure: BaseException | None = None
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
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            self._failure = contain(error)
            self._body.cancel(reason=f"{self._name} failed")

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the task, and let exactly one exception out."""
        failure = leave_body(self._body, exc)
        self._nursery.cancel_scope.cancel()
        passing = None if is_own_exception(failure) else failure
        # Bounded: the task is cancelled.
        interruption = await leave_nursery(self._nursery_manager, passing)  # noqa: ASYNC102
        verdict = self._verdict(failure, interruption)
        try:
            if verdict is not None and verdict is not exc:
                raise verdict
        finally:
            del failure, passing, interruption, verdict

    def _verdict(
        self, failure: BaseException | None, interruption: BaseException | None
    ) -> BaseException | None:
        """Return the one exception that leaves; `interruption` is a cancellation, or a Ctrl-C."""
        if failure is None or not is_own_exception(failure):
            return interruption or self._failure
        if interruption is not None and not isinstance(interruption, trio.Cancelled):
            return interruption
        if failure.__context__ is None and failure is not self._failure:
            failure.__context__ = self._failure
        return failure
