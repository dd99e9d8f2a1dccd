"""The anatomy of a frame (RFC 6455 §5.2): bytes in, every field out.

wsproto decides whether a frame is allowed, and stops at the first that is not.
A person who holds captured frames wants more: where each field is, and what it says.
So frames are taken apart here a second time, slowly, whatever rules they break;
`diagnosis` then names those rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .._ending import CloseCode

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

NAMES = {
    CONTINUATION: "continuation",
    TEXT: "text",
    BINARY: "binary",
    CLOSE: "close",
    PING: "ping",
    PONG: "pong",
}
"""The opcodes of RFC 6455 §11.8; all others are reserved."""


class Problem(NamedTuple):
    """A rule that is broken.

    Attributes:
        text: what is wrong, a clause.
        section: the rule, as "RFC 6455 §5.5".
        code: the close code that a receiver answers with; None: bytes are missing, no more.
    """

    text: str
    section: str
    code: int | None = CloseCode.PROTOCOL_ERROR


class Message(NamedTuple):
    """A message, put together from its frames.

    Attributes:
        opcode: `TEXT` or `BINARY`.
        payload: all of it, inflated if that was asked for.
        frames: the numbers of its frames, from 1.
        compressed: whether its first frame said that it is, and `payload` is the inflated form.
    """

    opcode: int
    payload: bytes
    frames: tuple[int, ...]
    compressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A header of a frame (RFC 6455 §5.2).

    Attributes:
        fin: the last frame of its message.
        rsv: the three reserved bits as a number; RSV1 is 4.
        opcode: four bits.
        masked: a key follows.
        short: the seven bits of the length as they stand; 126 and 127 announce a longer form.
        width: how many bytes hold the longer form: 0, 2 or 8.
        length: the length of the payload in bytes.
        key: the four bytes of the masking key, or none.
        size: the bytes of the header.
    """

    fin: bool
    rsv: int
    opcode: int
    masked: bool
    short: int
    width: int
    length: int
    key: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame, taken apart.

    Attributes:
        number: frames are counted from 1.
        offset: the byte at which it begins.
        head: its header; None if the bytes end within it.
        wire: the payload as it was sent, as far as it is there.
        payload: the same, unmasked.
        missing: how many bytes are not there; of a header that is cut off, at least so many.
        problems: the rules that it breaks, by itself or in its place.
        message: the message that it completes, or None.
    """

    number: int
    offset: int
    head: Head | None
    wire: bytes = b""
    payload: bytes = b""
    missing: int = 0
    problems: tuple[Problem, ...] = ()
    message: Message | None = None

    @property
    def close_code(self) -> int | None:
        """Return the code of a Close frame; None: it is no Close, or has no code."""
        if self.head is None or self.head.opcode != CLOSE or len(self.payload) < 2:
            return None
        return int.from_bytes(self.payload[:2], "big")


def read_head(data: bytes, start: int) -> Head | int:
    """Read the header that begins at `start`; a number: at least so many bytes are missing."""
    if len(data) - start < 2:
        return 2 - (len(data) - start)
    first, second = data[start], data[start + 1]
    width = {126: 2, 127: 8}.get(second & 0x7F, 0)
    size = 2 + width + (4 if second & 0x80 else 0)
    if len(data) - start < size:
        return size - (len(data) - start)
    long = data[start + 2 : start + 2 + width]
    return Head(
        fin=bool(first & 0x80),
        rsv=first >> 4 & 7,
        opcode=first & 0x0F,
        masked=bool(second & 0x80),
        short=second & 0x7F,
        width=width,
        length=int.from_bytes(long, "big") if width else second & 0x7F,
        key=data[start + 2 + width : start + size],
        size=size,
    )


def unmask(data: bytes, key: bytes) -> bytes:
    """Undo, or do, the masking of RFC 6455 §5.3; an empty key changes nothing."""
    if not key or not data:
        return data
    stream = (key * (len(data) // 4 + 1))[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(data), "big")


def cut(data: bytes, offset: int, number: int, head: Head | int) -> tuple[Frame, int]:
    """Cut the frame with this header off; return it and where the next begins."""
    if isinstance(head, int):
        rest = data[offset:]
        return Frame(number=number, offset=offset, head=None, wire=rest, missing=head), len(data)
    start = offset + head.size
    end = start + head.length
    wire = data[start:end]
    frame = Frame(
        number=number,
        offset=offset,
        head=head,
        wire=wire,
        payload=unmask(wire, head.key),
        missing=head.length - len(wire),
    )
    return frame, end
