"""What is waiting to be written, and who goes first.

Four lanes, served in this order (RFC 6455 allows control frames between any two frames):

1. ``pong``: answers to the newest pings.  The very newest would do (§5.5.3),
   but many peers count their pongs, the Autobahn testsuite up to ten.
2. ``control``: our pings, and the pongs that nobody asked for.
3. ``data``: whole frames, in order.
4. ``close``: our Close frame, the last thing that we ever send.

A close therefore follows the data that was accepted before it;
one that must not wait (after a cancellation, or a violation) clears the data lane first.

`take` joins small frames up to a gulp, so that a burst leaves in one system call,
and lets a large frame pass alone and uncopied.
"""

from __future__ import annotations

GULP = 64 * 1024
"""How many bytes are written at once: enough to make the system call's cost small."""

PONGS = 16
"""How many pings are remembered while they wait for their answer; of more, the newest."""

ITEM_COST = 64
"""What one queued frame or message costs besides its bytes, roughly what CPython spends on it."""


class Outbox:
    """Frames on their way to the writer; see the top of this file for the lanes."""

    def __init__(self) -> None:
        self._rest: bytes | None = None
        # Lists, since an empty deque takes 760 bytes and most connections are idle.
        self._pongs: list[bytes] = []
        self._control: list[bytes] = []
        self._control_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._close: bytes | None = None
        self.frames_in = 0
        """How many data frames were ever queued."""
        self.frames_out = 0
        """How many data frames were ever taken."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in any lane."""
        return not (self._rest or self._pongs or self._control or self._data or self._close)

    @property
    def size(self) -> int:
        """The bytes waiting in the data lane, with the cost of each frame."""
        return self._data_size

    @property
    def control_size(self) -> int:
        """The bytes waiting in the control lane, with the cost of each frame."""
        return self._control_size

    def put_data(self, frame: bytes) -> None:
        """Queue a data frame."""
        self._data.append(frame)
        self._data_size += len(frame) + ITEM_COST
        self.frames_in += 1

    def put_control(self, frame: bytes) -> None:
        """Queue a ping, or a pong that answers nothing."""
        self._control.append(frame)
        self._control_size += len(frame) + ITEM_COST

    def put_pong(self, frame: bytes) -> None:
        """Answer a ping; of too many answers that still wait, the oldest is dropped."""
        self._pongs.append(frame)
        del self._pongs[:-PONGS]

    def put_close(self, frame: bytes) -> None:
        """Queue our Close frame; nothing may be queued after it."""
        self._close = frame

    def clear(self) -> None:
        """Drop everything but the Close frame, and what is left of a frame that has begun."""
        self._pongs.clear()
        self._control.clear()
        self._control_size = 0
        self._data.clear()
        self._data_size = 0

    def put_back(self, rest: bytes) -> None:
        """What was left over of a chunk that was taken: it goes before everything else."""
        self._rest = rest

    def take(self) -> bytes | None:
        """Remove and return the next whole frames, about a gulp; None if there are none."""
        if self._rest is not None:
            rest, self._rest = self._rest, None
            return rest
        chunk = self._take_control()
        self._take_data(chunk)
        if self._close is not None and not self._data:
            chunk.append(self._close)
            self._close = None
        if len(chunk) == 1:
            return chunk[0]
        return b"".join(chunk) if chunk else None

    def _take_data(self, chunk: list[bytes]) -> None:
        """Add data frames to `chunk` up to a gulp, or one that is larger if it is alone."""
        size, taken = sum(map(len, chunk)), 0
        for frame in self._data:
            if chunk and size + len(frame) > GULP:
                break
            size += len(frame)
            chunk.append(frame)
            taken += 1
            self._data_size -= len(frame) + ITEM_COST
        del self._data[:taken]
        self.frames_out += taken

    def _take_control(self) -> list[bytes]:
        chunk = [*self._pongs, *self._control]
        self._pongs.clear()
        self._control.clear()
        self._control_size = 0
        return chunk
