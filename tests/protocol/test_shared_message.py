"""`trio_ws._protocol.shared_message`: one compression, many receivers."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._errors import LocalProtocolError
from trio_ws._protocol.extensions.base import Parameters
from trio_ws._protocol.extensions.deflate import Deflate, DeflateCodec
from trio_ws._protocol.masking import mask_frames, mask_keys
from trio_ws._protocol.send_queue import Frame as Queued
from trio_ws._protocol.shared_message import SharedMessage
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, TEXT, decode

MESSAGE = json.dumps([{"id": number, "name": "alice"} for number in range(40)])


def pair(
    offer: Parameters = (("client_max_window_bits", None),), **fields: object
) -> tuple[DeflateCodec, DeflateCodec]:
    """Return a server's codec and the client's."""
    deflate = Deflate(**fields)  # type: ignore[arg-type]
    agreement = deflate.accept_offer(offer)
    assert agreement is not None
    client = deflate.accept_answer(agreement.parameters)
    assert isinstance(agreement.codec, DeflateCodec)
    assert isinstance(client, DeflateCodec)
    return agreement.codec, client


def sent(frame: Queued, *, masked: bool = False) -> Frame:
    """Return a frame as it leaves, without its mask."""
    pieces = mask_frames([frame]) if masked else [*frame] if isinstance(frame, tuple) else [frame]
    found = decode(bytearray(b"".join(pieces)))
    assert found is not None
    assert found[0].masked is masked
    return Frame(found[0].opcode, found[0].payload, found[0].fin, found[0].rsv)


def received(codec: DeflateCodec, payload: bytes) -> bytes:
    """Decompress a message."""
    return b"".join(codec.decode(payload, finished=True, max_size=1 << 30))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("message", ["grüße", b"\x00\xff", "x" * 63, b"x" * 10_000])
def test_plain(message: str | bytes, masked: bool) -> None:
    """Without compression, or if it is too small for it, a message is one plain frame."""
    data = message.encode() if isinstance(message, str) else message
    expected = Frame(TEXT if isinstance(message, str) else BINARY, data)
    shared = SharedMessage(message)
    assert shared.size == len(data)
    assert sent(shared.frame(None, mask_keys if masked else None), masked=masked) == expected
    server, _ = pair(threshold=len(data) + 1)
    assert sent(shared.frame(server, mask_keys if masked else None), masked=masked) == expected
    assert server.messages_sent == 0


def test_frames_are_shared() -> None:
    """A server's frames are made once; a client's have each a key of their own."""
    shared = SharedMessage(MESSAGE)
    (one, _), (two, _), (small, _) = pair(), pair(), pair(window_bits=9)
    assert shared.frame(None) is shared.frame(None)
    assert shared.frame(one) is shared.frame(two)
    assert shared.frame(one) is not shared.frame(small)
    ours, theirs = shared.frame(one, mask_keys), shared.frame(one, mask_keys)
    assert ours != theirs
    assert sent(ours, masked=True) == sent(theirs, masked=True)
    assert sent(ours, masked=True).rsv == 4


@pytest.mark.parametrize("bits", range(8, 16))
def test_windows(bits: int) -> None:
    """Each receiver can read what was made for its window."""
    server, client = pair((("server_max_window_bits", str(bits)),), window_bits=15)
    frame = sent(SharedMessage(MESSAGE * 20).frame(server))
    assert received(client, frame.payload) == (MESSAGE * 20).encode()


def test_bad_text() -> None:
    """What cannot be sent is refused when it is made."""
    with pytest.raises(LocalProtocolError, match="surrogates"):
        SharedMessage("\ud800")


def talk(servers: list[tuple[DeflateCodec, DeflateCodec]], count: int, seed: int) -> None:
    """Send shared messages and own ones in any order; everybody reads all."""
    dice = random.Random(seed)
    words = ["alice", "bob", "carol", "price", "quantity", "time"]
    for number in range(count):
        message = json.dumps({dice.choice(words): dice.randrange(10_000) for _ in range(8)})
        shared = SharedMessage(message) if dice.random() < 0.5 else None
        for index, (server, client) in enumerate(servers):
            own = f"{number} {index} {message}"
            if shared is not None and dice.random() < 0.8:
                payload = sent(shared.frame(server)).payload
                assert received(client, payload) == message.encode()
            elif dice.random() < 0.9:
                wire = server.encode(own.encode(), finished=True)
                assert received(client, wire) == own.encode()
            else:
                server.release()


def members() -> list[tuple[DeflateCodec, DeflateCodec]]:
    """Return connections that agreed on different things."""
    return [
        pair(threshold=0),
        pair(threshold=0, context_takeover=False),
        pair((("server_max_window_bits", "9"),), threshold=0),
        pair((("server_no_context_takeover", None),), threshold=0),
    ]


@given(st.integers(0, 1 << 30))
def test_mixed_with_own_messages(seed: int) -> None:
    """Shared messages and own ones may alternate in any way."""
    talk(members(), 40, seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_messages() -> None:
    """The same for long."""
    talk(members(), 25_000, 7692)
