"""The explanations tell the truth: programs print what is shown, and tables fit the code."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from docs.snippets import frame_by_hand, raw_handshake
from tests.interop import test_browser, test_browser_closing
from trio_ws import LocalProtocolError
from trio_ws._protocol.validation import check_close
from trio_ws.testing._frames import describe_bytes

DOCS = Path(__file__).resolve().parent.parent / "docs"

PROGRAMS = [
    "cable_cut",
    "foreign_pages",
    "frame_by_hand",
    "no_pings",
    "preferences",
    "raw_handshake",
    "reader_waits",
    "three_fragments",
    "unauthorized",
    "versions",
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_its_page_shows(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output on the page is that of the program, to the letter."""
    runpy.run_path(str(DOCS / "snippets" / f"{name}.py"), run_name="__main__")
    shown = (DOCS / "output" / f"{name}.txt").read_text(encoding="utf-8")
    assert capsys.readouterr().out == shown


def test_the_token_is_the_one_of_the_rfc() -> None:
    """The key of RFC 6455 §1.3 gives the token of RFC 6455 §1.3."""
    assert raw_handshake.token("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_frame_by_hand_is_one() -> None:
    """What the page builds is the text that it says."""
    assert describe_bytes(frame_by_hand.main()) == "Text 'Hello'"


CODES = re.findall(
    r"^   \* - (\d+)\n     - .*\n     - .*\n     - (yes|no)$",
    (DOCS / "explain" / "closing.rst").read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize(("code", "allowed"), CODES)
def test_the_table_of_close_codes(code: str, allowed: str) -> None:
    """Where the page says "yes" a code may be sent, and where it says "no" it is refused."""
    if allowed == "yes":
        check_close(int(code), "")
    else:
        with pytest.raises(LocalProtocolError):
            check_close(int(code), "")


def test_the_table_of_close_codes_is_whole() -> None:
    """It has each code from 1000 to 1015, and each of the ranges behind them."""
    assert [int(code) for code, _ in CODES] == [*range(1000, 1016), 2999, 3000, 4000]


def test_tests_that_are_sources_exist() -> None:
    """The page on heartbeats includes tests with a browser; they are there."""
    page = (DOCS / "explain" / "heartbeats.rst").read_text(encoding="utf-8")
    for name in re.findall(r":pyobject: (test_\w+)", page):
        assert hasattr(test_browser, name) or hasattr(test_browser_closing, name)
