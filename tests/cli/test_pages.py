"""The page about the command line shows what the commands print.

``python tests/cli/test_pages.py`` writes the outputs anew.
"""

from __future__ import annotations

import io
import shlex
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from trio_ws._cli.exits import EPILOG
from trio_ws._cli.main import main

OUTPUT = Path(__file__).resolve().parent.parent.parent / "docs" / "output"

SHOWN = {
    "explain.txt": "trio-ws explain 81 85 37 fa 21 3d 7f 9f 4d 51 58",
    "explain_brief.txt": "trio-ws explain --brief 01 03 48 65 6c 89 00 80 02 6c 6f 88 02 03 ee",
}
"""Commands whose output does not depend on the day."""


def printed(line: str) -> str:
    """Return what a terminal shows."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out):
        main(shlex.split(line)[1:])
    out.seek(0)
    return f"$ {line}\n{out.read()}"


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_printed(name: str) -> None:
    """Each output in the documentation is that of its command."""
    assert (OUTPUT / name).read_text(encoding="utf-8") == printed(SHOWN[name])


def test_the_exit_codes_are_those_of_the_help() -> None:
    """The page includes them from a file, and so does the help."""
    shown = (OUTPUT / "exit_codes.txt").read_text(encoding="utf-8")
    assert shown == EPILOG.removeprefix("exit codes:\n")


if __name__ == "__main__":
    for file, command in SHOWN.items():
        (OUTPUT / file).write_text(printed(command), encoding="utf-8")
    (OUTPUT / "exit_codes.txt").write_text(EPILOG.removeprefix("exit codes:\n"), encoding="utf-8")
    sys.exit(0)
