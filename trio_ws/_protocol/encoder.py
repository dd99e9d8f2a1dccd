"""Writes frames without wsproto: the header, and a payload that is masked later (`masking`)."""

from __future__ import annotations

import struct

from .frame_header import Opcode
from .masking import LARGE, apply_mask, mask_keys
from .validation import as_utf8


def encode_message(message: str | bytes, *, masked: bool) -> bytes | tuple[bytes, bytes]:
    """A whole message as one frame.

    It is in two parts, header and payload, if it is large, so that the payload is not copied;
    and if it is to be masked when it is written (`masking.mask_frames`):
    then the header ends with the key.
    """
    opcode = _OPCODE_BINARY
    if isinstance(message, str):
        opcode, message = _OPCODE_TEXT, as_utf8(message)
    size = len(message)
    if masked:
        return _head(opcode, size, True) + mask_keys.take(), message
    if size < 126:
        return _SHORT_HEADS[opcode, False][size] + message
    if size < LARGE:
        return _head(opcode, size, False) + message
    return _head(opcode, size, False), message


# Plain values: to look a member of an enumeration up costs more than all else that is done with it.
_OPCODE_TEXT, _OPCODE_BINARY = int(Opcode.TEXT), int(Opcode.BINARY)


def encode(opcode: int, payload: bytes, *, masked: bool) -> bytes:
    """A whole frame, exactly as wsproto would write it (but for the key)."""
    head = _head(opcode, len(payload), masked)
    if not masked:
        return head + payload
    key = mask_keys.take()
    return head + key + apply_mask(payload, key)


def _head(opcode: int, length: int, masked: bool) -> bytes:
    if length < 126:
        return _SHORT_HEADS[opcode, masked][length]
    first, mask_bit = 0x80 | opcode, 0x80 if masked else 0
    if length < 65536:
        return _pack_medium(first, mask_bit | 126, length)
    return _pack_long(first, mask_bit | 127, length)


_pack_medium = struct.Struct("!BBH").pack
_pack_long = struct.Struct("!BBQ").pack


_SHORT_HEADS = {
    (int(opcode), masked): [bytes((0x80 | opcode, masked << 7 | size)) for size in range(126)]
    for opcode in Opcode
    for masked in (False, True)
}
