"""Where the messages of one connection are: on their way out, and on their way in.

A connection counts frames, and what stands on it thinks in messages.
`Delivery` is what it stands on.  It sends messages, gives a `Receipt` for each,
and knows how far each of them has come::

    WAITING ──▶ WRITTEN ──▶ CONFIRMED
       │            │
       │            └── the connection is lost ──▶ in doubt: it may have arrived or not
       └── the connection is lost ──▶ taken back: not a byte of it was written

*Written* means that the kernel has it, or the first bytes of it.
*Confirmed* means that the peer has received it.  Two things prove that:
a pong, for what was written before its ping, and a closing handshake that we began.
An acknowledgement of TCP does not: the peer's kernel may have taken what its program never saw.

Messages that are sent otherwise (`WebSocket.send`, heartbeats) are frames between those
that count here.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Protocol, final

from .._policies import Heartbeat
from .._validation import check_instance
from .websocket import WebSocket


class DeliveryState(enum.Enum):
    """How far a message has come; the value is the word for it."""

    WAITING = "waiting"
    WRITTEN = "written"
    CONFIRMED = "confirmed"


class Ledger(Protocol):
    """What knows how far the frames of a connection have come."""

    def state_of(self, frame: int) -> DeliveryState:
        """Return how far the frame with this number has come."""


@final
class Receipt:
    """What `Delivery.send` returns for a message.

    Attributes:
        message: the message.
    """

    __slots__ = ("_frame", "_ledger", "message")

    def __init__(self, ledger: Ledger, frame: int, message: str | bytes) -> None:
        self._ledger = ledger
        self._frame = frame
        self.message = message

    @property
    def state(self) -> DeliveryState:
        """Return how far the message has come; what was taken back waits for ever."""
        return self._ledger.state_of(self._frame)


class FrameRanges:
    """The numbers of frames, in order, as ranges: neighbours cost nothing."""

    def __init__(self) -> None:
        self._ranges: deque[list[int]] = deque()

    def add(self, frame: int) -> None:
        """Add the number of the newest frame."""
        if self._ranges and self._ranges[-1][1] == frame - 1:
            self._ranges[-1][1] = frame
        else:
            self._ranges.append([frame, frame])

    def forget(self, frame: int) -> None:
        """Forget the numbers up to `frame`."""
        while self._ranges and self._ranges[0][1] <= frame:
            self._ranges.popleft()
        if self._ranges:
            self._ranges[0][0] = max(self._ranges[0][0], frame + 1)

    def count(self, until: int) -> int:
        """Return how many numbers there are up to `until`."""
        return sum(max(0, min(last, until) - first + 1) for first, last in self._ranges)


_REMEDY = "a WebSocket, whose frames it counts (put a wrapper around the channel instead)"


@final
class Delivery:
    """The messages of one connection; see the top of this file.

    Raises:
        TypeError: `ws` is no `WebSocket`, but a wrapper that hides it.
    """

    def __init__(self, ws: WebSocket) -> None:
        check_instance("what connect= opens for a reconnecting channel", ws, WebSocket, _REMEDY)
        self.ws = ws
        self._core = ws._core
        self._queue = ws._core.protocol.send_queue
        self._frames = FrameRanges()
        self._waiting: deque[Receipt] = deque()

    # Out

    async def send(self, message: str | bytes) -> Receipt:
        """Send a whole message as `WebSocket.send` does, and return its receipt.

        If cancelled, nothing of the message was or will be sent.

        Raises:
            ConnectionClosed: the connection is over.
        """
        await self.ws.send(message)
        frame = self._queue.frames_in  # nothing was queued since: there was no ``await``
        receipt = Receipt(self, frame, message)
        self._frames.forget(self._confirmed)
        self._frames.add(frame)
        self._forget_written()
        if frame > self._queue.frames_out:
            self._waiting.append(receipt)
        return receipt

    def _forget_written(self) -> None:
        while self._waiting and self._waiting[0].state is not DeliveryState.WAITING:
            self._waiting.popleft()

    @property
    def _confirmed(self) -> int:
        """Return the number of the last frame that is known to have arrived."""
        ending = self._core.protocol.ending
        if ending is not None and ending.clean and not ending.received_first:
            return self._queue.frames_out
        return self._core.pings.frames_confirmed

    def state_of(self, frame: int) -> DeliveryState:
        """Return how far the frame with this number has come."""
        if frame > self._queue.frames_out:
            return DeliveryState.WAITING
        confirmed = frame <= self._confirmed
        return DeliveryState.CONFIRMED if confirmed else DeliveryState.WRITTEN

    @property
    def in_doubt(self) -> int:
        """Return how many messages were written and are not confirmed."""
        self._frames.forget(self._confirmed)
        return self._frames.count(self._queue.frames_out)

    def take_back(self) -> list[Receipt]:
        """Return what still waits, in order, and keep the connection from sending it.

        It is for a connection that is over or ends now: its control frames are dropped as well.
        """
        self._forget_written()
        taken = list(self._waiting)
        self._waiting.clear()
        self._queue.clear()
        return taken

    @property
    def answers_pings(self) -> bool:
        """Return True if the peer may be asked by pings: a `Heartbeat` does so already."""
        return any(isinstance(each, Heartbeat) for each in self._core.options.heartbeats)

    # In

    @property
    def unread(self) -> int:
        """Return how many bytes have arrived and were not taken, with a cost for each message."""
        return self._core.receive_queue.size

    @property
    def receive_buffer(self) -> int:
        """Return `Limits.receive_buffer` of this connection."""
        return self._core.options.limits.receive_buffer

    def drop_unread(self) -> int:
        """Drop what has arrived and was not taken; return how many messages that were."""
        queue = self._core.receive_queue
        count = 0
        while queue.messages:
            queue.take()
            count += 1
        return count
