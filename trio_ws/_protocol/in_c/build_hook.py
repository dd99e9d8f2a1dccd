"""The build hook: compile the accelerator where that is possible, and do without it elsewhere.

Hatchling calls `BuildHook` for each wheel (``[tool.hatch.build.targets.wheel.hooks.custom]``).
One command compiles the one file, with the compiler and the options that Python was built with::

    cc -shared … -O3 -I …/include/python3.11 accelerator.c -o _accelerator.abi3.so

* If it succeeds, the wheel holds the result, and its tag says ``cp311-abi3`` and the platform.
* If there is no compiler, or no ``Python.h``, the build goes on, and the wheel is pure Python.
  So it is with ``TRIO_WS_PURE=1``, on Windows, on PyPy and on Python without a GIL,
  and if an editable installation may not write to the working tree.
* An editable installation imports the library where it lies, so the result is put there.
  It tells the checksum of its source: `accelerator.py` leaves it out when the source has changed.

With ``TRIO_WS_STRICT=1``, which CI sets, each warning is an error, and an error ends the build.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sysconfig
import tempfile
from binascii import crc32
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

SOURCE = Path(__file__).with_name("accelerator.c")
NAME = "_accelerator.abi3.so"
PLACE = Path("trio_ws", "_protocol", NAME)
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


class BuildHook(BuildHookInterface[Any]):
    """What hatchling calls before and after it makes a wheel."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the accelerator, and add it to the wheel or to the working tree."""
        place = Path(self.root, PLACE)
        editable, tag = version == "editable", tag_of_this_python()
        built = None
        if tag is not None and not is_set("TRIO_WS_PURE"):
            built = self._compile(place.parent if editable else None)
            if built is not None:
                build_data.update(pure_python=False, tag=tag)
        if editable:
            put(built, place)
        elif built is not None:
            build_data["force_include"][str(built)] = PLACE.as_posix()

    def _compile(self, parent: Path | None) -> Path | None:
        """Compile in a new folder; return the result, or None if there is none."""
        strict = is_set("TRIO_WS_STRICT")
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=".building-", dir=parent)
            built = Path(self._folder.name, NAME)
            compile_to(built, WARNINGS if strict else [])
        except (OSError, subprocess.CalledProcessError) as error:
            self._clean_up()
            if strict:
                raise
            self.app.display_warning(f"trio_ws is built without its accelerator: {error}")
            return None
        return built

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is in the wheel by now."""
        self._clean_up()

    def _clean_up(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def put(built: Path | None, place: Path) -> None:
    """Have at this place what was built, all at once; or nothing, if nothing was."""
    if built is None:
        with contextlib.suppress(OSError):  # there is none, or the tree may not be written to
            place.unlink()
    else:
        built.replace(place)


def compile_to(target: Path, options: Sequence[str] = (), source: Path = SOURCE) -> None:
    """Compile the accelerator, or a changed source of it.

    Raises:
        OSError: there is no compiler.
        subprocess.CalledProcessError: it failed.
    """
    known = f"-DSOURCE={crc32(source.read_bytes()) >> 1}"
    subprocess.run([*command(), known, *options, str(source), "-o", str(target)], check=True)


def command() -> list[str]:
    """Return how this Python's extensions are compiled and linked; `CC` and `CFLAGS` are heeded."""
    variables = sysconfig.get_config_vars()
    cc, *linking = shlex.split(variables["LDSHARED"])
    options = (variables["CFLAGS"], variables["CCSHARED"], os.environ.get("CFLAGS", ""))
    return [
        *(shlex.split(os.environ["CC"]) if is_set("CC") else [cc]),
        *linking,
        *(option for each in options for option in shlex.split(each)),
        *("-O3", "-g0", "-I", sysconfig.get_path("include")),
    ]


def tag_of_this_python() -> str | None:
    """Return the tag of a wheel with the accelerator; None where it cannot be.

    It is one that this Python accepts, and does not promise an older system than this one.
    """
    if ".abi3.so" not in EXTENSION_SUFFIXES:  # on Windows, with whatever compiler
        return None
    for tag in sys_tags():
        anywhere = tag.platform.startswith(("manylinux", "musllinux"))
        if (tag.interpreter, tag.abi) == ("cp311", "abi3") and not anywhere:
            return str(tag)
    return None


def is_set(variable: str) -> bool:
    """Return True if an environment variable is set, and neither empty nor 0."""
    return os.environ.get(variable, "0") not in ("", "0")
