"""Messages that go to many connections together: their frames stand behind each other once.

What is written to a connection is then one object, the same for all of them, in one system call.
That holds for a connection whose frames are those of every other: a server's,
since a client masks each with a key of its own (RFC 6455 §5.3),
and of messages that no extension of it encodes.
The others take the messages one by one (`SharedMessage`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from .send_queue import MAX_BATCH, QUEUE_ITEM_OVERHEAD, Piece
from .shared_message import SharedMessage


@final
class SharedBurst:
    """Messages for many connections, to be sent in this order without others in between.

    Attributes:
        messages: the messages.
        count: how many there are.
        largest: how many bytes the largest has.
        size: what they take of a queue as if they were one message, in bytes.
        data: their frames as a server sends them; None if that is too much for one write.
    """

    __slots__ = ("count", "data", "largest", "messages", "size")

    def __init__(self, messages: Sequence[str | bytes]) -> None:
        """Take at least one message.

        Raises:
            LocalProtocolError: a text is not valid Unicode.
        """
        self.messages = tuple(SharedMessage(message) for message in messages)
        sizes = [message.size for message in self.messages]
        self.count = len(sizes)
        self.largest = max(sizes)
        self.size = sum(sizes) + (self.count - 1) * QUEUE_ITEM_OVERHEAD
        self.data = _joined(self.messages) if self.size <= MAX_BATCH else None


def _joined(messages: Sequence[SharedMessage]) -> bytes:
    pieces: list[Piece] = []
    for message in messages:
        frame = message.frame(None)
        pieces += frame if isinstance(frame, tuple) else (frame,)
    return b"".join(pieces)
