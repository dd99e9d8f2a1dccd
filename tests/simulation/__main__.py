"""Run many worlds, two at a time, and say what they add up to.

A world that fails is told with its seed and the command that does it again, step by step the same.
"""

from __future__ import annotations

import argparse
import sys
import time

from .figures import CI, NIGHTLY, Figures, Size
from .processes import play_all


def arguments() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--nightly", action="store_true", help="1,000 worlds")
    parser.add_argument("--seed", type=int, help="run this world alone")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--seconds", type=float, help="of virtual time, instead of the usual")
    return parser.parse_args()


def main() -> int:
    """Run what is asked for; return the exit code."""
    options = arguments()
    size = NIGHTLY if options.nightly else CI
    alone = options.seed is not None
    seeds = [options.seed] if alone else range(options.first, options.first + size.worlds)
    seconds, began = options.seconds or size.seconds, time.monotonic()
    total, failed = Figures(), []
    for seed, outcome in play_all(seeds, seconds, 1 if alone else options.jobs):
        if isinstance(outcome, str):
            failed.append(seed)
            print(f"world {seed} FAILED\n{outcome}{how_to_repeat(seed, options.seconds)}")
        else:
            total.add(outcome)
            print(
                f"world {seed}: {outcome.messages:,} messages, {outcome.faults.total():,} faults",
                flush=True,
            )
    print(f"\n{total}\n{time.monotonic() - began:.0f} s of real time")
    missed = "" if alone or failed or options.seconds else size.shortfall(total)
    return verdict(failed, missed, size, options.seconds)


def how_to_repeat(seed: int, seconds: float | None) -> str:
    """Return the command that runs a world again."""
    also = "" if seconds is None else f" --seconds {seconds:g}"
    return f"Repeat it with: python -m tests.simulation --seed {seed}{also}"


def verdict(failed: list[int], missed: str, size: Size, seconds: float | None) -> int:
    """Say what failed, and return the exit code."""
    for seed in failed:
        print(f"FAILED: world {seed}. {how_to_repeat(seed, seconds)}")
    if missed:
        print(f"FAILED: too little happened: {missed}")
    if not failed and not missed:
        print("passed: order, no duplicates, no loss but what is documented, every ending right")
    return int(bool(failed or missed))


if __name__ == "__main__":
    sys.exit(main())
