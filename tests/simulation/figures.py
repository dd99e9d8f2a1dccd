"""What the worlds add up to, and what a run of them must reach."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Figures:
    """What has happened in some worlds.

    Attributes:
        worlds: how many worlds.
        seconds: of virtual time.
        messages: that arrived, and were what the model expected.
        connections: that were opened.
        faults: how many of each kind have acted on a connection or an attempt.
        endings: how many connections ended in each way, as their clients saw it.
        cells: meetings of a fault and a state (`grid`); their faults count, too.
    """

    worlds: int = 0
    seconds: float = 0.0
    messages: int = 0
    connections: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    cells: int = 0

    def add(self, other: Figures) -> None:
        """Add those of other worlds."""
        self.worlds += other.worlds
        self.seconds += other.seconds
        self.messages += other.messages
        self.connections += other.connections
        self.faults.update(other.faults)
        self.endings.update(other.endings)
        self.cells += other.cells

    def __str__(self) -> str:
        return (
            f"{self.worlds:,} worlds, {self.seconds / 3600:,.1f} hours of virtual time, "
            f"{self.cells:,} meetings of a fault and a state\n"
            f"{self.connections:,} connections, {self.messages:,} messages that arrived, "
            f"{self.faults.total():,} faults that acted\n"
            f"faults: {_listed(self.faults)}\n"
            f"endings: {_listed(self.endings)}"
        )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is, and what it must reach.

    Attributes:
        worlds: how many seeds.
        seconds: of virtual time for each.
        messages, faults: how many there must be at least.
    """

    worlds: int
    seconds: float
    messages: int
    faults: int

    def shortfall(self, figures: Figures) -> str:
        """Return in words what has not been reached; nothing if all has."""
        missed = [
            f"{name}: {have:,} instead of {want:,}"
            for name, have, want in (
                ("worlds", figures.worlds, self.worlds),
                ("messages", figures.messages, self.messages),
                ("faults", figures.faults.total(), self.faults),
            )
            if have < want
        ]
        return "; ".join(missed)


QUICK = Size(worlds=2, seconds=60, messages=500, faults=20)
CI = Size(worlds=52, seconds=600, messages=200_000, faults=10_000)
NIGHTLY = Size(worlds=1_000, seconds=600, messages=3_000_000, faults=160_000)
