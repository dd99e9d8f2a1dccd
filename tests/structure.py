"""The structure of the library in figures: ``python -m tests.structure [REV]``.

rings
    groups of modules that import each other, directly or through others.
    Every import counts: for types only, and inside functions, too
foreign writes
    assignments to an attribute of another object than ``self``.
    Only its own methods change an object, so its file tells the whole story of its state
flat modules
    files directly in ``trio_ws/``
longest function, median function
    lines from ``def`` to the end, without the docstring
longest file
    lines, all of them
repeated passages
    passages of six lines or more that stand in two places, apart from comments and docstrings

With REV it shows the figures of that commit, too; ``--all`` names each ring, write and passage.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

from .trees import LIBRARY, PACKAGE, NoSuchTree, described, exported

NOT_FOREIGN = {"deadline", "__context__", "__cause__", "__traceback__", "__module__"}
"""Attributes that others set: of Trio's cancel scopes, of exceptions, and where a class lives."""

SETTERS = {"setattr", "delattr", "__setattr__", "__delattr__"}

PASSAGE = 6
"""A repeated passage has so many lines at least."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A source file: its path from the top, its name, its text."""

    path: Path
    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Parse it."""
        return ast.parse(self.text)

    @property
    def is_package(self) -> bool:
        """Return True if it is the ``__init__`` of a folder."""
        return self.path.name == "__init__.py"

    @property
    def lines(self) -> int:
        """Count the lines."""
        return len(self.text.splitlines())


def modules_in(folder: Path) -> list[Module]:
    """Read all modules of the package that lies in `folder`."""
    modules = []
    for file in sorted((folder / PACKAGE).rglob("*.py")):
        path = file.relative_to(folder)
        parts = path.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(Module(path, name, file.read_text(encoding="utf-8")))
    return modules


# Imports --------------------------------------------------------------------------------------


def imports_of(module: Module, names: set[str]) -> set[str]:
    """Return which of the modules called `names` a module imports, anywhere in it."""
    wanted = (
        name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _targets(module, node)
    )
    return {_longest_known(name, names) for name in wanted} & names - {module.name}


def _targets(module: Module, node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the full name of everything that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        levels = node.level - module.is_package
        package = module.name.split(".")[: -levels or None]
        base = ".".join([*package, *([base] if base else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def _longest_known(name: str, names: set[str]) -> str:
    """Cut off what is inside a module: ``trio_ws._url.URL`` comes from ``trio_ws._url``."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def graph_of(modules: list[Module]) -> dict[str, set[str]]:
    """Return what each module imports."""
    names = {module.name for module in modules}
    return {module.name: imports_of(module, names) for module in modules}


def rings_in(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return one ring of each knot: as long as there is one, find it and take its modules away.

    A ring is a list whose modules import each the next, and the last the first.
    """
    rings = []
    left = dict(graph)
    while ring := _a_ring(left):
        rings.append(ring)
        left = {name: imports - set(ring) for name, imports in left.items() if name not in ring}
    return rings


def _a_ring(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1][1:]))
    return []


# Functions, writes, passages ------------------------------------------------------------------


def foreign_writes(module: Module) -> list[str]:
    """Return where a module sets or deletes an attribute of something that is not ``self``."""
    return [
        f"{module.path}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and _is_foreign(node))
        or (isinstance(node, ast.Call) and _sets_foreign(node))
    ]


def _is_foreign(node: ast.Attribute) -> bool:
    written = isinstance(node.ctx, ast.Store | ast.Del)
    return written and node.attr not in NOT_FOREIGN and not _is_self(node.value)


def _sets_foreign(node: ast.Call) -> bool:
    """Return True for ``setattr(thing, …)`` and ``object.__setattr__(thing, …)``."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in SETTERS and bool(node.args) and not _is_self(node.args[0])


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def functions_of(module: Module) -> Iterator[tuple[int, str]]:
    """Return the length of each function, and where it stands."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            length = node.end_lineno - node.lineno + 1 if node.end_lineno else 0
            yield length - _docstring_lines(node), f"{module.path}:{node.lineno}: {node.name}"


def _docstring_lines(node: Function | ast.ClassDef | ast.Module) -> int:
    return len(_docstring_span(node))


def _docstring_span(node: Function | ast.ClassDef | ast.Module) -> range:
    if ast.get_docstring(node) is None:
        return range(0)
    first = node.body[0]
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def code_lines(module: Module) -> list[tuple[int, str]]:
    """Return the lines that hold code, without indentation: no comment, no docstring, no import."""
    left_out: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            left_out.update(_docstring_span(node))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return [
        (number, line.strip())
        for number, line in enumerate(module.text.splitlines(), start=1)
        if number not in left_out and line.strip() and not line.strip().startswith("#")
    ]


def repeated_passages(modules: list[Module]) -> list[str]:
    """Return each passage that was there before, and where."""
    first_seen: dict[tuple[str, ...], str] = {}
    found = []
    for module in modules:
        lines = code_lines(module)
        end = 0
        for index in range(len(lines) - PASSAGE + 1):
            window = tuple(line for _, line in lines[index : index + PASSAGE])
            place = f"{module.path}:{lines[index][0]}"
            if (before := first_seen.setdefault(window, place)) != place:
                if index >= end:  # otherwise the passage before goes on
                    found.append(f"{place}: as {before}")
                end = index + PASSAGE
    return found


# The figures ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Structure:
    """What was counted in one version."""

    rings: list[list[str]]
    foreign: list[str]
    flat: int
    longest_function: tuple[int, str]
    median_function: float
    longest_file: tuple[int, str]
    passages: list[str]
    files: int

    @classmethod
    def of(cls, modules: list[Module]) -> Structure:
        """Count."""
        functions = [function for module in modules for function in functions_of(module)]
        return cls(
            rings=rings_in(graph_of(modules)),
            foreign=[write for module in modules for write in foreign_writes(module)],
            flat=sum(len(module.path.parts) == 2 for module in modules),
            longest_function=max(functions),
            median_function=median(length for length, _ in functions),
            longest_file=max((module.lines, str(module.path)) for module in modules),
            passages=repeated_passages(modules),
            files=len(modules),
        )

    def figures(self) -> dict[str, str]:
        """Return the figures by name."""
        return {
            "rings": str(len(self.rings)),
            "foreign writes": str(len(self.foreign)),
            "flat modules": str(self.flat),
            "files": str(self.files),
            "median function": f"{self.median_function:g}",
            "longest function": str(self.longest_function[0]),
            "longest file": str(self.longest_file[0]),
            "repeated passages": str(len(self.passages)),
        }

    def details(self) -> str:
        """Name what was counted."""
        parts = {
            "rings": [" → ".join([*ring, ring[0]]) for ring in self.rings],
            "foreign writes": self.foreign,
            "longest function": [self.longest_function[1]],
            "longest file": [self.longest_file[1]],
            "repeated passages": self.passages,
        }
        return "\n".join(
            f"\n{name}\n" + "\n".join(f"  {line}" for line in lines)
            for name, lines in parts.items()
            if lines
        )


def shown(columns: dict[str, Structure]) -> str:
    """Make a table: a line for each figure, a column for each version."""
    figures = [structure.figures() for structure in columns.values()]
    rows = [["", *columns], *([name, *(each[name] for each in figures)] for name in figures[0])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def main(arguments: list[str]) -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.structure",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("revision", nargs="?", metavar="REV", help="the commit to compare with")
    parser.add_argument("--all", action="store_true", help="name what was counted")
    options = parser.parse_args(arguments)
    columns = {}
    if options.revision:
        try:
            with exported(options.revision) as folder:
                columns[described(options.revision)] = Structure.of(modules_in(folder))
        except NoSuchTree as error:
            print(f"There is nothing to compare with: {error}")
            return 2
    now = columns["working tree"] = Structure.of(modules_in(LIBRARY))
    print(shown(columns))
    if options.all:
        print(now.details())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
