"""The test command, ``python -m tests``: everything quick that CI does, in one go.

Each step is a command that can be typed alone, from the top of the project;
the summary shows it for the steps that failed.
``python -m tests types tests`` runs only the steps that it names.

The checks run side by side, since most of them use one core; the output of each is shown
when it ends, and every few seconds a line names those that still run.
The tests come last, on two processes, with their output as it is printed.

``python -m tests coverage`` runs the tests once more and measures which branches they take.
That takes more than twice as long, so it is done only where it is asked for, and by CI.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

TOP = Path(__file__).resolve().parent.parent

CHECKS = {
    "format": "ruff format --check",
    "lint": "ruff check",
    "imports": "lint-imports --no-logo",
    "types": "mypy",
    "trio": "flake8 trio_ws examples",  # and the tests, which take minutes: test_command.py
}
TESTS = {"tests": "pytest -n 2 --dist worksteal"}
ASKED_FOR = {"coverage": "pytest --cov -n 2 --dist worksteal"}
STEPS = CHECKS | TESTS | ASKED_FOR

TOLD_EVERY = 5.0
"""Seconds between two lines that name the checks that still run."""

CONCERNS_FLAKE8 = re.compile(r"\b(async|await|trio|BaseException)\b|\bexcept:")
"""What each rule of flake8-async needs in a file to find anything there."""


class Running:
    """A check that runs beside others; its output waits in a file until it has ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = time.monotonic()
        self.output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when shown
        self.process = subprocess.Popen(
            arguments(name), cwd=TOP, stdout=self.output, stderr=subprocess.STDOUT
        )

    def ended(self) -> bool:
        """Return True if the check has ended; show then what it said."""
        if self.process.poll() is None:
            return False
        with self.output:
            self.output.seek(0)
            text = self.output.read().decode(errors="replace")
        print(f"\n== {self.name}: {STEPS[self.name]}\n{text.rstrip()}")
        tell_end(self.name, self.passed, self.began)
        return True

    @property
    def passed(self) -> bool:
        """Return True if the check ended well."""
        return self.process.returncode == 0


def main(names: list[str]) -> int:
    """Run the steps, all of them even if one fails, and return the exit code."""
    if unknown := set(names) - set(STEPS):
        print(f"no such step: {', '.join(sorted(unknown))}; there are: {', '.join(STEPS)}")
        return 2
    chosen = [name for name in STEPS if name in (names or CHECKS | TESTS)]
    failed = run_beside([name for name in chosen if name in CHECKS])
    failed += [name for name in chosen if name not in CHECKS and not run(name)]
    print()
    for name in failed:
        print(f"FAILED {name}; repeat it with: {STEPS[name]}")
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def run_beside(names: list[str]) -> list[str]:
    """Run checks side by side and return the names of those that failed."""
    failed = []
    if names:
        print(f"== side by side: {', '.join(names)}", flush=True)
    running = [Running(name) for name in names]
    told = time.monotonic()
    while running:
        time.sleep(0.05)
        for check in [check for check in running if check.ended()]:
            running.remove(check)
            failed += [] if check.passed else [check.name]
        if running and time.monotonic() >= told + TOLD_EVERY:
            told = time.monotonic()
            print(f"== still running: {', '.join(map(since, running))}", flush=True)
    return [name for name in names if name in failed]


def since(check: Running) -> str:
    """Return the name of a check and how long it has been running."""
    return f"{check.name} ({time.monotonic() - check.began:.0f} s)"


def run(name: str) -> bool:
    """Run one step, with its output on ours, and tell whether it passed."""
    print(f"\n== {name}: {STEPS[name]}", flush=True)
    began = time.monotonic()
    passed = subprocess.run(arguments(name), cwd=TOP, check=False).returncode == 0
    tell_end(name, passed, began)
    return passed


def tell_end(name: str, passed: bool, began: float) -> None:
    """Print how a step ended and how long it took."""
    took = time.monotonic() - began
    print(f"== {name} {'passed' if passed else 'FAILED'} in {took:.1f} s", flush=True)


def arguments(name: str) -> list[str]:
    """Return the program of a step, found, and its arguments."""
    program, *rest = shlex.split(STEPS[name])
    if program == "flake8":  # 0.2 s a file: it is given those only that can be at fault
        rest = concerned(rest)
    return [find(program), *rest]


def concerned(folders: Iterable[str]) -> list[str]:
    """Return the files in which flake8-async can find anything, but for what tools left here."""
    paths = [
        path.relative_to(TOP) for folder in folders for path in sorted((TOP / folder).rglob("*.py"))
    ]
    return [
        str(path)
        for path in paths
        if not re.search(r"(^|/)(\.|node_modules/)", path.as_posix())
        and CONCERNS_FLAKE8.search((TOP / path).read_text(encoding="utf-8"))
    ]


def find(program: str) -> str:
    """Find a tool beside this Python, so that a virtual environment need not be activated."""
    places = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    if found := shutil.which(program, path=os.pathsep.join(places)):
        return found
    sys.exit(f'{program} is not installed; install it with: python -m pip install -e ".[test]"')


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
