"""Frames as tests write and read them."""

from __future__ import annotations

from typing import Any

import pytest

from trio_ws.testing import Binary, Frame, Ping, Pong, Text
from trio_ws.testing._frames import describe, describe_bytes, frame_of, split_frames
from trio_ws.testing._peer import encode


@pytest.mark.parametrize(
    ("scripted", "frame", "line"),
    [
        (Text("tick"), Frame(1, b"tick"), "Text 'tick'"),
        (Text("ti", fin=False), Frame(1, b"ti", False), "Text (more follows) 'ti'"),
        (Binary(b"\x01\x02\x03\x04\x05"), Frame(2, b"\1\2\3\4\5"), "Binary 01020304 05"),
        (Ping(b"x"), Frame(9, b"x"), "Ping 78"),
        (Pong(), Frame(10), "Pong"),
        (Frame(8, b"\x03\xe8"), Frame(8, b"\x03\xe8"), "Close 1000"),
        (Frame(8, b"\x03\xe8bye"), Frame(8, b"\x03\xe8bye"), "Close 1000 'bye'"),
        (Frame(8), Frame(8), "Close"),
        (Frame(8, b"\x03"), Frame(8, b"\x03"), "Close 03"),
        (Frame(1, b"\xff", rsv=4), Frame(1, b"\xff", rsv=4), r"Text rsv=4 '\\xff'"),
        (Frame(3, b"a"), Frame(3, b"a"), "opcode 0x3 61"),
    ],
)
def test_each_frame_is_one_line(scripted: Any, frame: Frame, line: str) -> None:
    """What a script writes is a frame, and a frame is shown in one line."""
    assert frame_of(scripted) == frame
    assert describe(frame) == line


def test_a_frame_is_wanted() -> None:
    """Anything else is refused, with the names of what would do."""
    with pytest.raises(TypeError, match="Text, Binary, Ping, Pong or Frame, not str"):
        frame_of("tick")  # type: ignore[arg-type]


def test_a_long_payload_is_shortened() -> None:
    """A line stays a line."""
    line = describe(Frame(1, b"x" * 1000))
    assert len(line) < 250
    assert line.endswith("… (1002 characters)")


def test_bytes_are_shown_as_frames_where_they_are_frames() -> None:
    """What is left over is counted; what is no frame is shown as it is."""
    two = encode(Frame(1, b"a")) + encode(Frame(9, masked=True))
    assert split_frames(two + b"\x81") == ([Frame(1, b"a"), Frame(9, masked=True)], b"\x81")
    assert describe_bytes(two) == "Text 'a', Ping"
    assert describe_bytes(two + b"\x81") == "Text 'a', Ping, 1 bytes"
    assert describe_bytes(b"GET / HTTP/1.1") == "14 bytes, b'GET / HTTP/1.1'"
    assert describe_bytes(b"\x81") == "1 bytes, b'\\x81'"
