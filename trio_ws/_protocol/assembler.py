"""Messages from fragments, without keeping the fragments.

A peer may send a message in one frame or in thousands,
and TCP may deliver a frame in one piece or byte by byte.
Keeping the pieces until the last one has come would cost some 50 bytes for each,
so a hostile peer could make a small message expensive.
`MessageAssembler` keeps one growing buffer instead:
it holds at most about 1.13 times the payload
(the slack that CPython leaves when a bytearray grows).

`WebSocket.receive_stream` takes a message in chunks and needs no buffer at all.
So the message that arrives is kept, passed on, or dropped; `Mode` says which::

    mode        a piece arrives         the last piece         stream()     skip_rest()
    IDLE        keep it: KEEPING        the message            AWAITING
    KEEPING     keep it                 the message: IDLE      STREAMING ¹
    AWAITING    a chunk: STREAMING ¹    a chunk: IDLE                       IDLE
    HOLDING     a chunk: STREAMING ¹    a chunk: IDLE                       KEEPING
    STREAMING   a chunk                 a chunk: IDLE                       SKIPPING
    SKIPPING    drop it                 drop it: IDLE ²        ²            ²

    ¹ HOLDING instead, while no more than `hold` bytes have come: see `stream`
    ² AWAITING instead, if `stream` was the last of the two that was called
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Chunk(NamedTuple):
    """A piece of a message that is taken in chunks.

    It is the whole message if it is both the first and the last chunk.
    """

    data: str | bytes
    finished: bool
    first: bool = False


class Mode(enum.Enum):
    """A way to treat the pieces of the message that is arriving, or of the next one."""

    IDLE = enum.auto()
    """None is arriving; the next one is kept until it is whole."""
    KEEPING = enum.auto()
    """One is arriving, and is kept until it is whole."""
    AWAITING = enum.auto()
    """None is arriving; the next one is passed on in chunks."""
    HOLDING = enum.auto()
    """The beginning of one that will be passed on in chunks is kept for now."""
    STREAMING = enum.auto()
    """One is arriving and is passed on in chunks."""
    SKIPPING = enum.auto()
    """The rest of one that was passed on in chunks is dropped."""


# Looking a member up in its class takes longer than the comparison.
_IDLE, _KEEPING, _AWAITING = Mode.IDLE, Mode.KEEPING, Mode.AWAITING
_HOLDING, _STREAMING, _SKIPPING = Mode.HOLDING, Mode.STREAMING, Mode.SKIPPING


class MessageAssembler:
    """A maker of messages, or of chunks of them, from the pieces in which they arrive."""

    __slots__ = ("_after_skipping", "_buffer", "_hold", "_is_text", "mode")

    def __init__(self) -> None:
        self.mode = Mode.IDLE
        self._after_skipping = Mode.IDLE
        self._hold = 0
        self._buffer = bytearray()
        self._is_text = False

    @property
    def in_progress(self) -> bool:
        """Return True if a message has begun to arrive, and its end has not arrived."""
        return self.mode is not _IDLE and self.mode is not _AWAITING

    @property
    def keeps_nothing(self) -> bool:
        """Return True if the pieces of the message are passed on, or dropped, as they arrive."""
        return self.mode is _STREAMING or self.mode is _SKIPPING

    @property
    def is_claimed(self) -> bool:
        """Return True if the message in progress, or the next one, will be passed on in chunks."""
        mode = self._after_skipping if self.mode is _SKIPPING else self.mode
        return mode is not _IDLE and mode is not _KEEPING

    @property
    def size(self) -> int:
        """Return how many bytes are kept of the message that is arriving."""
        return len(self._buffer)

    def add(self, data: str | bytes, finished: bool) -> str | bytes | Chunk | None:
        """Take the next piece; return the message that it completes, or the chunk that it is."""
        mode = self.mode
        if mode is _IDLE or mode is _KEEPING:
            return self._add_kept(data, finished)
        if mode is _SKIPPING:
            if finished:
                self.mode = self._after_skipping
            return None
        return self._add_streamed(data, finished)

    def _add_kept(self, data: str | bytes, finished: bool) -> str | bytes | None:
        self.mode = _IDLE if finished else _KEEPING
        if finished and not self._buffer:
            return data
        self._keep(data)
        return self._release() if finished else None

    def _add_streamed(self, data: str | bytes, finished: bool) -> Chunk | None:
        first = self.mode is not _STREAMING
        if first and (self._buffer or len(data) <= self._hold):
            self._keep(data)
            if not finished and self.size <= self._hold:
                self.mode = _HOLDING
                return None
            data = self._release()
        self.mode = _IDLE if finished else _STREAMING
        return Chunk(data, finished, first) if data or finished else None

    def _keep(self, data: str | bytes) -> None:
        self._is_text = isinstance(data, str)
        self._buffer += data.encode() if isinstance(data, str) else data

    def _release(self) -> str | bytes:
        buffer, self._buffer = self._buffer, bytearray()
        return buffer.decode() if self._is_text else bytes(buffer)

    def stream(self, *, hold: int = 0) -> Chunk | None:
        """Pass on the message in progress, or the next one, in chunks from now on.

        The first chunk has more than `hold` bytes, or it is the whole message:
        so a message that is no longer can be looked at before it is passed on.

        Returns what had been kept of the message in progress, if it is more than that.
        """
        self._hold = hold
        if self.mode is _KEEPING:
            self.mode = _HOLDING if self.size <= hold else _STREAMING
            if self.mode is _STREAMING:
                return Chunk(self._release(), finished=False, first=True)
        elif self.mode is _IDLE:
            self.mode = _AWAITING
        self._after_skipping = _AWAITING
        return None

    def skip_rest(self) -> None:
        """Pass on no more chunks: drop the rest of a message of which some were passed on.

        A message of which none was passed on is kept until it is whole.
        """
        self._after_skipping = _IDLE
        if self.mode is _AWAITING:
            self.mode = _IDLE
        elif self.mode is _HOLDING:
            self.mode = _KEEPING
        elif self.mode is _STREAMING:
            self.mode = _SKIPPING
