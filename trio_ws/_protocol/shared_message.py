"""One compression for many receivers: a message is compressed once for all of them.

A compressor that has just been made refers to nothing earlier.
So what it makes can be read by every peer, whatever was agreed on about context takeover,
if its window is no larger than the peer's.  `SharedMessage` compresses once for each size
of window that is asked for: there are at most eight, and nearly always one.

A peer that keeps its context remembers such a message, and the connection's own compressor
does not know it.  So that compressor must begin afresh (`DeflateCodec.note_shared`),
or it would refer to earlier data at distances that are no longer true.
"""

from __future__ import annotations

import zlib
from typing import final

from .encoder import encode_data
from .extensions.base import RSV1
from .extensions.compressors import new_compressor
from .extensions.deflate import DeflateCodec
from .frame_header import Opcode
from .masking import MaskKeys
from .send_queue import Frame
from .validation import as_utf8

_FIN = 0x80


@final
class SharedMessage:
    """A message for many connections: its frames are made once.

    Attributes:
        message: the message.
        size: how many bytes it has.
    """

    __slots__ = (
        "_compressed",
        "_first",
        "_level",
        "_mem_level",
        "_payload",
        "_plain",
        "message",
        "size",
    )

    def __init__(
        self, message: str | bytes, *, level: int | None = None, mem_level: int = 5
    ) -> None:
        """Take a message, and how hard to compress it (`Deflate.level`).

        Raises:
            LocalProtocolError: it is text, and not valid Unicode.
        """
        self.message = message
        text = isinstance(message, str)
        self._payload = as_utf8(message) if isinstance(message, str) else message
        self._first = _FIN | (Opcode.TEXT if text else Opcode.BINARY)
        self._level = level
        self._mem_level = mem_level
        self._plain: Frame | None = None
        self._compressed: dict[int, tuple[bytes, Frame]] = {}
        self.size = len(self._payload)

    def frame(self, codec: DeflateCodec | None, keys: MaskKeys | None = None) -> Frame:
        """Return the frame for a connection, compressed if its codec compresses that size.

        It must be sent: the codec has been told.  Without `keys` the frames are shared;
        a client's are masked, each with a key of its own.
        """
        if codec is None or self.size < codec.min_size:
            if keys is not None:
                return encode_data(self._first, self._payload, masked=True, keys=keys)
            if self._plain is None:
                self._plain = encode_data(self._first, self._payload, masked=False)
            return self._plain
        blob, frame = self._compress(codec.window_bits)
        codec.note_shared(self.size, len(blob))
        if keys is None:
            return frame
        return encode_data(self._first | RSV1, blob, masked=True, keys=keys)

    def _compress(self, window_bits: int) -> tuple[bytes, Frame]:
        found = self._compressed.get(window_bits)
        if found is None:
            compressor = new_compressor(window_bits, self._level, self._mem_level)
            data = compressor.compress(self._payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
            blob = data[:-4]
            found = blob, encode_data(self._first | RSV1, blob, masked=False)
            self._compressed[window_bits] = found
        return found
