"""`trio_ws._protocol.message_encoder`: fragments, and what extensions make of messages."""

from __future__ import annotations

import sys

import pytest

from trio_ws._errors import LocalProtocolError
from trio_ws._protocol.extensions.base import RSV1, RSV2, RSV3, ExtensionCodec
from trio_ws._protocol.extensions.deflate import Deflate, DeflateCodec
from trio_ws._protocol.masking import mask_frames
from trio_ws._protocol.message_encoder import MessageEncoder
from trio_ws._protocol.shared_message import SharedMessage
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CONTINUATION, TEXT, decode

from ..toys import IdentityCodec, ReversingCodec

both_roles = pytest.mark.parametrize("masked", [True, False])


def sent(
    encoder: MessageEncoder,
    message: str | bytes,
    *,
    masked: bool = False,
    finished: bool = True,
    compress: bool | None = None,
) -> Frame:
    """Encode a message, or a fragment, and return the frame."""
    frame = encoder.encode(message, finished=finished, compress=compress)
    pieces = mask_frames([frame]) if masked else [*frame] if isinstance(frame, tuple) else [frame]
    data = b"".join(pieces)
    found = decode(bytearray(data))
    assert found is not None
    assert found[1] == len(data)
    assert found[0].masked is masked
    return Frame(found[0].opcode, found[0].payload, found[0].fin, found[0].rsv)


def bits(codec: ExtensionCodec) -> int:
    """Return the reserved bits of a codec as a `Frame` tells them."""
    return codec.rsv >> 4


@both_roles
def test_fragments(masked: bool) -> None:
    """The first frame says what the message is, the others go on with it."""
    encoder = MessageEncoder((), masked=masked)
    assert encoder.fragment_type is None
    assert sent(encoder, "a", masked=masked, finished=False) == Frame(TEXT, b"a", fin=False)
    assert encoder.fragment_type is str
    assert sent(encoder, "ä", masked=masked, finished=False) == Frame(
        CONTINUATION, "ä".encode(), fin=False
    )
    assert sent(encoder, "", masked=masked) == Frame(CONTINUATION, b"")
    assert encoder.fragment_type is None
    assert sent(encoder, b"b", masked=masked, finished=False) == Frame(BINARY, b"b", fin=False)
    assert encoder.fragment_type is bytes


def test_check() -> None:
    """A fragment must be of the type of its message, and text must be valid Unicode."""
    encoder = MessageEncoder((), masked=False)
    encoder.check(b"a")
    with pytest.raises(LocalProtocolError, match="surrogates"):
        encoder.check("\ud800")
    encoder.encode("a", finished=False, compress=None)
    encoder.check("b")
    with pytest.raises(LocalProtocolError, match="began as text and goes on with bytes"):
        encoder.check(b"b")


@both_roles
def test_codecs_encode_in_order(masked: bool) -> None:
    """Each codec encodes what the one before it has made, and sets its bit in the first frame."""
    codecs = [IdentityCodec(), ReversingCodec()]
    encoder = MessageEncoder(codecs, masked=masked)
    assert sent(encoder, "abc", masked=masked) == Frame(TEXT, b"cba", rsv=(RSV2 | RSV3) >> 4)
    assert sent(encoder, b"ab", masked=masked, finished=False) == Frame(
        BINARY, b"", fin=False, rsv=3
    )
    assert sent(encoder, b"cd", masked=masked) == Frame(CONTINUATION, b"dcba")


@pytest.mark.parametrize(
    ("min_size", "optional", "compress", "encoded_from"),
    [
        (3, False, None, 3),
        (3, False, False, 3),
        (3, False, True, 3),
        (3, True, None, 3),
        (3, True, True, 0),
        (3, True, False, sys.maxsize),
        (0, True, None, 0),
    ],
)
def test_which_messages_are_encoded(
    min_size: int, optional: bool, compress: bool | None, encoded_from: int
) -> None:
    """The size decides, unless the codec leaves it to the application, and that says so."""
    codec = IdentityCodec(RSV1, min_size=min_size, optional=optional)
    encoder = MessageEncoder([codec], masked=False)
    for size in (0, 1, 2, 3, 4):
        frame = sent(encoder, "x" * size, compress=compress)
        assert frame.rsv == (bits(codec) if size >= encoded_from else 0)
        assert frame.payload == b"x" * size
    assert min(encoder.plain_below[compress], sys.maxsize) == encoded_from


def test_the_size_of_text_is_that_of_its_bytes() -> None:
    """Text counts as UTF-8."""
    encoder = MessageEncoder([IdentityCodec(RSV1, min_size=3)], masked=False)
    assert sent(encoder, "ä").rsv == 0
    assert sent(encoder, "äb").rsv == 4


@pytest.mark.parametrize(("compress", "rsv"), [(None, 4), (True, 4), (False, 0)])
def test_a_message_in_fragments_is_taken_for_large(compress: bool | None, rsv: int) -> None:
    """What is decided with the first fragment holds for all of them."""
    encoder = MessageEncoder([IdentityCodec(RSV1, min_size=10, optional=True)], masked=False)
    first = sent(encoder, b"", finished=False, compress=compress)
    assert first == Frame(BINARY, b"", fin=False, rsv=rsv)
    assert sent(encoder, b"x", compress=not compress) == Frame(CONTINUATION, b"x")


def test_the_smallest_bound_counts() -> None:
    """A message is plain if it is too small for each of the codecs; they decide one by one."""
    codecs = [IdentityCodec(RSV1, min_size=5), IdentityCodec(RSV2, min_size=2)]
    encoder = MessageEncoder(codecs, masked=False)
    assert encoder.plain_below[None] == 2
    assert [sent(encoder, "x" * size).rsv for size in (1, 2, 5)] == [0, 2, 6]
    assert MessageEncoder((), masked=False).plain_below[None] > sys.maxsize


def test_shared() -> None:
    """A message for many is shared if nothing or only compression is between; else encoded."""
    shared = SharedMessage("x" * 100)
    plain = MessageEncoder((), masked=False).encode_shared(shared)
    assert plain is shared.frame(None)
    codec = deflate_codec()
    compressed = MessageEncoder([codec], masked=False).encode_shared(shared)
    assert compressed is shared.frame(codec)
    for codecs in ([IdentityCodec()], [IdentityCodec(), deflate_codec()]):
        frame = MessageEncoder(codecs, masked=False).encode_shared(shared)
        assert isinstance(frame, bytes)
        assert frame[0] & RSV2


def test_between_messages() -> None:
    """Nothing may come between the fragments of a message."""
    encoder = MessageEncoder((), masked=False)
    encoder.check_between_messages()
    encoder.encode("a", finished=False, compress=None)
    with pytest.raises(LocalProtocolError, match="must be finished"):
        encoder.check_between_messages()


def deflate_codec() -> DeflateCodec:
    """Return a codec that compresses."""
    agreement = Deflate().accept_offer(())
    assert agreement is not None
    assert isinstance(agreement.codec, DeflateCodec)
    return agreement.codec
