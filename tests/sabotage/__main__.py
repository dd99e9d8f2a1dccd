"""The command: ``python -m tests.sabotage [--processes N] [NAME…]``.

A name may be a part of the name of a guard, or of its file.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from ..protocol.ways import BUILT
from .copies import copy_project
from .guard import Guard
from .guards import GUARDS
from .hosts import Host, hosting
from .trial import BASE_SECONDS, Trial, try_without


def main(arguments: Sequence[str]) -> int:
    """Remove the guards that are named, or all, and return the exit code."""
    options = parser().parse_args(arguments)
    if unknown := [name for name in options.names if not any(named(g, [name]) for g in GUARDS)]:
        print(f"no guard has such a name or file: {', '.join(unknown)}")
        return 2
    guards = [guard for guard in GUARDS if named(guard, options.names) and can_be_tried(guard)]
    with tempfile.TemporaryDirectory(prefix="trio_ws-sabotage-") as folder:
        return run(guards, Path(folder), max(1, min(options.processes, len(guards))))


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    made = argparse.ArgumentParser(prog="python -m tests.sabotage", description=__doc__)
    made.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    made.add_argument("names", nargs="*", metavar="NAME")
    return made


def named(guard: Guard, names: Sequence[str]) -> bool:
    """Return True if a guard is one of those that are meant."""
    return not names or any(name in guard.name or name in guard.file for name in names)


def can_be_tried(guard: Guard) -> bool:
    """Return True unless the guard is in C and no accelerator was built in this tree; say so."""
    if guard.path.suffix != ".c" or BUILT is not None:
        return True
    print(f"left out, since there is no accelerator: {guard.name}")
    return False


def run(guards: list[Guard], folder: Path, processes: int) -> int:
    """Check that all tests pass, try all guards, and tell what came of it."""
    began = time.monotonic()
    with ExitStack() as stack, ThreadPoolExecutor(processes) as pool:
        copies = [copy_project(folder / str(number)) for number in range(processes)]
        hosts = [stack.enter_context(hosting(copy)) for copy in copies]
        if failed := "\n".join(filter(None, pool.map(failure, hosts, parts(guards, processes)))):
            print(f"{failed}\nFAILED: these tests must pass while all guards are there")
            return 1
        print(f"the tests of {len(guards)} guards pass with them, {since(began)}", flush=True)
        trials = sorted(try_all(guards, hosts, pool), key=lambda trial: guards.index(trial.guard))
    return tell(trials, began)


def parts(guards: list[Guard], count: int) -> list[list[str]]:
    """Return the tests of all guards in so many parts; those of a file stay together."""
    node_ids = sorted({node_id for guard in guards for node_id in guard.node_ids})
    files = sorted({node_id.partition("::")[0] for node_id in node_ids})
    return [
        [each for each in node_ids if files.index(each.partition("::")[0]) % count == number]
        for number in range(count)
    ]


def failure(host: Host, node_ids: list[str]) -> str:
    """Run tests with all guards; return the output if they do not pass."""
    code, output = host.run(node_ids, BASE_SECONDS) if node_ids else (0, "")
    return "" if code == 0 else output or f"they did not end within {BASE_SECONDS:.0f} s"


def try_all(guards: list[Guard], hosts: list[Host], pool: ThreadPoolExecutor) -> list[Trial]:
    """Try all guards, one in each copy at a time, and print a line for each."""
    free: queue.Queue[Host] = queue.Queue()
    for host in hosts:
        free.put(host)

    def try_one(guard: Guard) -> Trial:
        host = free.get()
        try:
            return try_without(guard, host)
        finally:
            free.put(host)

    trials = []
    for done in as_completed([pool.submit(try_one, guard) for guard in guards]):
        trials.append(trial := done.result())
        print(line(trial), flush=True)
    return trials


def line(trial: Trial) -> str:
    """Return one line about a guard."""
    by = f"  by {trial.by.partition('[')[0]}" if trial.by else ""
    return f"{trial.seconds:5.1f} s  {trial.result.value:17} {trial.guard.name}{by}"


def tell(trials: list[Trial], began: float) -> int:
    """Print what is wrong, and the counts; return the exit code."""
    bad = [trial for trial in trials if not trial.result.good]
    for trial in bad:
        print(f"\n== {trial.result.value}: {trial.guard.name} ({trial.guard.path})")
        print(f"-- {trial.guard.text}\n++ {trial.guard.instead}")
        print("\n".join(trial.output.splitlines()[-30:]))
    print()
    for trial in bad:
        print(f"{trial.result.value}: {trial.guard.name}; repeat it with: {again(trial.guard)}")
    print(f"{len(trials) - len(bad)} of {len(trials)} removals were noticed, {since(began)}")
    return 1 if bad else 0


def again(guard: Guard) -> str:
    """Return the command that tries one guard."""
    return f'python -m tests.sabotage "{guard.name}"'


def since(began: float) -> str:
    """Return how long it took."""
    return f"after {time.monotonic() - began:.0f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
