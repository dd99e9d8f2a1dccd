"""What two sides say to each other, as a picture: drawn from the log of a conversation.

A conversation runs in memory and in virtual time, and the library logs each frame.
A line that begins with ">" on one side is an arrow to the line with "<" on the other.
A frame that never arrives is an arrow that ends half-way.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO

import trio
import trio.testing

from .svg import line, picture, text

WIDTH, MARGIN, STEP, TOP = 280, 72, 44, 52

LETTER = 7.3
"""How wide a letter of a frame's text is."""


@dataclass(frozen=True)
class Entry:
    """A line of the log.

    Attributes:
        time: when, in seconds of the conversation.
        lane: 0 for the client, 1 for the server.
        mark: ">" for what was sent, "<" for what has arrived, "" for the end of the connection.
        what: the frame, or how it ended.
    """

    time: float
    lane: int
    mark: str
    what: str


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []

    def emit(self, record: logging.LogRecord) -> None:
        found = re.match(r"\[(client|server)-\d+\] (?:([<>]) |(?=over: ))(.*)", record.getMessage())
        if found:
            lane = ("client", "server").index(found[1])
            what = re.sub(r" \(.*?\)", "", found[3].removeprefix("over: "))
            what = re.sub(r"^[A-Z]+", lambda word: word[0].capitalize(), what)
            self.entries.append(Entry(trio.current_time(), lane, found[2] or "", what))


@contextmanager
def _listening() -> Iterator[list[Entry]]:
    """Let the library tell each frame to this list, and to nothing else."""
    log, handler = logging.getLogger("trio_ws"), _Listener()
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    try:
        yield handler.entries
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]


def overhear(main: Callable[[], Awaitable[object]], until: float = math.inf) -> list[Entry]:
    """Run a conversation; return what was said until then."""
    with _listening() as entries, redirect_stdout(StringIO()):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return [replace(entry, time=round(entry.time, 6)) for entry in entries if entry.time <= until]


@dataclass(frozen=True)
class Panel:
    """One conversation, and how wide it is drawn.

    Attributes:
        title: what it is; may be empty.
        entries: what was said.
        width: how wide it is.
        raw_client: whether the client logs nothing, since it is not the library.
    """

    title: str
    entries: list[Entry]
    width: int = WIDTH
    raw_client: bool = False

    def lane(self, number: int) -> float:
        """Return where the line of a side is."""
        return MARGIN if number == 0 else self.width - MARGIN / 2

    @property
    def rows(self) -> dict[float, float]:
        """Return how far down each moment is."""
        times = sorted({entry.time for entry in self.entries})
        return {time: TOP + STEP * (number + 0.5) for number, time in enumerate(times)}

    @property
    def height(self) -> float:
        """Return how high it is."""
        return max(self.rows.values()) + STEP / 2

    def draw(self, x: float) -> Iterator[str]:
        """Yield its parts, at a place."""
        yield text(x + self.width / 2, 16, self.title, "name", anchor="middle")
        for number, name in enumerate(("client", "server")):
            lane = x + self.lane(number)
            yield text(lane, 38, name, anchor="middle")
            yield line(lane, 44, lane, self.height, "dashed")
        for time, y in self.rows.items():
            yield text(x + MARGIN - 12, y + 4, f"{time:.2f} s", "minor", anchor="end")
        for number, entry in enumerate(self.entries):
            yield from self._entry(x, entry, self.entries[number:])

    def _entry(self, x: float, entry: Entry, later: list[Entry]) -> Iterator[str]:
        y = self.rows[entry.time]
        if not entry.mark:  # the end of the connection, on one side
            lane = x + self.lane(entry.lane)
            yield line(lane - 7, y + 9, lane + 7, y + 9)
        elif entry.mark == ">":
            arrived = _arrival(entry, later)
            end = self.rows[arrived.time] if arrived else y + STEP * 0.4
            lost = arrived is None and not self.raw_client
            yield from self._arrow(x, entry.lane, y, end, entry.what, lost=lost)
        elif self.raw_client and entry.lane == 1:
            yield from self._arrow(x, 0, y - STEP * 0.4, y, entry.what)

    def _arrow(
        self, x: float, lane: int, y1: float, y2: float, what: str, *, lost: bool = False
    ) -> Iterator[str]:
        return arrow(x + self.lane(lane), y1, x + self.lane(1 - lane), y2, what, lost=lost)


def arrow(
    x1: float, y1: float, x2: float, y2: float, what: str, *, lost: bool = False
) -> Iterator[str]:
    """Yield an arrow with a text above it; what is lost ends half-way."""
    x, slope = (x1 + x2) / 2, abs((y2 - y1) / (x2 - x1))
    above = slope * min(len(what) * LETTER / 2, abs(x2 - x1) / 2) + 3
    yield text(x, (y1 + y2) / 2 - above, what, "code", anchor="middle")
    if lost:
        yield line(x1, y1, x, (y1 + y2) / 2)
        yield text(x, (y1 + y2) / 2 + 5, "✕", "name", anchor="middle")
    else:
        yield line(x1, y1, x2, y2, "arrow")


def _arrival(sent: Entry, later: list[Entry]) -> Entry | None:
    """Return where a frame arrived; None if it never did."""
    for entry in later:
        if entry.mark == "<" and entry.lane != sent.lane and entry.what == sent.what:
            return entry
    return None


def side_by_side(title: str, *panels: Panel) -> str:
    """Draw some conversations beside each other."""
    parts: list[str] = []
    x = 0
    for panel in panels:
        parts += panel.draw(x)
        x += panel.width
    return picture(title, x, int(max(panel.height for panel in panels)) + 10, *parts)
