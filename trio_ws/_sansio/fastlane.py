"""The fast lane: whole messages in single frames, without the detour through wsproto.

Nearly all traffic is of one kind: a data frame that is a whole message, not compressed,
with nothing wrong about it.  For such a frame there is nothing to judge.
The lane recognises it, and does what wsproto would have done, in a fraction of the time.

**wsproto is the judge.**  The lane never raises, never decides an error, keeps no state
but the frame it is in the middle of, and takes a frame only if wsproto would accept it
without a second thought::

    FIN set, no reserved bit, opcode TEXT or BINARY
    masked if and only if the peer is a client
    the length in its shortest form, and within the limit
    the payload is there in full, and valid UTF-8 if it is text

and only while wsproto itself is between two messages (`Session` sees to that).
Everything else is left where it is for wsproto, from the first byte of the frame on.

One thing may not wait for its end: an incomplete *text* frame.
wsproto judges bad UTF-8 as it arrives, so it must see the bytes as they arrive.
An incomplete binary frame can offend nobody any more once its header is accepted;
if it is long, its payload is gathered in a buffer of its own and unmasked once.

Pongs have a lane too (`plain_pong`): on a connection that is idle but for its heartbeat
they are all that arrives, and the detour would be a good part of what a beat costs.

The proof is in the tests: any stream in any chunking gives the same messages,
the same bytes out and the same ending with the lane and without it.
"""

from __future__ import annotations

from typing import Protocol, final

from .frames import MAX_CONTROL_PAYLOAD
from .masking import apply_mask, mask_keys
from .outbox import GULP

MOST = 1024 * 1024
"""How much is read at once of a frame that is longer still."""

_TEXT = 0x81
_BINARY = 0x82
_PONG = 0x8A


class Taker(Protocol):
    """Whatever messages can be appended to."""

    def append(self, message: str | bytes, /) -> None: ...


@final
class FastLane:
    """The inbound lane of one session.

    `read` takes what it recognises and says where it stopped.
    `gathering` is true in the middle of a long binary frame; `gather` goes on with it.
    """

    __slots__ = ("_gathered", "_key", "_limit", "_masked", "_missing")

    def __init__(self, *, masked: bool, limit: int) -> None:
        self._masked = masked
        self._limit = limit
        self._gathered = bytearray()
        self._missing = 0
        self._key = b""

    @property
    def gathering(self) -> bool:
        """Whether part of a long binary frame is held here."""
        return self._missing > 0

    @property
    def wanted(self) -> int:
        """How many bytes to read: a gulp, or all that is missing of a long frame."""
        return min(max(GULP, self._missing), MOST)

    @property
    def size(self) -> int:
        """The bytes held here."""
        return len(self._gathered)

    def read(self, data: bytes, position: int, messages: Taker) -> int:
        """Append each whole simple message from `position` on; return where that ended."""
        masked, limit, end = self._masked, self._limit, len(data)
        while end - position >= 2:
            first, second = data[position], data[position + 1]
            if (first != _TEXT and first != _BINARY) or (second >= 0x80) is not masked:
                break
            length, start = second & 0x7F, position + 2
            if length >= 126:
                length, start = _long_length(data, position, length)
            if length > limit:
                break
            if masked:
                start += 4
            stop = start + length
            if stop > end:
                break
            payload = data[start:stop]
            if masked:
                payload = apply_mask(payload, data[start - 4 : start])
            if first == _BINARY:
                messages.append(payload)
            else:
                try:
                    messages.append(payload.decode())
                except UnicodeDecodeError:
                    break
            position = stop
        return position

    def start_gathering(self, data: bytes, position: int, payload_start: int, length: int) -> bool:
        """Begin to gather the incomplete frame at `position`, if it is one for the lane."""
        first, second = data[position], data[position + 1]
        plain = first == _BINARY and (second >= 0x80) is self._masked and length <= self._limit
        if not plain or _shortest(length) != payload_start - position - 4 * self._masked:
            return False
        self._key = data[payload_start - 4 : payload_start] if self._masked else b""
        self._gathered += data[payload_start:]
        self._missing = length - len(self._gathered)
        return True

    def gather(self, data: bytes, messages: Taker) -> int:
        """Go on with the long frame; return how much of `data` belonged to it."""
        taken = min(self._missing, len(data))
        self._gathered += data if taken == len(data) else data[:taken]
        self._missing -= taken
        if not self._missing:
            payload, self._gathered = self._gathered, bytearray()
            messages.append(apply_mask(payload, self._key) if self._masked else bytes(payload))
        return taken


def _long_length(data: bytes, position: int, code: int) -> tuple[int, int]:
    """The length in its longer forms and where it ends; one that is not for the lane is huge."""
    if code == 126:
        length, start = int.from_bytes(data[position + 2 : position + 4], "big"), position + 4
        shortest = 126
    else:
        length, start = int.from_bytes(data[position + 2 : position + 10], "big"), position + 10
        shortest = 65536
    if start > len(data) or length < shortest:
        return _NOT_FOR_THE_LANE, start
    return length, start


_NOT_FOR_THE_LANE = 1 << 64


def _shortest(length: int) -> int:
    """How long the shortest header without a key is for a payload of `length` bytes."""
    return 2 if length < 126 else 4 if length < 65536 else 10


def plain_pong(frame: bytes, *, masked: bool) -> bytes | None:
    """The payload of a whole pong that has nothing wrong about it; None if wsproto is to judge."""
    second = frame[1]
    if frame[0] != _PONG or second & 0x7F > MAX_CONTROL_PAYLOAD or (second >= 0x80) is not masked:
        return None
    return apply_mask(frame[6:], frame[2:6]) if masked else frame[2:]


def encode(opcode: int, payload: bytes, *, masked: bool) -> bytes:
    """A whole message as one frame, exactly as wsproto would write it (but for the key)."""
    length = len(payload)
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head = bytes((0x80 | opcode, mask_bit | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, mask_bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, mask_bit | 127)) + length.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = mask_keys.take()
    return b"".join((head, key, apply_mask(payload, key)))
