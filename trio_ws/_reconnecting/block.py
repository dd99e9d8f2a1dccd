"""The block of a reconnecting channel, and the one exception that leaves it (P2)::

1  a Ctrl-C, or an exit
2  an exception of the block's own, or a group,
even if a cancellation comes before the goodbye or during it
3  a cancellation of a scope around the block
4  what ended the supervision; also out of a group in which there is nothing else
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

import trio

from .._concurrency.background import BackgroundTask
from .._concurrency.body import unwrap_end
from .._concurrency.exceptions import iter_leaves
from .._ending import CloseCode
from .channel import ReconnectingWebSocket


@final
class ChannelBlock(AbstractAsyncContextManager[ReconnectingWebSocket, None]):
    """``async with`` over a channel; see the top of this file."""

    def __init__(self, channel: ReconnectingWebSocket) -> None:
        self._channel = channel
        self._background = BackgroundTask(channel._run, name="trio_ws reconnecting channel")

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> ReconnectingWebSocket:
        """Begin to connect; do not wait for it."""
        await self._background.__aenter__()
        return self._channel

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say goodbye, and let exactly one exception out."""
        failure = unwrap_end(exc, self._channel.is_end)
        try:
            interruption = await self._farewell(failure)  # noqa: ASYNC102 - bounded
            if failure is None or not isinstance(interruption, trio.Cancelled | None):
                failure = interruption
            # Bounded: it ends the task.
            await self._background.__aexit__(  # noqa: ASYNC102
                type(failure) if failure else None, failure, None
            )
            if failure is not None and failure is not exc:
                raise failure
        finally:
            del failure

    async def _farewell(self, failure: BaseException | None) -> BaseException | None:
        """Close as `failure` asks for; return the cancellation (or Ctrl-C) that came meanwhile."""
        code = CloseCode.NORMAL_CLOSURE
        if failure is not None:
            if not any(isinstance(leaf, Exception) for leaf in iter_leaves(failure)):
                return None  # the end of the task is the goodbye: 1001, and at once
            code = CloseCode.INTERNAL_ERROR
        try:
            await self._channel.close(code)
        except BaseException as interruption:  # noqa: ASYNC103
            return interruption  # noqa: ASYNC104 - it leaves, if nothing outranks it
        return None
