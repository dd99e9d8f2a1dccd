"""The order of things: in each round every peer is measured once, one after the other.

What the machine does besides then hits all of them, and the ratios within a round hold.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack

from .cells import Cell
from .crowd import allow_many_files
from .measures import Certificates, Stand, measure, stand
from .peers import Peer
from .results import Results, Rounds, facts


def run(cells: list[Cell], peers: list[Peer], rounds: int, seconds: float) -> Results:
    """Measure these cells with these peers."""
    allow_many_files()
    results = Results(facts(rounds, seconds))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates.made_in(folder)
        for number, cell in enumerate(cells, start=1):
            elapsed = time.monotonic() - began
            print(f"{elapsed:4.0f} s  {number}/{len(cells)} {cell.name}", file=sys.stderr)
            takers = [peer for peer in peers if cell.takes(peer)]
            results.cells[cell.name] = _run_cell(cell, takers, rounds, seconds, certificates)
    return results


def _run_cell(
    cell: Cell, peers: list[Peer], rounds: int, seconds: float, certificates: Certificates
) -> Rounds:
    found: Rounds = {peer.name: [] for peer in peers}
    with ExitStack() as stack:
        stands = [stack.enter_context(stand(cell, peer, seconds, certificates)) for peer in peers]
        broken: set[str] = set()
        for _ in range(min(rounds, cell.most_rounds)):
            for one in stands:
                if one.peer.name not in broken and not _try(one, found):
                    broken.add(one.peer.name)
    return found


def _try(one: Stand, found: Rounds) -> bool:
    """Measure once; a peer that fails is reported, and left out of the rest of the cell."""
    try:
        found[one.peer.name].append(measure(one))
    except Exception as error:  # whatever a peer does must not end the run
        print(f"{one.cell.name}: {one.peer.name} failed: {error!r}", file=sys.stderr)
        found[one.peer.name].clear()
        return False
    return True
