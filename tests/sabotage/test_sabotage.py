"""The list of guards is up to date, and the command tells what came of a trial."""

from __future__ import annotations

import ast
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from . import __main__ as command
from .copies import copy_project, without
from .guard import TOP, Guard, NotFoundOnce
from .guards import GUARDS
from .hosts import Host, hosting
from .trial import Result, try_without

OURS = Path(__file__).parent
LIBRARY = Path(sys.modules["trio_ws"].__file__ or "").parent
ENOUGH = 120
"""So many guards there are at least."""


NOT_GUARDED = {"_demo", "demo"}
"""Packages that keep no promises."""


@cache
def functions_in(file: str) -> frozenset[str]:
    """Return the names of the test functions of a file."""
    tree = ast.parse((TOP / "tests" / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds))


def test_the_list_is_long_and_has_each_name_once() -> None:
    """There are enough guards, and a name means one of them."""
    assert len(GUARDS) >= ENOUGH
    assert [name for name, count in Counter(g.name for g in GUARDS).items() if count > 1] == []


def test_the_list_covers_all_packages() -> None:
    """Each package of the library has guards in the list."""
    packages = {path.parent.name for path in LIBRARY.glob("*/__init__.py")} - NOT_GUARDED
    assert packages - {Path(guard.file).parts[0] for guard in GUARDS} == set()


@pytest.mark.parametrize("file", sorted({guard.file for guard in GUARDS}))
def test_guards_are_found(file: str) -> None:
    """The text of each guard of a file stands in it once, and each test that is named is there."""
    if file.endswith(".c") and not (LIBRARY / file).exists():
        pytest.skip("a wheel has no C code")
    source = (LIBRARY / file).read_text(encoding="utf-8")
    for guard in GUARDS:
        if guard.file == file:
            assert guard.removed_from(source) != source
            assert guard.tests
            assert missing_of(guard.tests) == []


def missing_of(tests: Iterable[str]) -> list[str]:
    """Return those of these tests that do not exist."""
    return [test for test in tests if function_of(test) not in functions_in(test.split("::")[0])]


def function_of(test: str) -> str:
    """Return the name of the function of a test."""
    return test.partition("::")[2].partition("[")[0]


# The machinery, on a project of one module

MODULE = "LIMIT = 5\n\n\ndef check(size):\n    if size > LIMIT:\n        raise ValueError\n"
TESTS = """\
import pytest
import time
from trio_ws import limits


def test_limit():
    with pytest.raises(ValueError):
        limits.check(6)


def test_nothing():
    limits.check(5)


def test_hangs():
    while limits.LIMIT == 6:
        time.sleep(0.01)
"""


CONFIG = """\
[tool.pytest.ini_options]
pythonpath = ["."]
addopts = "-p no:trio_ws"
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Host]:
    """A copy of a project with one guard."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("the host needs Linux")
    for name, text in {
        "trio_ws/__init__.py": "",
        "trio_ws/limits.py": MODULE,
        "tests/test_limits.py": TESTS,
        "tests/sabotage/__init__.py": "",
        **{f"tests/sabotage/{name}": (OURS / name).read_text() for name in ("host.py", "stuck.py")},
        "pyproject.toml": CONFIG,
    }.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with hosting(copy_project(tmp_path / "copy", tmp_path / "project")) as host:
        yield host


def guard(text: str, instead: str, test: str = "test_limit", *, hangs: bool = False) -> Guard:
    """Make a guard of that project."""
    return Guard(
        "a size has a limit", "limits.py", text, instead, (f"test_limits.py::{test}",), hangs
    )


def test_a_removal_is_noticed(project: Host) -> None:
    """The test that fails is named, and afterwards the guard is there again."""
    trial = try_without(guard("size > LIMIT", "False"), project)
    assert (trial.result, trial.by) == (Result.NOTICED, "test_limits.py::test_limit")
    assert (project.copy / "trio_ws" / "limits.py").read_text(encoding="utf-8") == MODULE
    assert project.run(["tests"], 60)[0] == 0


def test_a_removal_is_not_noticed(project: Host) -> None:
    """A guard whose test passes without it is a finding."""
    trial = try_without(guard("size > LIMIT", "False", "test_nothing"), project)
    assert trial.result is Result.SURVIVED
    assert not trial.result.good


@pytest.mark.parametrize(("hangs", "result"), [(False, Result.HANGS), (True, Result.HUNG)])
def test_a_removal_lets_a_test_hang(
    hangs: bool, result: Result, project: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that does not end has noticed something only if the entry says so."""
    monkeypatch.setattr("tests.sabotage.trial.SECONDS", 2.0)
    assert try_without(guard("= 5", "= 6", "test_hangs", hangs=hangs), project).result is result


def test_a_mutation_must_run(project: Host) -> None:
    """A module that lacks a name proves nothing about a guard."""
    assert try_without(guard("LIMIT = 5", "pass"), project).result is Result.BROKEN


def test_a_text_that_is_gone(project: Host) -> None:
    """A guard that is not found exactly once is reported, and nothing is run."""
    trial = try_without(guard("size >= LIMIT", "False"), project)
    assert trial.result is Result.OUTDATED
    assert "has its text 0 times" in trial.output
    with pytest.raises(NotFoundOnce, match="2 times"), without(guard("LIMIT", "1"), project.copy):
        pass


def test_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs the guards that are named, and its exit code tells whether all are missed."""
    monkeypatch.setattr(command, "GUARDS", [GUARDS[0]])
    assert command.main(["no such guard"]) == 2
    assert capsys.readouterr().out == "no guard has such a name or file: no such guard\n"
