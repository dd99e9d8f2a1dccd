"""The structure of the house: the rules that its figures (`structure`) are held to."""

from __future__ import annotations

from pathlib import Path

import pytest

import trio_ws

from .structure import Structure, modules_in

MOST_FLAT = 16
LONGEST_FUNCTION = 45

KINDS = {".py", ".pyc", ".c", ".so", ".typed", ".html", ".css", ".js", ".svg"}
"""The kinds of files that the library has; the last four are of the demonstration's page."""


@pytest.fixture(scope="module")
def house() -> Structure:
    """The figures of the library that is tested."""
    return Structure.of(modules_in(Path(trio_ws.__file__).parent.parent))


def test_no_rings(house: Structure) -> None:
    """No module imports itself through others, for types only or inside functions either."""
    assert house.rings == []


def test_no_stray_files() -> None:
    """The library has no files but its own: what an editor or a patch leaves would be installed."""
    files = [path for path in Path(trio_ws.__file__).parent.rglob("*") if path.is_file()]
    assert [str(path) for path in files if path.suffix not in KINDS] == []


def test_no_foreign_writes(house: Structure) -> None:
    """No object sets another's attributes, apart from deadlines and what exceptions carry."""
    assert house.foreign == []


def test_few_flat_modules(house: Structure) -> None:
    """At most 16 files lie directly in ``trio_ws/``: the folders are the floors."""
    assert house.flat <= MOST_FLAT


def test_no_long_functions(house: Structure) -> None:
    """No function has more than 45 lines, without its docstring."""
    assert house.longest_function[0] <= LONGEST_FUNCTION, house.longest_function[1]
