r"""What commands write to: text that is safe to show, in colour if a terminal reads it.

What a peer sent is never written as it is.
Control characters could move the cursor, change the title, or type for the user;
invisible ones could make a text look like another.  `escape` shows them as ``\x1b``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
CHOICES = ("auto", "always", "never")


def escape(text: str) -> str:
    """Return `text` with every character that is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def hexed(data: bytes) -> str:
    """Return the bytes as "48 65 6c"."""
    return data.hex(" ")


class Console:
    """A place where a command writes.

    Attributes:
        out: what was asked for goes here.
        err: everything else: news of the connection, complaints.
        colour: whether `paint` does anything.
    """

    def __init__(self, out: TextIO, err: TextIO, *, colour: bool = False) -> None:
        self.out = out
        self.err = err
        self.colour = colour

    def line(self, text: str = "") -> None:
        """Write a line of what was asked for."""
        self.out.write(f"{text}\n")

    def say(self, text: str) -> None:
        """Write a line of news; a terminal that has hung up takes none."""
        with suppress(OSError):
            self.err.write(f"{text}\n")
            self.err.flush()

    def paint(self, text: str, colour: str) -> str:
        """Return the text in a colour, or as it is."""
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.colour and text else text


def wants_colour(choice: str, out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Return True if output is to be coloured: a terminal reads it, and NO_COLOR is not set."""
    if choice != "auto":
        return choice == "always"
    return out.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
