"""The fast path: whole messages in single frames, without the detour through wsproto.

Nearly all traffic is of one kind: a data frame that is a whole message,
with nothing wrong about it.  For such a frame there is nothing to decide.
`FastDecoder` recognises it, and does what wsproto would have done, in a fraction of the time.

**wsproto decides.**  The fast path never raises, never decides an error of the protocol,
keeps no state but the frame it is in the middle of, and takes a frame only if wsproto would
accept it without a second thought::

    FIN set, opcode TEXT or BINARY, no reserved bit but those of an extension
    masked if and only if the peer is a client
    the length in its shortest form, and within the limit
    the payload is there in full, and valid UTF-8 if it is text

and only while wsproto itself is between two messages (`WebSocketProtocol` sees to that).
Everything else is left where it is for wsproto, from the first byte of the frame on.

What extensions have encoded is decoded by the same `MessageDecoder` on both paths.
So it is the one thing in which an error may be found here: the frame was good, its content is not.

An incomplete frame may wait for its rest if it is short (`tail`).
If it is long, or the rest takes its time, it depends on its kind.
wsproto finds bad UTF-8 as it arrives, so it must see the bytes of *text* as they arrive,
and so it is with an encoded frame.
A binary frame can break no rule any more once its header is accepted:
its payload is received in a buffer of its own (`PayloadBuffer`), and unmasked there.

Pongs may take the fast path too: on a connection that is idle but for its heartbeat
they are all that arrives, and the detour would be a good part of what a heartbeat costs.
So may Closes (`read_close`): many connections carry little else.

If there is the accelerator, it reads all frames but pongs and encoded ones (`accelerator`).
Otherwise the code below reads them too, and it is what the accelerator must match.

The proof is in the tests: any stream in any chunking gives the same messages,
the same bytes out and the same ending with the fast path, whichever way, and without it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import repeat
from typing import Protocol, final

from .._ending import CloseCode, may_be_sent
from . import accelerator
from .events import Pong
from .frame_header import MAX_CONTROL_PAYLOAD, Header, Opcode, parse_header, shortest_head
from .masking import LARGE, Span, apply_mask, unmask
from .message_decoder import MessageDecoder
from .payload_buffer import PayloadBuffer
from .runs import length_of_run, payloads_of_run

MAX_MESSAGES_PER_FEED = 1024
"""So many messages are taken at once: they cost more memory than their bytes, if they are tiny."""

SHORTEST_RUN = 4
"""From so many equal frames on it is worth while to treat them as a run."""

_TEXT = 0x81
_BINARY = 0x82
_CLOSE = 0x88
_PONG = 0x8A
_WHOLE = frozenset((_TEXT, _BINARY))
_PLAIN = _WHOLE | {_PONG}
_RSV = 0x70


class Events(Protocol):
    """A list that messages and pongs can be appended to."""

    def __len__(self) -> int: ...

    def append(self, message: str | bytes | Pong, /) -> None: ...

    def extend(self, messages: Iterable[bytes], /) -> None: ...


@final
class FastDecoder:
    """A decoder of the simple frames that one peer sends.

    `read` takes what it recognises and says where it stopped.
    `buffer` is there in the middle of a long binary frame; `resume` goes on with it.
    """

    __slots__ = ("_compiled", "_encoded", "_firsts", "_limit", "_masked", "buffer")

    def __init__(self, *, masked: bool, limit: int) -> None:
        self._masked = masked
        self._limit = min(limit, sys.maxsize)  # what is longer is never there in full
        self._compiled = accelerator.compiled
        self._firsts = _PLAIN
        self._encoded: MessageDecoder | None = None
        self.buffer: PayloadBuffer | None = None
        """The payload of the long binary frame that is arriving."""

    def take_encoded(self, encoded: MessageDecoder) -> None:
        """Take what extensions have encoded, too, and let `encoded` decode it."""
        self._encoded = encoded
        bits = [bits for bits in range(0x10, 0x80, 0x10) if bits & encoded.rsv == bits]
        self._firsts = _PLAIN.union(first | bit for first in (_TEXT, _BINARY) for bit in bits)

    def read(self, data: bytes | memoryview, position: int, events: Events) -> int:
        """Append each whole simple message from `position` on; return where that ended.

        Nothing that is appended refers to `data`.
        """
        most, before = MAX_MESSAGES_PER_FEED, len(events)
        if (compiled := self._compiled) is not None:
            position = compiled.read_frames(data, position, self._masked, self._limit, most, events)
            if position == len(data) or not self._is_left(data[position]):
                return position
            most -= len(events) - before
        if isinstance(data, bytes):
            return self._read(data, position, most, events)
        return self._read_view(data, position, most, events)

    def _is_left(self, first: int) -> bool:
        """Return True if the accelerator leaves frames to us that begin so: pongs, encoded ones."""
        return first in self._firsts and first not in _WHOLE

    def _read_view(self, data: memoryview, position: int, most: int, events: Events) -> int:
        """Do that in Python: copy the first small frame and all behind it, and large ones alone."""
        while most and (frames := self._find(data, position, 1)):
            [(first, start, stop)] = frames
            if stop - start < LARGE or first & _RSV:
                return position + self._read(bytes(data[position:]), 0, most, events)
            most -= 1
            if (message := self._read_large(data, first, start, stop)) is None:
                break
            events.append(message)
            position = stop
        return position

    def _read_large(
        self, data: memoryview, first: int, start: int, stop: int
    ) -> str | bytes | Pong | None:
        """Return the message in a large frame; it is copied once, to where it is unmasked."""
        if self._masked:
            payload = apply_mask(data, bytes(data[start - 4 : start]), start, stop)
        else:
            payload = bytes(data[start:stop])
        return payload if first == _BINARY else _text_or_pong(first, payload)

    def _read(self, data: bytes, position: int, most: int, events: Events) -> int:
        while most and (frames := self._find(data, position, 1)):
            [(first, start, stop)] = frames
            count = 1
            if stop < len(data) and first in (_BINARY, _TEXT):
                head = start - position - (4 if self._masked else 0)
                count = length_of_run(data, position, head, stop, most)
            if count < SHORTEST_RUN:
                if stop < len(data):
                    frames += self._find(data, stop, most - 1)
                return self._read_frames(data, frames, position, events)
            end = position + count * (stop - position)
            position = self._read_run(data, frames[0], position, count, events)
            if position < end:
                break
            most -= count
        return position

    def _read_frames(self, data: bytes, frames: list[Span], position: int, events: Events) -> int:
        """Append the messages of frames, the first of which is at `position`."""
        if self._masked:
            payloads = unmask(data, frames)
        else:
            payloads = [data[start:stop] for _, start, stop in frames]
        for (first, _, stop), payload in zip(frames, payloads, strict=True):
            if first == _BINARY:
                events.append(payload)
            else:
                encoded = first & _RSV
                message = (
                    self._encoded.decode_whole(first, payload)  # type: ignore[union-attr]
                    if encoded
                    else _text_or_pong(first, payload)
                )
                if message is None:
                    break
                events.append(message)
            position = stop
        return position

    def _read_run(self, data: bytes, frame: Span, position: int, count: int, events: Events) -> int:
        """Append the messages of a run, whose first frame is at `position`."""
        first, start, stop = frame
        stride = stop - position
        payloads = payloads_of_run(data, start, stop - start, stride, count, masked=self._masked)
        if first == _BINARY:
            events.extend(payloads)
            return position + count * stride
        for payload in payloads:
            if (message := _text_or_pong(first, payload)) is None:
                break
            events.append(message)
            position += stride
        return position

    def _find(self, data: bytes | memoryview, position: int, most: int) -> list[Span]:
        """Return the frames from `position` on that look simple, `most` at most."""
        firsts, masked, limit, end = self._firsts, self._masked, self._limit, len(data)
        frames = []
        for _ in repeat(None, most):
            if end - position < 2:
                break
            first, second = data[position], data[position + 1]
            if first not in firsts or (second >= 0x80) is not masked:
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

    def find_incomplete(self, data: bytes, position: int) -> Header | None:
        """Return the header of the frame at `position`, if it is simple and only its rest missing.

        Such a frame can break no rule any more, but for what its text says.
        """
        if data[position] not in _WHOLE or (header := parse_header(data, position)) is None:
            return None
        length, masked = header.payload_length, data[position + 1] >= 0x80
        if header.end <= len(data) or masked is not self._masked or length > self._limit:
            return None
        if header.payload_start - position != shortest_head(length, masked=masked):
            return None
        return header

    def start_buffer(self, data: bytes, header: Header) -> bool:
        """Begin to receive an incomplete frame in a buffer of its own, if it is a binary one."""
        if header.opcode != Opcode.BINARY:
            return False
        start = header.payload_start
        self.buffer = PayloadBuffer(
            header.payload_length, data[start - 4 : start] if self._masked else b""
        )
        self.buffer.add(data, start)
        return True

    def resume(self, data: bytes | memoryview, events: Events) -> int:
        """Go on with the long frame, if there is one; return how much of `data` belonged to it."""
        if self.buffer is None:
            return 0
        taken = self.buffer.add(data, 0)
        self.finish(events)
        return taken

    def finish(self, events: Events) -> None:
        """Append the long frame if it is complete."""
        if self.buffer is not None and not self.buffer.missing:
            events.append(self.buffer.finish())
            self.buffer = None

    def read_close(self, frame: bytes) -> tuple[int, str] | None:
        """Return code and reason of a whole Close with nothing wrong about it, else None.

        That includes 1014, which was registered after wsproto's list of codes was made.
        """
        second, masked = frame[1], self._masked
        too_long = second & 0x7F > MAX_CONTROL_PAYLOAD
        if frame[0] != _CLOSE or too_long or (second >= 0x80) is not masked:
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


def _text_or_pong(first: int, payload: bytes) -> str | Pong | None:
    """Return what a frame says that is not binary; None if wsproto has to decide about it."""
    if first == _PONG:
        return Pong(payload=payload) if len(payload) <= MAX_CONTROL_PAYLOAD else None
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None
