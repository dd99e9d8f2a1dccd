"""Before and after: ``python -m tests.benchmarks.compare REV [CELL ...]``.

Each cell is measured with the library of a commit and with that of the working tree, in pairs:
one right after the other, in turn first, by the programs of the suite.
Whatever else the machine does in that second, it does to both,
so a pair yields one ratio for each figure, and the cell the median of all its ratios.
Above 1, the working tree is better.

A process keeps what it began with, such as where its memory lies.
So the pairs of a cell come from several processes, fresh ones every few pairs;
their first measurement warms them up and is thrown away.

The verdict is about the processor time of the measured process, where a cell knows it:
on a shared machine that is the steadier figure.  The columns say, after the median,
between what the true median lies (95 %), and between what the middle half of the ratios lies.
If the bar is inside the first interval, the cell is ``unsure``:
repeat it on a quiet machine, with more pairs, or count calls (``tests.benchmarks.calls``).

``--pure`` compares the two without the accelerator and without numpy;
with ``TRIO_WS_PURE=1`` in the environment they are without the accelerator alone.

All cells take about three quarters of an hour with 20 pairs, and some minutes with ``--pairs 2``.
Memory is measured only if you name its cells.  For import times see ``tests.benchmarks.imports``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import sleep

from ..trees import LIBRARY, NoSuchTree, described, exported
from .cells import CELLS, CPU, Cell, Figure, choose
from .crowd import allow_many_files
from .measures import Certificates, Figures, Stand, measure, stand
from .peers import PEERS, US, US_PURE, Peer
from .results import facts
from .spread import Spread, spread_of
from .table import aligned

LEAST = 0.97
"""What the median of the ratios must reach."""

FRESH = 5
"""After so many pairs come new processes."""

ASIDE = 1.0
"""How many seconds a process has for that."""

Pair = tuple[Figures, Figures]
"""The figures before and after."""


def peer_in(folder: Path, name: str) -> Peer:
    """Make a peer of the library that lies in `folder`; its name says if it has numpy."""
    (us,) = [peer for peer in PEERS if peer.name == name]
    return replace(us, program="elsewhere", arguments=(str(folder), us.program, *us.arguments))


def take_pairs(
    cell: Cell, peers: tuple[Peer, Peer], count: int, seconds: float, certificates: Certificates
) -> list[Pair]:
    """Measure so many pairs."""
    pairs: list[Pair] = []
    fresh = 1 if cell.measure == "memory" else FRESH
    while len(pairs) < count:
        with ExitStack() as stack:
            both = [stack.enter_context(stand(cell, peer, seconds, certificates)) for peer in peers]
            if fresh > 1:
                warm_up(both)
            for _ in range(min(fresh, count - len(pairs))):
                pairs.append(take_pair(both, len(pairs)))
    return pairs


def warm_up(stands: list[Stand]) -> None:
    """Measure once for nothing: code is imported, memory is fetched, a firehose is sized.

    Then wait until what the first messages set off beside them is over: the import of numpy.
    """
    for one in stands:
        measure(one)
    sleep(ASIDE)


def take_pair(
    stands: list[Stand], number: int, measure: Callable[[Stand], Figures] = measure
) -> Pair:
    """Measure both, in turn first; return before, after."""
    before, after = stands
    if number % 2:
        second = measure(after)
        return measure(before), second
    first = measure(before)
    return first, measure(after)


def ratios(pairs: list[Pair], figure: Figure) -> list[float]:
    """Return how many times better each pair's second half is."""
    found = [after[figure.name] / before[figure.name] for before, after in pairs]
    return found if figure.bigger else [1 / ratio for ratio in found]


def deciding(cell: Cell) -> Figure:
    """Return the figure that the verdict is about."""
    return CPU if CPU in cell.figures else cell.figures[0]


def verdict(spread: Spread, least: float) -> str:
    """Say in a word how the median stands to the bar."""
    word = "passed" if spread.reaches(least) else "MISSED"
    return f"{word}, unsure" if spread.leaves_open(least) else word


def rows_of(cell: Cell, pairs: list[Pair], least: float) -> list[list[str]]:
    """Make a line for each figure of a cell."""
    rows = []
    for figure in cell.figures:
        spread = spread_of(ratios(pairs, figure))
        rows.append(
            [
                cell.name,
                figure.name,
                str(spread.count),
                f"{spread.middle:.3f}",
                f"{spread.low:.3f} – {spread.high:.3f}",
                f"{spread.lower_quarter:.3f} – {spread.upper_quarter:.3f}",
                verdict(spread, least) if figure == deciding(cell) else "",
            ]
        )
    return rows


HEAD = ["cell", "figure", "pairs", "median", "95 %", "middle half", ""]


def chosen(patterns: list[str]) -> list[Cell]:
    """Choose the cells that the patterns name, by default all but memory; never the import."""
    cells = choose(patterns) if patterns else [cell for cell in CELLS if cell.measure != "memory"]
    return [cell for cell in cells if cell.measure != "import_time"]


def main(arguments: list[str]) -> int:
    """Run it; return 1 if a cell misses the bar."""
    options = _parse(arguments)
    cells = chosen(options.cells)
    if not cells:
        print("No such cell; python -m tests.benchmarks --list shows their names.")
        return 2
    allow_many_files()
    try:
        with exported(options.revision) as folder:
            return _compare(cells, folder, options)
    except NoSuchTree as error:
        print(f"There is nothing to compare with: {error}")
        return 2


def _compare(cells: list[Cell], folder: Path, options: argparse.Namespace) -> int:
    name = US_PURE if options.pure else US
    peers = (peer_in(folder, name), peer_in(LIBRARY, name))
    told = facts(options.pairs, options.seconds)
    print(f"before: {described(options.revision)}, after: the working tree; {name}")
    print("\n".join(f"{key}: {value}" for key, value in told.items() if key != "rounds"))
    print(f"pairs: {options.pairs} of {options.seconds:g} s for each version\n", flush=True)
    rows = [HEAD]
    with tempfile.TemporaryDirectory() as scratch:
        certificates = Certificates.made_in(scratch)
        for number, cell in enumerate(cells, start=1):
            print(f"{number}/{len(cells)} {cell.name}", file=sys.stderr, flush=True)
            pairs = take_pairs(cell, peers, options.pairs, options.seconds, certificates)
            rows += rows_of(cell, pairs, options.least)
            print(aligned(rows[-len(cell.figures) :]), file=sys.stderr, flush=True)
    print(aligned(rows))
    missed = sum(row[-1].startswith("MISSED") for row in rows)
    print(f"\n{len(cells) - missed} passed, {missed} missed {options.least:g}")
    return 1 if missed else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.compare",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("revision", metavar="REV", help="the commit to compare with")
    add("cells", nargs="*", metavar="CELL", help="cells by name, or server-*")
    add("--pairs", type=int, default=20, help="how many for each cell, at least 2 (20)")
    add("--seconds", type=float, default=0.3, help="how long each measurement takes (0.3)")
    add("--least", type=float, default=LEAST, help=f"the ratio to reach ({LEAST})")
    add("--pure", action="store_true", help="without numpy and the accelerator")
    options = parser.parse_args(arguments)
    if options.pairs < 2:
        parser.error("--pairs must be at least 2")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
