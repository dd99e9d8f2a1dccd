"""What came out: every figure of every round, their medians and ratios, as JSON."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

from trio_ws._protocol.accelerator import compiled

from .cells import CELLS, Cell, Figure
from .peers import PEERS

DISTRIBUTIONS = (
    "trio", "wsproto", "numpy", "trio-websocket", "websockets", "aiohttp", "picows"
)  # fmt: skip

Rounds = dict[str, list[dict[str, float]]]
"""For each peer, its figures in each round."""


@dataclass
class Results:
    """One run: `cells` has the rounds of each cell, `facts` what the run was like."""

    facts: dict[str, str] = field(default_factory=dict)
    cells: dict[str, Rounds] = field(default_factory=dict)

    def value(self, cell: str, peer: str, figure: str) -> float | None:
        """The median over the rounds, or None if there was none."""
        found = self.figures(cell, peer, figure)
        return median(found) if found else None

    def figures(self, cell: str, peer: str, figure: str) -> list[float]:
        """List what each round has yielded."""
        return [one[figure] for one in self.cells.get(cell, {}).get(peer, [])]

    def ratios(self, cell: str, peer: str, figure: Figure, to: str) -> list[float]:
        """List the ratio within each round; above 1, `peer` is better than `to`."""
        rounds = self.cells.get(cell, {})
        pairs = [
            (ours[figure.name], theirs[figure.name])
            for ours, theirs in zip(rounds.get(peer, []), rounds.get(to, []), strict=False)
            if ours[figure.name] > 0 and theirs[figure.name] > 0
        ]
        return [ours / theirs if figure.bigger else theirs / ours for ours, theirs in pairs]

    def ratio(self, cell: str, peer: str, figure: Figure, to: str) -> float | None:
        """Return the median of the ratios within a round; None if there are none."""
        ratios = self.ratios(cell, peer, figure, to)
        return median(ratios) if ratios else None

    def measured(self) -> list[Cell]:
        """The cells of this run."""
        return [cell for cell in CELLS if cell.name in self.cells]

    def present(self) -> list[str]:
        """The peers of this run, in their order."""
        return [
            peer.name
            for peer in PEERS
            if any(rounds.get(peer.name) for rounds in self.cells.values())
        ]

    def write(self, path: Path) -> None:
        """Write it as JSON, four digits of each figure."""
        cells = {
            name: {peer: [_short(one) for one in rounds] for peer, rounds in peers.items()}
            for name, peers in self.cells.items()
        }
        text = json.dumps(asdict(Results(self.facts, cells)), indent=1)
        path.write_text(_flat(text) + "\n", encoding="utf-8")


def read(path: Path) -> Results:
    """Read what `Results.write` wrote."""
    return Results(**json.loads(path.read_text(encoding="utf-8")))


def facts(rounds: int, seconds: float) -> dict[str, str]:
    """Say what the run is like: when, where, with what."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{_processor()}, {_cores()} cores, {platform.system()}",
        "Python": platform.python_version(),
        "libraries": ", ".join(_versions()),
        "accelerator": "none, trio_ws is pure Python" if compiled is None else "built",
        "rounds": f"{rounds} of {seconds:g} s for each peer",
    }


def _versions() -> list[str]:
    found = []
    for name in DISTRIBUTIONS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} missing")
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _short(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def _flat(text: str) -> str:
    """Put the figures of a round on one line."""
    return re.sub(r"\{\s+(\"[^{}\[\]]*?)\s+\}", lambda m: "{" + " ".join(m[1].split()) + "}", text)
