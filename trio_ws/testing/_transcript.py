"""What was said on a connection, line by line, to be compared with what was said before.

`record` watches one end of a connection of a `MemoryNetwork` and takes the bytes apart again:
heads of HTTP, then frames, each with its time and its direction::

      0.000 -> GET /feed HTTP/1.1
      0.060 <- HTTP/1.1 101 Switching Protocols
      0.060 -> Text '{"subscribe": "BTC-EUR"}'
      0.120 <- Text '{"BTC-EUR": 1.0}'

Times count from the beginning of the connection.
A transcript that is kept in a file is a test in itself ("golden file"):
`Transcript.check` compares, and writes the file anew if the environment variable
``TRIO_WS_RENEW`` is set, or pytest's option ``--trio-ws-renew``.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import final

from .._connection.websocket import WebSocket
from .._transport.network import current_network
from .._validation import check_instance
from ._frames import describe, split_frames
from ._heads import read_head
from ._log import Seen
from ._network import MemoryNetwork
from ._stream import MemoryStream

RENEW = "TRIO_WS_RENEW"
"""The environment variable that lets golden files be written anew."""

BLANK_LINE = b"\r\n\r\n"

CLOCKS = frozenset({"date"})
"""Headers that tell the real time: they are left out."""


@final
class Transcript:
    """What was said on a connection; made by `record`."""

    def __init__(self, stream: MemoryStream) -> None:
        self._log = stream.log

    @property
    def lines(self) -> list[str]:
        """Return a line for each head and frame, in the order in which they were written and read.

        Raises:
            ValueError: more than 16 MiB went over the connection; so much is not kept.
        """
        if not self._log.complete:
            raise ValueError("more was said than is kept for a transcript (16 MiB)")
        seen = self._log.entries
        both = (*_said(seen, sent=True), *_said(seen, sent=False))
        found = sorted(both, key=lambda line: line[0])
        return [f"{at - seen[0].at:9.3f} {line}" for _, at, line in found]

    def __str__(self) -> str:
        """Return all lines."""
        return "".join(f"{line}\n" for line in self.lines)

    def check(self, path: str | os.PathLike[str]) -> None:
        """Compare with the golden file at `path`; write it if it is to be renewed.

        Raises:
            AssertionError: they differ, or there is no such file; the message says how to renew.
        """
        file, text = Path(path), str(self)
        if os.environ.get(RENEW):
            file.write_text(text, encoding="utf-8")
            return
        how = f"run again with {RENEW}=1 (pytest: --trio-ws-renew) to keep what was said now"
        if not file.exists():
            raise AssertionError(f"there is no golden file {file}; {how}")
        golden = file.read_text(encoding="utf-8")
        if golden != text:
            changes = difflib.unified_diff(
                golden.splitlines(), text.splitlines(), str(file), "this run", lineterm=""
            )
            raise AssertionError("\n".join([f"something else was said; {how}", *changes]))


def record(ws: WebSocket) -> Transcript:
    """Return the transcript of a connection; it grows as the connection goes on.

    The connection must be one of a `MemoryNetwork`, without real TLS.
    It is complete from the first byte on, whenever this is called.

    Raises:
        TypeError: it is no `WebSocket`.
        ValueError: it is not such a connection, or it is over.
    """
    check_instance("ws", ws, WebSocket, "a WebSocket")
    network = current_network()
    stream = network._stream_of(ws) if isinstance(network, MemoryNetwork) else None
    if stream is None:
        raise ValueError("a transcript needs a connection of the MemoryNetwork, and an open one")
    if stream.connection.secret:
        raise ValueError("a transcript needs a connection without real TLS")
    return Transcript(stream)


def _said(seen: list[Seen], *, sent: bool) -> Iterator[tuple[int, float, str]]:
    """Yield what was said in one direction: its place in the whole, its time, and a line."""
    arrow = "->" if sent else "<-"
    rest, in_frames = b"", False
    for place, piece in enumerate(seen):
        if piece.sent is not sent:
            continue
        rest += piece.data
        if not piece.data:
            yield place, piece.at, f"{arrow} the end of the stream"
            return
        if not in_frames and BLANK_LINE in rest:
            head, _, rest = rest.partition(BLANK_LINE)
            in_frames = True
            for line in _head_lines(head + BLANK_LINE):
                yield place, piece.at, f"{arrow} {line}"
        if in_frames:
            frames, rest = split_frames(rest)
            for frame in frames:
                yield place, piece.at, f"{arrow} {describe(frame)}"


def _head_lines(data: bytes) -> Iterator[str]:
    head = read_head(data)
    yield head.first_line
    for name, value in head.headers:
        if name.lower() not in CLOCKS:
            yield f"  {name}: {value}"
