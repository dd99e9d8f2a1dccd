"""Import times are those of the version that is meant, and their ratio is held to the bar."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..trees import LIBRARY
from . import imports
from .imports import BAR, Imports

TOLD = """\
import time: self [us] | cumulative | imported package
import time:       500 |        500 |     trio._core
import time:       900 |       1400 | trio
import time:      3000 |       3000 |   trio_ws._errors
import time:       700 |       3700 | trio_ws
"""


def test_one_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter tells two times, both above zero, and keeps what it compiled."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert all(seconds > 0 for seconds in imports.start(LIBRARY, str(tmp_path), numpy=False))
    assert any(tmp_path.rglob("trio_ws/__init__.*.pyc"))


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    """If the library comes from another folder than the one that is meant, nothing is measured."""
    with pytest.raises(RuntimeError, match="not from"):
        imports.start(tmp_path, str(tmp_path), numpy=False)


def test_numpy_is_hidden() -> None:
    """Only the program without numpy hides it, before anything is imported."""
    assert imports.HIDE_NUMPY not in imports.program(LIBRARY, numpy=True)
    without = imports.program(LIBRARY, numpy=False)
    assert without.index(imports.HIDE_NUMPY) < without.index("import trio\n")


def test_the_ratio_is_held_to_the_bar() -> None:
    """A median ratio above the bar is missed."""
    trio = [0.1] * 3
    assert Imports(trio, [0.1 * BAR] * 3).row("now")[-1] == "passed"
    assert Imports(trio, [0.11 * BAR] * 3).row("now")[-1] == "MISSED"
    assert Imports(trio, [0.05] * 3).row("now")[:4] == ["now", "100", "50", "0.50"]


def test_versions_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round starts each version with numpy and without; the first round is not counted."""
    started: list[tuple[str, bool]] = []

    def start(folder: Path, cache: str, *, numpy: bool) -> tuple[float, float]:
        started.append((folder.name, numpy))
        return 1.0, float(len(started))

    monkeypatch.setattr(imports, "start", start)
    found = imports.measure({"old": Path("old"), "new": Path("new")}, 2)
    assert started == [("old", True), ("old", False), ("new", True), ("new", False)] * 3
    assert found["old", True].ours == [5.0, 9.0]


def test_the_slowest_modules_come_first() -> None:
    """What Trio's own import loaded is left out."""
    assert [line.split()[0] for line in imports.slowest(TOLD).splitlines()] == [
        "module",
        "trio_ws._errors",
        "trio_ws",
    ]


def test_what_cannot_be_measured_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown commit ends the command with 2; so does a number of starts without a spread."""
    assert imports.main(["no-such-commit"]) == 2
    assert "nothing to compare with" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        imports.main(["--starts", "1"])
