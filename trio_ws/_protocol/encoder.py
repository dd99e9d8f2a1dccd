"""Writes frames: the header, and a payload that is masked later (`masking`).

Nothing is left to wsproto here: there is nothing to decide about a frame of ours,
and a test holds each frame against the one that wsproto would write.
"""

from __future__ import annotations

import struct

from .extensions.base import ExtensionCodec
from .frame_header import Opcode
from .masking import LARGE, MaskKeys, apply_mask, mask_keys
from .send_queue import Frame
from .validation import as_utf8

_FIN, _MASK = 0x80, 0x80

# Plain values: to look a member of an enumeration up costs more than all else that is done with it.
_TEXT, _BINARY = _FIN | Opcode.TEXT.value, _FIN | Opcode.BINARY.value


def encode_message(
    message: str | bytes,
    masked: bool,
    below: int,
    keys: MaskKeys = mask_keys,
    codec: ExtensionCodec | None = None,
) -> Frame | None:
    """Return a whole message as one frame.

    If it has `below` bytes or more, the `codec` encodes it; without one, return None.
    """
    first, heads = _BINARY, _BINARY_HEADS
    if isinstance(message, str):
        first, heads, message = _TEXT, _TEXT_HEADS, as_utf8(message)
    size = len(message)
    if size >= below:
        if codec is None:
            return None
        encoded = codec.encode(message, finished=True)
        return encode_data(first | codec.rsv, encoded, masked=masked, keys=keys)
    if masked:
        return _head(first, size, masked) + keys.take(), message
    if size < 126:
        return heads[size] + message
    head = _head(first, size, masked)
    return head + message if size < LARGE else (head, message)


def encode_data(first: int, payload: bytes, *, masked: bool, keys: MaskKeys = mask_keys) -> Frame:
    """Return a data frame that begins with the byte `first` (RFC 6455 §5.2).

    It is in two parts, header and payload, if it is large, so that the payload is not copied;
    and if it is to be masked when it is written (`masking.mask_frames`):
    then the header ends with the key.
    """
    head = _head(first, len(payload), masked)
    if masked:
        return head + keys.take(), payload
    return head + payload if len(payload) < LARGE else (head, payload)


def encode_control(
    opcode: int, payload: bytes, *, masked: bool, keys: MaskKeys = mask_keys
) -> bytes:
    """Return a whole control frame, masked already if it is to be masked."""
    head = _SHORT_HEADS[_FIN | opcode, masked][len(payload)]
    if not masked:
        return head + payload
    key = keys.take()
    return head + key + apply_mask(payload, key)


def _head(first: int, length: int, masked: bool) -> bytes:
    """Return a header without a key, the length in its shortest form."""
    if length < 126:
        heads = _SHORT_HEADS.get((first, masked))
        return heads[length] if heads else bytes((first, masked << 7 | length))
    mask_bit = _MASK if masked else 0
    if length < 65536:
        return _pack_medium(first, mask_bit | 126, length)
    return _pack_long(first, mask_bit | 127, length)


_pack_medium = struct.Struct("!BBH").pack
_pack_long = struct.Struct("!BBQ").pack


_SHORT_HEADS = {
    (_FIN | opcode.value, masked): [
        bytes((_FIN | opcode.value, masked << 7 | size)) for size in range(126)
    ]
    for opcode in Opcode
    for masked in (False, True)
}
_TEXT_HEADS, _BINARY_HEADS = _SHORT_HEADS[_TEXT, False], _SHORT_HEADS[_BINARY, False]
