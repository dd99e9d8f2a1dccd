"""`trio_ws._protocol.message_decoder`: from payload to message, within the limits."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

import pytest

from trio_ws._protocol.extensions.base import RSV1, RSV2, RSV3, ExtensionCodec
from trio_ws._protocol.frame_header import Header, Opcode
from trio_ws._protocol.masking import apply_mask
from trio_ws._protocol.message_decoder import MAX_DECODED_PER_TURN, PIECE_COST, MessageDecoder
from trio_ws._protocol.violation import INVALID_UTF8, Violation

from ..toys import IdentityCodec, ReversingCodec

KIB = 1024


class Repeating(ExtensionCodec):
    """Says each byte a thousand times, in parts of 64 KiB: what arrives says very much."""

    rsv = RSV1

    def encode(self, payload: bytes, *, finished: bool) -> bytes:
        """Return nothing: only what arrives matters here."""
        return b""

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Yield 64 KiB for each byte."""
        for byte in payload:
            yield bytes([byte]) * (64 * KIB)


class Empty(IdentityCodec):
    """Says nothing, again and again."""

    def __init__(self) -> None:
        super().__init__(RSV1)

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Return empty parts."""
        return repeat(b"", 10 * MAX_DECODED_PER_TURN // PIECE_COST)


class InOne(IdentityCodec):
    """Gives all at once, in a tuple."""

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Return the payload."""
        return (payload,)


class Strict(IdentityCodec):
    """Refuses everything, at once."""

    rsv = RSV1

    def __init__(self) -> None:
        super().__init__(RSV1)

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Refuse it."""
        raise ValueError("never")


def header(opcode: int, *, fin: bool = True, rsv: int = RSV2) -> Header:
    """Return a header of which the flags matter."""
    return Header(fin=fin, opcode=opcode, payload_start=2, payload_length=5, rsv=rsv)


def received(
    decoder: MessageDecoder,
    payload: bytes,
    *,
    opcode: int = Opcode.TEXT,
    fin: bool = True,
    rsv: int = RSV2,
) -> list[object]:
    """Let a frame arrive, and return what it says."""
    decoder.begin_turn()
    decoder.begin_frame(header(opcode, fin=fin, rsv=rsv), b"")
    decoder.add(payload, ends_frame=True)
    return list(decoder.pieces())


def identity(limit: int = 100) -> MessageDecoder:
    """Return a decoder for an extension that changes nothing."""
    return MessageDecoder([IdentityCodec()], limit=limit)


@pytest.mark.parametrize(
    ("opcode", "rsv", "taken"),
    [
        (Opcode.TEXT, RSV2, True),
        (Opcode.BINARY, RSV2, True),
        (Opcode.BINARY, RSV1 | RSV2, True),
        (Opcode.TEXT, 0, False),
        (Opcode.TEXT, RSV1 | RSV3, False),
        (Opcode.CONTINUATION, 0, False),
        (Opcode.CONTINUATION, RSV2, False),
        (3, RSV2, False),
    ],
)
def test_takes(opcode: int, rsv: int, taken: bool) -> None:
    """A frame belongs to an encoded message if it begins a message with a bit of an extension."""
    assert identity().takes(header(opcode, rsv=rsv)) is taken


def test_takes_what_goes_on() -> None:
    """While an encoded message is in progress, every data frame is taken: none may break in."""
    decoder = identity()
    received(decoder, b"a", fin=False)
    assert decoder.in_progress
    assert decoder.takes(header(Opcode.CONTINUATION, rsv=0))
    assert decoder.takes(header(Opcode.TEXT, rsv=0))
    received(decoder, b"a", opcode=Opcode.CONTINUATION)
    assert not decoder.in_progress
    assert not decoder.takes(header(Opcode.CONTINUATION, rsv=0))


def test_pieces() -> None:
    """Each piece is said as it arrives; the last one ends the message, even if it is empty."""
    decoder = identity()
    assert received(decoder, b"a", fin=False) == [("a", False)]
    assert received(decoder, b"", opcode=Opcode.CONTINUATION, fin=False) == [("", False)]
    assert received(decoder, b"b", opcode=Opcode.CONTINUATION) == [("b", True)]
    assert received(decoder, b"\xff", opcode=Opcode.BINARY) == [(b"\xff", True)]
    assert received(decoder, b"", opcode=Opcode.BINARY) == [(b"", True)]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
def test_masks(size: int) -> None:
    """A payload is unmasked wherever it is cut."""
    key, payload = b"\x01\x02\x03\x04", b"hello, world"
    decoder = identity()
    decoder.begin_frame(header(Opcode.BINARY), key)
    masked, said = apply_mask(payload, key), b""
    for start in range(0, len(masked), size):
        decoder.add(masked[start : start + size], ends_frame=start + size >= len(masked))
        for piece in decoder.pieces():
            assert isinstance(piece[0], bytes)
            said += piece[0]
    assert said == payload


def test_text_over_pieces() -> None:
    """A character may be cut anywhere."""
    decoder = identity()
    first, second = "ä".encode()[:1], "ä".encode()[1:]
    assert received(decoder, first, fin=False) == [("", False)]
    assert received(decoder, second, opcode=Opcode.CONTINUATION) == [("ä", True)]


@pytest.mark.parametrize(
    ("first", "last"), [(b"\xff", b"a"), (b"a", b"\xff"), (b"\xc3", b""), (b"", b"\xc3")]
)
def test_bad_text(first: bytes, last: bytes) -> None:
    """Bad UTF-8 is found with the piece that makes it bad; a cut-off character at the end."""
    decoder = identity()
    said = received(decoder, first, fin=False)
    if first != b"\xff":
        said = received(decoder, last, opcode=Opcode.CONTINUATION)
    assert said == [INVALID_UTF8]
    assert not decoder.has_more


def test_limit() -> None:
    """A message may say as much as the limit, however it is cut, and not a byte more."""
    decoder = identity(limit=10)
    assert received(decoder, bytes(10), opcode=Opcode.BINARY) == [(bytes(10), True)]
    assert received(decoder, bytes(9), opcode=Opcode.BINARY, fin=False) == [(bytes(9), False)]
    assert received(decoder, b"12", opcode=Opcode.CONTINUATION) == [
        Violation(1009, "a message of 11 bytes or more; Limits.max_message_size is 10")
    ]


def test_what_cannot_be_decoded() -> None:
    """A codec that refuses a payload ends the connection, and its words say why."""
    decoder = MessageDecoder([ReversingCodec()], limit=100)
    assert received(decoder, b"\x00bad", rsv=RSV3) == [Violation(1007, "this was not reversed")]


def test_codecs_decode_in_reverse_order() -> None:
    """What was encoded last is decoded first; only the codecs that the message names take part."""
    first, last = ReversingCodec(), IdentityCodec()
    decoder = MessageDecoder([first, last], limit=100)
    assert decoder.rsv == RSV2 | RSV3
    assert received(decoder, b"ab", fin=False, rsv=RSV2 | RSV3) == []
    assert received(decoder, b"cd", opcode=Opcode.CONTINUATION, rsv=0) == [
        ("dc", False),
        ("ba", True),
    ]
    assert received(decoder, b"ab", rsv=RSV2) == [("ab", True)]
    assert received(decoder, b"ab", rsv=RSV3) == [("b", False), ("a", True)]


def test_a_refusal_through_another_codec() -> None:
    """Which codec refuses does not matter."""
    decoder = MessageDecoder([ReversingCodec(), IdentityCodec()], limit=100)
    assert received(decoder, b"\x00bad", rsv=RSV2 | RSV3) == [
        Violation(1007, "this was not reversed")
    ]


# A turn


def test_a_turn() -> None:
    """After enough of it the rest waits for the next turn, and nothing is lost."""
    decoder = MessageDecoder([Repeating()], limit=1 << 30)
    first = received(decoder, b"x" * 12, opcode=Opcode.BINARY, rsv=RSV1)
    assert decoder.spent
    assert decoder.has_more
    assert list(decoder.pieces()) == []
    turns = [first]
    while decoder.has_more:
        decoder.begin_turn()
        turns.append(list(decoder.pieces()))
    pieces = [piece for turn in turns for piece in turn]
    assert pieces == [(b"x" * 64 * KIB, False)] * 11 + [(b"x" * 64 * KIB, True)]
    assert all(len(turn) <= MAX_DECODED_PER_TURN // (64 * KIB) for turn in turns)


def test_empty_parts_count() -> None:
    """A turn is over after so many parts, even if nothing is in them."""
    decoder = MessageDecoder([Empty()], limit=100)
    begun = received(decoder, b"", opcode=Opcode.BINARY, rsv=RSV1)
    assert len(begun) <= MAX_DECODED_PER_TURN // PIECE_COST
    assert decoder.spent
    assert decoder.has_more


def test_what_is_not_taken_is_not_decoded() -> None:
    """What is over the limit is never decoded."""
    decoder = MessageDecoder([Repeating()], limit=100 * KIB)
    pieces = received(decoder, b"x" * 1000, opcode=Opcode.BINARY, rsv=RSV1)
    assert [type(piece) for piece in pieces] == [Violation]


# The fast path


@pytest.mark.parametrize(
    ("first", "payload", "message"),
    [
        (0x81 | RSV3, b"cba", "abc"),
        (0x82 | RSV3, b"cba", b"abc"),
        (0x81 | RSV3, b"", ""),
        (0x82 | RSV2, b"", b""),
        (0x81 | RSV2 | RSV3, "ä".encode()[::-1], "ä"),
    ],
)
def test_decode_whole(first: int, payload: bytes, message: str | bytes) -> None:
    """The message of a frame is put together from all its parts."""
    decoder = MessageDecoder([ReversingCodec(), IdentityCodec()], limit=100)
    assert decoder.decode_whole(first, payload) == message
    assert decoder.violation is None
    assert not decoder.in_progress


@pytest.mark.parametrize("in_one", [True, False])
@pytest.mark.parametrize(
    ("payload", "violation"),
    [
        (b"\xff", INVALID_UTF8),
        (
            bytes(101),
            Violation(1009, "a message of 101 bytes or more; Limits.max_message_size is 100"),
        ),
    ],
)
def test_decode_whole_refuses(payload: bytes, violation: Violation, in_one: bool) -> None:
    """What is wrong with the content of a frame is said beside it."""
    decoder = MessageDecoder([InOne() if in_one else IdentityCodec()], limit=100)
    assert decoder.decode_whole(0x81 | RSV2, payload) is None
    assert decoder.violation == violation


@pytest.mark.parametrize("codec", [Strict(), ReversingCodec()])
def test_decode_whole_of_what_cannot_be_decoded(codec: ExtensionCodec) -> None:
    """A codec may refuse at once, or when its parts are asked for."""
    decoder = MessageDecoder([codec], limit=100)
    assert decoder.decode_whole(0x81 | codec.rsv, b"\x00bad") is None
    assert decoder.violation is not None
    assert decoder.violation.code == 1007


@pytest.mark.parametrize("codecs", [[Strict()], [Strict(), IdentityCodec()]])
def test_refused_at_once(codecs: list[ExtensionCodec]) -> None:
    """So it may on the slow path."""
    decoder = MessageDecoder(codecs, limit=100)
    assert received(decoder, b"a", rsv=decoder.rsv) == [Violation(1007, "never")]


@pytest.mark.parametrize(("first", "message"), [(0x81, "abc"), (0x82, b"abc")])
def test_decode_whole_in_one(first: int, message: str | bytes) -> None:
    """A codec that gives all at once is believed if that is not too much, and it counts."""
    decoder = MessageDecoder([InOne()], limit=MAX_DECODED_PER_TURN)
    assert decoder.decode_whole(first | RSV2, b"abc") == message
    assert not decoder.spent
    assert decoder.decode_whole(0x82 | RSV2, bytes(MAX_DECODED_PER_TURN))
    assert decoder.decode_whole(first | RSV2, b"abc") is None  # this turn's is spent
    assert (decoder.spent, decoder.violation) == (True, None)
    decoder.begin_turn()
    assert decoder.decode_whole(first | RSV2, b"abc") == message
