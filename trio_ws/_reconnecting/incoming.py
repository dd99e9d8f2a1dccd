"""Messages of a reconnecting channel that have arrived, across connections.

Receivers take from the oldest connection that still has messages, even if it is gone,
so that nothing that arrived is overtaken, and a slow receiver does not lose it.
What a connection held when it ended is kept, unless `Limits.receive_buffer` bytes are kept already
of those before it: perhaps they will never be taken,
and a program that only sends must not come to a halt for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from .._connection.delivery import Delivery
from .._errors import ConnectionClosed


class Incoming:
    """The connections to receive from; `check_more_comes` raises if there will be no other."""

    def __init__(self, check_more_comes: Callable[[], None]) -> None:
        self._check_more_comes = check_more_comes
        self._sources: deque[Delivery] = deque()
        self._arrived = trio.lowlevel.ParkingLot()
        self.received = 0
        self.dropped = 0

    def add(self, delivery: Delivery) -> None:
        """Receive from another connection, after those before it."""
        self._sources.append(delivery)
        self._arrived.unpark_all()

    def wake_all(self) -> None:
        """Let all receivers look: there will be no other connection."""
        self._arrived.unpark_all()

    async def receive(self) -> str | bytes:
        """Return the next message; if cancelled, none is lost."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:  # noqa: ASYNC913 - it parks, or asks a connection, which checks
            if not self._sources:
                self._check_more_comes()
                await self._arrived.park()
                continue
            source = self._sources[0]
            try:
                message = await source.ws.receive()
            except ConnectionClosed:
                self._forget(source)
            else:
                self.received += 1
                return message

    def _forget(self, delivery: Delivery) -> None:
        if delivery in self._sources:
            self._sources.remove(delivery)

    def over(self, delivery: Delivery) -> None:
        """Keep what a connection that is over has left, within bounds."""
        kept = sum(source.unread for source in self._sources if source is not delivery)
        if delivery.unread and kept < delivery.receive_buffer:
            return
        self.dropped += delivery.drop_unread()
        self._forget(delivery)
