"""`accelerator/build_hook.py`: a wheel with the accelerator where it can be built, else without."""

from __future__ import annotations

import shutil
import sysconfig
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from accelerator import build_hook
from accelerator.build_hook import PLACE, command, compile_to, tag_of_this_python

PURE = "py3-none-any"
TOP = Path(__file__).parent.parent.parent


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is built as ours is, and an environment that says nothing."""
    project = tmp_path / "project"
    (project / PLACE).parent.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(TOP / name, project)
    shutil.copytree(TOP / "accelerator", project / "accelerator")
    for package in PLACE.parents[:2]:
        (project / package / "__init__.py").touch()
    for name in ("TRIO_WS_PURE", "TRIO_WS_STRICT", "CC", "CFLAGS"):
        monkeypatch.delenv(name, raising=False)
    return project


needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None or tag_of_this_python() is None,
    reason="no C compiler: install gcc (Debian: apt-get install gcc)",
)


def build(project: Path, version: str = "standard") -> tuple[str, bool]:
    """Build a wheel; return its tag, and whether the accelerator is in it."""
    [wheel] = WheelBuilder(str(project)).build(
        directory=str(project / "dist"), versions=[version]
    )
    packed = zipfile.ZipFile(wheel).namelist()
    return Path(wheel).stem.split("-", 2)[2], PLACE.as_posix() in packed


def left_behind(project: Path) -> list[Path]:
    """Return what a build left in the tree that was not there."""
    return [*project.rglob("*.so"), *project.rglob(".building-*")]


@pytest.mark.peer
@needs_compiler
def test_a_wheel_with_the_accelerator(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the tag of this platform and of all versions from 3.11 on; the tree stays clean."""
    monkeypatch.setenv("TRIO_WS_STRICT", "1")
    tag, packed = build(project)
    assert packed
    assert tag == tag_of_this_python()
    assert tag.startswith("cp311-abi3-")
    assert left_behind(project) == []


@pytest.mark.peer
@needs_compiler
def test_an_editable_installation(project: Path) -> None:
    """The accelerator is put where the library lies; nothing else is left."""
    assert build(project, "editable") == (PURE, False)  # it holds a path, and nothing else
    assert left_behind(project) == [project / PLACE]


@pytest.mark.parametrize("version", ["standard", "editable"])
@pytest.mark.parametrize("variable", ["TRIO_WS_PURE", "CC"])
def test_without_a_compiler(
    variable: str, version: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a compiler, or if it is left out, the wheel is pure; an old one does not stay."""
    monkeypatch.setenv(variable, "1")
    (project / PLACE).write_bytes(b"an old one")
    assert build(project, version) == (PURE, False)
    assert left_behind(project) == ([] if version == "editable" else [project / PLACE])


def test_without_the_headers_of_python(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """If the compiler fails, the wheel is pure as well."""
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert build(project) == (PURE, False)
    monkeypatch.setenv("TRIO_WS_STRICT", "0")
    assert build(project) == (PURE, False)


def test_strictly(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CI a build that fails is a failure."""
    monkeypatch.setenv("TRIO_WS_STRICT", "1")
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(FileNotFoundError):
        build(project)


def test_where_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, PyPy and Python without a GIL there is no tag for it."""
    monkeypatch.setattr(build_hook, "sys_tags", lambda: iter(()))
    assert tag_of_this_python() is None
    monkeypatch.setattr(sysconfig, "get_config_vars", dict)
    assert tag_of_this_python() is None


def test_the_users_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """`CC` and `CFLAGS` are heeded."""
    monkeypatch.setenv("CC", "ccache my-cc")
    monkeypatch.setenv("CFLAGS", "-march=native '-DA B'")
    made = command()
    assert made[:2] == ["ccache", "my-cc"]
    assert {"-march=native", "-DA B"} <= set(made)
