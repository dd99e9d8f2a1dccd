"""A connection as a block: what lives in it, and the one exception that leaves it.

    async with open_websocket(url) as ws:           the caller's scope
    └─ nursery
       ├─ body scope ── the user's block            ← a loss cancels this
       └─ tasks, each in a shielded scope           ← cancelled last, by us, after the goodbye
          ├─ reader, holding the lease
          └─ writer, once there is something that could not be written at once

The tasks of a server's connections live in the server's nursery instead:
a nursery for each would take another kilobyte of memory.
So nothing leaves them that could touch a neighbour's; their error leaves here.

Leaving the block, for whatever reason, has four steps:

1. *The body scope is closed.*  If the connection was lost, this is where the cancellation
   that told the body so is caught.
2. *The farewell.*  A close frame goes out: 1000 after a normal end, 1011 after an exception,
   1001 after a cancellation.  In the first two cases what was sent goes out first and the peer
   is awaited, up to `Timeouts.close`; in the last there is only `Timeouts.goodbye`,
   and a cancellation that arrives meanwhile turns the former into the latter.
3. *The tasks are gone*: they are done, or were cut off at their deadline.
   A nursery of our own is closed.
4. *The verdict* (P2): exactly one exception leaves, bare.

This is a class and no generator with `contextlib.asynccontextmanager`:
between the frames of the latter a Ctrl-C could land and leave the nursery open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

import trio

from .._concurrency.body import leave_body, leave_nursery, unwrap_end
from .._concurrency.exceptions import iter_chain, iter_leaves, may_pass
from .._ending import CloseCode, Ending
from .._errors import ConnectionClosed, closed, is_end_of
from .websocket import WebSocket

Connect = Callable[[], Awaitable[WebSocket]]


@final
class ConnectionBlock:
    """``async with`` over one connection; see the top of this file.

    The connection is open already, or `connect` opens it.
    Its tasks run in `nursery`, or in one of the block's own.
    """

    __slots__ = ("_connect", "_connection", "_nursery", "_nursery_manager")

    def __init__(self, connect: WebSocket | Connect, nursery: trio.Nursery | None = None) -> None:
        self._connect: WebSocket | Connect | None = connect
        self._nursery = nursery
        self._nursery_manager: AbstractAsyncContextManager[trio.Nursery] | None = None

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> WebSocket:
        """Connect, and start the tasks; nothing is left behind if that fails or is cancelled."""
        connect, self._connect = self._connect, None
        if connect is None:
            raise RuntimeError("this block was entered before; call open_websocket() for each")
        ws = connect if isinstance(connect, WebSocket) else await connect()
        self._connection = ws._connection
        if self._nursery is None:
            self._nursery_manager = trio.open_nursery()
            self._nursery = await self._nursery_manager.__aenter__()
        self._connection.start(self._nursery)
        self._connection.core.body.__enter__()
        self._connection.core.begin_observation(ws)
        return ws

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Say goodbye, end the tasks, and let exactly one exception out."""
        failure = self._leave_body(exc)
        # Bounded: from here on the tasks have a deadline.
        interruption = await self._farewell(failure)  # noqa: ASYNC102
        interruption = await self._wait_for_tasks() or interruption  # noqa: ASYNC102
        verdict = self._verdict(failure, interruption)
        if verdict is None or verdict is exc:
            return verdict is None
        if isinstance(verdict, ConnectionClosed):
            await trio.lowlevel.checkpoint_if_cancelled()  # noqa: ASYNC102 - does not wait
        context = verdict.__context__
        try:
            raise verdict
        finally:
            verdict.__context__ = context  # Python has put `exc` there
            # A local variable that holds an exception is a ring: the traceback holds the frame.
            del exc, failure, interruption, verdict, context

    def _leave_body(self, exc: BaseException | None) -> BaseException | None:
        """Close the body scope; return what is left of the exception."""
        core = self._connection.core
        core.receive_queue.close()
        return leave_body(core.body, exc)

    async def _farewell(self, failure: BaseException | None) -> BaseException | None:
        """Begin the close that `failure` asks for and wait for its end.

        Return the cancellation (or Ctrl-C) that cut the waiting short, if one did.
        """
        connection = self._connection
        try:
            # Nothing may leave here: the nursery would stay open, and Trio would break.
            if failure is None:
                connection.close_gracefully(CloseCode.NORMAL_CLOSURE)
            elif all(map(may_pass, iter_leaves(failure))):
                connection.close_quickly(CloseCode.GOING_AWAY)
            else:
                connection.close_gracefully(CloseCode.INTERNAL_ERROR)
            await connection.core.finished.wait()
        except BaseException as interruption:  # noqa: ASYNC103
            connection.hurry()
            return interruption  # noqa: ASYNC104 - the verdict raises it
        return None

    async def _wait_for_tasks(self) -> BaseException | None:
        """Wait until the tasks are gone: bounded by their deadline, not by a cancellation.

        Return the Ctrl-C that came meanwhile, if one did: it passes shields.
        """
        finished = self._connection.core.finished
        interruption: BaseException | None = None
        while not finished.is_set():
            try:
                with trio.CancelScope(shield=True):
                    await finished.wait()
            except BaseException as exc:  # noqa: ASYNC103
                interruption = exc
        if self._nursery_manager is None:
            return interruption
        return await leave_nursery(self._nursery_manager) or interruption

    # The verdict (P2): of what happened, one exception leaves.  Of lower rank wins;
    # of equal rank that of the body, then that of the policies' functions, then the interruption.
    #
    #   rank  what                              where from
    #   0     a Ctrl-C, an exit                 the body; or it came during the goodbye
    #   1     an exception, or a group          the body; a function of the policies
    #   2     a cancellation                    a scope around the block
    #   3     the end of this connection        the body; or the body was cancelled for it
    #   4     nothing
    #
    # Before that, a group that holds only cancellations and this connection's end is unwrapped.
    # After that, an exception of the body whose connection was lost gets the loss as its origin.

    def _verdict(
        self, failure: BaseException | None, interruption: BaseException | None
    ) -> BaseException | None:
        """Return the one exception that leaves, or None."""
        core = self._connection.core
        ending = core.protocol.ending
        assert ending is not None
        if core.body.cancelled_caught and failure is None:
            failure = closed(ending)
        failure = unwrap_end(failure, self._is_own)
        error = core.lifetime.error
        verdict, second, _ = sorted((failure, error, interruption), key=self._rank)
        if isinstance(verdict, Exception) and core.cancels_body:
            self._add_loss(verdict, ending)
        if verdict is not None and verdict is interruption and self._rank(second) < 3:
            verdict.__context__ = second
        return verdict

    def _rank(self, error: BaseException | None) -> int:
        if error is None:
            return 4
        if self._is_own(error):
            return 3
        if isinstance(error, trio.Cancelled):
            return 2
        return 1 if isinstance(error, Exception | BaseExceptionGroup) else 0

    def _add_loss(self, failure: Exception, ending: Ending) -> None:
        """Make the loss the origin of `failure`, in place of a `Cancelled` that told of it."""
        for error in iter_chain(failure):
            if any(map(self._is_own, iter_leaves(error))):
                return
            if error.__context__ is None or isinstance(error.__context__, trio.Cancelled):
                error.__context__ = closed(ending)
                return

    def _is_own(self, error: BaseException) -> bool:
        return is_end_of(error, self._connection.core.protocol.ending)
