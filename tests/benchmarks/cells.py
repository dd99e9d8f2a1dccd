"""What is measured: the cells of the table, in its order."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from .peers import BARE, Peer

KIB = 1024

RARELY = 100_000
"""New objects between two collections of a server that has many connections and knows it."""


@dataclass(frozen=True)
class Figure:
    """One number that a cell yields; `bigger` is whether more is better."""

    name: str
    unit: str
    bigger: bool = True


WALL = Figure("wall", "/s")
CPU = Figure("CPU", "/CPU-s")
RATES = (WALL, CPU)
TRIPS = (Figure("p50", "µs", bigger=False), Figure("p99", "µs", bigger=False), WALL)
SIZES = (Figure("each", "KiB", bigger=False), Figure("process", "MiB", bigger=False))
TIME = (Figure("import", "ms", bigger=False),)


@dataclass(frozen=True)
class Cell:
    """One line of the table: `measure` names a function of `measures`, with `details`.

    `limit` is whether the bare TCP echo takes part; `most_rounds` bounds a cell that takes long;
    `collect` is after how many new objects Python looks for garbage, if not after 700.
    """

    name: str
    measure: str
    details: dict[str, Any]
    figures: tuple[Figure, ...] = RATES
    limit: bool = True
    tls: bool = False
    heartbeat: bool = False
    collect: int | None = None
    most_rounds: int = field(default=1000)

    def takes(self, peer: Peer) -> bool:
        """Whether this peer can be measured here."""
        if "deflated" in self.measure and not peer.compresses:
            return False
        return self.limit or peer.name != BARE


ECHOES = (
    ("32Bx1", 32, 1),
    ("32Bx64", 32, 64),
    ("1KiBx64", KIB, 64),
    ("16KiBx8", 16 * KIB, 8),
    ("64KiBx4", 64 * KIB, 4),
    ("1MiBx1", KIB * KIB, 1),
)
"""Size of a message × messages in flight."""

TLS_ECHOES = tuple(echo for echo in ECHOES if echo[0] in ("32Bx64", "64KiBx4"))


def _echoes() -> list[Cell]:
    cells = []
    for role in ("server", "client"):
        for name, size, in_flight in ECHOES:
            details = {"kind": "binary", "size": size, "in_flight": in_flight}
            cells.append(Cell(f"{role}-{name}", f"{role}_echo", details))
        for name, size, in_flight in TLS_ECHOES:
            details = {"kind": "binary", "size": size, "in_flight": in_flight}
            cells.append(Cell(f"{role}-tls-{name}", f"{role}_echo", details, tls=True))
        details = {"kind": "text", "size": KIB, "in_flight": 64}
        cells.append(Cell(f"{role}-text-1KiBx64", f"{role}_echo", details))
        details = {"kind": "json", "size": KIB, "in_flight": 64}
        cells.append(Cell(f"{role}-deflated-1KiBx64", f"{role}_deflated", details))
    return cells


def _firehoses() -> list[Cell]:
    return [
        Cell(f"{role}-{verb}-{name}", f"{role}_{verb}", {"size": size}, limit=False)
        for role in ("server", "client")
        for verb in ("sends", "receives")
        for name, size in (("100B", 100), ("4KiB", 4 * KIB))
    ]


def _crowds() -> list[Cell]:
    return [
        Cell("connections-10", "connections", {"count": 10}),
        Cell("connections-100", "connections", {"count": 100}),
        Cell("connections-1000", "connections", {"count": 1000}, most_rounds=3),
        Cell("connections-10000", "connections", {"count": 10_000}, most_rounds=1),
        Cell(
            "connections-10000-gc",
            "connections",
            {"count": 10_000},
            collect=RARELY,
            most_rounds=1,
        ),
        Cell("connections-1000-tls", "connections", {"count": 1000}, tls=True, most_rounds=2),
        Cell("latency-100", "latency", {"count": 100}, figures=TRIPS),
    ]


def _fan_outs() -> list[Cell]:
    """Bursts to many connections: with what a library has for that, and by its `send` in a loop."""
    return [
        Cell(
            f"fan-out{way}-500-100B{suffix}",
            "fan_out",
            {"count": 500, "size": 100, "burst": burst, "conversation": conversation},
            limit=False,
        )
        for way, conversation in (("", "conductor"), ("-loop", "looper"))
        for suffix, burst in (("", 1), ("x10", 10))
    ]


def _handshakes() -> list[Cell]:
    return [
        Cell(f"{role}-handshakes-{count}", f"{role}_handshakes", {"at_once": count}, limit=False)
        for role in ("server", "client")
        for count in (1, 50)
    ]


def _sizes() -> list[Cell]:
    return [
        Cell("memory-1000", "memory", {"count": 1000}, SIZES, heartbeat=True, most_rounds=1),
        Cell("memory-10000", "memory", {"count": 10_000}, SIZES, heartbeat=True, most_rounds=1),
        Cell("import", "import_time", {}, TIME),
    ]


CELLS = _echoes() + _firehoses() + _crowds() + _fan_outs() + _handshakes() + _sizes()


def choose(patterns: list[str]) -> list[Cell]:
    """Choose the cells that the patterns name, such as ``server-*``; all if there is none."""
    if not patterns:
        return CELLS
    return [cell for cell in CELLS if any(fnmatch(cell.name, pattern) for pattern in patterns)]
