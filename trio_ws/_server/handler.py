"""A handler at work, and what its end means.

=====================================  =======================================================
it returns                             the connection is closed with 1000
it raises                              1011, and `on_handler_error` is told
it lets out the end of its connection  nothing: everybody knows already
Ctrl-C, an exit, a cancellation        passes through the server, whatever was raised beside it
=====================================  =======================================================

No other end of a handler leaves its connection's task (P9).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

import trio

from .._connection.block import ConnectionBlock
from .._connection.websocket import WebSocket
from .._errors import ConnectionClosed
from .._validation import check_callable
from .options import HandlerErrorHook

Handler: TypeAlias = Callable[[WebSocket], Awaitable[object]]
"""An async function that is called with each connection and owns it until it returns."""

_MAY_PASS = (KeyboardInterrupt, SystemExit, GeneratorExit, trio.Cancelled)
"""What a handler may raise through the server; the third is how Python abandons a coroutine."""

_logger = logging.getLogger("trio_ws.server")


class _Outcome(NamedTuple):
    """What a handler raised: its failure, and what must pass."""

    failure: BaseException | None = None
    passing: BaseException | None = None


class HandlerRunner:
    """Runs the handler of one server.

    Attributes:
        failed: how many handlers have raised.
    """

    def __init__(self, handler: Handler, failure_hook: HandlerErrorHook) -> None:
        check_callable("handler", handler)
        self._handler = handler
        self._failure_hook = failure_hook
        self.failed = 0

    async def run(
        self, ws: WebSocket, nursery: trio.Nursery | None = None, *, close_with: int | None = None
    ) -> None:
        """Let the handler have the connection, with its services in `nursery`, until both ended.

        With a `close_with` the connection is closed with this code as it begins.
        """
        outcome = None
        try:
            async with ConnectionBlock(ws, nursery):
                if close_with is not None:
                    ws._connection.close_gracefully(close_with)
                await self._started(ws)
        except BaseException as exc:  # noqa: ASYNC103 - a cancellation is in the outcome
            outcome = _split(exc, ws)  # noqa: ASYNC104
        if outcome is not None:
            await self._conclude(ws, outcome)

    async def _conclude(self, ws: WebSocket, outcome: _Outcome) -> None:
        """Report a failure, and let out what must pass."""
        try:
            if outcome.failure is not None:
                await self._report(ws, outcome.failure)
        finally:
            if outcome.passing is not None:
                raise outcome.passing from outcome.passing.__cause__

    def _started(self, ws: WebSocket) -> Awaitable[object]:
        running: object = self._handler(ws)
        if not inspect.isawaitable(running):
            what = type(running).__name__
            raise TypeError(f"the handler must be an async function; calling it returned {what}")
        return running

    async def _report(self, ws: WebSocket, failure: BaseException) -> None:
        self.failed += 1
        try:
            told = self._failure_hook(ws, failure)
            if inspect.isawaitable(told):
                await told
        except Exception:
            _logger.exception("[%s] on_handler_error failed itself", ws._connection.core.name)


def _split(exc: BaseException, ws: WebSocket) -> _Outcome:
    """What of an exception is the handler's failure, and what must pass.

    The end of the handler's own connection is neither.
    """

    def is_own(leaf: BaseException) -> bool:
        return isinstance(leaf, ConnectionClosed) and leaf.ending is ws.ending

    if not isinstance(exc, BaseExceptionGroup):
        if isinstance(exc, _MAY_PASS):
            return _Outcome(passing=exc)
        return _Outcome(failure=None if is_own(exc) else exc)
    passing, failures = exc.split(_MAY_PASS)
    return _Outcome(failures and failures.split(is_own)[1], passing)
