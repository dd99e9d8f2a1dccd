"""The demo as text: complete, the same each time, and true."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws._demo import plain as module
from trio_ws._demo.plain import WIDTH, story, tell_all, tree
from trio_ws._demo.watcher.walk import Picture
from trio_ws._demo.world.buttons import BUTTONS

from .. import quickstart
from ..quickstart import TOP


async def test_all_buttons_are_told(autojump_clock: trio.testing.MockClock) -> None:
    """It ends by itself; each button has its story; no line is too long, or of a traceback."""
    lines: list[str] = []
    before = trio.lowlevel.current_statistics().tasks_living
    await tell_all(lines.append)
    assert trio.lowlevel.current_statistics().tasks_living == before
    text = "\n".join(lines)
    for button in BUTTONS.values():
        assert button.label.replace("a code", "1012") in text
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "Traceback" not in text
    shown = (TOP / "docs" / "output" / "demo.txt").read_text(encoding="utf-8")
    command = quickstart.Command("the demo", tuple(shown.splitlines()))
    assert quickstart.missing(command, text) == []
    assert text.count("comes back") == len(BUTTONS)
    assert lines[-1] == "\nThat was all.  The demo has ended: no task is left."
    assert trio.current_time() < 300


async def test_the_tree_is_indented(autojump_clock: trio.testing.MockClock) -> None:
    """Each task stands below its parent, one nursery further in."""
    lines: list[str] = []
    with trio.CancelScope() as scope:

        def line(text: str) -> None:
            lines.append(text)
            if "Cut the cable" in text:
                scope.cancel()

        await tell_all(line)
    names = [text.split("  ")[1] for text in lines if text.startswith("  ")]
    assert names[0] == "world"
    assert "[ client" in names
    assert "[ [ reader (client)" in names


def test_a_story_without_an_end() -> None:
    """What has not happened leaves no line."""
    told = {
        "title": "Cut the cable",
        "does": "Both ends are told at once.",
        "sentences": ["", ""],
        "cancelled": [],
        "unwound": [],
        "exception": "",
        "back": "",
    }
    assert story(3.0, told) == [
        "",
        "   3.0 s  Cut the cable",
        "          Both ends are told at once.",
        "          cancelled   nothing",
    ]
    assert tree(Picture()) == []


async def test_a_story_that_takes_too_long(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as far as it is known, and the next one comes."""
    lines: list[str] = []
    monkeypatch.setattr(module, "LONGEST", 0.1)
    monkeypatch.setattr(module, "BUTTONS", {"black_hole": BUTTONS["black_hole"]})
    await tell_all(lines.append)
    assert "cancelled   nothing" in "\n".join(lines)
