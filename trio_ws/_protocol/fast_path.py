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
An incomplete binary frame can offend nobody any more once its header is accepted:
its payload is gathered in a buffer of its own (`gathering`), and unmasked there.

Pongs may take the lane too: on a connection that is idle but for its heartbeat
they are all that arrives, and the detour would be a good part of what a beat costs.
So have Closes (`plain_close`): many connections carry little else.

The proof is in the tests: any stream in any chunking gives the same messages,
the same bytes out and the same ending with the lane and without it.
"""

from __future__ import annotations

from itertools import repeat
from typing import Protocol, final

from .._ending import CloseCode, may_be_sent
from .events import Pong
from .frame_header import MAX_CONTROL_PAYLOAD
from .masking import Span, apply_mask, unmask
from .payload_buffer import PayloadBuffer

MAX_MESSAGES_PER_FEED = 1024
"""So many messages are taken at once: they cost more memory than their bytes, if they are tiny."""

_TEXT = 0x81
_BINARY = 0x82
_CLOSE = 0x88
_PONG = 0x8A
_PLAIN = frozenset((_TEXT, _BINARY, _PONG))


class Taker(Protocol):
    """Whatever messages and pongs can be appended to."""

    def append(self, message: str | bytes | Pong, /) -> None: ...


@final
class FastDecoder:
    """The inbound lane of one session.

    `read` takes what it recognises and says where it stopped.
    `gathering` is there in the middle of a long binary frame; `gather` goes on with it.
    """

    __slots__ = ("_limit", "_masked", "gathering")

    def __init__(self, *, masked: bool, limit: int) -> None:
        self._masked = masked
        self._limit = limit
        self.gathering: PayloadBuffer | None = None
        """The long binary frame that we are in the middle of."""

    def read(self, data: bytes, position: int, messages: Taker) -> int:
        """Append each whole simple message from `position` on; return where that ended."""
        frames = self._find(data, position)
        if self._masked:
            payloads = unmask(data, frames)
        else:
            payloads = [data[start:stop] for _, start, stop in frames]
        for (first, _, stop), payload in zip(frames, payloads, strict=True):
            message = payload if first == _BINARY else _text_or_pong(first, payload)
            if message is None:
                break
            messages.append(message)
            position = stop
        return position

    def _find(self, data: bytes, position: int) -> list[Span]:
        """The frames from `position` on that look simple, at most `BURST` of them."""
        masked, limit, end = self._masked, self._limit, len(data)
        frames = []
        for _ in repeat(None, MAX_MESSAGES_PER_FEED):
            if end - position < 2:
                break
            first, second = data[position], data[position + 1]
            if first not in _PLAIN or (second >= 0x80) is not masked:
                break
            length, start = second & 0x7F, position + 2
            if length >= 126:
                wide, shortest = (2, 126) if length == 126 else (8, 65536)
                start += wide
                length = int.from_bytes(data[start - wide : start], "big")
                if length < shortest:
                    break
            if length > limit:
                break
            if masked:
                start += 4
            position = start + length
            if position > end:
                break
            frames.append((first, start, position))
        return frames

    def start_gathering(self, data: bytes, position: int, payload_start: int, length: int) -> bool:
        """Begin to gather the incomplete frame at `position`, if it is one for the lane."""
        first, second = data[position], data[position + 1]
        plain = first == _BINARY and (second >= 0x80) is self._masked and length <= self._limit
        if not plain or _shortest(length) != payload_start - position - 4 * self._masked:
            return False
        key = data[payload_start - 4 : payload_start] if self._masked else b""
        self.gathering = PayloadBuffer(length, key)
        self.gathering.add(data, payload_start)
        return True

    def gather(self, data: bytes, messages: Taker) -> int:
        """Go on with the long frame, if there is one; return how much of `data` belonged to it."""
        if self.gathering is None:
            return 0
        taken = self.gathering.add(data, 0)
        self.finish(messages)
        return taken

    def finish(self, messages: Taker) -> None:
        """Append the long frame if it is complete."""
        if self.gathering is not None and not self.gathering.missing:
            messages.append(self.gathering.finish())
            self.gathering = None


def _text_or_pong(first: int, payload: bytes) -> str | Pong | None:
    """What a frame says that is not binary; None if wsproto is to judge it."""
    if first == _PONG:
        return Pong(payload=payload) if len(payload) <= MAX_CONTROL_PAYLOAD else None
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def _shortest(length: int) -> int:
    """How long the shortest header without a key is for a payload of `length` bytes."""
    return 2 if length < 126 else 4 if length < 65536 else 10


def plain_close(frame: bytes, *, masked: bool) -> tuple[int, str] | None:
    """Code and reason of a whole Close with nothing wrong about it; None if wsproto is to judge.

    That includes 1014, which was registered after wsproto's list of codes was made.
    """
    second = frame[1]
    if frame[0] != _CLOSE or second & 0x7F > MAX_CONTROL_PAYLOAD or (second >= 0x80) is not masked:
        return None
    payload = apply_mask(frame[6:], frame[2:6]) if masked else frame[2:]
    if not payload:
        return int(CloseCode.NO_STATUS_RECEIVED), ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not may_be_sent(code):
        return None
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        return None
