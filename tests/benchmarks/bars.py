"""The bars that the library is held to, each a ratio in one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .cells import CELLS, ECHOES, WALL
from .peers import BARE, US, US_PURE
from .results import Results
from .table import aligned, number


@dataclass(frozen=True)
class Bar:
    """What is said, what was measured (None if it was not), and what it must reach."""

    says: str
    value: Callable[[Results], float | None]
    least: float | None = None
    most: float | None = None

    def passed(self, value: float) -> bool:
        """Whether it is cleared."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )


def faster(cell: str, ours: str, peer: str, least: float) -> Bar:
    """Our rate is at least so many times a peer's."""
    return Bar(
        f"{cell}: {ours} ≥ {least:g} × {peer}",
        lambda results: results.ratio(cell, ours, WALL, peer),
        least=least,
    )


def _echo_bars() -> list[Bar]:
    against_picows = {"32Bx64": 1.2, "1KiBx64": 1.0, "16KiBx8": 0.8, "64KiBx4": 0.7, "1MiBx1": 0.8}
    pure = {
        "32Bx64": ("picows", 1.2),
        "1KiBx64": ("picows", 1.0),
        "16KiBx8": ("websockets", 1.0),
        "64KiBx4": ("websockets", 1.0),
        "1MiBx1": ("websockets", 0.8),
    }
    bars = []
    for role in ("server", "client"):
        for name, _, in_flight in ECHOES:
            cell = f"{role}-{name}"
            if in_flight == 1 and name == "32Bx1":
                bars += [faster(cell, ours, BARE, 0.85) for ours in (US, US_PURE)]
                continue
            bars.append(faster(cell, US, "picows", against_picows[name]))
            bars.append(faster(cell, US_PURE, *pure[name]))
            if in_flight > 1:
                least = 5.0 if name.startswith("32B") else 2.5
                bars.append(faster(cell, US, "websockets.trio", least))
    return bars


def _deflated_bars() -> list[Bar]:
    """With isal; zlib alone is in ``compressed.py``."""
    return [
        faster(f"{role}-deflated-1KiBx64", US, peer, 1.5)
        for role in ("server", "client")
        for peer in ("websockets", "aiohttp")
    ]


def _handshake_bars() -> list[Bar]:
    return [
        faster(cell.name, US, peer, 1.0)
        for cell in CELLS
        if "handshakes" in cell.name
        for peer in ("trio-websocket", "websockets.trio")
    ]


def _crowd_bars() -> list[Bar]:
    def fall(results: Results, suffix: str = "") -> float | None:
        few = results.value("connections-10", US, "wall")
        many = results.value(f"connections-10000{suffix}", US, "wall")
        return many / few if few and many else None

    return [
        Bar("10 000 connections: total rate ≥ 0.67 × that of 10", fall, least=0.67),
        Bar(
            "10 000 connections, garbage collected rarely: ≥ 0.67",
            partial(fall, suffix="-gc"),
            least=0.67,
        ),
        Bar(
            "idle connection with heartbeat ≤ 16 KiB",
            lambda results: results.value("memory-10000", US, "each"),
            most=16,
        ),
        Bar(
            "10 000 idle connections ≤ 200 MB (191 MiB)",
            lambda results: results.value("memory-10000", US, "process"),
            most=191,
        ),
    ]


BARS = _echo_bars() + _deflated_bars() + _handshake_bars() + _crowd_bars()


def report(results: Results) -> str:
    """Say for each bar whether it was cleared; those that were not measured are left out."""
    rows = [["bar", "", "measured"]]
    for bar in BARS:
        value = bar.value(results)
        if value is not None:
            rows.append([bar.says, "cleared" if bar.passed(value) else "MISSED", number(value)])
    return aligned(rows)
