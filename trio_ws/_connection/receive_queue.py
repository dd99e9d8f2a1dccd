"""Messages that have arrived and wait for `receive`.

Bounded in bytes: each item is counted with its size and with what it costs to keep at all,
so that a flood of empty messages fills the queue like any other.
Messages are counted by the portion, all that arrived together,
and a portion counts in full until its last message is taken.
So what is counted is never less than what is kept, and to take a message costs next to nothing.
Only a single message for a task that waits for it is not counted: it is taken in the next turn,
and the reader need not stop for it, however long it is.
Whole messages and the chunks of a streamed one wait separately,
because a chunk belongs to the one task that streams, and a message to any receiver.

The queue decides what becomes of what arrives; `Mode` has three values, in this order::

    BOUNDED     if it is full, the reader stops reading, so that TCP stops the peer (P7)
       │  we close, or cannot write any more: only a reader that goes on reading
       ▼  hears the peer's Close, or its end
    DRAINING    the reader reads on; the first item that is too much closes the queue
       │  the block is left, or something had to be dropped
       ▼
    CLOSED      what arrives is dropped, all of it, so that what was kept has no holes

What one read has brought is put in at once, and taken out one by one.
So the queue of messages is two lists: the newest last in one, the oldest last in the other.
When the latter is empty, the former is turned round and is the next portion.
An empty deque would take 760 bytes.
"""

from __future__ import annotations

import enum

from .._concurrency.slim import SlimParkingLot
from .._protocol.assembler import Chunk
from .._protocol.send_queue import QUEUE_ITEM_OVERHEAD


def wire_size(data: str | bytes) -> int:
    """Return how many bytes a message has on the wire."""
    if isinstance(data, bytes) or data.isascii():
        return len(data)
    return len(data.encode(errors="surrogatepass"))  # the protocol refuses surrogates


def wire_sizes(messages: list[str | bytes]) -> int:
    """Return how many bytes messages have on the wire together."""
    kinds = {
        *map(type, messages)
    }  # looking at each of many in Python would cost more than all else
    if str not in kinds or (bytes not in kinds and all(map(str.isascii, messages))):  # type: ignore[arg-type]
        return sum(map(len, messages))
    return sum(map(wire_size, messages))


def cost(message: str | bytes) -> int:
    """Return what a message counts for in a queue: its bytes, and what it costs to keep it."""
    return wire_size(message) + QUEUE_ITEM_OVERHEAD


class Mode(enum.Enum):
    """What becomes of what arrives; see the top of this file."""

    BOUNDED = enum.auto()
    DRAINING = enum.auto()
    CLOSED = enum.auto()


# Looking a member up in its class takes longer than the comparison.
_BOUNDED, _DRAINING, _CLOSED = Mode.BOUNDED, Mode.DRAINING, Mode.CLOSED


class ReceiveQueue:
    """What the reader hands to the receivers; `limit` is in bytes.

    Attributes:
        mode: what becomes of what arrives.
        messages: the portion that is being taken, the oldest last; empty only if none waits.
        chunks: the chunks that wait, the oldest first.
        receivers: where the tasks wait that take messages.
        streamers: where the task waits that takes chunks.
    """

    __slots__ = (
        "_arrived",
        "_arrived_cost",
        "_arriving",
        "_awake",
        "_counted",
        "_limit",
        "_portion_cost",
        "_reader",
        "_taken",
        "chunks",
        "messages",
        "mode",
        "receivers",
        "streamers",
    )

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.mode = _BOUNDED
        self.messages: list[str | bytes] | tuple[()] = ()
        self._portion_cost = 0
        self._arrived: list[str | bytes] | tuple[()] = ()
        self._arrived_cost = 0
        self.chunks: list[Chunk] | tuple[()] = ()
        self._counted = 0
        self.receivers = SlimParkingLot()
        self.streamers = SlimParkingLot()
        self._reader: SlimParkingLot | None = None
        self._arriving = 0
        self._awake = 0
        self._taken = False

    def __bool__(self) -> bool:
        return bool(self.messages or self.chunks)

    @property
    def size(self) -> int:
        """Return what all that waits costs, to the byte; this looks at each item."""
        messages = sum(map(cost, (*self.messages, *self._arrived)))
        return messages + sum(cost(chunk.data) for chunk in self.chunks)

    # The reader's side

    def is_full(self, arriving: int) -> bool:
        """Return True if the reader has to stop.

        `arriving` is how many bytes are held of the message that is arriving.
        If nothing waits, the queue is never full: a message over the limit must arrive, too.
        """
        size = self._counted
        return size > 0 and size + arriving >= self._limit and self.mode is _BOUNDED

    async def wait_for_room(self, arriving: int) -> None:
        """Wait until the queue may not be full any more."""
        self._arriving = arriving
        self._reader = SlimParkingLot()
        try:
            await self._reader.park()
        finally:
            self._reader = None

    def was_taken_from(self) -> bool:
        """Return True if something was taken since the last call."""
        taken, self._taken = self._taken, False
        return taken

    @property
    def reader_waits(self) -> bool:
        """Return True if the reader waits for room."""
        return self._reader is not None

    @property
    def is_passed(self) -> bool:
        """Return True if a message for a task that waits for it need not be queued.

        A task that waits for chunks has to be woken by it: the next message is for that task.
        """
        return not self.messages and not self.streamers and self.mode is _BOUNDED

    def set_awake(self, count: int) -> None:
        """Note how many receivers are awake already: the next messages are theirs; 0 or 1."""
        self._awake = count

    def put(self, arrived: list[str | bytes]) -> None:
        """Queue messages, each for the receiver that has waited longest.

        The list belongs to the queue from now on.
        """
        awake, self._awake = self._awake, 0
        if self.mode is not _BOUNDED:
            arrived = self._take_what_fits(arrived)
        if len(arrived) == 1 and (awake or self.receivers.first_is_parked) and not self.messages:
            arrived_cost = 0
        else:
            arrived_cost = wire_sizes(arrived) + QUEUE_ITEM_OVERHEAD * len(arrived)
        self._counted += arrived_cost
        if self._arrived:
            self._arrived += arrived
            self._arrived_cost += arrived_cost
        elif self.messages:
            self._arrived, self._arrived_cost = arrived, arrived_cost
        else:
            arrived.reverse()
            self.messages, self._portion_cost = arrived, arrived_cost
        self.receivers.unpark(max(0, len(arrived) - awake))
        self.streamers.unpark_all()

    def put_chunk(self, chunk: Chunk) -> None:
        """Queue a chunk for the task that streams."""
        if self.mode is _BOUNDED or self._fits(self._counted):
            self.chunks = self.chunks or []
            self.chunks.append(chunk)
            self._counted += cost(chunk.data)
            self.streamers.unpark_all()

    def _take_what_fits(self, arrived: list[str | bytes]) -> list[str | bytes]:
        kept, size = [], self._counted
        for message in arrived:
            if not self._fits(size):
                break
            kept.append(message)
            size += cost(message)
        return kept

    def _fits(self, size: int) -> bool:
        """Return True if one more item may be kept; if not, none will be any more."""
        if 0 < size >= self._limit:
            self.mode = _CLOSED
        return self.mode is not _CLOSED

    def drain(self) -> None:
        """Let the reader go on whatever happens."""
        if self.mode is _BOUNDED:
            self.mode = _DRAINING
        self._wake_reader()

    def close(self) -> None:
        """Keep nothing more of what arrives: no task will take it."""
        self.mode = _CLOSED
        self._wake_reader()

    # The receivers' side

    def take(self) -> str | bytes:
        """Remove and return the oldest message."""
        assert self.messages
        self._taken = True
        message = self.messages.pop()
        if not self.messages:
            self._begin_next_portion()
        return message

    def _begin_next_portion(self) -> None:
        self._counted -= self._portion_cost
        self._portion_cost = 0
        if self._arrived:
            self._arrived.reverse()
            self.messages, self._portion_cost = self._arrived, self._arrived_cost
            self._arrived, self._arrived_cost = (), 0
        self._wake_reader()

    def take_chunk(self) -> Chunk:
        """Remove and return the oldest chunk."""
        assert self.chunks
        self._taken = True
        chunk = self.chunks.pop(0)
        self._counted -= cost(chunk.data)
        self._wake_reader()
        return chunk

    def _wake_reader(self) -> None:
        # While the reader waits, nothing arrives: `_arriving` is still right.
        if self._reader is not None and not self.is_full(self._arriving):
            self._reader.unpark_all()

    def wake_all(self) -> None:
        """Wake every receiver: nothing more will come."""
        self.receivers.unpark_all()
        self.streamers.unpark_all()
