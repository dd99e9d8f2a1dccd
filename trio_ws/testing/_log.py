"""What one end of a connection wrote and read, for transcripts."""

from __future__ import annotations

from typing import NamedTuple

import trio

MUCH = 16 * 1024 * 1024
"""So many bytes are kept for a transcript, and no more."""


class Seen(NamedTuple):
    """Bytes as one end of a connection wrote or read them.

    Attributes:
        at: when, by the clock of the run.
        sent: True if this end wrote them, False if it read them.
        data: the bytes; none at the end of the stream.
    """

    at: float
    sent: bool
    data: bytes


class Log:
    """What was seen, in order, up to `MUCH` bytes."""

    def __init__(self) -> None:
        self.entries: list[Seen] = []
        self._size = 0

    @property
    def complete(self) -> bool:
        """Return True if it holds everything."""
        return self._size <= MUCH

    def add(self, data: bytes, *, sent: bool) -> None:
        """Note that these bytes were written or read now; none is the end."""
        self._size += len(data)
        if self.complete:
            self.entries.append(Seen(trio.current_time(), sent, data))
