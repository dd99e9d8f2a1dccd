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

from functools import partial

import trio

from .._concurrency.body import ask_unprotected, call_unprotected
from .._connection.block import ConnectionBlock
from .._connection.websocket import WebSocket
from .._errors import is_end_of
from .isolation import Outcome, split
from .log import log, log_ending
from .options import HandlerErrorHook
from .selection import Handler
from .statistics import Counters

_NOTHING = Outcome()


class HandlerRunner:
    """Runs the handlers of one server.

    Attributes:
        connections: those whose handlers are running, in the order of their arrival.
    """

    def __init__(self, on_handler_error: HandlerErrorHook, counters: Counters) -> None:
        self.connections: dict[WebSocket, None] = {}
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
        self.connections[ws] = None
        outcome = _NOTHING
        try:
            try:
                async with ConnectionBlock(ws, nursery):
                    if close_with is not None:
                        ws._connection.close_gracefully(close_with)
                    await call_unprotected("the handler", handler, ws)
            except BaseException as exc:  # noqa: ASYNC103 - a cancellation is in the outcome
                outcome = _outcome_of(exc, ws)
            if outcome.failure is not None:
                self._counters.add("failed")
                await self._report(ws, outcome.failure)
        finally:
            del self.connections[ws]
            self._note_ending(ws)
            outcome.let_pass()

    def _note_ending(self, ws: WebSocket) -> None:
        """Count a connection that was lost, and log how it ended if that tells something."""
        if ws.ending is not None and not ws.ending.clean:
            self._counters.add("lost")
        log_ending(ws, ws.ending)

    async def _report(self, ws: WebSocket, failure: BaseException) -> None:
        """Call the hook; what fails in it is logged."""
        try:
            await ask_unprotected(self._on_handler_error, ws, failure)
        except BaseException as exc:  # noqa: ASYNC103 - what must pass does
            outcome = split(exc)
            if outcome.failure is not None:
                name = ws._connection.core.name
                log.error("[%s] on_handler_error failed itself", name, error=outcome.failure)
            outcome.let_pass()


def _outcome_of(exc: BaseException, ws: WebSocket) -> Outcome:
    """Return what came of a handler; that its connection has ended is no failure."""
    return split(exc, is_no_failure=partial(is_end_of, ending=ws.ending))
