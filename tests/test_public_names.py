"""`trio_ws` itself: every public name is there; those of the upper floors come when asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import trio_ws

UPPER = ("_supervision", "_reconnecting")


def in_a_new_process(program: str) -> str:
    """Run a program in an interpreter of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_upper_floors_come_later() -> None:
    """A server's program does not import what brings clients back."""
    program = "import sys, trio_ws; trio_ws.serve_websocket; print(*sys.modules)"
    loaded = in_a_new_process(program)
    assert "trio_ws._server.serve" in loaded
    assert [floor for floor in UPPER if floor in loaded] == []


@pytest.mark.parametrize("way", ["trio_ws.supervise", "from trio_ws import supervise", "star"])
def test_the_first_name_brings_all(way: str) -> None:
    """Whichever way it is asked for, all names are there then, and say that they come from here."""
    ask = "from trio_ws import *" if way == "star" else way
    program = f"""if True:
        import trio_ws
        {ask}
        print(trio_ws.Backoff.__module__, set(trio_ws.__all__) <= vars(trio_ws).keys())"""
    assert in_a_new_process(program) == "trio_ws True"


def test_dir_lists_what_comes_later() -> None:
    """Completion in a shell knows every name from the beginning."""
    program = "import trio_ws; print(set(trio_ws.__all__) <= set(dir(trio_ws)))"
    assert in_a_new_process(program) == "True"


def test_all_names_are_there() -> None:
    """Each name of ``__all__`` leads to something, and a name that is none of them to an error."""
    for name in trio_ws.__all__:
        assert getattr(trio_ws, name) is not None
    for name in ("nothing", "_reconnecting_", "__wrapped__"):
        with pytest.raises(AttributeError, match=f"module 'trio_ws' has no attribute '{name}'"):
            getattr(trio_ws, name)


def test_later_names_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there already stays: somebody may have put something in its place."""
    monkeypatch.setattr(trio_ws, "Backoff", "a stand-in")
    supervise = trio_ws.supervise
    monkeypatch.delattr(trio_ws, "supervise")
    assert trio_ws.supervise is supervise
    assert trio_ws.Backoff == "a stand-in"  # type: ignore[comparison-overlap]
    assert "supervise" in dir(trio_ws)


def test_type_checkers_see_the_same() -> None:
    """The modules that come later are those that type checkers are shown."""
    tree = ast.parse(Path(trio_ws.__file__).read_text(encoding="utf-8"))
    [shown] = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [f".{each.module}" for each in shown.body if isinstance(each, ast.ImportFrom)]
    assert sorted(trio_ws._LATER) == sorted(imports)  # type: ignore[attr-defined]
