"""Two versions of the library on one machine: the working tree, and a commit of it.

Before and after are measured by the same programs, those of the working tree,
so only the library differs.  `exported` unpacks the package of a commit into a folder;
a program that has this folder first on ``sys.path`` gets that library.

The accelerator is built in the folder if the working tree has it, too, and the commit has one.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio_ws
from trio_ws._protocol.accelerator import compiled

TOP = Path(__file__).resolve().parent.parent
PACKAGE = "trio_ws"

LIBRARY = Path(trio_ws.__file__).resolve().parent.parent
"""The folder that holds the library of today: `TOP`, or where it was installed."""


class NoSuchTree(Exception):
    """The commit is unknown, or this is not a git checkout."""


@contextmanager
def exported(revision: str) -> Iterator[Path]:
    """Unpack the package as it was in a commit; yield the folder that holds it."""
    command = ["git", "archive", "--format=tar", revision, PACKAGE]
    done = subprocess.run(command, cwd=TOP, check=False, capture_output=True)
    if done.returncode:
        raise NoSuchTree(done.stderr.decode(errors="replace").strip())
    with tempfile.TemporaryDirectory(prefix="trio_ws-before-") as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        compile_accelerator(Path(folder))
        yield Path(folder)


COMPILE = """
from pathlib import Path
from build_hook import PLACE, compile_to
compile_to(Path({folder!r}, PLACE))
"""


def compile_accelerator(folder: Path) -> None:
    """Have the accelerator of a tree that came without it, if it is used here and can be built."""
    hook = folder / PACKAGE / "_protocol" / "in_c" / "build_hook.py"
    if compiled is not None and hook.exists():
        program = COMPILE.format(folder=str(folder))
        subprocess.run([sys.executable, "-c", program], cwd=hook.parent, check=True)


def described(revision: str) -> str:
    """Return the short name of a commit."""
    command = ["git", "rev-parse", "--short", revision]
    return subprocess.run(
        command, cwd=TOP, check=True, capture_output=True, text=True
    ).stdout.strip()
