"""Two versions of the library on one machine: the working tree, and a commit of it.

Before and after are measured by the same programs, those of the working tree,
so only the library differs.  `exported` unpacks the package of a commit into a folder;
a program that has this folder first on ``sys.path`` gets that library.

Nothing is built in the folder.  If a version has compiled parts, it runs there without them.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio_ws

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
        yield Path(folder)


def described(revision: str) -> str:
    """Return the short name of a commit."""
    command = ["git", "rev-parse", "--short", revision]
    return subprocess.run(
        command, cwd=TOP, check=True, capture_output=True, text=True
    ).stdout.strip()
