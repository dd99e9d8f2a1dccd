"""The command: ``python -m tests.benchmarks``.

Measures all cells with all peers that are installed, and prints tables;
what it has to say besides goes to standard error.
It installs nothing: ``pip install -e '.[bench]'`` brings all peers.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from . import bars, plots, results, table
from .cells import CELLS, choose
from .peers import PEERS, Peer

EXTRA = "pip install -e '.[bench]'"


def main(arguments: list[str]) -> int:
    """Run it; return the exit code."""
    options = _parse(arguments)
    if options.list:
        print("\n".join(cell.name for cell in CELLS))
        return 0
    if options.show:
        found = results.read(options.show)
    else:
        if find_spec("trustme") is None or not sys.platform.startswith("linux"):
            print(f"This needs Linux, and the extra: {EXTRA}")
            return 2
        from .rounds import run

        cells, peers = choose(options.only), _present(options.peers)
        if not cells or not peers:
            print("Nothing to measure; --list shows the names of the cells.")
            return 2
        found = run(cells, peers, options.rounds, options.seconds)
        if options.json:
            found.write(options.json)
            found = results.read(options.json)  # rounded, so that both say the same
    print(table.everything(found))
    print(f"\nBars\n\n{bars.report(found)}")
    if options.plots:
        for path in plots.draw(found, options.plots):
            print(path, file=sys.stderr)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__.partition("\n\n")[2]
    )
    add = parser.add_argument
    add("--only", nargs="+", default=[], metavar="CELL", help="cells by name, or server-*")
    add("--peers", nargs="+", default=[], metavar="PEER", help="only these")
    add("--rounds", type=int, help="how often each is measured (5; --quick: 1)")
    add("--seconds", type=float, help="how long each time (0.5; --quick: 0.1)")
    add("--quick", action="store_true", help="one short round: does it work at all?")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--plots", type=Path, metavar="DIR", help="draw SVG files (needs matplotlib)")
    add("--show", type=Path, metavar="FILE", help="measure nothing, show what --json wrote")
    add("--list", action="store_true", help="list the cells")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (0.1 if options.quick else 0.5)
    return options


def _present(names: list[str]) -> list[Peer]:
    """Choose the peers that are wanted and installed; say which are missing."""
    wanted = [peer for peer in PEERS if not names or peer.name in names]
    for peer in wanted:
        if peer.missing:
            print(f"{peer.name} is left out: {peer.needs} is missing: {EXTRA}", file=sys.stderr)
    return [peer for peer in wanted if not peer.missing]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
