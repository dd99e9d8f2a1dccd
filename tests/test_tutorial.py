"""The tutorial tells the truth: its programs print what it shows, in the scopes it draws."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from docs.diagrams.tree_pictures import CHAPTERS, tree_of

DOCS = Path(__file__).resolve().parent.parent / "docs"

OUTPUTS = {
    **{
        f"tutorial_{name}": f"examples/tutorial/{name}.py"
        for name in ("coming_back", "heartbeat", "server", "shutdown", "tasks")
    },
    **{
        f"wrong_{name}": f"examples/tutorial/wrong/{name}.py"
        for name in ("first_conversation", "heartbeat", "server", "shutdown", "tasks")
    },
}
"""What is shown on a page, and the file that prints it."""

NEW = {
    "first_conversation": {"nursery of the connection", "scope body"},
    "server": {"nursery of the server", "nursery 'visitors' in main"},
    "tasks": {"nursery 'nursery' in answer", "nursery 'nursery' in visit"},
    "coming_back": {"nursery of the session", "scope session"},
    "heartbeat": {"scope lease, until 13.3 s"},
    "shutdown": {"nursery 'nursery' in serve_until"},
}
"""The scopes that a chapter adds to those of the chapters before it."""


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_chapter_prints_what_it_shows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each program of the tutorial, right or wrong, prints its page's text to the letter."""
    runpy.run_path(str(DOCS.parent / OUTPUTS[name]), run_name="__main__")
    shown = (DOCS / "output" / f"{name}.txt").read_text(encoding="utf-8")
    assert capsys.readouterr().out == shown


def test_a_chapter_adds_its_scope() -> None:
    """What a chapter calls new is in its tree, and in none before."""
    seen = {"nursery 'nursery' in main", "nursery 'servers' in main"}
    for chapter in CHAPTERS:
        labels = set(tree_of(chapter).labels())
        added = {label for label in labels if label.startswith(("nursery", "scope"))} - seen
        assert NEW[chapter] <= added, chapter
        seen |= added


def test_the_trees_of_the_two_ends_are_alike() -> None:
    """A connection is a reader and a body, on a client and on a server."""
    text = list(tree_of("server").lines())
    indented = [line.strip() for line in text]
    assert indented.count("task reader server-1") == indented.count("task reader client-1") == 1
    assert indented.count("scope body") == 4
