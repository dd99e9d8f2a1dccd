"""Messages that have arrived and wait for `receive`.

Bounded in bytes: each item is counted with its size and with what it costs to keep at all,
so that a flood of empty messages fills the inbox like any other.
Whole messages and the parts of a streamed one wait in separate queues,
because a part belongs to the one task that streams while messages belong to whoever comes.

What one read has brought is put in at once, and taken out one by one.
So the queue of messages is two lists: the newest last in one, the oldest last in the other,
and when the latter is empty the former is turned round.  An empty deque would take 760 bytes.
"""

from __future__ import annotations

from .._concurrency.slim import SlimParkingLot
from .._protocol.assembler import Chunk
from .._protocol.send_queue import QUEUE_ITEM_OVERHEAD


def wire_size(data: str | bytes) -> int:
    """How many bytes a message has on the wire."""
    if isinstance(data, bytes) or data.isascii():
        return len(data)
    return len(data.encode(errors="surrogatepass"))  # whether it may be sent is judged elsewhere


def cost(message: str | bytes) -> int:
    """What a message counts for in a queue: its bytes, and what it costs to keep it at all."""
    return wire_size(message) + QUEUE_ITEM_OVERHEAD


class ReceiveQueue:
    """What the reader hands to the receivers."""

    __slots__ = (
        "_arrived",
        "_arrived_costs",
        "costs",
        "messages",
        "parts",
        "receivers",
        "size",
        "streamers",
    )

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        """The next one last; empty only if none waits."""
        self.costs: list[int] = []
        """What each of them costs; a tuple for each would cost as much again."""
        self._arrived: list[str | bytes] = []
        self._arrived_costs: list[int] = []
        self.parts: list[Chunk] = []
        self.size = 0
        self.receivers = SlimParkingLot()
        self.streamers = SlimParkingLot()

    def __bool__(self) -> bool:
        return bool(self.messages or self.parts)

    def put(self, arrived: list[str | bytes]) -> None:
        """Messages arrived: each belongs to the receiver that has waited longest.

        The list is the inbox's from now on.
        """
        costs = [
            len(message) + QUEUE_ITEM_OVERHEAD if isinstance(message, bytes) else cost(message)
            for message in arrived
        ]
        self.size += sum(costs)
        if self.messages:
            self._arrived += arrived
            self._arrived_costs += costs
        else:
            self._turn_round(arrived, costs)
        self.receivers.unpark(len(arrived))
        self.streamers.unpark_all()

    def put_chunk(self, part: Chunk) -> None:
        """A part arrived for the task that streams."""
        self.parts.append(part)
        self.size += cost(part.data)
        self.streamers.unpark_all()

    def take(self) -> str | bytes:
        """Remove and return the oldest message."""
        message = self.messages.pop()
        self.size -= self.costs.pop()
        if not self.messages and self._arrived:
            self._turn_round(self._arrived, self._arrived_costs)
            self._arrived, self._arrived_costs = [], []
        return message

    def _turn_round(self, arrived: list[str | bytes], costs: list[int]) -> None:
        arrived.reverse()
        costs.reverse()
        self.messages, self.costs = arrived, costs

    def take_chunk(self) -> Chunk:
        """Remove and return the oldest part."""
        part = self.parts.pop(0)
        self.size -= cost(part.data)
        return part

    def wake_all(self) -> None:
        """Nothing more will come: let everybody look."""
        self.receivers.unpark_all()
        self.streamers.unpark_all()
