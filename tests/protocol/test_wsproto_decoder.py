"""`trio_ws._protocol.wsproto_decoder`: what wsproto and the limits make of what arrives."""

from __future__ import annotations

import pytest

from trio_ws._ending import Close
from trio_ws._policies import Limits
from trio_ws._protocol.events import Event, Message, Ping, Pong
from trio_ws._protocol.frame_header import Header, parse_header
from trio_ws._protocol.violation import Violation
from trio_ws._protocol.wsproto_decoder import WsprotoDecoder
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from .sides import BAD_UTF8, Side

both_roles = pytest.mark.parametrize("side", [Side(True), Side(False)], ids=str)


def decoder_of(side: Side, **limits: int) -> WsprotoDecoder:
    """Make a decoder of what the peer of our side sends."""
    return WsprotoDecoder(client=side.client, limits=Limits(**limits))


def received(decoder: WsprotoDecoder, data: bytes) -> list[Event | Violation]:
    """Everything that some bytes say."""
    return list(decoder.receive(data))


def header(opcode: int, length: int) -> Header:
    """The header of a frame of which only the size matters."""
    return Header(fin=False, opcode=opcode, payload_start=2, payload_length=length)


def closed_with(side: Side, frame: bytes) -> list[Event | Violation]:
    """What a Close says to a decoder that may not know its code."""
    decoder, found = decoder_of(side), parse_header(frame, 0)
    assert found is not None
    return received(decoder, decoder.substitute_1014(frame, found))


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
    assert received(decoder_of(side), b"".join(frames)) == [
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
    decoder, frame = decoder_of(side), side.frame(TEXT, "hello")
    assert received(decoder, frame[:-5]) == []
    [first] = received(decoder, frame[-5:-2])
    [rest] = received(decoder, frame[-2:])
    assert isinstance(first, Message)
    assert isinstance(rest, Message)
    assert (first.data, first.finished) == ("hel", False)
    assert (rest.data, rest.finished) == ("lo", True)


@both_roles
def test_one_after_the_other(side: Side) -> None:
    """An event can be answered before the next frame is decoded."""
    decoder = decoder_of(side)
    events = decoder.receive(side.frame(PING, "a") + side.frame(TEXT, rsv=1))
    assert next(events) == Ping(b"a")
    assert isinstance(next(events), Violation)
    assert list(events) == []


# Closes and complaints


@both_roles
def test_a_violation_is_no_close(side: Side) -> None:
    """What the peer did wrong and what it says about us are told apart."""
    said: list[Event | Violation] = []
    for frame in (side.frame(15), side.close(1002, "you did")):
        said += received(decoder_of(side), frame)
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
        decoder = decoder_of(side)
        told: list[Event | Violation] = []
        for start in range(0, len(frame), size):
            if not any(isinstance(event, Violation) for event in told):
                told += received(decoder, frame[start : start + size])
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
    """A Close without a code needs no substitute."""
    frame = side.frame(CLOSE)
    found = parse_header(frame, 0)
    assert found is not None
    assert decoder_of(side).substitute_1014(frame, found) == frame


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
    decoder = decoder_of(Side(False), max_message_size=limit)
    assert decoder.check_size(header(BINARY, limit), in_progress=False) is None
    assert decoder.check_size(header(BINARY, limit + 1), in_progress=False) == Violation(
        1009, f"a message of {limit + 1} bytes or more; Limits.max_message_size is {limit}"
    )


def test_size_of_fragments() -> None:
    """Fragments are measured by their sum, which begins anew with each message."""
    decoder = decoder_of(Side(False), max_message_size=10)
    for _ in range(3):
        assert decoder.check_size(header(TEXT, 9), in_progress=False) is None
        assert decoder.check_size(header(CONTINUATION, 1), in_progress=True) is None
    assert decoder.check_size(header(CONTINUATION, 1), in_progress=True) == Violation(
        1009, "a message of 11 bytes or more; Limits.max_message_size is 10"
    )


def test_number_of_fragments() -> None:
    """Fragments are counted, empty ones too, from the beginning of their message on."""
    decoder = decoder_of(Side(False), max_fragments=3)
    for _ in range(3):
        assert decoder.check_size(header(TEXT, 0), in_progress=False) is None
        for _ in range(2):
            assert decoder.check_size(header(CONTINUATION, 0), in_progress=True) is None
    assert decoder.check_size(header(CONTINUATION, 0), in_progress=True) == Violation(
        1009, "a message of more fragments than Limits.max_fragments, 3"
    )


@pytest.mark.parametrize(("opcode", "in_progress"), [(CONTINUATION, False), (TEXT, True)])
def test_size_of_what_is_out_of_place(opcode: int, in_progress: bool) -> None:
    """A frame that goes on with nothing, or breaks in, is measured alone: wsproto refuses it."""
    decoder = decoder_of(Side(False), max_message_size=10)
    assert decoder.check_size(header(BINARY, 10), in_progress=False) is None
    assert decoder.check_size(header(opcode, 10), in_progress=in_progress) is None


def test_size_of_what_is_encoded() -> None:
    """An encoded message may be somewhat larger than what it says: noise cannot be compressed."""
    decoder = decoder_of(Side(False), max_message_size=3200)
    fits, too_large = header(BINARY, 3200 + 100 + 1024), header(BINARY, 3200 + 100 + 1025)
    assert decoder.check_size(fits, in_progress=False, encoded=True) is None
    assert decoder.check_size(too_large, in_progress=False, encoded=True) == Violation(
        1009, "a message of 4325 bytes or more; Limits.max_message_size is 3200"
    )


# Frames whose payload is for an extension


def checked(decoder: WsprotoDecoder, frame: bytes, rsv: int = 0x40) -> Violation | None:
    """Let a decoder see a frame without its payload."""
    found = parse_header(frame, 0)
    assert found is not None
    return decoder.check_frame(frame[: found.payload_start], found, rsv)


@both_roles
def test_frame_without_payload(side: Side) -> None:
    """The frames of an encoded message are in order, whatever their payload; others follow."""
    decoder = decoder_of(side)
    assert checked(decoder, side.frame(TEXT, b"\xff", fin=False, rsv=4)) is None
    assert received(decoder, side.frame(PING)) == [Ping(b"")]
    assert checked(decoder, side.frame(CONTINUATION, bytes(70_000))) is None
    assert checked(decoder, side.frame(BINARY, bytes(200), rsv=4)) is None
    [event] = received(decoder, side.frame(TEXT, "plain"))
    assert isinstance(event, Message)


@both_roles
@pytest.mark.parametrize(
    ("opcode", "rsv", "why"),
    [
        (TEXT, 4 | 2, "Reserved bit"),
        (BINARY, 2, "Reserved bit"),
        (CONTINUATION, 0, "unexpected CONTINUATION"),
        (CONTINUATION, 4, "Reserved bit"),
    ],
)
def test_frame_that_may_not_come(side: Side, opcode: int, rsv: int, why: str) -> None:
    """Only the bits of the extension are hidden, and only in the first frame of a message."""
    violation = checked(decoder_of(side), side.frame(opcode, b"a", rsv=rsv))
    assert violation is not None
    assert (violation.code, why in violation.detail) == (1002, True)


@both_roles
def test_frame_with_the_wrong_mask(side: Side) -> None:
    """The mask is for wsproto to check."""
    violation = checked(decoder_of(side), Side(not side.client).frame(TEXT, b"a", rsv=4))
    assert violation is not None
    assert "masked frame" in violation.detail


@both_roles
def test_frame_with_a_long_length(side: Side) -> None:
    """So is the form of the length."""
    mask = 0x80 * (not side.client)
    head = bytes((0xC1, 126 | mask, 0, 5)) + bytes(4 * (not side.client))
    violation = checked(decoder_of(side), head)
    assert violation is not None
    assert "would have sufficed" in violation.detail
