"""The pictures of the documentation are what their scripts draw, and each is shown."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.diagrams.pictures import FOLDER, PICTURES

PAGES = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_its_script_draws(name: str) -> None:
    """``python -m docs.diagrams`` would change nothing."""
    drawn = PICTURES[name]()
    assert drawn == (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawn).attrib["aria-label"]


def test_each_picture_is_on_a_page() -> None:
    """No picture is drawn for nothing, and none is missing."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES.rglob("*.rst"))
    assert set(re.findall(r"\.\. diagram:: (\w+)", text)) == set(PICTURES)
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(PICTURES)


def test_pictures_follow_the_theme() -> None:
    """No picture has a colour of its own, which would be wrong in one of two themes."""
    own = [
        path.name
        for path in FOLDER.glob("*.svg")
        if re.search(r'(?:fill|stroke)="(?!none|currentColor)', path.read_text(encoding="utf-8"))
    ]
    assert own == []
