"""The diagram is that of RFC 6455 §5.2, with the bits of the frame in it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._cli.diagram import draw, opcode_name
from trio_ws._protocol.diagnosis import read_frames

HELLO = """\
 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-------+-+-------------+-------------------------------+
|F|R|R|R| opcode|M| payload len |          masking key          |
|I|S|S|S|       |A|             |                               |
|N|V|V|V|       |S|             |                               |
| |1|2|3|       |K|             |                               |
|1|0|0|0|0 0 0 1|1|0 0 0 0 1 0 1|       37              fa      |
+-+-+-+-+-------+-+-------------+-------------------------------+
|     masking key, continued    |          payload data         |
|                               |       7f              9f      |
|       21              3d      |    = 48 'H'        = 65 'e'   |
+-------------------------------+---------------+---------------+
|            payload data, continued            |
|       4d              51              58      |
|    = 6c 'l'        = 6c 'l'        = 6f 'o'   |
+-----------------------------------------------+
"""

LONG = """\
|1|0|0|0|0 0 1 0|0|1 1 1 1 1 1 1|       00              00      |
+-+-+-+-+-------+-+-------------+-------------------------------+
|               extended payload length, continued              |
|       00              00              00              01      |
+-------------------------------+-------------------------------+
|    extended payload length    |          payload data         |
|       00              00      |       00              00      |
+-------------------------------+-------------------------------+
"""

EMPTY = """\
|1|0|0|0|1 0 0 1|0|0 0 0 0 0 0 0|
+-+-+-+-+-------+-+-------------+
"""


def drawn(data: bytes, payload: int = 8) -> str:
    """Draw the first frame."""
    return "\n".join([*draw(next(read_frames(data)), payload=payload), ""])


def test_the_hello_of_the_rfc_is_drawn() -> None:
    """RFC 6455 §5.7 has these bytes; a masked payload is shown unmasked below."""
    assert drawn(bytes.fromhex("818537fa213d7f9f4d5158")) == HELLO


def test_a_long_length_takes_more_rows() -> None:
    """A field that does not fit goes on in the next row."""
    data = bytes.fromhex("827f0000000000010000") + bytes(65536)
    assert drawn(data, payload=2).endswith(LONG)


def test_an_empty_frame_ends_with_its_header() -> None:
    """A ping need not have a payload."""
    assert drawn(bytes.fromhex("8900")).endswith(EMPTY)


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    """A control character in a diagram would break it."""
    assert "=        0a " in drawn(bytes.fromhex("818100000000 0a")).replace("= 0a", "=        0a ")


@pytest.mark.parametrize("cut", ["89", "82fe00", "827f0000000000"])
def test_a_header_that_is_cut_off_is_drawn_as_far_as_it_goes(cut: str) -> None:
    """What it would have been is not known."""
    lines = drawn(bytes.fromhex(cut)).splitlines()
    assert "header" in lines[3]
    assert [word for line in lines for word in line.replace("|", " ").split()][-1] != cut
    assert cut[:2] in lines[4]


@given(st.binary(min_size=1, max_size=40), st.integers(1, 20))
def test_every_diagram_is_a_table(data: bytes, payload: int) -> None:
    """Each row stands between two borders that have a corner at each of its bars."""
    for frame in read_frames(data):
        lines = draw(frame, payload=payload)[2:]
        for upper, lower in pairwise(lines):
            corners = {at for at, char in enumerate(upper) if char in "|+"}
            bars = {at for at, char in enumerate(lower) if char == "|"}
            if lower.startswith("|") and upper.startswith("+"):
                assert bars <= corners
        assert lines[0].startswith("+") and lines[-1].startswith("+")


def test_opcodes_without_a_name_are_reserved() -> None:
    """RFC 6455 §11.8 names six of sixteen."""
    assert [opcode_name(n) for n in (0, 9, 3)] == [
        "continuation",
        "ping",
        "reserved opcode 0x3",
    ]
