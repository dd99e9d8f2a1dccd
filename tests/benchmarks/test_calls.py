"""Calls are counted of the library only, and the same echo takes the same number again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..trees import LIBRARY
from . import calls
from .programs.counted import OURS, TRIOS, summed_up


def test_an_echo_is_summed_up() -> None:
    """Files of the library count, a change is where two calls in a row are in different files."""
    echo = [
        (f"{OURS}a.py", "send"),
        (f"{TRIOS}_core/_run.py", "step"),
        (f"{OURS}a.py", "put"),
        (f"{OURS}b/c.py", "take"),
        ("elsewhere.py", "echo"),
        (f"{OURS}a.py", "receive"),
    ]
    assert summed_up(echo) == {
        "calls": 4,
        "changes": 2,
        "files": 2,
        "trio": 1,
        "path": ["a.py:send", "a.py:put", "b/c.py:take", "a.py:receive"],
    }


def test_a_count_repeats_itself() -> None:
    """The same library yields the same counts, and the way begins and ends with the client."""
    one, other = (calls.count_in(LIBRARY, "text", 32) for _ in range(2))
    assert one == other
    assert one["path"][0].endswith(":send")
    assert one["calls"] == len(one["path"])
    assert one["files"] == len({step.partition(":")[0] for step in one["path"]})


def test_more_calls_than_before_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1 if the working tree takes more calls than the commit, else 0."""
    counts = {"calls": 10, "changes": 2, "files": 2, "trio": 1, "path": ["a.py:send"]}

    def count(folder: Path, kind: str, size: int) -> dict[str, object]:
        more = now if folder == LIBRARY else 0
        return {**counts, "calls": 10 + more}

    monkeypatch.setattr(calls, "count_in", count)
    monkeypatch.setattr(calls, "exported", lambda revision: open(__file__))  # noqa: SIM115
    monkeypatch.setattr(calls, "described", lambda revision: "abc123")
    now = 1
    assert calls.main(["abc"]) == 1
    now = 0
    assert calls.main(["abc", "--path"]) == 0
    table, _, path = capsys.readouterr().out.rpartition("\n\n")
    assert table.splitlines()[-4].split() == ["calls", "10", "10"]
    assert path == "a.py:send\n"


def test_an_unknown_commit_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 2 and says why."""
    assert calls.main(["no-such-commit"]) == 2
    assert "nothing to compare with" in capsys.readouterr().out
