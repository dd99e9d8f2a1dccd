"""Compressed messages for both counterparts (RFC 7692): frames made before, answers only counted.

They are JSON, as a feed of trades would send it, each different from the last few hundred.
The first of them refers to none before it, so after the last one the first may follow again.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator
from itertools import cycle, islice

from .wire import MASK, xor

MESSAGES = 512
WINDOW_BITS, MEM_LEVEL, LEVEL = 12, 5, 6
TAIL = b"\x00\x00\xff\xff"
COMPRESSED_TEXT, CLOSE = 0xC1, 0x88


def messages(count: int, size: int) -> list[bytes]:
    """Make so many different messages."""
    dice, made = random.Random(7692), []
    for _ in range(count):
        trades = [
            {
                "id": dice.randrange(10**6),
                "name": dice.choice(["alice", "bob", "carol", "dave"]),
                "price": round(dice.random() * 1000, 2),
                "ts": 1_700_000_000 + dice.randrange(10**6),
            }
            for _ in range(size // 60 + 1)
        ]
        made.append(json.dumps(trades)[:size].encode())
    return made


def frames(wanted: list[bytes], *, masked: bool) -> list[bytes]:
    """Compress messages, one after the other, into a frame each."""
    compressor, made = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEM_LEVEL), []
    for message in wanted:
        data = (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        size, bit = len(data), masked << 7
        length = bytes([bit | size]) if size < 126 else bytes([bit | 126]) + size.to_bytes(2, "big")
        payload = MASK + xor(data) if masked else data
        made.append(bytes([COMPRESSED_TEXT]) + length + payload)
    return made


class Sender:
    """The frames of the messages, in order, round and round."""

    def __init__(self, size: int, *, masked: bool) -> None:
        self._frames: Iterator[bytes] = cycle(frames(messages(MESSAGES, size), masked=masked))

    def next(self, count: int) -> bytes:
        """Return so many frames."""
        return b"".join(islice(self._frames, count))


class Counter:
    """It counts frames of messages in a stream of bytes.

    Attributes:
        closing: whether a Close has come.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.closing = False

    def count(self, data: bytes) -> int:
        """Return how many frames of messages are whole now that were not before."""
        data, position, found = self._rest + data, 0, 0
        while (end := self._end(data, position)) is not None:
            found += data[position] == COMPRESSED_TEXT
            self.closing = self.closing or data[position] == CLOSE
            position = end
        self._rest = data[position:]
        return found

    @staticmethod
    def _end(data: bytes, position: int) -> int | None:
        """Return where the frame at `position` ends, if it is there in full."""
        if len(data) < position + 4:
            return len(data) if data[position:] == bytes([CLOSE, 0]) else None
        size, start = data[position + 1] & 0x7F, position + 2
        if size == 126:
            size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
        end = start + size + 4 * (data[position + 1] >> 7)
        return end if end <= len(data) else None
