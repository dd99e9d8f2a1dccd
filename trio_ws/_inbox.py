"""Messages that have arrived and wait for `receive`.

Bounded in bytes: each item is counted with its size and with what it costs to keep at all,
so that a flood of empty messages fills the inbox like any other.
Whole messages and the parts of a streamed one wait in separate queues,
because a part belongs to the one task that streams while messages belong to whoever comes.
"""

from __future__ import annotations

from collections import deque

import trio

from ._parking import QuietLot
from ._sansio.assembly import Part
from ._sansio.outbox import ITEM_COST


def wire_size(data: str | bytes) -> int:
    """How many bytes a message has on the wire."""
    if isinstance(data, bytes) or data.isascii():
        return len(data)
    return len(data.encode(errors="surrogatepass"))  # whether it may be sent is judged elsewhere


def cost(message: str | bytes) -> int:
    """What a message counts for in a queue: its bytes, and what it costs to keep it at all."""
    return wire_size(message) + ITEM_COST


class Inbox:
    """What the reader hands to the receivers."""

    def __init__(self) -> None:
        self.messages: deque[str | bytes] = deque()
        self.parts: list[Part] = []
        self.size = 0
        self.receivers = trio.lowlevel.ParkingLot()
        self.streamers = QuietLot()

    def __bool__(self) -> bool:
        return bool(self.messages or self.parts)

    def put(self, message: str | bytes) -> None:
        """A message arrived: it belongs to the receiver that has waited longest."""
        self.messages.append(message)
        self.size += cost(message)
        if self.receivers:
            self.receivers.unpark()
        if self.streamers:
            self.streamers.unpark_all()

    def put_part(self, part: Part) -> None:
        """A part arrived for the task that streams."""
        self.parts.append(part)
        self.size += cost(part.data)
        self.streamers.unpark_all()

    def take(self) -> str | bytes:
        """Remove and return the oldest message."""
        message = self.messages.popleft()
        self.size -= cost(message)
        return message

    def take_part(self) -> Part:
        """Remove and return the oldest part."""
        part = self.parts.pop(0)
        self.size -= cost(part.data)
        return part

    def wake_all(self) -> None:
        """Nothing more will come: let everybody look."""
        self.receivers.unpark_all()
        self.streamers.unpark_all()
