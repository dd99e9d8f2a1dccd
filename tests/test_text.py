"""`trio_ws._text`: control characters are escaped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._text import printable

# Text for logs and errors


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grüße", "grüße"),
        ("a\r\nb\t\0\x1b[0m", r"a\r\nb\t\x00\x1b[0m"),
        ("\ud800", r"\ud800"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """What cannot be printed is escaped, and what is too long is cut."""
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_printable_is_printable(text: str) -> None:
    """Nothing that a peer sends can break a line or steer a terminal."""
    assert printable(text).isprintable()
    assert len(printable(text, 5)) <= 5 * len("\\U0010ffff") + 1
