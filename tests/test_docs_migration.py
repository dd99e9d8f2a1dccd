"""The page on moving from another library names what there is, there and here."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "howto" / "migrate.rst"

MODULES = {
    "From trio-websocket": ["trio_websocket"],
    "From websockets": [
        "websockets.trio.client",
        "websockets.trio.server",
        "websockets.trio.router",
        "websockets.trio.connection",
        "websockets.exceptions",
    ],
}


def rows(title: str) -> Iterator[tuple[str, str]]:
    """Yield both cells of each row in the table of a section, but for its head."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.split(r"\n[^\n]+\n---+\n", text.split(f"\n{title}\n----")[1].split("\n", 1)[1])[0]
    cells = re.findall(r"^   \* - (.*)\n     - (.*)$", section, re.MULTILINE)
    yield from cells[1:]


def names(cell: str) -> list[tuple[str, str]]:
    """List the names in a cell, each with the parameter that stands behind it."""
    return re.findall(r"``([A-Z]\w*(?:\.\w+)?|[a-z]\w*_\w+|connect|serve)(?:\((\w+)=\))?``", cell)


def is_there(modules: list[str], name: str, parameter: str) -> bool:
    """Return True if a module has the name, and the name has the parameter or attribute."""
    first, _, attribute = name.partition(".")
    for module in map(importlib.import_module, modules):
        if (thing := getattr(module, first, None)) is None:
            continue
        if parameter:
            return parameter in inspect.signature(thing).parameters or has_option(module, parameter)
        return not attribute or hasattr(thing, attribute) or sets(thing, attribute)
    return False


def has_option(module: object, parameter: str) -> bool:
    """Return True if the parameter is one of those that our functions pass on."""
    options = ("ClientOptions", "ServerOptions", "SupervisorOptions")
    return any(parameter in getattr(module, name, type).__annotations__ for name in options)


def sets(thing: type, attribute: str) -> bool:
    """Return True if the constructor of a class sets the attribute."""
    makers = [vars(base)["__init__"] for base in thing.__mro__[:-1] if "__init__" in vars(base)]
    return any(re.search(rf"self\.{attribute}\b", inspect.getsource(maker)) for maker in makers)


@pytest.mark.parametrize("title", MODULES)
def test_what_is_named_here_exists(title: str) -> None:
    """Each name of ours in the second column is public."""
    cells = [ours for _, ours in rows(title)]
    assert len(cells) > 25
    missing = [
        (name, parameter)
        for cell in cells
        for name, parameter in names(cell)
        if name != "Host" and not is_there(["trio_ws"], name, parameter)
    ]
    assert missing == []


@pytest.mark.peer
@pytest.mark.parametrize("title", MODULES)
def test_what_is_named_there_exists(title: str) -> None:
    """Each name of theirs in the first column is in their package."""
    pytest.importorskip(MODULES[title][0], reason="install the extra `bench`")
    missing = [
        (name, parameter)
        for theirs, _ in rows(title)
        for name, parameter in names(theirs)
        if not is_there(MODULES[title], name, parameter)
    ]
    assert missing == []


@pytest.mark.parametrize("title", MODULES)
def test_each_row_names_something_of_theirs(title: str) -> None:
    """No cell of the first column is without a name that is checked."""
    assert [theirs for theirs, _ in rows(title) if not names(theirs)] == []
