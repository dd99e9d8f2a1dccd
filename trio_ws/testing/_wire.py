"""One direction of a simulated TCP connection, byte by byte and in virtual time.

::

    write() ─▶ send buffer ─▶ line ─▶ receive buffer ─▶ read()
               BUFFER bytes   takes    WINDOW bytes, with
                              time     those under way

A segment leaves the send buffer when the window has room for it and the line is free.
It arrives when line and latency say so, never before the segment sent before it.
If the reader does not read, the window fills, then the send buffer, then `write` takes nothing:
that is backpressure, as in TCP.  An acknowledgement takes no time.

The end of the stream travels behind the bytes; a reset does not wait for them.
Nothing here waits: `room_or_end` and `data_or_end` are where the streams do.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

import trio

from ._agenda import Agenda
from ._faults import FaultKind
from ._passage import Conditions, Passage

BUFFER = 64 * 1024
"""How many bytes a sender may write before they are under way."""

WINDOW = 64 * 1024
"""How many bytes may be under way, or wait to be read."""

SEGMENT = 16 * 1024
"""How many bytes travel together at most."""


class Line(Protocol):
    """What carries bytes between two hosts one way; all connections share it."""

    def conditions(self) -> Conditions:
        """Return how it carries bytes now."""

    def held_until(self, now: float) -> float:
        """Return when it carries something again: `now`, if it does."""

    def reserve(self, size: int, now: float) -> float:
        """Take the line for so many bytes, behind those of others; return when they are on it."""


class Wire:
    """One direction of a connection; see the top of this file.

    Args:
        on_fault: called with a sudden fault that ends the connection.
    """

    def __init__(
        self, agenda: Agenda, line: Line, passage: Passage, on_fault: Callable[[FaultKind], None]
    ) -> None:
        self._agenda = agenda
        self._line = line
        self._on_fault = on_fault
        self.passage = passage
        self._unsent = bytearray()
        self._finished = self._end_sent = False
        self._flying = self._under_way = 0
        self._busy_until = self._last_arrival = 0.0
        self._received = bytearray()
        self._ended = self._vanished = self._doomed = False
        self._reader_gone = False
        self._error: OSError | None = None
        self._room, self._news = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    # The sender's side

    def write(self, data: memoryview) -> int:
        """Take what there is room for; return how many bytes that was.

        Raises:
            OSError: the connection was reset.
        """
        if self._error is not None:
            raise self._error
        count = min(len(data), BUFFER - len(self._unsent))
        self._unsent += data[:count]
        self.transmit()
        return count

    def finish(self) -> None:
        """End the stream behind what was written."""
        if not self._finished:
            self._finished = True
            self.transmit()

    async def room_or_end(self) -> None:
        """Wait until `write` would take something, or raise."""
        while len(self._unsent) >= BUFFER and not self._finished and self._error is None:
            await self._room.park()

    @property
    def finished(self) -> bool:
        """Return True if the sender has ended the stream."""
        return self._finished

    # The receiver's side

    def read(self, max_bytes: int) -> bytes:
        """Take what has arrived; ``b""`` is the end of the stream, or nothing yet.

        Raises:
            OSError: the connection was reset.
        """
        if self._error is not None:
            raise self._error
        data = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        self.transmit()
        return data

    async def data_or_end(self) -> None:
        """Wait until `read` has something to tell; a checkpoint in any case."""
        if self._has_news():
            await trio.lowlevel.checkpoint()
        while not self._has_news():
            await self._news.park()

    def _has_news(self) -> bool:
        return bool(self._received) or self._ended or self._reader_gone or self._error is not None

    def stop_reading(self) -> bytes:
        """Close the receiver's side; return the bytes that were not read.

        A sender that goes on, or whose bytes were not read, gets a reset (RFC 9293 §3.6.1).
        """
        unread = bytes(self._received)
        self._reader_gone = True
        self._received.clear()
        return unread

    # What happens to a connection

    def reset(self) -> None:
        """Break this direction: what was not read is lost, and both sides are told."""
        if self._error is None:
            self._error = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            self._unsent.clear()
            self._received.clear()
            self.wake()

    def look_again(self, now: float) -> None:
        """Take note that faults or the line have changed."""
        if (kind := self.passage.ending(now)) is not None:
            self._on_fault(kind)
        self.transmit()

    def vanish(self) -> None:
        """Let all that is sent from now on be lost, and its end too."""
        self._vanished = True

    def end_now(self, *, reset_sender: bool) -> None:
        """End the stream for the reader; a sender that goes on gets a reset, or sends into a hole.

        What is under way is lost.
        """
        self._ended = True
        if reset_sender:
            self._reader_gone = True
        else:
            self._vanished = True
        self.wake()

    def wake(self) -> None:
        """Let both sides look again."""
        self._room.unpark_all()
        self._news.unpark_all()

    @property
    def latency(self) -> float:
        """Return how many seconds a byte is under way, as the line is now."""
        return self._line.conditions().latency

    @property
    def unread(self) -> bytes:
        """Return the bytes that have arrived and were not read."""
        return bytes(self._received)

    # The line

    def transmit(self) -> None:
        """Send on its way what may go now; called whenever there may be more of it."""
        if not self._unsent and (self._end_sent or not self._finished):
            return
        now = trio.current_time()
        while self._may_send(now):
            self._send_segment(now)
        if self._finished and not (self._end_sent or self._unsent or self._holds(now)):
            self._end_sent = True
            self._deliver_at(self._arrival(now, self.latency), self._end)

    def _may_send(self, now: float) -> bool:
        return (
            bool(self._unsent)
            and not self._doomed
            and self._flying + len(self._received) < WINDOW
            and self._busy_until <= now
            and not self._holds(now)
        )

    def _holds(self, now: float) -> bool:
        """Return True if line or faults let nothing pass; look again when they do."""
        until = max(self._line.held_until(now), self.passage.held_until(now))
        if until <= now:
            return False
        self._look_again(until)
        return True

    def _look_again(self, when: float) -> None:
        if when < float("inf"):
            self._agenda.at(when, self.transmit)

    def _send_segment(self, now: float) -> None:
        wanted = min(len(self._unsent), SEGMENT, WINDOW - self._flying - len(self._received))
        step = self.passage.next_step(wanted, now, self._line.conditions())
        data = self.passage.carry(bytes(self._unsent[: step.size]), now)
        del self._unsent[: step.size]
        self._flying += len(data)
        self._room.unpark_all()
        leaves_at = max(self._line.reserve(step.size, now), now + step.pause)
        if leaves_at > now:
            self._busy_until = leaves_at
            self._look_again(leaves_at)
        self._deliver_at(self._arrival(leaves_at, step.delay), partial(self._arrive, data))
        if (kind := self.passage.ending(now)) is not None:  # behind the last byte that passes
            self._doomed = True
            self._deliver_at(self._last_arrival, partial(self._on_fault, kind))

    def _arrival(self, leaves_at: float, delay: float) -> float:
        self._last_arrival = max(self._last_arrival, leaves_at + delay)
        return self._last_arrival

    def _deliver_at(self, when: float, call: Callable[[], None]) -> None:
        # What is due in this very moment may still stand in the agenda: nothing overtakes it.
        if when <= trio.current_time() and not self._under_way:
            call()
        else:
            self._under_way += 1
            self._agenda.at(when, partial(self._deliver, call))

    def _deliver(self, call: Callable[[], None]) -> None:
        self._under_way -= 1
        call()

    def _arrive(self, data: bytes) -> None:
        if self._vanished or self._error is not None:
            return  # never acknowledged, so the window stays full
        self._flying -= len(data)
        if self._reader_gone:
            self._on_fault(FaultKind.RESET)
            return
        self._received += data
        self._news.unpark_all()

    def _end(self) -> None:
        if not self._vanished:
            self._ended = True
            self._news.unpark_all()
