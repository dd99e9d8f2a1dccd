"""The bars that the library is held to, each a ratio or a figure of one run.

A name such as ``both-32Bx64`` stands for two cells, ``server-32Bx64`` and ``client-32Bx64``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

from .cells import TRIPS, WALL, Figure
from .peers import BARE, US, US_PURE
from .results import Results
from .table import aligned, times


@dataclass(frozen=True)
class Bar:
    """What is said of a cell, what was measured in each round, and what the median must reach."""

    cell: str
    says: str
    values: Callable[[Results], list[float]]
    least: float | None = None
    most: float | None = None

    def value(self, results: Results) -> float | None:
        """Return the median; None if nothing was measured."""
        found = self.values(results)
        return median(found) if found else None

    def passed(self, value: float) -> bool:
        """Return True if it is cleared."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


def faster(cell: str, ours: str, peer: str, least: float, figure: Figure = WALL) -> Bar:
    """Make a bar: our rate is at least so many times a peer's, or our time so much shorter."""
    return Bar(
        cell,
        f"{cell}: {ours} ≥ {least:g} × {peer}",
        lambda results: results.ratios(cell, ours, figure, peer),
        least=least,
    )


BESIDE_PEERS: tuple[tuple[str, dict[str, float]], ...] = (
    ("both-32Bx64", {"picows": 1.5, "websockets.trio": 5}),
    ("both-1KiBx64", {"picows": 1.4, "websockets.trio": 2.5}),
    ("both-text-1KiBx64", {"picows": 1.2}),
    ("both-16KiBx8", {"picows": 0.9, "websockets": 1.1}),
    ("both-64KiBx4", {"picows": 0.7, "websockets": 1.1}),
    ("both-1MiBx1", {"picows": 0.9, "websockets": 1.1}),
    ("both-receives-100B", {"picows": 0.8, "aiohttp": 1.2, "websockets": 2.5}),
    ("both-receives-4KiB", {"picows": 0.45, "aiohttp": 0.7, "websockets": 1.5}),
    ("both-sends-100B", {"picows": 1.5}),
    ("both-sends-4KiB", {"picows": 1.2}),
    ("both-tls-32Bx64", {"picows": 1.5, "websockets": 1.0}),
    ("both-tls-64KiBx4", {"picows": 0.75, "websockets": 1.0}),
    ("server-32Bx1", {"picows": 0.72, BARE: 1.0, "websockets": 1.0}),
    ("client-32Bx1", {"picows": 0.72, BARE: 0.9, "websockets": 1.0}),
    ("both-deflated-1KiBx64", {"websockets": 1.5, "aiohttp": 1.5}),  # zlib: `compressed.py`
    ("connections-10", {"picows": 0.5, BARE: 1.0, "websockets": 1.0}),
    ("connections-1000", {"picows": 0.45, BARE: 1.2, "websockets": 1.0}),
    ("connections-10000", {"picows": 0.35, BARE: 1.3}),
    ("both-handshakes-1", {"trio-websocket": 1.0, "websockets.trio": 1.0}),
    ("both-handshakes-50", {"trio-websocket": 1.0, "websockets.trio": 1.0}),
    ("server-handshakes-50", {"picows": 0.5, "websockets": 1.0}),
    ("fan-out-500-100B", {"picows": 1.0}),
)
"""What our rate must be, as a multiple of each peer's."""

PURE_BESIDE_PEERS: tuple[tuple[str, dict[str, float]], ...] = (
    ("both-32Bx64", {"picows": 1.2}),
    ("both-1KiBx64", {"picows": 1.0}),
    ("both-16KiBx8", {"websockets.trio": 1.0}),
    ("both-64KiBx4", {"websockets.trio": 1.0}),
    ("both-1MiBx1", {"websockets.trio": 1.0}),
)
"""The same without the accelerator and without numpy."""

LATENCY_BESIDE = ("latency-100", {"websockets": 1.0})
"""How many times shorter our round trips must be."""


def _rates(ours: str, wanted: Iterable[tuple[str, dict[str, float]]]) -> Iterator[Bar]:
    for name, factors in wanted:
        for cell in cells_of(name):
            for peer, least in factors.items():
                yield faster(cell, ours, peer, least)


def cells_of(name: str) -> list[str]:
    """List the cells that a name stands for."""
    role, _, rest = name.partition("-")
    return [f"server-{rest}", f"client-{rest}"] if role == "both" else [name]


def peers_of(cell: str) -> set[str]:
    """Return the names of those that a bar of this cell compares us with."""
    wanted = (*BESIDE_PEERS, *PURE_BESIDE_PEERS, LATENCY_BESIDE)
    return {peer for name, factors in wanted if cell in cells_of(name) for peer in factors}


def _crowd_bars() -> list[Bar]:
    def fall(results: Results, suffix: str = "") -> list[float]:
        few = results.value("connections-10", US, "wall")
        many = results.value(f"connections-10000{suffix}", US, "wall")
        return [many / few] if few and many else []

    cell, peers = LATENCY_BESIDE
    return [
        *(faster(cell, US, peer, least, TRIPS[0]) for peer, least in peers.items()),
        Bar(
            "connections-10000",
            "10 000 connections: total rate ≥ 0.67 × that of 10",
            fall,
            least=0.67,
        ),
        Bar(
            "connections-10000-gc",
            "10 000 connections, garbage collected rarely: ≥ 0.67",
            partial(fall, suffix="-gc"),
            least=0.67,
        ),
    ]


def _cost_bars() -> list[Bar]:
    """Bars of figures that are ours alone."""

    def delivery(results: Results) -> list[float]:
        return [1e6 / rate for rate in results.figures("fan-out-500-100Bx10", US, "CPU")]

    def of(cell: str, figure: str, results: Results) -> list[float]:
        return results.figures(cell, US, figure)

    memory = [
        Bar(
            cell,
            f"{cell}: an idle connection with heartbeat ≤ 12 KiB",
            partial(of, cell, "each"),
            most=12,
        )
        for cell in ("memory-1000", "memory-10000")
    ]
    return [
        Bar(
            "fan-out-500-100Bx10",
            "fan-out-500-100Bx10: a delivery ≤ 1.5 µs of CPU",
            delivery,
            most=1.5,
        ),
        *memory,
        Bar(
            "memory-10000",
            "10 000 idle connections ≤ 200 MB (191 MiB)",
            partial(of, "memory-10000", "process"),
            most=191,
        ),
    ]


BARS = [
    *_rates(US, BESIDE_PEERS),
    *_rates(US_PURE, PURE_BESIDE_PEERS),
    *_crowd_bars(),
    *_cost_bars(),
]


def missed(results: Results) -> list[str]:
    """List the cells in which a bar is missed, in the order of the bars."""
    values = [(bar, bar.value(results)) for bar in BARS]
    found = [bar.cell for bar, value in values if value is not None and not bar.passed(value)]
    return list(dict.fromkeys(found))


def report(results: Results) -> str:
    """Say for each bar whether it was cleared; those that were not measured are left out."""
    rows = [["bar", "", "measured"]]
    for bar in BARS:
        value = bar.value(results)
        if value is not None:
            told = times(bar.values(results))
            rows.append([bar.says, "cleared" if bar.passed(value) else "MISSED", told])
    return aligned(rows)
