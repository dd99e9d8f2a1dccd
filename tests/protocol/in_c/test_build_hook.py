"""`trio_ws._protocol.in_c.build_hook`: a wheel with the accelerator where that can be built.

The compiler is a stand-in; ``.ci/run wheel`` takes a real one.
"""

from __future__ import annotations

import shutil
import sysconfig
import zipfile
from binascii import crc32
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "trio_ws._protocol.in_c.build_hook", reason="a wheel does not have what it was built with"
)

from hatchling.builders.wheel import WheelBuilder

from trio_ws._protocol.in_c import build_hook
from trio_ws._protocol.in_c.build_hook import PLACE, BuildHook, command, tag_of_this_python

PURE = "py3-none-any"
TOP = Path(__file__).parents[3]
IN_C = PLACE.parent / "in_c"

COMPILER = """#!/bin/sh
for target; do true; done  # it is the last argument
echo "$@" > "$target"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that is built as ours is."""
    project = tmp_path / "project"
    shutil.copytree(TOP / IN_C, project / IN_C)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(TOP / name, project)
    for package in PLACE.parents[:2]:
        (project / package / "__init__.py").touch()
    return project


@pytest.fixture(autouse=True)
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that writes its arguments down; no other variable is set."""
    for name in ("TRIO_WS_PURE", "TRIO_WS_STRICT", "CFLAGS"):
        monkeypatch.delenv(name, raising=False)
    compiler = tmp_path / "compiler"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    return compiler


def build(project: Path, version: str = "standard") -> tuple[str, list[str]]:
    """Do what hatchling does; return the tag, and where in the wheel what was compiled is to be."""
    unused: Any = None
    hook = BuildHook(str(project), {}, unused, unused, str(project / "dist"), "wheel")
    told: dict[str, Any] = {"force_include": {}, "pure_python": True, "tag": PURE}
    hook.initialize(version, told)
    compiled: dict[str, str] = told["force_include"]
    assert all(Path(path).exists() for path in compiled)
    hook.finalize(version, told, str(project / "dist" / "a.whl"))
    assert not any(Path(path).exists() for path in compiled)
    assert told["pure_python"] is (told["tag"] == PURE)
    return told["tag"], list(compiled.values())


def left_in(project: Path) -> list[Path]:
    """Return what builds have left in the tree."""
    return [*project.rglob("*.so"), *project.rglob(".building-*")]


def test_a_wheel_with_the_accelerator(project: Path) -> None:
    """It has the tag of this platform and of all versions from 3.11 on; the tree stays clean."""
    tag = str(tag_of_this_python())
    assert tag.startswith("cp311-abi3-")
    assert build(project) == (tag, [PLACE.as_posix()])
    assert left_in(project) == []
    [wheel] = WheelBuilder(str(project)).build(directory=str(project / "dist"))
    assert Path(wheel).name.endswith(f"-{tag}.whl")
    packed = zipfile.ZipFile(wheel).namelist()
    assert PLACE.as_posix() in packed
    assert not [name for name in packed if "in_c" in name]


def test_an_editable_installation(project: Path) -> None:
    """The accelerator is put where the library lies."""
    assert build(project, "editable") == (tag_of_this_python(), [])
    assert left_in(project) == [project / PLACE]
    told = (project / PLACE).read_text()
    assert "-Werror" not in told
    assert f"-DSOURCE={crc32((TOP / IN_C / 'accelerator.c').read_bytes()) >> 1} " in told


@pytest.mark.parametrize("version", ["standard", "editable"])
@pytest.mark.parametrize("variable", ["TRIO_WS_PURE", "CC"])
def test_without_it(
    variable: str, version: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a compiler, or if it is left out, the wheel is pure; an old one does not stay."""
    monkeypatch.setenv(variable, "no-such-compiler")
    (project / PLACE).write_bytes(b"an old one")
    assert build(project, version) == (PURE, [])
    assert left_in(project) == ([] if version == "editable" else [project / PLACE])


def test_without_the_headers_of_python(project: Path, compiler: Path) -> None:
    """If the compiler fails, the wheel is pure as well."""
    compiler.write_text("#!/bin/sh\necho 'fatal error: Python.h: No such file' >&2\nexit 1\n")
    assert build(project) == (PURE, [])


def test_where_it_cannot_be(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyPy and Python without a GIL have no tag for it; Windows has another kind of compiler."""
    monkeypatch.setattr(build_hook, "sys_tags", lambda: iter(()))
    assert tag_of_this_python() is None
    assert build(project) == (PURE, [])
    monkeypatch.undo()
    monkeypatch.setattr(build_hook, "EXTENSION_SUFFIXES", [".cp311-win_amd64.pyd", ".pyd"])
    assert tag_of_this_python() is None


def test_in_a_tree_that_may_not_be_written_to(project: Path) -> None:
    """An editable installation succeeds there, too, without the accelerator."""
    shutil.rmtree(project / PLACE.parent)
    (project / PLACE.parent).touch()  # a user called root may write to any folder
    assert build(project, "editable") == (PURE, [])


def test_strictly(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CI warnings are errors, and a build that fails is a failure."""
    monkeypatch.setenv("TRIO_WS_STRICT", "1")
    build(project, "editable")
    assert "-Werror" in (project / PLACE).read_text()
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(FileNotFoundError):
        build(project)


def test_the_users_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """`CC` and `CFLAGS` are heeded."""
    monkeypatch.setenv("CC", "ccache my-cc")
    monkeypatch.setenv("CFLAGS", "-march=native '-DA B'")
    made = command()
    assert made[:2] == ["ccache", "my-cc"]
    assert {"-march=native", "-DA B"} <= set(made)
    monkeypatch.delenv("CC")
    assert command()[0] == sysconfig.get_config_var("LDSHARED").split()[0]
