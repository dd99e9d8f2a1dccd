"""A connection as a block: what lives in it, and the one exception that leaves it.

    async with open_websocket(url) as ws:           the caller's scope
    └─ nursery
       ├─ body scope ── the user's block            ← a loss cancels this
       └─ services, each in a shielded scope        ← cancelled last, by us, after the goodbye
          ├─ reader, holding the lease
          └─ writer, once there is work for it

The services of a server's connections live in the server's nursery instead:
a nursery for each would take another kilobyte of memory.
So nothing leaves their tasks that could touch a neighbour's; an error of theirs leaves here.

Leaving the block, for whatever reason, has four steps:

1. *The body scope is closed.*  If the connection was lost, this is where the cancellation
   that told the body so is caught.
2. *The farewell.*  A close frame goes out: 1000 after a normal end, 1011 after an exception,
   1001 after a cancellation.  In the first two cases what was sent goes out first and the peer
   is awaited, up to `Timeouts.close`; in the last there is only `Timeouts.goodbye`,
   and a cancellation that arrives meanwhile turns the former into the latter.
3. *The services are gone*: they are done, or were cut off at their deadline.
   A nursery of our own is closed.
4. *The verdict* (P2): exactly one exception leaves, bare.

This is a class and no generator with `contextlib.asynccontextmanager`:
between the frames of the latter a Ctrl-C could land and leave the nursery open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

import trio

from .._concurrency.exceptions import iter_leaves, unwrap_group
from .._ending import CloseCode, Ending
from .._errors import ConnectionClosed, closed
from .._protocol.validation import truncate_reason
from .websocket import WebSocket


@final
class ConnectionBlock:
    """``async with`` over one connection; see the top of this file.

    Its services run in `nursery`, or in one of its own.
    """

    __slots__ = ("_connect", "_connection", "_nursery", "_nursery_manager")

    def __init__(
        self, connect: Callable[[], Awaitable[WebSocket]], nursery: trio.Nursery | None = None
    ) -> None:
        self._connect: Callable[[], Awaitable[WebSocket]] | None = connect
        self._nursery = nursery
        self._nursery_manager: AbstractAsyncContextManager[trio.Nursery] | None = None

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> WebSocket:
        """Connect; nothing is left behind if that fails or is cancelled."""
        connect, self._connect = self._connect, None
        if connect is None:
            raise RuntimeError("this block was entered before; call open_websocket() for each")
        ws = await connect()
        self._connection = ws._connection
        if self._nursery is None:
            self._nursery_manager = trio.open_nursery()
            self._nursery = await self._nursery_manager.__aenter__()
        self._connection.start(self._nursery)
        self._connection.body.__enter__()
        return ws

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Say goodbye, end the services, and let exactly one exception out."""
        failure = self._leave_body(exc)
        # Bounded: from here on the services have a deadline.
        interruption = await self._farewell(failure)  # noqa: ASYNC102
        try:
            interruption = await self._wait_for_services() or interruption  # noqa: ASYNC102
        finally:
            self._connection.part()
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
            del exc, failure, interruption, verdict, context

    def _leave_body(self, exc: BaseException | None) -> BaseException | None:
        """Close the body scope; return what is left of the exception."""
        self._connection.leaving = True
        try:
            caught = self._connection.body.__exit__(type(exc) if exc else None, exc, None)
        except BaseException as rest:  # noqa: ASYNC103
            return rest  # noqa: ASYNC104 - it leaves at the end of the block
        return None if caught else exc

    async def _farewell(self, failure: BaseException | None) -> BaseException | None:
        """Begin the close that `failure` asks for and wait for its end.

        Returns the cancellation (or Ctrl-C) that cut the waiting short, if one did.
        """
        connection = self._connection
        if failure is None:
            connection.begin_close(CloseCode.NORMAL_CLOSURE)
        elif all(not isinstance(leaf, Exception) for leaf in iter_leaves(failure)):
            connection.hurry(CloseCode.GOING_AWAY, _reason_given(failure))
        else:
            connection.begin_close(CloseCode.INTERNAL_ERROR)
        try:
            await connection.finished.wait()
        except BaseException as interruption:  # noqa: ASYNC103
            connection.hurry(CloseCode.GOING_AWAY)
            return interruption  # noqa: ASYNC104 - the verdict raises it
        return None

    async def _wait_for_services(self) -> BaseException | None:
        """Wait until the services are gone: bounded by their deadline, not by a cancellation.

        Returns the Ctrl-C that came meanwhile, if one did: it passes shields.
        """
        interruption: BaseException | None = None
        while not self._connection.finished.is_set():
            try:
                with trio.CancelScope(shield=True):
                    await self._connection.finished.wait()
            except BaseException as exc:  # noqa: ASYNC103
                interruption = exc
        return await self._leave_nursery() or interruption

    async def _leave_nursery(self) -> BaseException | None:
        """Close the nursery, if it is our own; nothing is left in it."""
        if self._nursery_manager is not None:
            try:
                await self._nursery_manager.__aexit__(None, None, None)
            except BaseExceptionGroup as group:
                return unwrap_group(group)
        return None

    def _verdict(
        self, failure: BaseException | None, interruption: BaseException | None
    ) -> BaseException | None:
        """The one exception that leaves (P2), or None."""
        ending = self._connection.protocol.ending
        assert ending is not None
        if self._connection.body.cancelled_caught and failure is None:
            failure = closed(ending)
        failure = self._unwrapped(failure)
        error = self._connection.failure or self._connection.own_error
        if error is not None and self._yields(failure):
            failure = error
        if interruption is not None and self._outranks(interruption, failure):
            return interruption
        if isinstance(failure, Exception) and self._connection.deadly:
            self._add_loss(failure, ending)
        return failure

    def _outranks(self, interruption: BaseException, failure: BaseException | None) -> bool:
        """A Ctrl-C outranks everything; a cancellation only the end of the connection."""
        if failure is None or self._is_own(failure):
            return True
        if isinstance(interruption, trio.Cancelled):
            return False
        interruption.__context__ = failure
        return True

    def _yields(self, failure: BaseException | None) -> bool:
        """Whether `failure` says less than an exception of the policies' functions does."""
        return failure is None or self._is_own(failure) or isinstance(failure, trio.Cancelled)

    def _add_loss(self, failure: Exception, ending: Ending) -> None:
        """Make the loss the origin of `failure`, in place of a `Cancelled` that told of it."""
        for error in _contexts(failure):
            if any(map(self._is_own, iter_leaves(error))):
                return
            if error.__context__ is None or isinstance(error.__context__, trio.Cancelled):
                error.__context__ = closed(ending)
                return

    def _unwrapped(self, failure: BaseException | None) -> BaseException | None:
        """Of a group that says no more than that this connection ended, the part that says so."""
        if not isinstance(failure, BaseExceptionGroup):
            return failure
        own = [leaf for leaf in iter_leaves(failure) if self._is_own(leaf)]
        outer = [leaf for leaf in iter_leaves(failure) if isinstance(leaf, trio.Cancelled)]
        if not own or len(own) + len(outer) < len(list(iter_leaves(failure))):
            return failure
        return (outer or own)[0]

    def _is_own(self, error: BaseException) -> bool:
        return (
            isinstance(error, ConnectionClosed) and error.ending is self._connection.protocol.ending
        )


def hold(ws: WebSocket, nursery: trio.Nursery | None = None) -> ConnectionBlock:
    """The block of a connection that is open already, with its services in `nursery`."""

    async def connected() -> WebSocket:  # noqa: ASYNC124 - others have to wait
        return ws

    return ConnectionBlock(connected, nursery)


def _contexts(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, the one in whose handling it was raised, and so on."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__context__


def _reason_given(failure: BaseException) -> str:
    """The text that somebody gave to ``cancel(reason=…)``, as far as a frame holds it."""
    for leaf in iter_leaves(failure):
        if isinstance(leaf, trio.Cancelled) and leaf.source == "explicit" and leaf.reason:
            return truncate_reason(leaf.reason)
    return ""
