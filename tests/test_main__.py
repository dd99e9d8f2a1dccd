"""``python -m trio_ws`` is ``trio-ws``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import trio_ws

# By its path: pytest rewrites the package, which has a plugin, and `run_module` cannot take that.
MAIN = str(Path(trio_ws.__file__).with_name("__main__.py"))


def test_the_package_runs_as_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the arguments behind its name, and the command's exit code."""
    monkeypatch.setattr(sys, "argv", ["trio_ws", "explain", "--brief", "89"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(MAIN, run_name="__main__")
    assert ended.value.code == 4
    assert "a header that is cut off" in capsys.readouterr().out


def test_it_may_be_imported() -> None:
    """Tools that import every module run nothing."""
    assert "main" in runpy.run_path(MAIN, run_name="trio_ws.__main__")
