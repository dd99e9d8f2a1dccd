"""How commands end."""

from __future__ import annotations

from trio_ws._cli.exits import EPILOG, CommandError, Exit


def test_every_exit_code_is_explained() -> None:
    """The help of each command lists them."""
    explained = {int(line.split()[0]) for line in EPILOG.splitlines() if line[2:3].isdigit()}
    assert explained == set(Exit)


def test_an_error_carries_its_code() -> None:
    """Most errors are of the command line."""
    assert (CommandError("x").code, CommandError("x", 3).code) == (Exit.USAGE, Exit.LOST)
