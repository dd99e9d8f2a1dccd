"""What is waiting to be written, and which frame goes first.

Four queues, served in this order (RFC 6455 allows control frames between any two frames):

1. ``pong``: answers to the newest pings.  The very newest would do (§5.5.3),
   but many peers count their pongs, the Autobahn testsuite up to ten.
2. ``control``: our pings, and pongs that answer no ping.
3. ``data``: whole frames, in order.
4. ``close``: our Close frame, the last thing that we ever send.

A close therefore follows the data that was accepted before it;
one that must not wait (after a cancellation, or a violation) clears the data queue first.

`take` gives small frames up to `MAX_BATCH` bytes, so that a burst leaves in one system call.
A server's large payload is never copied to stand behind its header: the frame is two pieces.
A client's frames are masked when they are taken, many at a time (`masking`): a copy anyway.
"""

from __future__ import annotations

from typing import TypeAlias

from .masking import mask_frames

MAX_BATCH = 64 * 1024
"""How many bytes are written at once: enough to make the system call's cost small."""

MAX_PENDING_PONGS = 16
"""How many pings are remembered while they wait for their answer; of more, the newest."""

QUEUE_ITEM_OVERHEAD = 64
"""What one queued frame or message costs besides its bytes, roughly what CPython spends on it."""

Piece: TypeAlias = bytes | bytearray | memoryview
"""Bytes to be written."""

Frame: TypeAlias = bytes | tuple[bytes, bytes]
"""A whole frame: in one piece, or its header and its payload; a client's is masked then."""


class SendQueue:
    """A queue of frames on their way to the writer; see the top of this file."""

    __slots__ = (
        "_cleared",
        "_close",
        "_control",
        "_data",
        "_leftover",
        "_masked",
        "_pongs",
        "control_size",
        "frames_out",
        "size",
    )

    def __init__(self, *, masked: bool = False) -> None:
        self._masked = masked
        # Lists, since an empty deque takes 760 bytes and most connections are idle;
        # and lists only while they are needed: an empty one takes 56 bytes.
        self._leftover: list[Piece] | tuple[()] = ()
        self._pongs: list[bytes] | tuple[()] = ()
        self._control: list[bytes] | tuple[()] = ()
        self._data: list[Frame] | tuple[()] = ()
        self._close: bytes | None = None
        self._cleared = 0
        self.size = 0
        """The bytes waiting in the data queue, with the cost of each frame."""
        self.control_size = 0
        """The bytes waiting in the control queue, with the cost of each frame."""
        self.frames_out = 0
        """How many data frames were ever taken."""

    @property
    def frames_in(self) -> int:
        """Return how many data frames were ever queued."""
        return self.frames_out + len(self._data) + self._cleared

    @property
    def is_empty(self) -> bool:
        """Return True if nothing waits."""
        return not (self._leftover or self._data or self._pongs or self._control or self._close)

    @property
    def is_urgent(self) -> bool:
        """Return True if anything but data waits."""
        return bool(self._pongs or self._control or self._close)

    def put_data(self, frame: Frame) -> None:
        """Queue a data frame."""
        if self._data:
            self._data.append(frame)
        else:
            self._data = [frame]
        if isinstance(frame, tuple):
            self.size += len(frame[0]) + len(frame[1]) + QUEUE_ITEM_OVERHEAD
        else:
            self.size += len(frame) + QUEUE_ITEM_OVERHEAD

    def put_control(self, frame: bytes) -> None:
        """Queue a ping, or a pong that answers nothing."""
        self._control = self._control or []
        self._control.append(frame)
        self.control_size += len(frame) + QUEUE_ITEM_OVERHEAD

    def put_pong(self, frame: bytes) -> None:
        """Answer a ping; of too many answers that still wait, the oldest is dropped."""
        self._pongs = self._pongs or []
        self._pongs.append(frame)
        del self._pongs[:-MAX_PENDING_PONGS]

    def put_close(self, frame: bytes) -> None:
        """Queue our Close frame; nothing may be queued after it."""
        self._close = frame

    def clear(self) -> None:
        """Drop everything but the Close frame, and what is left of a frame that has begun."""
        self._pongs = self._control = ()
        self.control_size = 0
        self._cleared += len(self._data)
        self._data = ()
        self.size = 0

    def let_pass(self, frames: int) -> bool:
        """Count data frames that are written past the queue; return False if anything waits."""
        if self.size or self._leftover or self._pongs or self._control or self._close:
            return False
        self.frames_out += frames
        return True

    def put_back(self, rest: list[Piece]) -> None:
        """Put back what was taken and not written: it goes before everything else."""
        self._leftover = rest

    def take(self) -> list[Piece]:
        """Remove and return the next whole frames, about `MAX_BATCH` bytes, in pieces."""
        if self._leftover:
            rest, self._leftover = self._leftover, ()
            return rest
        pieces = self._take_control() if self._pongs or self._control else []
        if self._data:
            self._take_data(pieces)
        if self._close is not None and not self._data:
            pieces.append(self._close)
            self._close = None
        return pieces

    def take_single(self) -> bytes | None:
        """Remove and return the only frame that waits, if it is a small one of a server's."""
        if len(self._data) != 1 or self._masked or self._leftover or self.is_urgent:
            return None
        frame = self._data[0]
        if isinstance(frame, tuple):
            return None
        self._data = ()
        self.size = 0
        self.frames_out += 1
        return frame

    def _take_data(self, pieces: list[Piece]) -> None:
        """Add data frames up to `MAX_BATCH` bytes, or a larger one if it is alone."""
        frames = self._fitting(sum(map(len, pieces)) if pieces else 0)
        self.frames_out += len(frames)
        if self._masked:
            pieces += mask_frames(frames)
            return
        for frame in frames:
            if isinstance(frame, tuple):
                pieces += frame
            else:
                pieces.append(frame)

    def _fitting(self, size: int) -> list[Frame]:
        """Remove and return the data frames that fit into a batch behind `size` bytes."""
        frames = self._data or []
        if size + self.size <= MAX_BATCH:
            self._data, self.size = (), 0
            return frames
        taken = 0
        for frame in frames:
            more = _size(frame)
            if size and size + more > MAX_BATCH:
                break
            size += more
            self.size -= more + QUEUE_ITEM_OVERHEAD
            taken += 1
        self._data = frames[taken:] or ()
        return frames[:taken]

    def _take_control(self) -> list[Piece]:
        pieces: list[Piece] = [*self._pongs, *self._control]
        self._pongs = self._control = ()
        self.control_size = 0
        return pieces


def _size(frame: Frame) -> int:
    return len(frame[0]) + len(frame[1]) if isinstance(frame, tuple) else len(frame)
