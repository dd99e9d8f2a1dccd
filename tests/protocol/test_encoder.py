"""`trio_ws._protocol.encoder`: frames as wsproto would write them."""

from __future__ import annotations

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from trio_ws._errors import LocalProtocolError
from trio_ws._protocol.encoder import encode_control, encode_data, encode_message
from trio_ws._protocol.frame_header import Opcode
from trio_ws._protocol.masking import LARGE, MaskKeys, mask_frames
from trio_ws._protocol.send_queue import Frame as Queued
from trio_ws.testing import Frame
from trio_ws.testing._peer import decode

from ..toys import ReversingCodec

SIZES = [0, 1, 125, 126, 640, 641, LARGE - 1, LARGE, LARGE + 1, 65_535, 65_536, 65_541]

both_roles = pytest.mark.parametrize("client", [True, False])


def by_wsproto(client: bool, *events: Event) -> list[Frame]:
    """Return the frames that wsproto writes for events."""
    connection = Connection(ConnectionType.CLIENT if client else ConnectionType.SERVER)
    return parsed(b"".join(connection.send(event) for event in events))


def written(*frames: Queued | None) -> list[Frame]:
    """Return frames as they leave."""
    return parsed(b"".join(mask_frames([frame for frame in frames if frame is not None])))


def parsed(data: bytes) -> list[Frame]:
    """Return all frames of `data`."""
    frames, rest = [], bytearray(data)
    while found := decode(rest):
        frames.append(found[0])
        del rest[: found[1]]
    assert not rest
    return frames


def written_plain(client: bool, *frames: Queued | None) -> list[Frame]:
    """Return frames as they leave, those of a server without going through the masks."""
    if client:
        return written(*frames)
    pieces = [piece for frame in frames if frame for piece in _pieces(frame)]
    return parsed(b"".join(pieces))


def _pieces(frame: Queued) -> tuple[bytes, ...]:
    return frame if isinstance(frame, tuple) else (frame,)


@both_roles
@pytest.mark.parametrize("size", SIZES)
def test_message(size: int, client: bool) -> None:
    """A message is the frame that wsproto writes; only the key differs."""
    text, data = "ä" * (size // 2) + "a" * (size % 2), b"\xff" * size
    frames = [encode_message(each, masked=client, below=size + 1) for each in (text, data)]
    expected = by_wsproto(client, TextMessage(data=text), BytesMessage(data=bytearray(data)))
    assert written_plain(client, *frames) == expected


@pytest.mark.parametrize("size", [LARGE, 100_000])
def test_a_large_payload_is_not_copied(size: int) -> None:
    """A large payload stands behind its header as the object that was given."""
    payload = bytes(size)
    for frame in (
        encode_message(payload, masked=False, below=size + 1),
        encode_message(payload, masked=True, below=size + 1),
        encode_data(0x82, payload, masked=False),
        encode_data(0x82, payload, masked=True),
    ):
        assert isinstance(frame, tuple)
        assert frame[1] is payload


@both_roles
@pytest.mark.parametrize("message", ["ä", b"ab"])
def test_below(message: str | bytes, client: bool) -> None:
    """A message of as many bytes as the bound, or more, is left alone."""
    assert encode_message(message, masked=client, below=2) is None
    assert encode_message(message, masked=client, below=3) is not None


@both_roles
@pytest.mark.parametrize("message", ["ä", b"ab"])
def test_a_codec(message: str | bytes, client: bool) -> None:
    """From the bound on the codec encodes the message, and its bit says so; below it does not."""
    keys, codec = MaskKeys(bytes), ReversingCodec()
    plain = encode_message(message, masked=client, below=3, codec=codec, keys=keys)
    assert plain == encode_message(message, masked=client, below=3, keys=keys)
    frame = encode_message(message, masked=client, below=2, codec=codec, keys=keys)
    data = (message.encode() if isinstance(message, str) else message)[::-1]
    first = (0x81 if isinstance(message, str) else 0x82) | codec.rsv
    assert frame == encode_data(first, data, masked=client, keys=keys)


@both_roles
def test_text_that_cannot_be_sent(client: bool) -> None:
    """A lone surrogate has no UTF-8."""
    with pytest.raises(LocalProtocolError, match="surrogates not allowed at 0"):
        encode_message("\ud800", masked=client, below=1000)


@both_roles
@pytest.mark.parametrize("size", SIZES)
def test_fragments(size: int, client: bool) -> None:
    """Fragments are those that wsproto writes."""
    data = bytes(size)
    events = [
        BytesMessage(data=bytearray(data), message_finished=False),
        BytesMessage(data=bytearray(data), message_finished=False),
        BytesMessage(data=bytearray(data), message_finished=True),
    ]
    frames = [encode_data(first, data, masked=client) for first in (0x02, 0x00, 0x80)]
    assert written_plain(client, *frames) == by_wsproto(client, *events)


@both_roles
@pytest.mark.parametrize("first", [0xC1, 0xE2, 0x12, 0x40])
@pytest.mark.parametrize("size", [0, 125, 126, 65_536])
def test_reserved_bits(size: int, first: int, client: bool) -> None:
    """The first byte is written as it is given, whatever bits are set."""
    [frame] = written_plain(client, encode_data(first, bytes(size), masked=client))
    assert (frame.fin, frame.rsv, frame.opcode) == (first >= 0x80, first >> 4 & 7, first & 15)
    assert frame.payload == bytes(size)


@both_roles
@pytest.mark.parametrize("payload", [b"", b"x", b"x" * 125])
def test_control(payload: bytes, client: bool) -> None:
    """Control frames are those that wsproto writes, and masked at once."""
    frames = [encode_control(op, payload, masked=client) for op in (Opcode.PING, Opcode.PONG)]
    expected = by_wsproto(client, Ping(payload=payload), Pong(payload=payload))
    assert parsed(b"".join(frames)) == expected


@both_roles
def test_close(client: bool) -> None:
    """A Close is the one that wsproto writes."""
    payload = (1000).to_bytes(2, "big") + b"bye"
    frame = encode_control(Opcode.CLOSE, payload, masked=client)
    assert parsed(frame) == by_wsproto(client, CloseConnection(code=1000, reason="bye"))


def test_keys_may_be_of_another_store() -> None:
    """Every kind of frame takes its key from the store that is given."""
    keys = MaskKeys(lambda size: bytes(range(4)) * (size // 4))
    key = b"\0\1\2\3"
    message = encode_message(b"ab", masked=True, below=3, keys=keys)
    assert message == (b"\x82\x82" + key, b"ab")
    assert encode_data(0x80, b"ab", masked=True, keys=keys) == (b"\x80\x82" + key, b"ab")
    assert encode_control(Opcode.PING, b"\0\0", masked=True, keys=keys) == (
        b"\x89\x82" + key + b"\0\1"
    )
