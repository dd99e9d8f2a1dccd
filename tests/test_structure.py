"""What the structure's figures count: rings, foreign writes, lengths, repeated passages."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import structure
from .structure import Module, Structure


def module(name: str, text: str) -> Module:
    """A module of a house that exists only here; a name that ends with a dot is a package."""
    parts = name.split(".")
    path = Path(*parts, "__init__.py") if parts[-1] == "" else Path(*parts).with_suffix(".py")
    return Module(path, name.rstrip("."), text)


HOUSE = {"trio_ws", "trio_ws._a", "trio_ws._b", "trio_ws._p", "trio_ws._p.x", "trio_ws._p.y"}


@pytest.mark.parametrize(
    ("where", "text", "found"),
    [
        ("trio_ws._a", "from ._b import thing", {"trio_ws._b"}),
        ("trio_ws._a", "from . import _b, _p", {"trio_ws._b", "trio_ws._p"}),
        ("trio_ws._a", "import trio_ws._p.x", {"trio_ws._p.x"}),
        ("trio_ws._a", "from ._p.x import thing", {"trio_ws._p.x"}),
        ("trio_ws._p.", "from .x import thing", {"trio_ws._p.x"}),
        ("trio_ws._p.x", "from . import y", {"trio_ws._p.y"}),
        ("trio_ws._p.x", "from .. import _a", {"trio_ws._a"}),
        ("trio_ws._p.x", "from .._b import thing", {"trio_ws._b"}),
        ("trio_ws._a", "if TYPE_CHECKING:\n    from ._b import T", {"trio_ws._b"}),
        ("trio_ws._a", "def f():\n    from ._b import T", {"trio_ws._b"}),
        ("trio_ws._a", "import trio\nfrom collections import abc", set()),
        ("trio_ws._a", "from ._a import itself", set()),
    ],
)
def test_imports(where: str, text: str, found: set[str]) -> None:
    """Every way to write an import counts, for types only and inside functions, too."""
    assert structure.imports_of(module(where, text), HOUSE) == found


def test_rings() -> None:
    """Each knot is told as one ring, in the order of its imports; what hangs on it is none."""
    graph = {
        "roof": {"one"},
        "one": {"two"},
        "two": {"three", "ground"},
        "three": {"one"},
        "left": {"right"},
        "right": {"left"},
        "ground": set(),
    }
    rings = structure.rings_in(graph)
    assert sorted(map(sorted, rings)) == [["left", "right"], ["one", "three", "two"]]
    for ring in rings:
        for name, following in zip(ring, [*ring[1:], ring[0]], strict=True):
            assert following in graph[name]
    assert structure.rings_in({"roof": {"ground"}, "ground": set()}) == []


@pytest.mark.parametrize(
    "line",
    [
        "other.x = 1",
        "self.part.x = 1",
        "other.x += 1",
        "other.x: int = 1",
        "a, other.x = 1, 2",
        "del other.x",
        "setattr(other, 'x', 1)",
        "object.__setattr__(other, 'x', 1)",
        "for other.x in y: pass",
    ],
)
def test_foreign_writes(line: str) -> None:
    """Setting or deleting another object's attribute is one, however it is written."""
    assert structure.foreign_writes(module("trio_ws._a", line)) == [
        f"trio_ws/_a.py:1: {shown(line)}"
    ]


def shown(line: str) -> str:
    """Return what is told of a line: the attribute, or the call."""
    return line if "setattr" in line else "self.part.x" if "part" in line else "other.x"


@pytest.mark.parametrize(
    "line",
    [
        "self.x = 1",
        "self.x, b = 1, 2",
        "del self.x",
        "object.__setattr__(self, 'x', 1)",
        "scope.deadline = 1",
        "error.__cause__ = None",
        "x = other.y",
        "other.x[0] = 1",
        "f(x=other.y)",
    ],
)
def test_own_writes(line: str) -> None:
    """An object's own attributes, deadlines, causes, reads and items are none."""
    assert structure.foreign_writes(module("trio_ws._a", line)) == []


def test_functions_are_measured_without_docstrings() -> None:
    """From ``def`` to the last line; what a docstring takes is left out, a comment is not."""
    text = (
        'def f():\n    """One\n\n    two."""\n    # why\n    return 1\n\nasync def g():\n    pass\n'
    )
    assert list(structure.functions_of(module("trio_ws._a", text))) == [
        (3, "trio_ws/_a.py:1: f"),
        (2, "trio_ws/_a.py:8: g"),
    ]


PASSAGE = "".join(f"x{number} = {number}\n" for number in range(7))


def test_repeated_passages() -> None:
    """Six lines or more that stand twice are one passage, at whatever depth; five are none."""
    indented = "def f():\n    '''Other.'''\n" + "".join(
        f"    {line}\n\n    # why\n" for line in PASSAGE.splitlines()
    )
    modules = [module("trio_ws._a", PASSAGE), module("trio_ws._b", indented)]
    assert structure.repeated_passages(modules) == ["trio_ws/_b.py:3: as trio_ws/_a.py:1"]
    five = "".join(PASSAGE.splitlines(keepends=True)[:5])
    assert structure.repeated_passages([modules[0], module("trio_ws._b", five)]) == []


def test_all_figures_of_a_house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A house is read from its files; the table has them, and the details name them."""
    folder = tmp_path / "trio_ws" / "_p"
    folder.mkdir(parents=True)
    (tmp_path / "trio_ws" / "__init__.py").write_text("from ._p import x\n")
    (folder / "__init__.py").write_text("")
    (folder / "x.py").write_text("from . import y\ndef f(a):\n    a.b = 1\n")
    (folder / "y.py").write_text("from .x import f\n")
    counted = Structure.of(structure.modules_in(tmp_path))
    assert counted.figures() == {
        "rings": "1",
        "foreign writes": "1",
        "flat modules": "1",
        "files": "4",
        "median function": "2",
        "longest function": "2",
        "longest file": "3",
        "repeated passages": "0",
    }
    assert "trio_ws/_p/x.py:3: a.b" in counted.details()
    table = structure.shown({"before": counted, "after": counted})
    assert table.splitlines()[1].split() == ["rings", "1", "1"]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """It shows the figures of the working tree; an unknown commit ends it with 2."""
    assert structure.main(["--all"]) == 0
    assert "working tree" in capsys.readouterr().out
    assert structure.main(["no-such-commit"]) == 2
    assert "nothing to compare with" in capsys.readouterr().out
