"""The frame's header (RFC 6455 §5.2), read ahead of wsproto.

wsproto decides whether a frame is allowed, but it has no limits and tells no sizes.
So `WebSocketProtocol` looks at each header first: it must know how long a frame will be
before a byte of its payload is stored, and where the next one begins.
Nothing is refused here: reserved bits, opcodes, masking and minimal lengths are wsproto's.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Opcode(enum.IntEnum):
    """A kind of frame (RFC 6455 §11.8)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


MAX_CONTROL_PAYLOAD = 125
"""RFC 6455 §5.5."""


class Header(NamedTuple):
    """A header: where the frame's payload begins, and how long it is."""

    fin: bool
    opcode: int
    payload_start: int
    payload_length: int
    rsv: int = 0

    @property
    def is_control(self) -> bool:
        """Return True for a Close, Ping, Pong or reserved control frame (§5.5)."""
        return self.opcode >= 0x8

    @property
    def end(self) -> int:
        """Return where the next frame begins."""
        return self.payload_start + self.payload_length

    def moved(self, distance: int) -> Header:
        """Return the header of the same frame when it stands `distance` further on."""
        return self._replace(payload_start=self.payload_start + distance)


def parse_header(data: bytes | bytearray, start: int) -> Header | None:
    """Return the header that begins at `start`, or None if it is not there yet in full."""
    position = start + 2
    if position > len(data):
        return None
    first, second = data[start], data[start + 1]
    length = second & 0x7F
    if length >= 126:
        width = 2 if length == 126 else 8
        length = int.from_bytes(data[position : position + width], "big")
        position += width
    if second & 0x80:
        position += 4
    if position > len(data):
        return None
    return Header(bool(first & 0x80), first & 0x0F, position, length, first & 0x70)


def shortest_head(length: int, *, masked: bool) -> int:
    """Return how long the shortest header is for a payload of `length` bytes."""
    return (2 if length < 126 else 4 if length < 65536 else 10) + 4 * masked


def close_code(frame: bytes, header: Header) -> int | None:
    """Return the code in a whole Close frame, or None if it has none."""
    if header.payload_length < 2:
        return None
    code = int.from_bytes(frame[header.payload_start : header.payload_start + 2], "big")
    return code ^ _mask_of_code(frame, header)


def with_close_code(frame: bytes, header: Header, code: int) -> bytes:
    """Return the same Close frame with another code in it."""
    start = header.payload_start
    masked = (code ^ _mask_of_code(frame, header)).to_bytes(2, "big")
    return frame[:start] + masked + frame[start + 2 :]


def _mask_of_code(frame: bytes, header: Header) -> int:
    """Return the two bytes of the masking key that lie over the code; 0 if there is no key."""
    masked = frame[1] & 0x80
    return (
        int.from_bytes(frame[header.payload_start - 4 : header.payload_start - 2], "big")
        if masked
        else 0
    )
