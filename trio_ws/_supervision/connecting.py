"""Connecting on behalf of a supervisor, whatever ``connect=`` makes of it.

A supervised connection behaves a little differently: its iteration ends quietly with 1000 only,
and its block may not go on for long when the peer has closed.
It learns so when it is opened, from a context variable.
So ``connect`` may return a wrapper around the connection, which need not know of this.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

from .._connection.core import Supervised, current_supervision
from .._connection.websocket import WebSocket


@final
class SupervisedBlock(AbstractAsyncContextManager[WebSocket]):
    """The block that ``connect`` has returned, with connections that are supervised."""

    def __init__(
        self, block: AbstractAsyncContextManager[WebSocket], supervised: Supervised
    ) -> None:
        self._block = block
        self._supervised = supervised

    async def __aenter__(self) -> WebSocket:
        """Open the connection."""
        token = current_supervision.set(self._supervised)
        try:
            return await self._block.__aenter__()
        finally:
            current_supervision.reset(token)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Leave the block, and do what it does about the exception."""
        return await self._block.__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102 - its own
