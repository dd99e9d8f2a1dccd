"""The result of a comparison, and how it looks as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .percentiles import percentile

COLUMNS = ("", "requests", "sent", "received", "events", "delay p50", "p99", "processor")
WIDTHS = (18, 8, 9, 9, 7, 9, 9, 9)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A record of what a way of sending events took.

    Attributes:
        way: which.
        requests: HTTP requests, all clients together.
        sent: bytes from the clients.
        received: bytes to the clients.
        delays: seconds from event to client, in order of size.
        processor: seconds of processor time, server and clients together.
    """

    way: str
    requests: int
    sent: int
    received: int
    delays: tuple[float, ...]
    processor: float

    def cells(self) -> tuple[str, ...]:
        """Return the row of a table."""
        return (
            self.way,
            f"{self.requests:,}",
            in_bytes(self.sent),
            in_bytes(self.received),
            f"{len(self.delays):,}",
            self.delay(0.5),
            self.delay(0.99),
            in_time(self.processor),
        )

    def delay(self, share: float) -> str:
        """Return a percentile of the delays, for people."""
        return in_time(percentile(self.delays, share)) if self.delays else "–"


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines of a table."""
    return [_row(COLUMNS), *(_row(outcome.cells()) for outcome in outcomes)]


def _row(cells: Sequence[str]) -> str:
    first, *rest = cells
    width, *widths = WIDTHS
    columns = (cell.rjust(size) for cell, size in zip(rest, widths, strict=True))
    return "  ".join([first.ljust(width), *columns])


def in_bytes(number: int) -> str:
    """Return a number of bytes, for people."""
    for unit, size in (("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"


def in_time(number: float) -> str:
    """Return seconds, for people."""
    return f"{number:.2f} s" if number >= 1 else f"{number * 1000:.3g} ms"
