"""The test command, ``python -m tests``: everything quick that CI does, in one go.

Each step is a command that can be typed alone, from the top of the project;
the summary shows it for the steps that failed.
``python -m tests types tests`` runs only the steps that it names.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent

STEPS = {
    "format": "ruff format --check",
    "lint": "ruff check",
    "trio": "flake8 trio_ws tests examples",
    "types": "mypy",
    "imports": "lint-imports --no-logo",
    "tests": "pytest --cov",
}


def main(names: list[str]) -> int:
    """Run the steps, all of them even if one fails, and return the exit code."""
    if unknown := set(names) - set(STEPS):
        print(f"no such step: {', '.join(sorted(unknown))}; there are: {', '.join(STEPS)}")
        return 2
    chosen = {name: STEPS[name] for name in names or STEPS}
    failed = [name for name, command in chosen.items() if not run(name, command)]
    print()
    for name in failed:
        print(f"FAILED {name}; repeat it with: {chosen[name]}")
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def run(name: str, command: str) -> bool:
    """Run one step, with its output on ours, and tell whether it passed."""
    print(f"\n== {name}: {command}", flush=True)
    program, *arguments = shlex.split(command)
    began = time.monotonic()
    passed = subprocess.run([find(program), *arguments], cwd=TOP, check=False).returncode == 0
    print(f"== {name} {'passed' if passed else 'FAILED'} in {time.monotonic() - began:.1f} s")
    return passed


def find(program: str) -> str:
    """Find a tool beside this Python, so that a virtual environment need not be activated."""
    places = [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
    if found := shutil.which(program, path=os.pathsep.join(places)):
        return found
    sys.exit(f'{program} is not installed; install it with: python -m pip install -e ".[test]"')


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
