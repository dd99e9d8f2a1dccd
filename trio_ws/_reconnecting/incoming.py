"""Messages of a reconnecting channel that have arrived, across connections.

Receivers take from the oldest connection that still has messages, even if it is gone,
so that nothing that arrived is overtaken, and a slow receiver does not lose it.
What a connection held when it ended is kept, unless `Limits.receive_buffer` bytes are kept already
of those before it: perhaps nobody will ever take them,
and a program that only sends must not come to a halt for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from .._connection.websocket import WebSocket
from .._errors import ConnectionClosed


class Incoming:
    """The connections to receive from; `check_more_comes` raises if there will be no other."""

    def __init__(self, check_more_comes: Callable[[], None]) -> None:
        self._check_more_comes = check_more_comes
        self._sources: deque[WebSocket] = deque()
        self._arrived = trio.lowlevel.ParkingLot()
        self.received = 0
        self.dropped = 0

    def add(self, ws: WebSocket) -> None:
        """There is another connection."""
        self._sources.append(ws)
        self._arrived.unpark_all()

    def wake_all(self) -> None:
        """There will be no other connection: let everybody look."""
        self._arrived.unpark_all()

    async def receive(self) -> str | bytes:
        """The next message; if cancelled, none is lost."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:  # noqa: ASYNC913 - it parks, or asks a connection, which checks
            if not self._sources:
                self._check_more_comes()
                await self._arrived.park()
                continue
            source = self._sources[0]
            try:
                message = await source.receive()
            except ConnectionClosed:
                self._forget(source)
            else:
                self.received += 1
                return message

    def _forget(self, ws: WebSocket) -> None:
        if ws in self._sources:
            self._sources.remove(ws)

    def over(self, ws: WebSocket) -> None:
        """A connection is over: keep what nobody has taken yet, within bounds."""
        receive_queue = ws._connection.core.receive_queue
        kept = sum(
            source._connection.core.receive_queue.size
            for source in self._sources
            if source is not ws
        )
        if receive_queue.messages and kept < ws._connection.core.options.limits.receive_buffer:
            return
        while receive_queue.messages:
            receive_queue.take()
            self.dropped += 1
        self._forget(ws)
