"""Messages of a reconnecting channel that are on their way, across connections.

A message that `send` accepted is in one of three places::

    waiting ──▶ accepted by a connection ──▶ handed to the kernel
       ▲                  │                            │
       └── never taken ◀──┘ the connection is lost ───▶ in doubt

What is waiting goes out, in order, on the next connection, before anything newer.
What the connection had queued and never begun to write moves back to the front.
What was handed to the kernel may have arrived or not, nobody can know:
it is never sent again, only counted.  That is delivery *at most once*.

A connection counts its data frames, and a channel sends whole messages,
so that a message is known by the number of its frame;
heartbeats made of messages are frames between them.
A pong proves that all frames before its ping arrived; so does a close handshake that we began.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import final

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
        max_messages: so many messages at most (a number).
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
        self._accepted: deque[tuple[int, _Item]] = deque()
        self._base = 0
        self._own = 0
        self._last = 0
        self.size = 0
        self.expired = 0
        self.in_doubt = 0

    def __len__(self) -> int:
        """How many messages are waiting."""
        return len(self._waiting)

    def _item(self, message: str | bytes, now: float) -> _Item:
        age = math.inf if self._buffer is None else self._buffer.max_age
        return _Item(message, now + age)

    # While there is no connection

    def has_room(self, message: str | bytes, now: float) -> bool:
        """Whether it may wait in the buffer."""
        if self._buffer is None:
            return False
        self._drop_expired(now)
        size = self.size + wire_size(message) + QUEUE_ITEM_OVERHEAD
        return len(self) < self._buffer.max_messages and size <= self._buffer.max_bytes

    def put(self, message: str | bytes, now: float) -> None:
        """Let it wait."""
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

    def begin(self, frames_in: int) -> None:
        """A connection is there, on which `frames_in` frames have been sent by others."""
        self._base = self._last = frames_in
        self._own = 0

    def take(self, now: float) -> str | bytes | None:
        """The message that is to go out next, to be told `accepted`; None if none waits."""
        self._drop_expired(now)
        self._in_hand = self._take() if self._waiting else None
        return None if self._in_hand is None else self._in_hand.message

    def accepted(self, frame: int) -> None:
        """The connection took that message, as its frame with this number."""
        assert self._in_hand is not None
        self._note(frame, self._in_hand)
        self._in_hand = None

    def accepted_at_once(
        self, message: str | bytes, frame: int, *, frames_out: int, now: float
    ) -> None:
        """The connection took a message that did not have to wait; forget what was written."""
        self._note(frame, self._item(message, now))
        while self._accepted and self._accepted[0][0] <= frames_out:
            self._accepted.popleft()

    def _note(self, frame: int, item: _Item) -> None:
        self._accepted.append((frame, item))
        self._own += 1
        self._last = frame

    def end(self, *, frames_out: int, confirmed: int, delivered: bool) -> None:
        """The connection is over, after it had begun to write `frames_out` frames.

        `confirmed`: so many of them are known to have arrived; `delivered`: all are.
        """
        if not delivered:
            self.in_doubt += self._in_doubt_of(frames_out, confirmed)
        if self._in_hand is not None:
            self._put_back(self._in_hand)
            self._in_hand = None
        while self._accepted:
            frame, item = self._accepted.pop()
            if frame > frames_out:
                self._put_back(item)

    def _in_doubt_of(self, frames_out: int, confirmed: int) -> int:
        """How many messages of ours may not have arrived.

        Heartbeat messages are frames, too.  They are not counted unless some of what went out
        was confirmed: where exactly they stood is not remembered, so that then the bound
        may include those before the last message of ours.
        """
        written = self._own - sum(frame > frames_out for frame, _ in self._accepted)
        unconfirmed = min(frames_out, self._last) - max(self._base, confirmed)
        return max(0, min(written, unconfirmed))

    def _put_back(self, item: _Item) -> None:
        self._waiting.appendleft(item)
        self.size += item.size
