"""One buffer into which all sockets of a Trio run are read.

A buffer for each connection would cost memory for as long as the connection is idle.
A fresh one for each read has to be as large as what may have come, and shrunk to what has:
that costs the more the more is read at once, and small reads cost system calls.

Trio runs one task at a time.
So all connections of a run can share one buffer, under one rule:

    What was read is taken apart before the next ``await``,
    and nothing that outlives it refers to the buffer.

What is left over then, an incomplete frame, the connection keeps in bytes of its own: its *tail*.
The next read goes behind the tail, so that the frame lies in the buffer in one piece.

The buffer belongs to the run (`PerRun`): two runs in two threads have one each,
and after a fork parent and child do, as of all memory.
"""

from __future__ import annotations

import os
from typing import final

from .._concurrency.per_run import PerRun
from .._protocol import allocator

READ_BUFFER_SIZE = 4 * 65 * 1024
"""How much is read at once at most, together with the tail.

Messages often have sizes that are powers of two, and headers besides.
So this is room for four of 64 KiB with their headers, not for three and most of the fourth."""

BEGINNING_SIZE = 64 * 1024
"""How much is read at most where a long message is expected to begin.

What is read of it into this buffer has to be copied; the rest of it is read to its own place."""


@final
class ReadBuffer:
    """The buffer; see the top of this file.

    Attributes:
        view: all of it.
    """

    __slots__ = ("_beginning", "_targets", "view")

    def __init__(self) -> None:
        allocator.expect_large_blocks()  # messages of what was read at once need large ones
        self.view = memoryview(bytearray(READ_BUFFER_SIZE))
        self._targets = [self.view]
        self._beginning = [self.view[:BEGINNING_SIZE]]

    def behind(self, tail: bytes) -> memoryview:
        """Put `tail` at the beginning; return the room behind it, to be read into."""
        if not tail:
            return self.view
        self.view[: len(tail)] = tail
        return self.view[len(tail) :]

    def read(self, fileno: int, tail: bytes = b"") -> memoryview:
        """Read what there is, behind `tail`; return both, or nothing at the end of the stream.

        Raises:
            BlockingIOError: nothing can be read now.
            OSError: the socket is broken.
        """
        if not tail:
            return self.view[: os.readv(fileno, self._targets)]
        count = os.readv(fileno, [self.behind(tail)])
        return self.view[: len(tail) + count if count else 0]

    def read_beginning(self, fileno: int) -> memoryview:
        """Do the same, without a tail, and read no more than `BEGINNING_SIZE`."""
        return self.view[: os.readv(fileno, self._beginning)]


current_read_buffer = PerRun("trio_ws.read_buffer", ReadBuffer)
"""Return the buffer of the present Trio run."""
