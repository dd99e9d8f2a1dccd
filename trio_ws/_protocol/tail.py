"""The tail: a frame at the end of what has arrived, of which the rest is missing.

A read takes what there is, and that rarely ends where a frame does.
The rest of the frame is the next that arrives, in most cases all of it.
So a short simple frame waits: the tail is kept as it is and stands in front of what comes next,
where the fast path finds the whole frame.

It waits once only.  If the frame is incomplete again, it is received in a buffer of its own,
or takes the slow path if it is text: so no byte is copied more than twice, however they trickle in.

Text may wait only if it is valid as far as it is there:
whether bad UTF-8 is refused must not depend on what comes behind it.
"""

from __future__ import annotations

from codecs import utf_8_decode

from .frame_header import Header, Opcode
from .masking import apply_mask

MAX_TAIL = 64 * 1024
"""A frame whose payload is longer does not wait."""


def may_wait(tail: bytes, header: Header) -> bool:
    """Return True if a simple frame may wait for its rest; `tail` is what is there of it."""
    if header.payload_length > MAX_TAIL:
        return False
    if header.opcode == Opcode.BINARY:
        return True
    start = header.payload_start
    payload = apply_mask(tail, tail[start - 4 : start], start) if tail[1] & 0x80 else tail[start:]
    try:
        utf_8_decode(payload, "strict", False)  # it may end within a character
    except UnicodeDecodeError:
        return False
    return True
