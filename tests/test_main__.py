"""``python -m trio_ws`` is ``trio-ws``."""

from __future__ import annotations

import importlib
import subprocess
import sys


def test_the_package_runs_as_a_program() -> None:
    """With the arguments behind its name, and the command's exit code."""
    command = [sys.executable, "-m", "trio_ws", "explain", "--brief", "89"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=30)
    assert done.returncode == 4
    assert b"a header that is cut off" in done.stdout


def test_it_may_be_imported() -> None:
    """Tools that import every module run nothing."""
    assert importlib.import_module("trio_ws.__main__").main is not None
