"""A long frame on its way: its payload, in the buffer where it will be used.

Memory is what large messages cost (`allocator`), so the payload lives in one place only.
`io.BytesIO` makes that possible: its buffer can be written to, read into from a socket,
and unmasked in place, and `getvalue` gives it away as `bytes`, without a copy.

A header promises a length and costs its sender nothing.
So little is made ready at first (`INITIAL_SIZE`);
when that is full, `MAX_GROWTH` times what has really come.
`get_buffer` and `buffer_updated` are what asyncio calls them (`asyncio.BufferedProtocol`).
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
    """A buffer that may be dropped half-filled, together with views of it."""

    __slots__ = ()

    def close(self) -> None:
        """Close unless a view is left: the garbage collector closes it while views may exist."""
        with suppress(BufferError):
            super().close()


@final
class PayloadBuffer:
    """The payload of a binary frame whose header has been accepted."""

    __slots__ = ("_buffer", "_free", "_key", "_length", "_view", "size")

    def __init__(self, length: int, key: bytes) -> None:
        self._length = length
        self._key = key
        self._buffer = _Buffer()
        self._view = self._free = self._buffer.getbuffer()
        self.size = 0
        """How many bytes of it have come."""

    @property
    def missing(self) -> int:
        """Return how many bytes of it have not come."""
        return self._length - self.size

    def get_buffer(self) -> memoryview:
        """Return where the next bytes may be put, until `buffer_updated` is called; never empty."""
        if self.size == len(self._view):
            self._make_room(self.size)
        self._free = self._view[self.size :]
        return self._free

    def buffer_updated(self, count: int) -> None:
        """Note that `count` bytes were put into the buffer."""
        self._free.release()
        self.size += count

    def add(self, data: bytes | memoryview, start: int) -> int:
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
        """Return the payload, unmasked, when nothing is missing; it cannot be written to again."""
        if self._key:
            mask_into(self._view, self._view, self._key)
        self._free.release()  # a view that is left would make `getvalue` copy
        self._view.release()
        return self._buffer.getvalue()
