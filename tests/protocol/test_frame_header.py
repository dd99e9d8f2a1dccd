"""`trio_ws._protocol.frame_header`: where a frame begins and ends, and the code in a Close."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol.frame_header import (
    Header,
    Opcode,
    close_code,
    parse_header,
    shortest_head,
    with_close_code,
)
from trio_ws.testing import Frame
from trio_ws.testing._peer import decode, encode

LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 65537]

both_directions = pytest.mark.parametrize("masked", [True, False])


def parsed(data: bytes, start: int = 0) -> Header:
    header = parse_header(data, start)
    assert header is not None
    return header


@both_directions
@pytest.mark.parametrize("length", LENGTHS)
def test_payload(length: int, masked: bool) -> None:
    """The header tells where the payload begins and ends."""
    data = encode(Frame(2, bytes(length), masked=masked))
    header = parsed(data)
    assert header.payload_length == length
    assert header.end == len(data)
    assert header.payload_start == len(data) - length


@both_directions
@pytest.mark.parametrize("opcode", range(16))
@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("rsv", [0, 7])
def test_first_byte(opcode: int, fin: bool, rsv: int, masked: bool) -> None:
    """FIN and opcode are told as they are, allowed or not; from 8 on it is a control frame."""
    header = parsed(encode(Frame(opcode, b"", fin, rsv, masked)))
    assert (header.opcode, header.fin, header.is_control) == (opcode, fin, opcode >= 8)


@pytest.mark.parametrize(
    ("start", "length"),
    [
        ("827e 0000", 0),
        ("827e 007d", 125),
        ("827f 000000000000ffff", 65535),
        ("827f 0000000080000000", 2**31),
        ("827f 0000000100000000", 2**32),
        ("827f 7fffffffffffffff", 2**63 - 1),
        ("827f ffffffffffffffff", 2**64 - 1),
    ],
)
def test_any_length(start: str, length: int) -> None:
    """Every length is told as it is declared, in the longer forms too; nothing is judged here."""
    assert parsed(bytes.fromhex(start)).payload_length == length


@both_directions
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("before", [0, 3])
def test_incomplete(length: int, masked: bool, before: int) -> None:
    """A header is told as soon as it is there in full, and not a byte earlier."""
    frame = encode(Frame(2, bytes(length), masked=masked))
    data = b"x" * before + frame
    end = before + len(frame) - length
    assert parsed(data[:end], before).payload_start == end
    for stop in range(before, end):
        assert parse_header(data[:stop], before) is None


def test_moved() -> None:
    """The header of a frame that stands elsewhere differs in its place only."""
    frame = encode(Frame(8, b"\x03\xe8", masked=True))
    assert parsed(b"x" * 5 + frame, 5).moved(-5) == parsed(frame)


def test_opcodes() -> None:
    """The opcodes are those of RFC 6455 §11.8."""
    assert [opcode.value for opcode in Opcode] == [0x0, 0x1, 0x2, 0x8, 0x9, 0xA]


@both_directions
@pytest.mark.parametrize("payload", [b"", b"\x03"])
def test_no_close_code(masked: bool, payload: bytes) -> None:
    """A Close frame of less than two bytes has no code."""
    frame = encode(Frame(8, payload, masked=masked))
    assert close_code(frame, parsed(frame)) is None


@given(st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=123), st.booleans())
def test_close_code(code: int, other: int, reason: bytes, masked: bool) -> None:
    """The code of a Close frame can be read and replaced, under a mask too; the reason stays."""
    frame = encode(Frame(8, code.to_bytes(2, "big") + reason, masked=masked))
    header = parsed(frame)
    assert close_code(frame, header) == code
    changed = with_close_code(frame, header, other)
    assert close_code(changed, header) == other
    assert decode(bytearray(changed)) == (
        Frame(8, other.to_bytes(2, "big") + reason, masked=masked),
        len(frame),
    )


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("length", [0, 125, 126, 65535, 65536])
def test_shortest_head(length: int, masked: bool) -> None:
    """The shortest header is as long as that of a frame which is written as the RFC demands."""
    frame = encode(Frame(2, bytes(length), masked=masked))
    assert shortest_head(length, masked=masked) == len(frame) - length
