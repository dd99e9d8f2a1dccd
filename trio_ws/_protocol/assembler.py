"""Messages from fragments, without keeping the fragments.

A peer may send a message in one frame or in thousands,
and TCP may deliver a frame in one piece or byte by byte.
Keeping the pieces until the last one has come would cost some 50 bytes for each,
so a hostile peer could make a small message expensive.
`Assembly` keeps one growing buffer instead:
what it holds is never more than about 1.13 times the payload
(the slack that CPython leaves when a bytearray grows).

Somebody who takes a message in chunks (`WebSocket.receive_stream`) wants no buffer at all.
So an assembly is in one of two modes:

* ``WHOLE``: pieces are kept until the message is whole.  The normal mode.
* ``PARTS``: each piece is passed on as a `Part`.  Back to ``WHOLE`` when the message ends.

Whoever streams may stop half-way.  The rest of that message is then dropped as it arrives,
in whichever mode the next message is wanted.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Chunk(NamedTuple):
    """A piece of a message that somebody takes in chunks."""

    data: str | bytes
    finished: bool


class Mode(enum.Enum):
    """What becomes of the pieces of the message that is arriving."""

    WHOLE = enum.auto()
    PARTS = enum.auto()


class MessageAssembler:
    """Makes messages, or parts of them, from the pieces in which they arrive."""

    __slots__ = ("_buffer", "_dropping", "_is_text", "in_progress", "mode")

    def __init__(self) -> None:
        self.mode = Mode.WHOLE
        self.in_progress = False
        self._dropping = False
        self._buffer = bytearray()
        self._is_text = False

    @property
    def size(self) -> int:
        """The bytes kept for the message that is arriving."""
        return len(self._buffer)

    def add(self, data: str | bytes, finished: bool) -> str | bytes | Chunk | None:
        """Take the next piece; return the message it completes, or the part it is."""
        self.in_progress = not finished
        if self._dropping:
            self._dropping = not finished
            return None
        if self.mode is Mode.WHOLE:
            return self._keep(data, finished)
        if finished:
            self.mode = Mode.WHOLE
        return Chunk(data, finished) if data or finished else None

    def _keep(self, data: str | bytes, finished: bool) -> str | bytes | None:
        if finished and not self._buffer:
            return data
        self._is_text = isinstance(data, str)
        self._buffer += data.encode() if isinstance(data, str) else data
        return self._release() if finished else None

    def _release(self) -> str | bytes:
        buffer, self._buffer = self._buffer, bytearray()
        return buffer.decode() if self._is_text else bytes(buffer)

    def stream(self) -> Chunk | None:
        """Pass on the message in progress, or the next one, in parts from now on.

        Returns what had been kept of the message in progress, if anything had.
        """
        self.mode = Mode.PARTS
        return Chunk(self._release(), finished=False) if self._buffer else None

    def skip_rest(self) -> None:
        """Nobody takes the parts any more: drop the rest of the message, if there is one."""
        self._dropping = self.in_progress
        self.mode = Mode.WHOLE
