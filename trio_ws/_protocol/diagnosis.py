"""What is wrong with frames (RFC 6455 §5, §7.4, §8.1; RFC 7692): every broken rule, by its section.

::

    bytes ─▶ `anatomy` ─▶ rules of a frame by itself ─▶ rules of its place among the others
                            reserved bits, opcodes        masked like the others
                            control frames                continuations continue something
                            lengths                       text is UTF-8, over all its frames
                            close codes                   nothing follows a Close

Each broken rule is a `Problem`, with the close code that a receiver answers with.
A receiver stops there.  Here a frame that breaks a rule counts all the same,
and so do those behind it, since the next mistake may be the interesting one.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import replace

from .._ending import CloseCode
from .anatomy import (
    BINARY,
    CLOSE,
    CONTINUATION,
    NAMES,
    TEXT,
    Frame,
    Head,
    Message,
    Problem,
    cut,
    read_head,
)

MAX_INFLATED = 16 * 1024 * 1024
"""A compressed message is inflated no further than to this many bytes."""

MAX_LAST_BLOCKS = 1000
"""DEFLATE blocks of one message that may be marked as the last (RFC 7692 §7.2.3.4 allows them)."""

_RSV1 = 0b100
_TAIL = b"\x00\x00\xff\xff"
_NEVER_IN_A_FRAME = {
    CloseCode.NO_STATUS_RECEIVED: "it stands for a Close without a code",
    CloseCode.ABNORMAL_CLOSURE: "it stands for a connection lost without a Close",
    CloseCode.TLS_HANDSHAKE: "it stands for a TLS handshake that failed",
}


def read_frames(
    data: bytes, *, inflate: bool = False, by_client: bool | None = None
) -> Iterator[Frame]:
    """Take the frames in `data` apart; they are those that one side sent.

    The last may be cut off.  With `inflate`, RSV1 means a compressed message (RFC 7692).
    If it is not known whether a client sent them, the first frame shows it (§5.1).
    """
    sequence = _Sequence(inflate=inflate, masked=by_client)
    offset, number = 0, 1
    while offset < len(data):
        head = read_head(data, offset)
        frame, offset = cut(data, offset, number, head)
        yield sequence.check(frame, last=offset >= len(data))
        number += 1


# The rules of a frame by itself


def _check_alone(frame: Frame, head: Head, *, inflate: bool) -> Iterator[Problem]:
    yield from _check_rsv(head, inflate=inflate)
    if head.opcode not in NAMES:
        yield Problem(f"the opcode {head.opcode:#x} is reserved", "RFC 6455 §5.2")
    if head.opcode >= CLOSE:
        yield from _check_control(head)
    yield from _check_length(head)
    if head.opcode == CLOSE and not frame.missing:
        yield from _check_close(frame)


def _check_rsv(head: Head, *, inflate: bool) -> Iterator[Problem]:
    if head.rsv & _RSV1 and not inflate:
        yield Problem("RSV1 is reserved unless an extension was agreed on", "RFC 6455 §5.2")
    if head.rsv & _RSV1 and inflate and head.opcode not in (TEXT, BINARY):
        yield Problem("RSV1 marks the first frame of a message and no other", "RFC 7692 §6.1")
    for bit, name in (0b010, "RSV2"), (0b001, "RSV3"):
        if head.rsv & bit:
            yield Problem(f"{name} is reserved", "RFC 6455 §5.2")


def _check_control(head: Head) -> Iterator[Problem]:
    if not head.fin:
        yield Problem("a control frame must not be fragmented", "RFC 6455 §5.5")
    if head.length > 125:
        yield Problem(
            f"a control frame has at most 125 bytes of payload, this {head.length}",
            "RFC 6455 §5.5",
        )


def _check_length(head: Head) -> Iterator[Problem]:
    if head.length >= 1 << 63:
        yield Problem("the highest bit of a 64-bit length must be 0", "RFC 6455 §5.2")
    elif head.width and head.length <= {2: 125, 8: 65535}[head.width]:
        yield Problem(
            f"the length {head.length} is written in {head.width * 8} bits, and fits into fewer",
            "RFC 6455 §5.2",
        )


def _check_close(frame: Frame) -> Iterator[Problem]:
    if len(frame.payload) == 1:
        yield Problem("a Close has no payload, or a code of two bytes", "RFC 6455 §5.5.1")
    code = frame.close_code
    if code is not None:
        if why := _unfit(code):
            yield Problem(f"the close code {code} must not be sent: {why}", "RFC 6455 §7.4")
        try:
            frame.payload[2:].decode()
        except UnicodeDecodeError as error:
            yield _no_utf8("the reason", error)


def _unfit(code: int) -> str:
    """Return why a code must not be sent, or nothing."""
    if code in _NEVER_IN_A_FRAME:
        return _NEVER_IN_A_FRAME[CloseCode(code)]
    if 3000 <= code <= 4999 or code in frozenset(CloseCode):
        return ""
    return "codes below 1000 are not used" if code < 1000 else "it is reserved"


def _no_utf8(what: str, error: UnicodeDecodeError, before: int = 0) -> Problem:
    place = before + error.start
    return Problem(
        f"{what} is not UTF-8: byte {place}, {error.object[error.start]:#04x}, {error.reason}",
        "RFC 6455 §8.1",
        CloseCode.INVALID_PAYLOAD,
    )


# The rules of a sequence


class _Sequence:
    """A sequence of frames of one side: what earlier ones say about the next."""

    def __init__(self, *, inflate: bool, masked: bool | None) -> None:
        self._inflate = inflate
        self._masked = masked
        self._closed = False
        self._message: _Assembly | None = None
        self._inflater = _Inflater()

    def check(self, frame: Frame, *, last: bool) -> Frame:
        """Return the frame with what is wrong about it, and the message that it completes."""
        head = frame.head
        problems: list[Problem] = []
        message = None
        if head is not None:
            problems += _check_alone(frame, head, inflate=self._inflate)
            problems += self._check_place(head)
            if head.opcode in (CONTINUATION, TEXT, BINARY):
                message = self._take_data(frame, head, problems)
            self._closed = self._closed or head.opcode == CLOSE
        if frame.missing:
            problems.append(_cut_off(frame))
        elif last and self._message is not None:
            problems.append(Problem("the message is not finished", "RFC 6455 §5.4", None))
        return replace(frame, problems=tuple(problems), message=message)

    def _check_place(self, head: Head) -> Iterator[Problem]:
        if self._masked is None:
            self._masked = head.masked
        if head.masked != self._masked:
            state = "masked" if head.masked else "not masked"
            text = f"it is {state}, but a client masks all frames, and a server none"
            yield Problem(text, "RFC 6455 §5.1")
        if self._closed:
            yield Problem("nothing may follow a Close", "RFC 6455 §5.5.1")
        if head.opcode == CONTINUATION and self._message is None:
            yield Problem("there is no message to continue", "RFC 6455 §5.4")
        if head.opcode in (TEXT, BINARY) and self._message is not None:
            yield Problem("the message before it is not finished", "RFC 6455 §5.4")

    def _take_data(self, frame: Frame, head: Head, problems: list[Problem]) -> Message | None:
        """Add a data frame to its message; return the message if that completes it."""
        if head.opcode != CONTINUATION:
            compressed = self._inflate and bool(head.rsv & _RSV1)
            self._message = _Assembly(head.opcode, compressed=compressed)
        if self._message is None:
            return None
        final = head.fin and not frame.missing
        problems += self._message.add(frame, final=final)
        if not final:
            return None
        finished, self._message = self._message, None
        return finished.finish(self._inflater, problems)


class _Assembly:
    """A message that is being put together."""

    def __init__(self, opcode: int, *, compressed: bool) -> None:
        self._opcode = opcode
        self._compressed = compressed
        self._frames: list[int] = []
        self._payload = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._checked = 0
        self._bad = False

    def add(self, frame: Frame, *, final: bool) -> Iterator[Problem]:
        """Add a fragment; text that is not compressed is checked as it comes (§8.1)."""
        self._frames.append(frame.number)
        self._payload += frame.payload
        if self._opcode == TEXT and not self._compressed:
            yield from self._check_text(frame.payload, final=final)

    def finish(self, inflater: _Inflater, problems: list[Problem]) -> Message:
        """Return the message; add what is wrong with its compressed form."""
        payload = bytes(self._payload)
        if self._compressed:
            payload, why = inflater.inflate(payload)
            if why:
                problems.append(Problem(why, "RFC 7692 §7.2.2", CloseCode.INVALID_PAYLOAD))
            elif self._opcode == TEXT:
                problems += self._check_text(payload, final=True)
        return Message(self._opcode, payload, tuple(self._frames), self._compressed)

    def _check_text(self, data: bytes, *, final: bool) -> Iterator[Problem]:
        if self._bad:
            return
        held = len(self._decoder.getstate()[0])  # the beginning of a character, seen before
        try:
            self._decoder.decode(data, final)
            self._checked += len(data)
        except UnicodeDecodeError as error:
            self._bad = True
            yield _no_utf8("the text", error, self._checked - held)


def _cut_off(frame: Frame) -> Problem:
    if frame.head is None:
        text = f"the header is cut off: at least {frame.missing} more bytes belong to it"
    else:
        text = f"the payload is cut off: {frame.missing} of {frame.head.length} bytes are missing"
    return Problem(text, "RFC 6455 §5.2", None)


class _Inflater:
    """A compression context, of the side that sent the frames (RFC 7692 §7.2.2).

    A context that was taken over needs all messages before it; one that was not is no different.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(-15)
        self._lost = False

    def inflate(self, data: bytes) -> tuple[bytes, str]:
        """Return the inflated message, as far as it goes, and what is wrong with it."""
        if self._lost:
            return b"", "it follows a message that could not be inflated"
        try:
            payload = self._zlib.decompress(data + _TAIL, MAX_INFLATED)
            for _ in range(MAX_LAST_BLOCKS):
                if not self._zlib.eof or len(payload) >= MAX_INFLATED:
                    break
                rest, self._zlib = self._zlib.unused_data, zlib.decompressobj(-15)
                # Not every sender adds the empty block that the tail belongs to.
                payload += self._zlib.decompress(b"" if rest == _TAIL else rest, MAX_INFLATED)
        except zlib.error as error:
            self._lost = True
            return b"", f"it cannot be inflated: {error}"
        self._lost = bool(self._zlib.unconsumed_tail) or self._zlib.eof
        return payload, f"inflated it is over {MAX_INFLATED} bytes" if self._lost else ""
