"""What a peer sent cannot do anything to the terminal, and colours are for terminals."""

from __future__ import annotations

import io

import pytest

from trio_ws._cli.console import Console, escape, hexed, wants_colour


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("grüße ✓", "grüße ✓"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("safe\u202egnp", r"safe\u202egnp"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_is_not_printable_is_escaped(sent: str, shown: str) -> None:
    """No cursor moves, no line is broken, no text is turned around."""
    assert escape(sent) == shown


def test_bytes_are_shown_in_pairs_of_digits() -> None:
    """As in most tools."""
    assert hexed(b"Hel") == "48 65 6c"


def test_results_and_news_go_to_different_places() -> None:
    """So that a pipe gets what was asked for and nothing else."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err)
    console.line("result")
    console.line()
    console.say("news")
    assert (out.getvalue(), err.getvalue()) == ("result\n\n", "news\n")


class Gone(io.StringIO):
    """A terminal that has hung up."""

    def write(self, text: str) -> int:
        """Fail."""
        raise OSError(5, "Input/output error")


def test_news_for_a_terminal_that_has_hung_up_are_dropped() -> None:
    """There is nobody left to tell."""
    Console(io.StringIO(), Gone()).say("news")


def test_colours_are_painted_only_if_they_are_wanted() -> None:
    """An empty text is not painted either."""
    assert Console(io.StringIO(), io.StringIO()).paint("x", "red") == "x"
    painted = Console(io.StringIO(), io.StringIO(), colour=True)
    assert painted.paint("x", "red") == "\x1b[31mx\x1b[0m"
    assert painted.paint("", "red") == ""


class Terminal(io.StringIO):
    """A terminal, as far as colours ask."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_colours_are_for_terminals_unless_asked_for() -> None:
    """NO_COLOR and a dumb terminal mean no; `always` and `never` mean what they say."""
    assert wants_colour("auto", Terminal(), {})
    assert not wants_colour("auto", io.StringIO(), {})
    assert not wants_colour("auto", Terminal(), {"NO_COLOR": "1"})
    assert not wants_colour("auto", Terminal(), {"TERM": "dumb"})
    assert wants_colour("always", io.StringIO(), {"NO_COLOR": "1"})
    assert not wants_colour("never", Terminal(), {})
