"""`trio_ws._protocol.wsproto_codec`: what wsproto and the limits make of what arrives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_ws._ending import Close
from trio_ws._policies import Limits
from trio_ws._protocol.events import Event, Message, Ping, Pong, Violation
from trio_ws._protocol.frame_header import Header, parse_header
from trio_ws._protocol.wsproto_codec import WsprotoCodec
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, decode

from .sides import BAD_UTF8, Side

both_roles = pytest.mark.parametrize("side", [Side(True), Side(False)], ids=str)


def judge_of(side: Side, **limits: int) -> WsprotoCodec:
    """A judge of the peer of our side."""
    return WsprotoCodec(client=side.client, limits=Limits(**limits), extensions=())


def heard(codec: WsprotoCodec, data: bytes) -> list[Event | Violation]:
    """Everything that some bytes say."""
    return list(codec.receive(data))


def header(opcode: int, length: int) -> Header:
    """The header of a frame of which only the size matters."""
    return Header(fin=False, opcode=opcode, payload_start=2, payload_length=length)


def closed_with(side: Side, frame: bytes) -> list[Event | Violation]:
    """What a Close says to a judge that may not know its code."""
    codec, found = judge_of(side), parse_header(frame, 0)
    assert found is not None
    return heard(codec, codec.substitute_1014(frame, found))


# What frames say


@both_roles
def test_events(side: Side) -> None:
    """Each frame that nothing is wrong with is an event, in order, the Close too."""
    frames = [
        side.frame(TEXT, "a", fin=False),
        side.frame(PING, "b"),
        side.frame(CONTINUATION, "c"),
        side.frame(BINARY, b"d"),
        side.frame(PONG, "e"),
        side.close(1000, "f"),
    ]
    assert heard(judge_of(side), b"".join(frames)) == [
        Message("a", finished=False),
        Ping(b"b"),
        Message("c"),
        Message(b"d"),
        Pong(b"e"),
        Close(1000, "f"),
    ]


@both_roles
def test_pieces(side: Side) -> None:
    """What a piece does not finish says nothing yet, or only as much as is there."""
    codec, frame = judge_of(side), side.frame(TEXT, "hello")
    assert heard(codec, frame[:-5]) == []
    assert heard(codec, frame[-5:-2]) == [Message("hel", finished=False)]
    assert heard(codec, frame[-2:]) == [Message("lo")]


@both_roles
def test_one_after_the_other(side: Side) -> None:
    """An event can be answered before the next frame is judged."""
    codec = judge_of(side)
    events = codec.receive(side.frame(PING, "a") + side.frame(TEXT, rsv=1))
    assert next(events) == Ping(b"a")
    found = decode(bytearray(codec.send(Pong(b"a"))))
    assert found is not None
    assert found[0] == Frame(PONG, b"a", masked=side.client)
    assert isinstance(next(events), Violation)
    assert list(events) == []


@both_roles
@pytest.mark.parametrize(
    ("event", "frame"),
    [
        (Message("a", finished=False), Frame(TEXT, b"a", fin=False)),
        (Message("grüße"), Frame(TEXT, "grüße".encode())),
        (Message(b"\xff"), Frame(BINARY, b"\xff")),
        (Ping(b"b"), Frame(PING, b"b")),
        (Pong(), Frame(PONG, b"")),
        (Close(1005), Frame(CLOSE, b"")),
        (Close(1000), Frame(CLOSE, b"\x03\xe8")),
        (Close(3000, "bye"), Frame(CLOSE, b"\x0b\xb8bye")),
    ],
    ids=str,
)
def test_sending(side: Side, event: Event, frame: Frame) -> None:
    """Each event is one frame; a Close has a code and a reason if it says so."""
    found = decode(bytearray(judge_of(side).send(event)))
    assert found is not None
    assert found[0] == replace(frame, masked=side.client)


# Closes and complaints


@both_roles
@pytest.mark.parametrize("we_closed", [False, True])
def test_a_violation_is_no_close(side: Side, we_closed: bool) -> None:
    """What the peer did wrong and what it says about us are told apart, whoever closed first."""
    said: list[Event | Violation] = []
    for frame in (side.frame(15), side.close(1002, "you did")):
        codec = judge_of(side)
        if we_closed:
            codec.send(Close(1000))
        said += heard(codec, frame)
    violation, close = said
    assert isinstance(violation, Violation)
    assert violation.code == 1002
    assert close == Close(1002, "you did")


@both_roles
@pytest.mark.parametrize("bad", BAD_UTF8)
def test_words_about_bad_text(side: Side, bad: bytes) -> None:
    """Bad UTF-8 is told in the same words wherever the bytes are cut."""
    frame = side.frame(TEXT, bad)
    for size in (1, len(frame)):
        codec = judge_of(side)
        told: list[Event | Violation] = []
        for start in range(0, len(frame), size):
            if not any(isinstance(event, Violation) for event in told):
                told += heard(codec, frame[start : start + size])
        assert told[-1] == Violation(1007, "invalid UTF-8")


# 1014


@both_roles
def test_bad_gateway(side: Side) -> None:
    """The code that wsproto does not know is accepted and told as it was sent."""
    assert closed_with(side, side.close(1014, "grüße")) == [Close(1014, "grüße")]


@both_roles
@pytest.mark.parametrize("code", [1000, 1013, 4999])
def test_other_codes(side: Side, code: int) -> None:
    """Every other code is told as it was sent, too: 1013 is not taken for 1014."""
    assert closed_with(side, side.close(code, "bye")) == [Close(code, "bye")]


@both_roles
def test_no_code(side: Side) -> None:
    """A Close without a code needs no disguise."""
    frame = side.frame(CLOSE)
    found = parse_header(frame, 0)
    assert found is not None
    assert judge_of(side).substitute_1014(frame, found) == frame


@both_roles
def test_the_rest_of_the_frame_is_judged(side: Side) -> None:
    """What else is wrong with a Close of 1014 is found."""
    code = (1014).to_bytes(2, "big")
    assert closed_with(side, side.close(1014, b"\xff")) == [Violation(1007, "invalid UTF-8")]
    for frame in (
        side.frame(CLOSE, code, rsv=1),
        side.frame(CLOSE, code, fin=False),
        Side(client=not side.client).frame(CLOSE, code),
    ):
        [violation] = closed_with(side, frame)
        assert isinstance(violation, Violation)
        assert violation.code == 1002


# Sizes


@pytest.mark.parametrize("limit", [1, 125, 2**16, 2**62])
def test_size_of_a_frame(limit: int) -> None:
    """A frame may be as large as the limit, and not larger; the complaint tells both sizes."""
    codec = judge_of(Side(False), max_message_size=limit)
    assert codec.check_size(header(BINARY, limit), in_progress=False) is None
    assert codec.check_size(header(BINARY, limit + 1), in_progress=False) == Violation(
        1009, f"a message of {limit + 1} bytes or more, over the limit of {limit}"
    )


def test_size_of_fragments() -> None:
    """Fragments are measured by their sum, which begins anew with each message."""
    codec = judge_of(Side(False), max_message_size=10)
    for _ in range(3):
        assert codec.check_size(header(TEXT, 9), in_progress=False) is None
        assert codec.check_size(header(CONTINUATION, 1), in_progress=True) is None
    assert codec.check_size(header(CONTINUATION, 1), in_progress=True) == Violation(
        1009, "a message of 11 bytes or more, over the limit of 10"
    )


def test_number_of_fragments() -> None:
    """Fragments are counted, empty ones too, from the beginning of their message on."""
    codec = judge_of(Side(False), max_fragments=3)
    for _ in range(3):
        assert codec.check_size(header(TEXT, 0), in_progress=False) is None
        for _ in range(2):
            assert codec.check_size(header(CONTINUATION, 0), in_progress=True) is None
    assert codec.check_size(header(CONTINUATION, 0), in_progress=True) == Violation(
        1009, "a message of more than 3 fragments"
    )


@pytest.mark.parametrize(("opcode", "in_progress"), [(CONTINUATION, False), (TEXT, True)])
def test_size_of_what_is_out_of_place(opcode: int, in_progress: bool) -> None:
    """A frame that goes on with nothing, or breaks in, is measured alone: wsproto refuses it."""
    codec = judge_of(Side(False), max_message_size=10)
    assert codec.check_size(header(BINARY, 10), in_progress=False) is None
    assert codec.check_size(header(opcode, 10), in_progress=in_progress) is None
