"""A long frame on its way: its payload, in the buffer where it will be used.

Memory is what large messages cost (`heap`), so the payload lives in one place only.
`io.BytesIO` makes that possible: its buffer can be written to, read into from a socket,
and unmasked in place, and `getvalue` gives it away as `bytes`, without a copy.

A header promises a length and costs its sender nothing.
So little is made ready at first (`FIRST`); when that is full, `TRUST` times what has really come.
"""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import final

from . import allocator
from .masking import mask_into

INITIAL_SIZE = 16 * 1024
"""How large the buffer may be before anything has come: no more than a handshake may take."""

MAX_GROWTH = 32
"""How many times larger than what has come the buffer may be."""


class _Buffer(BytesIO):
    """One that may be dropped half-filled, together with views of it."""

    __slots__ = ()

    def close(self) -> None:
        """Close, if nobody looks any more: the garbage collector asks for it at any time."""
        with suppress(BufferError):
            super().close()


@final
class PayloadBuffer:
    """The payload of one binary frame whose header has been accepted."""

    __slots__ = ("_buffer", "_key", "_landing", "_length", "_view", "size")

    def __init__(self, length: int, key: bytes) -> None:
        self._length = length
        self._key = key
        self._buffer = _Buffer()
        self._view = self._landing = self._buffer.getbuffer()
        self.size = 0
        """How much of it has come."""

    @property
    def missing(self) -> int:
        """How much of it has not."""
        return self._length - self.size

    @property
    def landing(self) -> memoryview:
        """Where the next bytes may be put, until `landed` is called; never empty."""
        if self.size == len(self._view):
            self._make_room(self.size)
        self._landing = self._view[self.size :]
        return self._landing

    def landed(self, count: int) -> None:
        """So many bytes were put where they land."""
        self._landing.release()
        self.size += count

    def add(self, data: bytes, start: int) -> int:
        """Take from `data` what belongs to the frame; return where that ends."""
        taken = min(self.missing, len(data) - start)
        if self.size + taken > len(self._view):
            self._make_room(taken)
        self._view[self.size : self.size + taken] = memoryview(data)[start : start + taken]
        self.size += taken
        return start + taken

    def _make_room(self, more: int) -> None:
        """Move to a buffer with room for `more` bytes at least, and for all if we may."""
        room = min(self._length, max(INITIAL_SIZE, MAX_GROWTH * (self.size + more)))
        if room >= INITIAL_SIZE:
            allocator.expect_large_blocks()
        buffer = _Buffer(bytes(room))
        view = buffer.getbuffer()
        view[: self.size] = self._view[: self.size]
        self._buffer, self._view = buffer, view

    def finish(self) -> bytes:
        """The payload, unmasked, once nothing is missing; nobody may write to it any more."""
        if self._key:
            mask_into(self._view, self._view, self._key)
        self._landing.release()  # a view that somebody still has would make it a copy
        self._view.release()
        return self._buffer.getvalue()
