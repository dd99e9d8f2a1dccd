"""Messages of a reconnecting channel that are on their way, across connections.

A message that `send` accepted is in one of three places::

    waiting ──▶ accepted by a connection ──▶ handed to the kernel
       ▲                  │                            │
       └── never taken ◀──┘ the connection is lost ───▶ in doubt

What is waiting goes out, in order, on the next connection, before anything newer.
What the connection had queued and never begun to write moves back to the front.
What was handed to the kernel may have arrived or not, which cannot be known:
it is never sent again, only counted.  That is delivery *at most once*.

How far a message has come its receipt tells (`_connection.delivery`).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import final

from .._connection.delivery import DeliveryState, Receipt
from .._connection.receive_queue import wire_size
from .._policies import MIB
from .._protocol.send_queue import QUEUE_ITEM_OVERHEAD
from .._validation import check_count, check_fields, check_seconds


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SendBuffer:
    """How much `ReconnectingWebSocket.send` may take in while there is no connection.

    What still waits when the block of the channel is left is lost, and stays counted
    in `ReconnectingStatistics.waiting`.

    Attributes:
        max_messages: maximum number of messages.
        max_bytes: so many bytes at most, each message counted with 64 bytes for itself.
        max_age: a message that could not be handed to the kernel within so many seconds
            is dropped, and counted as expired.
    """

    max_messages: int = 1000
    max_bytes: int = MIB
    max_age: float = 30.0

    def __post_init__(self) -> None:
        check_fields(self, check_count, "max_messages", "max_bytes")
        check_fields(self, check_seconds, "max_age")


@dataclass(frozen=True, slots=True)
class _Item:
    message: str | bytes
    expires: float

    @property
    def size(self) -> int:
        return wire_size(self.message) + QUEUE_ITEM_OVERHEAD


class Outgoing:
    """What is on its way; there is no clock in here, and no waiting."""

    def __init__(self, buffer: SendBuffer | None) -> None:
        self._buffer = buffer
        self._waiting: deque[_Item] = deque()
        self._in_hand: _Item | None = None
        self._accepted: deque[tuple[Receipt, _Item]] = deque()
        self.size = 0
        self.expired = 0
        self.in_doubt = 0

    def __len__(self) -> int:
        """Return how many messages are waiting."""
        return len(self._waiting)

    def _item(self, message: str | bytes, now: float) -> _Item:
        age = math.inf if self._buffer is None else self._buffer.max_age
        return _Item(message, now + age)

    # While there is no connection

    def has_room(self, message: str | bytes, now: float) -> bool:
        """Return True if it may wait in the buffer."""
        if self._buffer is None:
            return False
        self._drop_expired(now)
        size = self.size + wire_size(message) + QUEUE_ITEM_OVERHEAD
        return len(self) < self._buffer.max_messages and size <= self._buffer.max_bytes

    @property
    def next_expiry(self) -> float:
        """Return when the oldest of those that wait expires."""
        return self._waiting[0].expires if self._waiting else math.inf

    def put(self, message: str | bytes, now: float) -> None:
        """Let a message wait."""
        item = self._item(message, now)
        self._waiting.append(item)
        self.size += item.size

    def _drop_expired(self, now: float) -> None:
        while self._waiting and self._waiting[0].expires <= now:
            self._take()
            self.expired += 1

    def _take(self) -> _Item:
        item = self._waiting.popleft()
        self.size -= item.size
        return item

    # With a connection

    def take(self, now: float) -> str | bytes | None:
        """Return the message that goes out next, or None; `accepted` is to follow."""
        self._drop_expired(now)
        self._in_hand = self._take() if self._waiting else None
        return None if self._in_hand is None else self._in_hand.message

    def accepted(self, receipt: Receipt) -> None:
        """Note that the connection took that message."""
        assert self._in_hand is not None
        self._note(receipt, self._in_hand)
        self._in_hand = None

    def accepted_at_once(self, receipt: Receipt, now: float) -> None:
        """Note that the connection took a message that did not have to wait."""
        self._note(receipt, self._item(receipt.message, now))

    def _note(self, receipt: Receipt, item: _Item) -> None:
        """Remember a message, and forget those that were written."""
        self._accepted.append((receipt, item))
        while self._accepted and self._accepted[0][0].state is not DeliveryState.WAITING:
            self._accepted.popleft()

    def end(self, *, in_doubt: int) -> None:
        """End a connection, of whose messages `in_doubt` may have arrived or not."""
        self.in_doubt += in_doubt
        if self._in_hand is not None:
            self._put_back(self._in_hand)
            self._in_hand = None
        while self._accepted:
            receipt, item = self._accepted.pop()
            if receipt.state is DeliveryState.WAITING:
                self._put_back(item)

    def _put_back(self, item: _Item) -> None:
        self._waiting.appendleft(item)
        self.size += item.size
