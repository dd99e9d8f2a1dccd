"""Frames as a test writes and reads them: ``Text("tick")``, and a line for each.

These are values for scripts, diffs and transcripts.
Bytes are made and parsed by `RawPeer`'s own codec, which shares nothing with the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, final

from ._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, decode

SHOWN = 200
"""So many characters of a payload are shown."""

NAMES = {
    CONTINUATION: "Continuation",
    TEXT: "Text",
    BINARY: "Binary",
    CLOSE: "Close",
    PING: "Ping",
    PONG: "Pong",
}


@final
@dataclass(frozen=True, slots=True)
class Text:
    """A text frame.

    Attributes:
        text: what it says.
        fin: whether it is the last of its message.
    """

    text: str
    fin: bool = True

    @property
    def frame(self) -> Frame:
        """Return the frame, unmasked."""
        return Frame(TEXT, self.text.encode(), self.fin)


@final
@dataclass(frozen=True, slots=True)
class Binary:
    """A binary frame.

    Attributes:
        data: its payload.
        fin: whether it is the last of its message.
    """

    data: bytes
    fin: bool = True

    @property
    def frame(self) -> Frame:
        """Return the frame, unmasked."""
        return Frame(BINARY, self.data, self.fin)


@final
@dataclass(frozen=True, slots=True)
class Ping:
    """A ping.

    Attributes:
        payload: up to 125 bytes.
    """

    payload: bytes = b""

    @property
    def frame(self) -> Frame:
        """Return the frame, unmasked."""
        return Frame(PING, self.payload)


@final
@dataclass(frozen=True, slots=True)
class Pong:
    """A pong.

    Attributes:
        payload: that of the ping which it answers.
    """

    payload: bytes = b""

    @property
    def frame(self) -> Frame:
        """Return the frame, unmasked."""
        return Frame(PONG, self.payload)


Scripted: TypeAlias = Text | Binary | Ping | Pong | Frame
"""What a script may send and expect."""


def frame_of(scripted: Scripted) -> Frame:
    """Return the frame that is meant.

    Raises:
        TypeError: it is none.
    """
    if isinstance(scripted, Frame):
        return scripted
    if isinstance(scripted, Text | Binary | Ping | Pong):
        return scripted.frame
    raise TypeError(
        f"a frame is wanted: Text, Binary, Ping, Pong or Frame, not {type(scripted).__name__}"
    )


def describe(frame: Frame) -> str:
    """Return one line that shows a frame, without its mask."""
    name = NAMES.get(frame.opcode, f"opcode {frame.opcode:#x}")
    marks = "" if frame.fin else " (more follows)"
    marks += f" rsv={frame.rsv}" if frame.rsv else ""
    return f"{name}{marks} {_payload(frame)}".rstrip()


def _payload(frame: Frame) -> str:
    if frame.opcode == CLOSE:
        return _close(frame.payload)
    if frame.opcode == TEXT:
        return shortened(repr(frame.payload.decode(errors="backslashreplace")))
    return shortened(frame.payload.hex(" ", -4)) if frame.payload else ""


def _close(payload: bytes) -> str:
    if len(payload) < 2:
        return payload.hex()
    code = int.from_bytes(payload[:2], "big")
    reason = payload[2:].decode(errors="backslashreplace")
    return f"{code} {reason!r}" if reason else f"{code}"


def shortened(text: str) -> str:
    """Return the text, or as much of it as fits a line, and its length."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"


def split_frames(data: bytes) -> tuple[list[Frame], bytes]:
    """Return the whole frames at the beginning of `data`, and what is left over."""
    rest, frames = bytearray(data), []
    while (parsed := decode(rest)) is not None:
        frame, size = parsed
        frames.append(frame)
        del rest[:size]
    return frames, bytes(rest)


def describe_bytes(data: bytes) -> str:
    """Return what these bytes are: frames if they can be read as such."""
    frames, rest = split_frames(data)
    known = frames and all(frame.opcode in NAMES for frame in frames)
    if not known:
        return shortened(f"{len(data)} bytes, {data!r}")
    lines = [describe(frame) for frame in frames] + ([f"{len(rest)} bytes"] if rest else [])
    return shortened(", ".join(lines))
