"""Where the time of one message goes: ``python -m tests.benchmarks.profile``.

This is for the cells in which a bar is missed in the documentation, or those that are named.
Each program is measured as always, and once more with a watch on it (`programs.sampled`),
which tells how much processor time each part of the work takes, and counts
what one message costs in system calls, turns of the scheduler, and steps of tasks.
Libraries that are not ours are measured only as always:
what they do in C is nothing that a watch in Python could tell apart.

What a bar allows is said in the same unit: if we are to have 0.8 of a peer's rate,
a message may cost as much processor time as it costs the peer, divided by 0.8.

The processor time of a system call is the kernel's, and includes what the kernel does
for the process at the other end: on one machine to send a message is to deliver it, too.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from .bars import BARS, PURE_BESIDE_PEERS, cells_of, missed, peers_of
from .cells import CELLS, RATES, Cell, choose
from .crowd import allow_many_files
from .load import Done
from .measures import Certificates, Figures, Stand, measure, stand
from .peers import BARE, PEERS, US, US_PURE, Peer
from .processes import TOP
from .programs.sampled import PARTS
from .results import facts, read
from .table import aligned, number

DOCUMENTED = TOP / "docs" / "output" / "speed.json"
"""The run that the documentation shows."""

WATCHED = (US, US_PURE, BARE)
COUNTS = ("reads", "writes", "turns of the scheduler", "steps of tasks")


@dataclass
class Watched(Stand):
    """A stand with a watch on its server; it adds up what the watch tells."""

    seconds_of: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[str] = field(default_factory=Counter)
    messages: int = 0

    def rates(self, work: Callable[[], Done]) -> Figures:
        """The same, and keep what the watch tells."""
        self._signal()
        assert self.process.hear() == "watching"
        figures = super().rates(lambda: self._remember(work()))
        self._signal()
        self._add(self.process.hear())
        return figures

    def figures_of(self, report: dict[str, Any]) -> Figures:
        """The same, and keep what the client's watch tells."""
        self.messages += report["count"]
        self._add(report["watched"])
        # A run to find out how long it takes may be shorter than a tick of the clock.
        report["cpu"] = report["cpu"] or report["seconds"]
        return super().figures_of(report)

    def _add(self, told: dict[str, Any]) -> None:
        for part, seconds in told["seconds"].items():
            self.seconds_of[part] += seconds
        self.counts.update(told["counts"])

    def _signal(self) -> None:
        os.kill(self.process.pid, signal.SIGUSR1)

    def _remember(self, done: Done) -> Done:
        self.messages += done.count
        return done


@dataclass
class Column:
    """One program in one cell: as always, and with a watch on it if it would tell us something."""

    plain: Stand
    watched: Watched | None
    plainly: list[Figures] = field(default_factory=list)
    watchfully: list[Figures] = field(default_factory=list)

    def measure(self) -> None:
        """Measure once, both ways."""
        self.plainly.append(measure(self.plain))
        if self.watched is not None:
            self.watchfully.append(measure(self.watched))

    def parts(self) -> dict[str, float]:
        """Microseconds of processor time for each message, of each part and of each group."""
        if self.watched is None:
            return {}
        found: defaultdict[str, float] = defaultdict(float)
        for part, seconds in self.watched.seconds_of.items():
            for name in {part, group_of(part)}:
                found[name] += 1e6 * seconds / self.watched.messages
        return found

    def each(self, what: str) -> float | None:
        """How often something is done for each message."""
        return None if self.watched is None else self.watched.counts[what] / self.watched.messages


def group_of(part: str) -> str:
    """The group of a part, which may be its own."""
    return part.partition(": ")[0]


def cost(figures: list[Figures]) -> float | None:
    """Microseconds of processor time for each message."""
    return median(1e6 / one["CPU"] for one in figures) if figures else None


def profile(
    cell: Cell, peers: list[Peer], rounds: int, seconds: float, certificates: Certificates
) -> list[Column]:
    """Measure these programs in turn, round by round."""
    with ExitStack() as stack:

        def start(peer: Peer) -> Stand:
            return stack.enter_context(stand(cell, peer, seconds, certificates))

        def start_watched(peer: Peer) -> Watched:
            arguments = (peer.program, *peer.arguments)
            return Watched(**vars(start(replace(peer, program="sampled", arguments=arguments))))

        columns = [
            Column(start(peer), start_watched(peer) if peer.name in WATCHED else None)
            for peer in peers
        ]
        for _ in range(min(rounds, cell.most_rounds)):
            for column in columns:
                column.measure()
    return columns


def show(cell: Cell, columns: list[Column]) -> str:
    """Make a table: a line for each part, a column for each program."""
    rows = [
        [cell.name, "", *(column.plain.peer.name for column in columns)],
        ["CPU a message", "µs", *(number(cost(column.plainly)) for column in columns)],
        ["the same, watched", "µs", *(number(cost(column.watchfully)) for column in columns)],
        *_allowed(cell, columns),
        *_parts(columns),
        *([name, "", *(number(column.each(name)) for column in columns)] for name in COUNTS),
    ]
    return aligned(rows)


def _allowed(cell: Cell, columns: list[Column]) -> list[list[str]]:
    """What the bars of this cell leave for a message, each in the column that it is about.

    A bar that is not about a rate leaves nothing that can be said in processor time.
    """
    if cell.figures is not RATES:
        return []
    costs = {column.plain.peer.name: cost(column.plainly) for column in columns}
    rows = []
    for bar in BARS:
        about, _, factor = bar.says.partition(" ≥ ")
        about_cell, _, ours = about.partition(": ")
        theirs = costs.get(factor.partition(" × ")[2])
        if about_cell == cell.name and ours in costs and theirs and bar.least:
            told = [number(theirs / bar.least) if name == ours else "–" for name in costs]
            rows.append([f"allowed: {factor}", "µs", *told])
    return rows


def _parts(columns: list[Column]) -> list[list[str]]:
    names = list(dict.fromkeys(name for part in PARTS for name in (group_of(part), part)))
    found = [column.parts() for column in columns]
    totals = [sum(parts.get(part, 0) for part in PARTS) for parts in found]
    rows = []
    for name in names:
        shares = [
            (parts.get(name, 0.0), 100 * parts.get(name, 0.0) / total) if total else None
            for parts, total in zip(found, totals, strict=True)
        ]
        if any(share is not None and share[1] >= 0.5 for share in shares):
            digits = 1 if max(totals) >= 10 else 2
            told = [f"{s[0]:.{digits}f} {s[1]:4.0f}" if s else "–" for s in shares]
            indented = f"    {name.partition(': ')[2]}" if ": " in name else f"  {name}"
            rows.append([indented, "µs, %", *told])
    return rows


def takers(cell: Cell) -> list[Peer]:
    """Choose who is looked at in a cell: us, bare TCP, and those that a bar compares us with."""
    names = {US, BARE, *peers_of(cell.name)}
    if any(cell.name in cells_of(name) for name, _ in PURE_BESIDE_PEERS):
        names.add(US_PURE)
    return [peer for peer in PEERS if peer.name in names and cell.takes(peer) and not peer.missing]


def missed_cells() -> list[str]:
    """List the cells with a bar that the documented run misses; memory is not a matter of time."""
    measured = [cell.name for cell in CELLS if cell.measure not in ("memory", "import_time")]
    return [name for name in missed(read(DOCUMENTED)) if name in measured]


def main(arguments: list[str]) -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.profile", description=__doc__.partition("\n\n")[2]
    )
    parser.add_argument("cells", nargs="*", metavar="CELL")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each time (1)")
    options = parser.parse_args(arguments)
    allow_many_files()
    told = facts(options.rounds, options.seconds)
    print("\n".join(f"{key}: {value}" for key, value in told.items()))
    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates.made_in(folder)
        for cell in choose(options.cells or missed_cells()):
            print(cell.name, file=sys.stderr)
            columns = profile(cell, takers(cell), options.rounds, options.seconds, certificates)
            print(f"\n{show(cell, columns)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
