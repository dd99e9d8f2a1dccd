"""A handler at work, and what its end means.

=====================================  =======================================================
it returns                             the connection is closed with 1000
it raises                              1011, and `on_handler_error` is told
it lets out the end of its connection  nothing: that is no failure
Ctrl-C, an exit, a cancellation        passes through the server, whatever was raised beside it
=====================================  =======================================================

No other end of a handler leaves its connection's task (P9).
"""

from __future__ import annotations

import inspect

import trio

from .._concurrency.body import call_unprotected
from .._connection.block import ConnectionBlock
from .._connection.websocket import WebSocket
from .._errors import is_end_of
from .isolation import Outcome, split
from .log import log
from .options import HandlerErrorHook
from .selection import Handler
from .statistics import Counters


class HandlerRunner:
    """Runs the handlers of one server."""

    def __init__(self, on_handler_error: HandlerErrorHook, counters: Counters) -> None:
        self._on_handler_error = on_handler_error
        self._counters = counters

    async def run(
        self,
        handler: Handler,
        ws: WebSocket,
        nursery: trio.Nursery | None = None,
        *,
        close_with: int | None = None,
    ) -> None:
        """Let the handler have the connection, with its services in `nursery`, until both ended.

        With a `close_with` the connection is closed with this code as it begins.
        """
        outcome = Outcome()
        try:
            async with ConnectionBlock(ws, nursery):
                if close_with is not None:
                    ws._connection.close_gracefully(close_with)
                await call_unprotected("the handler", handler, ws)
        except BaseException as exc:  # noqa: ASYNC103 - a cancellation is in the outcome
            outcome = split(exc, is_no_failure=lambda leaf: is_end_of(leaf, ws.ending))
        try:
            if outcome.failure is not None:
                self._counters.add("failed")
                await self._report(ws, outcome.failure)
        finally:
            outcome.let_pass()

    async def _report(self, ws: WebSocket, failure: BaseException) -> None:
        """Call the hook; what fails in it is logged."""
        try:
            told = self._on_handler_error(ws, failure)
            if inspect.isawaitable(told):
                await told
        except BaseException as exc:  # noqa: ASYNC103 - what must pass does
            outcome = split(exc)
            if outcome.failure is not None:
                name = ws._connection.core.name
                log.error("[%s] on_handler_error failed itself", name, error=outcome.failure)
            outcome.let_pass()
