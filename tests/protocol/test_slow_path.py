"""`trio_ws._protocol.slow_path`: piece by piece, with and without an extension."""

from __future__ import annotations

import pytest

from trio_ws._ending import Close
from trio_ws._policies import Limits
from trio_ws._protocol.events import Event, Message, Ping
from trio_ws._protocol.fast_path import FastDecoder
from trio_ws._protocol.message_decoder import MessageDecoder
from trio_ws._protocol.slow_path import SlowPath
from trio_ws._protocol.violation import Violation
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, TEXT

from ..toys import ReversingCodec
from .sides import Side

both_roles = pytest.mark.parametrize("side", [Side(True), Side(False)], ids=str)
REVERSED = 1
"""The reserved bit of the extension, as a frame of a peer tells it."""


def slow_path(
    side: Side, *, fast: bool = False, extension: bool = True, limit: int = 100
) -> SlowPath:
    """Make a slow path of our side."""
    return SlowPath(
        client=side.client,
        limits=Limits(max_message_size=limit, max_fragments=4),
        decoder=FastDecoder(masked=not side.client, limit=limit) if fast else None,
        encoded=MessageDecoder([ReversingCodec()], limit=limit) if extension else None,
    )


def taken(path: SlowPath, data: bytes, *, in_progress: bool = False) -> list[Event | Violation]:
    """Take all pieces of some bytes, as far as they go."""
    said: list[Event | Violation] = []
    position = 0
    while position < len(data):
        said += path.take(data, position, in_progress=in_progress)
        if path.position == position:
            break
        position = path.position
    return said


@both_roles
def test_pieces(side: Side) -> None:
    """A data frame is taken as far as it is there, a control frame when it is whole."""
    path = slow_path(side, extension=False)
    frame = side.frame(BINARY, b"hello")
    assert taken(path, frame[:1]) == []
    assert path.position == 0
    [first] = taken(path, frame[:-2])
    assert isinstance(first, Message)
    assert (first.data, first.finished) == (b"hel", False)
    assert path.payload_remaining == 2
    [rest] = taken(path, frame[-2:])
    assert isinstance(rest, Message)
    assert (rest.data, rest.finished) == (b"lo", True)
    ping = side.frame(PING, b"a")
    assert taken(path, ping[:-1]) == []
    assert path.position == 0
    assert taken(path, ping) == [Ping(b"a")]


@both_roles
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("code", [1000, 1014])
def test_close(side: Side, fast: bool, code: int) -> None:
    """A Close is the same, whoever reads it."""
    assert taken(slow_path(side, fast=fast), side.close(code, "bye")) == [Close(code, "bye")]


@both_roles
def test_bad_close(side: Side) -> None:
    """A Close that is not simple is left to wsproto."""
    [violation] = taken(slow_path(side, fast=True), side.frame(CLOSE, b"x"))
    assert isinstance(violation, Violation)
    assert violation.code == 1002


@both_roles
def test_size(side: Side) -> None:
    """The size is checked by the header."""
    path = slow_path(side)
    [violation] = taken(path, side.frame(BINARY, bytes(101))[:10])
    assert violation == Violation(
        1009, "a message of 101 bytes or more; Limits.max_message_size is 100"
    )
    assert path.position == 0


@both_roles
def test_encoded(side: Side) -> None:
    """An encoded message is told when it has begun, and then as it is decoded."""
    path = slow_path(side)
    frame = side.frame(TEXT, b"olleh", rsv=REVERSED)
    assert taken(path, frame[:-3]) == [Message("", finished=False)]
    assert taken(path, frame[-3:]) == [
        Message("he", finished=False),
        Message("llo"),
    ]
    assert taken(path, side.frame(TEXT, b"plain")) == [Message("plain")]


@both_roles
def test_encoded_fragments(side: Side) -> None:
    """Control frames may stand between the fragments of an encoded message (hazard A7)."""
    path = slow_path(side)
    first = side.frame(BINARY, b"ol", fin=False, rsv=REVERSED)
    assert taken(path, first) == [Message(b"", finished=False)]
    assert taken(path, side.frame(PING), in_progress=True) == [Ping(b"")]
    last = taken(path, side.frame(CONTINUATION, b"leh"), in_progress=True)
    assert last == [Message(b"he", finished=False), Message(b"llo")]


@both_roles
def test_nothing_of_wsproto_is_lost(side: Side) -> None:
    """Whatever else is wrong with a frame of an encoded message, wsproto finds it."""
    wrong = {
        "another reserved bit": side.frame(TEXT, b"a", rsv=REVERSED | 4),
        "the wrong mask": Side(not side.client).frame(TEXT, b"a", rsv=REVERSED),
        "no fragment of a message": side.frame(CONTINUATION, b"a", rsv=REVERSED),
        "an unknown opcode": side.frame(3, b"a", rsv=REVERSED),
        "a control frame with the bit": side.frame(PING, b"a", rsv=REVERSED),
    }
    for frame in wrong.values():
        [violation] = taken(slow_path(side), frame)
        assert isinstance(violation, Violation)
        assert violation.code == 1002


@both_roles
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_within_an_encoded_one(side: Side, opcode: int) -> None:
    """A message cannot begin before the encoded one has ended, nor can the bit come again."""
    for rsv, bad in ((0, opcode), (REVERSED, opcode), (REVERSED, CONTINUATION)):
        path = slow_path(side)
        taken(path, side.frame(TEXT, b"a", fin=False, rsv=REVERSED))
        [violation] = taken(path, side.frame(bad, b"a", rsv=rsv), in_progress=True)
        assert isinstance(violation, Violation)
        assert violation.code == 1002


@both_roles
@pytest.mark.parametrize("code", [126, 127])
def test_a_long_length(side: Side, code: int) -> None:
    """A length that is not in its shortest form is refused for encoded frames, too."""
    head = bytes((0x80 | TEXT | REVERSED << 4, code | 0x80 * (not side.client)))
    data = head + (5).to_bytes(2 if code == 126 else 8, "big") + bytes(4 * (not side.client))
    [violation] = taken(slow_path(side), data + b"olleh")
    assert isinstance(violation, Violation)
    assert "would have sufficed" in violation.detail


@both_roles
def test_bad_content(side: Side) -> None:
    """What the codec refuses is a violation."""
    [begun, violation] = taken(slow_path(side), side.frame(TEXT, b"\x00bad", rsv=REVERSED))
    assert begun == Message("", finished=False)
    assert violation == Violation(1007, "this was not reversed")
