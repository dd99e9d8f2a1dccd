"""`trio_ws._protocol.tail`: which incomplete frames may wait for their rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol.frame_header import parse_header
from trio_ws._protocol.tail import MAX_TAIL, may_wait
from trio_ws.testing._peer import BINARY, TEXT

from .sides import BAD_UTF8, Side

roles = pytest.mark.parametrize("side", [Side(client=True), Side(client=False)], ids=str)


def waits(tail: bytes) -> bool:
    """Whether the frame that begins so may wait."""
    header = parse_header(tail, 0)
    assert header is not None
    return may_wait(tail, header)


@roles
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [1, 125, 126, 65_535, MAX_TAIL, MAX_TAIL + 1])
def test_length(side: Side, opcode: int, size: int) -> None:
    """A frame may wait unless it is too long."""
    assert waits(side.frame(opcode, b"a" * size)[:-1]) == (size <= MAX_TAIL)


@given(text=st.text(min_size=2), client=st.booleans(), place=st.integers(0))
def test_text_cut_anywhere(text: str, client: bool, place: int) -> None:
    """Text may be cut within a character."""
    side, size = Side(client), len(text.encode())
    frame = side.frame(TEXT, text)
    assert waits(frame[: len(frame) - size + place % size])


@roles
@pytest.mark.parametrize("bad", [bad for bad in BAD_UTF8 if bad != b"a\xc3"])
def test_bad_text(side: Side, bad: bytes) -> None:
    """Bad text may not wait; bytes may be what they like."""
    assert not waits(side.frame(TEXT, b"good " + bad + b" and more")[:-9])
    assert waits(side.frame(BINARY, b"good " + bad + b" and more")[:-9])
