"""Take frames apart, bit by bit, and say what is wrong with them (RFC 6455 §5).

What is given is tried as hex, then as base64, then as the name of a file ("-": standard input).
A file may hold the frames themselves, or hex or base64 as text.
The bytes are those that one side sent after the handshake.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from trio_ws import Close
from trio_ws._protocol.anatomy import CLOSE, NAMES, TEXT, Frame, Head, Message, Problem
from trio_ws._protocol.diagnosis import read_frames

from .codec import from_base64, from_hex
from .console import Console, escape, hexed
from .diagram import draw, opcode_name
from .exits import CommandError, Exit

EXAMPLES = """\
examples:
  trio-ws explain 81 85 37 fa 21 3d 7f 9f 4d 51 58
  trio-ws explain gQVIZWxsbw==
  trio-ws explain --brief capture.bin
  trio-ws explain --inflate c1 07 f2 48 cd c9 c9 07 00
"""

MAX_FILE = 16 * 1024 * 1024
"""A larger file is refused: it has more frames than can be read, and a part is easily cut out."""

SHOWN = 64
"""How many bytes of a payload are shown, unless all are asked for."""

DRAWN = 8
"""How many bytes of a payload are drawn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("frames", nargs="+", metavar="HEX|BASE64|FILE", help="the bytes")
    parser.add_argument("--as", choices=READERS, dest="form", help="do not guess what is given")
    parser.add_argument(
        "--inflate", action="store_true", help="the frames used permessage-deflate (RFC 7692)"
    )
    parser.add_argument("--from", choices=("client", "server"), dest="side", help="who sent them")
    parser.add_argument("--brief", action="store_true", help="a line for each frame, no diagram")
    parser.add_argument("--full", action="store_true", help="show payloads to their end")


def run(options: argparse.Namespace, console: Console) -> int:
    """Explain the frames; the exit code says whether a rule is broken."""
    data = read_input(options.frames, options.form)
    if not data:
        raise CommandError("there are no bytes to explain")
    view = View(console, brief=options.brief, limit=len(data) if options.full else SHOWN)
    by_client = None if options.side is None else options.side == "client"
    return view.show(read_frames(data, inflate=options.inflate, by_client=by_client))


# What is given


def read_input(words: Sequence[str], form: str | None, stdin: int = 0) -> bytes:
    """Return the bytes that the words on the command line stand for."""
    text = " ".join(words)
    reasons = []
    for name in [form] if form else READERS:
        try:
            return READERS[name](text, stdin)
        except ValueError as error:
            reasons.append(f"no {name}: {error}")
    shown = escape(text if len(text) <= 40 else f"{text[:40]}…")
    raise CommandError(f"'{shown}' cannot be explained; it is " + "; ".join(reasons))


def from_file(name: str, stdin: int) -> bytes:
    """Read a file, or standard input; text in it that is hex or base64 stands for its bytes."""
    data = _read_bounded(name, stdin)
    for read in (from_hex, from_base64):
        try:
            return read(data)
        except ValueError:
            continue
    return data


def _read_bounded(name: str, stdin: int) -> bytes:
    try:
        with open(stdin if name == "-" else Path(name), "rb", closefd=name != "-") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ValueError((error.strerror or str(error)).lower()) from None
    if len(data) > MAX_FILE:
        raise CommandError(
            f"{escape(name)} is larger than {MAX_FILE >> 20} MiB; "
            f"cut a part out first: head -c 1000000 FILE | trio-ws explain -"
        )
    return data


def _base64_word(text: str, _: int) -> bytes:
    """Read base64 on the command line; many a path looks like it, too."""
    if "/" in text and os.path.exists(text):
        raise ValueError("it is the path of a file")
    return from_base64(_encoded(text))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


READERS: dict[str, Callable[[str, int], bytes]] = {
    "hex": lambda text, _: from_hex(_encoded(text)),
    "base64": _base64_word,
    "file": from_file,
}
"""How to read what is given, in the order in which it is tried."""


# What is shown


class View:
    """A view of frames and messages, written as they come."""

    def __init__(self, console: Console, *, brief: bool, limit: int) -> None:
        self._console = console
        self._brief = brief
        self._limit = limit
        self._frames = self._messages = self._problems = 0

    def show(self, frames: Iterator[Frame]) -> int:
        """Show all frames and a summary; return the exit code."""
        for frame in frames:
            self._show_frame(frame)
        seen = f"{counted(self._frames, 'frame')}, {counted(self._messages, 'message')}"
        wrong = counted(self._problems, "problem") if self._problems else "nothing is wrong"
        colour = "red" if self._problems else "green"
        self._console.line(self._console.paint(f"{seen}: {wrong}", colour))
        return Exit.UNEXPECTED if self._problems else Exit.OK

    def _show_frame(self, frame: Frame) -> None:
        self._frames += 1
        self._problems += len(frame.problems)
        paint, line = self._console.paint, self._console.line
        line(paint(headline(frame), "bold"))
        if not self._brief:
            self._show_anatomy(frame)
        for problem in frame.problems:
            line(f"  {paint('wrong', 'red')}      {complaint(problem)}")
        if frame.message is not None:
            self._messages += 1
            text = message_line(frame.message, self._messages, self._limit)
            line(f"  {paint(text, 'green')}")
        if not self._brief:
            line()

    def _show_anatomy(self, frame: Frame) -> None:
        paint, line = self._console.paint, self._console.line
        for row in draw(frame, payload=DRAWN):
            line(f"  {paint(row, 'dim')}")
        if len(frame.wire) > DRAWN:
            line(f"  … {len(frame.wire) - DRAWN} more bytes of payload")
        for name, value in facts(frame, self._limit):
            line(f"  {paint(name.ljust(10), 'cyan')} {value}")


def headline(frame: Frame) -> str:
    """Return the frame in one line."""
    start = f"frame {frame.number} at byte {frame.offset}"
    head = frame.head
    if head is None:
        return f"{start}: a header that is cut off"
    final = "final" if head.fin else "more follows"
    masked = "masked" if head.masked else "not masked"
    size = counted(head.length, "byte")
    return f"{start}: {opcode_name(head.opcode)}, {final}, {masked}, {size}"


def facts(frame: Frame, limit: int) -> Iterator[tuple[str, str]]:
    """Yield each field of the frame and what it says."""
    head = frame.head
    if head is None:
        yield "bytes", hexed(frame.wire)
        return
    yield "FIN", _fin(head)
    yield "RSV1-3", f"{head.rsv:03b}{_rsv(head)}"
    yield "opcode", f"{head.opcode:#x}, {opcode_name(head.opcode)}"
    yield "MASK", "1, as a client must" if head.masked else "0, as a server must"
    yield "length", f"{head.length}, in {_length_bits(head)}"
    if head.masked:
        yield "key", hexed(head.key)
    yield from _payload(frame, head, limit)


def _fin(head: Head) -> str:
    if head.opcode >= CLOSE:
        return "1, as in each control frame" if head.fin else "0"
    return "1, the last frame of its message" if head.fin else "0, more frames follow"


def _rsv(head: Head) -> str:
    return "" if head.rsv else ", no extension uses them"


def _length_bits(head: Head) -> str:
    return f"7 and {head.width * 8} bits" if head.width else "7 bits"


def _payload(frame: Frame, head: Head, limit: int) -> Iterator[tuple[str, str]]:
    if not frame.wire:
        return
    yield "payload", shortened(hexed(frame.wire[:limit]), len(frame.wire), limit)
    if head.masked:
        yield "unmasked", shortened(hexed(frame.payload[:limit]), len(frame.payload), limit)
    if frame.close_code is not None:
        reason = frame.payload[2:].decode("utf-8", "backslashreplace")
        yield "means", str(Close(frame.close_code, reason))
    elif head.opcode != CLOSE:
        yield "as text", quoted(frame.payload, limit)


def complaint(problem: Problem) -> str:
    """Return what is wrong, by which rule, and what a receiver does about it."""
    text = f"{problem.text} ({problem.section})"
    if problem.code is None:
        return text
    return f"{text}; a receiver closes with {Close(int(problem.code))}"


def message_line(message: Message, number: int, limit: int) -> str:
    """Return a message in one line."""
    frames = message.frames
    where = f"frame {frames[0]}" if len(frames) == 1 else f"frames {', '.join(map(str, frames))}"
    size = counted(len(message.payload), "byte")
    inflated = " inflated" if message.compressed else ""
    kind = NAMES[message.opcode]
    show = quoted if message.opcode == TEXT else _binary
    return f"message {number}: {kind}, {where}, {size}{inflated}: {show(message.payload, limit)}"


def quoted(data: bytes, limit: int) -> str:
    """Return bytes as the text that they are, if they are; what is not text is escaped."""
    text = escape(data[:limit].decode("utf-8", "backslashreplace"))
    return shortened(f'"{text}"', len(data), limit)


def _binary(data: bytes, limit: int) -> str:
    return shortened(hexed(data[:limit]), len(data), limit)


def shortened(text: str, size: int, limit: int) -> str:
    """Return the text with a word about the bytes that are not shown."""
    return text if size <= limit else f"{text} … and {size - limit} more"


def counted(number: int, noun: str) -> str:
    """Return "1 frame" or "2 frames"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
