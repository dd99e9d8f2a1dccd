"""Copies of the project in which guards are removed.

A copy has the tests, too, and pytest runs inside it.
So ``trio_ws`` is that of the copy whatever is installed, also in the processes that tests start,
and what tests and interpreter write down stays in the copy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path

from .guard import TOP, Guard

PARTS = ["trio_ws", "tests", "examples", "docs", "pyproject.toml", "README.md", "CHANGELOG.md"]
PARTS += ["CONTRIBUTING.md"]
LEFT_OUT = shutil.ignore_patterns("node_modules", ".*", "_build", "autobahn", "interop")

WITHOUT = ["PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTEST_ADDOPTS", "COVERAGE_FILE"]
"""Variables that would have the copies be slow, or meet outside."""


def copy_project(folder: Path, source: Path = TOP) -> Path:
    """Copy what tests need of the project into a new folder; bytecode as well."""
    folder.mkdir()
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, folder / part, ignore=LEFT_OUT)
        elif (source / part).exists():
            shutil.copy2(source / part, folder / part)
    return folder


def environment(copy: Path) -> dict[str, str]:
    """Return the environment of a process for which the copy is the project.

    Examples of Hypothesis are the same each time, as on CI.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in WITHOUT}
    return inherited | {"PYTHONPATH": str(copy), "CI": "true"}


@contextmanager
def without(guard: Guard, copy: Path) -> Iterator[None]:
    """Let a copy be without a guard for the length of a block."""
    path = copy / guard.path
    before, times = path.read_text(encoding="utf-8"), path.stat()
    source = guard.removed_from(before)
    if path.suffix == ".c":
        with compiled(path, source, copy):
            yield
        return
    compile(source, path, "exec", dont_inherit=True)
    bytecode = Path(cache_from_source(str(path)))  # it might count as that of the other text
    try:
        path.write_text(source, encoding="utf-8")
        bytecode.unlink(missing_ok=True)
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        bytecode.unlink(missing_ok=True)


@contextmanager
def compiled(path: Path, source: str, copy: Path) -> Iterator[None]:
    """Let a copy that has an accelerator have one of this source for the length of a block."""
    from trio_ws._protocol.in_c.build_hook import PLACE, compile_to

    place, before = copy / PLACE, path.read_text(encoding="utf-8")
    kept = place.with_suffix(".kept")
    place.rename(kept)
    try:
        path.write_text(source, encoding="utf-8")  # one of another source would not be used
        compile_to(place, ["-w"], source=path)
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        kept.replace(place)
