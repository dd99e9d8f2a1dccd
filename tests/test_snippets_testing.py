"""The pages on testing tell the truth: their tests pass, or fail in the way that is shown."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest
import trio
import trio.testing

from docs.snippets import racing_tasks
from docs.snippets.golden_file import test_the_conversation  # noqa: F401 - it runs here
from trio_ws.testing import MemoryNetwork, ScriptMismatch

SNIPPETS = Path(racing_tasks.__file__).parent
SHOWN = "test_client.py::test_login_comes_first"


def race(seed: int, monkeypatch: pytest.MonkeyPatch) -> ScriptMismatch | None:
    """Run the test of the two tasks; return how it failed."""
    monkeypatch.setenv("TRIO_WS_SEED", str(seed))
    clock = trio.testing.MockClock(autojump_threshold=0)
    try:
        trio.run(racing_tasks.test_login_comes_first, MemoryNetwork(), clock, clock=clock)
    except ScriptMismatch as mismatch:
        return mismatch
    return None


def test_a_race_fails_with_half_of_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """And always with the same ones."""
    failed = [seed for seed in range(40) if race(seed, monkeypatch)]
    assert 10 <= len(failed) <= 30
    assert failed == [seed for seed in range(40) if race(seed, monkeypatch)]


def test_a_failure_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows the last lines of what pytest says."""
    monkeypatch.setitem(os.environ, "PYTEST_CURRENT_TEST", f"{SHOWN} (call)")
    shown = (SNIPPETS / "racing_tasks.txt").read_text(encoding="utf-8")
    seed = shown.rpartition("=")[2].strip()
    mismatch = race(int(seed), monkeypatch)
    assert mismatch is not None
    assert "".join(traceback.format_exception_only(mismatch)) == shown
