"""Run many worlds and all cells, two at a time, and say what they add up to.

What fails is told with the command that does it again, step by step the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from .figures import CI, NIGHTLY, Figures, Size
from .processes import OneCell, OneWorld, Part, SomeCells, play_all

STRIDE = 60
"""In so many parts the grid is cut."""


def arguments() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--nightly", action="store_true", help="1,000 worlds")
    parser.add_argument("--seed", type=int, help="run this world alone")
    parser.add_argument("--cell", type=int, help="run this cell of the grid alone")
    parser.add_argument("--part", choices=["worlds", "grid"], help="that alone")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--seconds", type=float, help="of virtual time, for each world")
    return parser.parse_args()


def parts_of(options: argparse.Namespace, size: Size) -> Sequence[Part]:
    """Return what is asked for."""
    seconds = options.seconds or size.seconds
    if options.seed is not None:
        return [OneWorld(options.seed, seconds)]
    if options.cell is not None:
        return [OneCell(options.cell)]
    seeds = range(options.first, options.first + size.worlds)
    parts: dict[str, list[Part]] = {
        "worlds": [OneWorld(seed, seconds) for seed in seeds],
        "grid": [SomeCells(STRIDE, start) for start in range(STRIDE)],
    }
    return parts[options.part] if options.part else [*parts["worlds"], *parts["grid"]]


def main() -> int:
    """Run what is asked for; return the exit code."""
    options = arguments()
    size = NIGHTLY if options.nightly else CI
    parts, began = parts_of(options, size), time.monotonic()
    total, failed = Figures(), []
    for part, outcome in play_all(parts, 1 if len(parts) == 1 else options.jobs):
        if isinstance(outcome, str):
            failed.append(part)
            print(f"{part} FAILED\n{outcome}", flush=True)
        else:
            total.add(outcome)
            print(f"{part}: {outcome.messages:,} messages, {outcome.faults.total():,} faults")
    print(f"\n{total}\n{time.monotonic() - began:.0f} s of real time")
    whole = len(parts) > 1 and options.part is None
    missed = size.shortfall(total) if whole and not failed else ""
    for part in failed:
        print(f"FAILED: {part}")
    if missed:
        print(f"FAILED: too little happened: {missed}")
    if failed or missed:
        return 1
    print("passed: order, no duplicates, no loss but what is documented, every ending right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
