"""The test command (``tests/__main__.py``): what it shows, and what it spares flake8."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from . import __main__ as command

TOP = Path(__file__).resolve().parent.parent
FOLDERS = ["trio_ws", "tests", "examples"]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three checks in place of those of the project."""
    python = Path(sys.executable).as_posix()
    steps = {
        "slow": f"{python} -c 'import time; time.sleep(0.5); print(\"slow is done\")'",
        "bad": f"{python} -c 'print(\"bad is bad\"); exit(3)'",
        "worse": f"{python} -c 'exit(4)'",
    }
    monkeypatch.setattr(command, "STEPS", steps)
    monkeypatch.setattr(command, "CHECKS", steps)
    monkeypatch.setattr(command, "TESTS", {})
    monkeypatch.setattr(command, "TOLD_EVERY", 0.1)


def test_checks_side_by_side(checks: None, capfd: pytest.CaptureFixture[str]) -> None:
    """All checks run although some fail; their output is whole, and what runs is named."""
    assert command.main([]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "== side by side: slow, bad, worse"
    assert lines[lines.index("slow is done") + 1].startswith("== slow passed in ")
    assert lines[lines.index("bad is bad") + 1].startswith("== bad FAILED in ")
    assert any(line.startswith("== still running: slow (") for line in lines)
    assert lines[-3].startswith("FAILED bad; repeat it with: ")
    assert lines[-2].startswith("FAILED worse; repeat it with: ")
    assert lines[-1] == "1 passed, 2 failed"


def test_some_steps(checks: None, capfd: pytest.CaptureFixture[str]) -> None:
    """Only the steps named run, and an unknown one is refused with the names that there are."""
    assert command.main(["slow"]) == 0
    assert capfd.readouterr().out.endswith("\n1 passed, 0 failed\n")
    assert command.main(["slow", "fast"]) == 2
    assert capfd.readouterr().out == "no such step: fast; there are: slow, bad, worse\n"


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("async def wait(): ...\n", True),
        ("import trio\n", True),
        ("try: ...\nexcept: ...\n", True),
        ("try: ...\nexcept BaseException: ...\n", True),
        ("import trio_ws\n\ntry: ...\nexcept ValueError: ...\n", False),
    ],
)
def test_files_for_flake8(
    text: str, given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """flake8 is given what has a task, a scope or a broad `except`, and nothing foreign."""
    monkeypatch.setattr(command, "TOP", tmp_path)
    for name in ("a/b.py", "a/.cache/b.py", "a/node_modules/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert command.concerned(["a"]) == (["a/b.py"] if given else [])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_flake8_finds_nothing_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that flake8 is not given would pass, so the two ways to call it agree."""
    given = command.concerned(FOLDERS)
    monkeypatch.setattr(command, "CONCERNS_FLAKE8", re.compile(""))
    others = set(command.concerned(FOLDERS)) - set(given)
    assert others
    subprocess.run([command.find("flake8"), *sorted(others)], cwd=TOP, check=True)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_flake8_on_the_tests() -> None:
    """The tests pass, too; the test command leaves them out, since that takes minutes."""
    subprocess.run([command.find("flake8"), *command.concerned(["tests"])], cwd=TOP, check=True)
