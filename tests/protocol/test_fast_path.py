"""`trio_ws._protocol.fast_path`: it is faster than wsproto, and nothing else differs."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from trio_ws import Limits, Loss
from trio_ws._ending import Ending
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.events import Pong
from trio_ws._protocol.fast_path import MAX_MESSAGES_PER_FEED, FastDecoder
from trio_ws._protocol.masking import LARGE
from trio_ws._protocol.message_decoder import MAX_DECODED_PER_TURN, MessageDecoder
from trio_ws._protocol.protocol import ProtocolEvent, WebSocketProtocol
from trio_ws._protocol.states import State
from trio_ws._protocol.violation import INVALID_UTF8
from trio_ws.testing._peer import BINARY, Frame, decode
from trio_ws.testing._peer import encode as frame

from ..toys import IdentityCodec, ReversingCodec
from .sides import protocol_of, read, read_shared
from .ways import available, going

LIMITS = Limits(max_message_size=300_000, max_fragments=8)
NOISE = random.Random(20261122).randbytes(300_001)


def unmasked_outbox(protocol: WebSocketProtocol) -> list[Frame]:
    """What a session wants to write; the keys are random, the rest must be equal."""
    frames = []
    data = bytearray(b"".join(protocol.send_queue.take()))
    while data:
        parsed = decode(data)
        assert parsed is not None
        frames.append(parsed[0])
        del data[: parsed[1]]
    return frames


@dataclass
class Observed:
    """What came of a chunk."""

    events: list[ProtocolEvent]
    said: list[Frame]
    state: State
    ending: Ending | None


Arrive = Callable[[WebSocketProtocol, bytes], list[ProtocolEvent]]


def observe(
    protocol: WebSocketProtocol, chunks: list[bytes], arrive: Arrive = WebSocketProtocol.feed
) -> list[Observed]:
    """Let one chunk after the other arrive."""
    return [
        Observed(
            arrive(protocol, chunk), unmasked_outbox(protocol), protocol.state, protocol.ending
        )
        for chunk in chunks
    ]


def assert_equivalent(chunks: list[bytes], *, client: bool) -> None:
    """Each chunk does the same on the slow path and, read in several ways, on the fast path."""
    expected = observe(protocol_of(client, LIMITS, fast=False), chunks)
    for way in available():
        with going(way):
            fast, landing, sharing = (protocol_of(client, LIMITS) for _ in range(3))
            assert observe(fast, chunks) == expected
            assert observe(landing, chunks, read) == expected
            assert observe(sharing, chunks, read_shared) == expected
            assert landing.assembling == fast.assembling == sharing.assembling


payloads = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=60).map(str.encode),
    st.sampled_from([125, 126, 127, 383, 384, 385, 1025, 65_535, 65_536, 300_000, 300_001]).map(
        lambda size: NOISE[:size]
    ),
    st.sampled_from([127, 385, 65_536, 300_000]).map(lambda size: b"x" * size),
)
frames = st.builds(
    Frame,
    opcode=st.sampled_from([1, 1, 1, 2, 2, 2, 0, 9, 10, 8, 3, 11]),
    payload=payloads,
    fin=st.sampled_from([True, True, True, False]),
    rsv=st.sampled_from([0, 0, 0, 0, 0, 0, 0, 4]),
    masked=st.just(True),
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bool, list[bytes]]:
    """A role, and a stream for it in chunks: valid frames, mutated ones, or noise."""
    client = draw(st.booleans())
    odd = draw(st.sampled_from([False] * 9 + [True]))
    data = bytearray()
    for each in draw(st.lists(frames, max_size=6)):
        data += frame(Frame(each.opcode, each.payload, each.fin, each.rsv, client == odd))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        if data:
            data[draw(st.integers(0, min(len(data), 300) - 1))] = draw(st.integers(0, 255))
    data += draw(st.sampled_from([b"", b"", draw(st.binary(max_size=20))]))
    return client, cut(bytes(data), draw(st.lists(st.integers(0, max(len(data), 1)), max_size=6)))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(data), *(place for place in places if place <= len(data))})
    return [data[start:end] for start, end in pairwise(ends)]


@settings(max_examples=300)
@given(streams())
def test_any_stream_in_any_chunking_gives_the_same_on_both_paths(
    stream: tuple[bool, list[bytes]],
) -> None:
    """Happenings, bytes out, state and ending agree after every chunk."""
    client, chunks = stream
    assert_equivalent(chunks, client=client)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("number", range(10))
def test_a_hundred_thousand_streams_give_the_same(number: int) -> None:
    """The same, often enough to be a proof that one would sign.

    In ten parts, each with a seed of its own: a part that fails can be repeated by its name.
    """

    @seed(number)
    @settings(max_examples=10_000, database=None)
    @given(streams())
    def look(stream: tuple[bool, list[bytes]]) -> None:
        client, chunks = stream
        assert_equivalent(chunks, client=client)

    look()


@pytest.mark.parametrize("client", [True, False])
def test_random_bytes_give_the_same_on_both_paths(client: bool) -> None:
    """Noise that begins like a frame is judged alike."""
    dice = random.Random(20261122)
    for _ in range(2_000):
        start = bytes([dice.choice([0x81, 0x82, 0x01, 0x02, 0x80, 0x89]), dice.randrange(256)])
        data = start + dice.randbytes(dice.randrange(40))
        assert_equivalent(cut(data, [dice.randrange(len(data)) for _ in range(3)]), client=client)


@pytest.mark.parametrize("length_code", [126, 127])
@pytest.mark.parametrize("short", [False, True])
def test_a_length_that_is_not_in_its_shortest_form_is_left_to_wsproto(
    length_code: int, short: bool
) -> None:
    """RFC 6455 §5.2 demands the shortest form; the fast path does not even decide that."""
    width = 2 if length_code == 126 else 8
    data = bytes([0x82, length_code]) + (5).to_bytes(width, "big") + b"hello"
    data = data[:-1] if short else data
    assert_equivalent([data], client=True)
    assert_equivalent(cut(data, [3, len(data) - 2]), client=True)


@st.composite
def long_streams(draw: st.DrawFn) -> tuple[bool, list[bytes]]:
    """A role, and long binary frames among short ones, cut in many places."""
    client = draw(st.booleans())
    data = bytearray()
    for size in draw(st.lists(st.sampled_from([5, 65_536, 100_003, 300_000, 300_001]), max_size=4)):
        data += frame(Frame(2, NOISE[:size], masked=not client))
        data += frame(Frame(draw(st.sampled_from([1, 9, 10])), b"short", masked=not client))
    places = st.integers(0, len(data)) | st.integers(0, min(len(data), 100))
    return client, cut(bytes(data), draw(st.lists(places, max_size=12)))


@settings(max_examples=100)
@given(long_streams())
def test_long_frames_in_any_chunking_give_the_same_on_both_paths(
    stream: tuple[bool, list[bytes]],
) -> None:
    """The same for what is read straight to its place, masked and not, also beyond the limit."""
    client, chunks = stream
    assert_equivalent(chunks, client=client)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@settings(max_examples=5_000)
@given(long_streams())
def test_thousands_of_long_frames_give_the_same(stream: tuple[bool, list[bytes]]) -> None:
    """The same, often."""
    client, chunks = stream
    assert_equivalent(chunks, client=client)


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("arrive", [WebSocketProtocol.feed, read])
def test_a_long_binary_frame_arrives_whole_however_it_is_cut(
    arrive: Callable[[WebSocketProtocol, bytes], list[ProtocolEvent]], client: bool
) -> None:
    """It is gathered in one buffer; messages before and after it are not touched."""
    payload = NOISE[:200_000]
    data = b"".join(
        frame(Frame(opcode, body, masked=not client))
        for opcode, body in [(1, b"before"), (2, payload), (1, b"after")]
    )
    for size in (1_000, 4_096, 65_536, 199_990):
        protocol = protocol_of(client, LIMITS)
        got = [
            produced
            for start in range(0, len(data), size)
            for produced in arrive(protocol, data[start : start + size])
        ]
        assert got == ["before", payload, "after"]
        assert not protocol.buffering


@pytest.mark.parametrize("client", [True, False])
def test_a_header_alone_begins_a_frame(client: bool) -> None:
    """A peer may write header and payload one after the other; the payload has a place to land."""
    data = frame(Frame(2, NOISE[:200_000], masked=not client))
    head = len(data) - 200_000
    protocol = protocol_of(client, LIMITS)
    assert protocol.feed(data[:head]) == []
    assert protocol.buffering
    assert protocol.get_buffer()
    assert read(protocol, data[head:]) == [NOISE[:200_000]]


@pytest.mark.parametrize("client", [True, False])
def test_an_incomplete_text_frame_does_not_wait_on_the_fast_path(client: bool) -> None:
    """Bad UTF-8 is judged when it arrives, not when its frame is complete, however long that is."""
    text = frame(Frame(1, b"a" * 99_999 + b"\xff" + b"a" * 100_000, masked=not client))
    protocol = protocol_of(client, LIMITS)
    assert protocol.feed(text[:50_000]) == []
    assert not protocol.buffering
    assert protocol.get_buffer() is None
    assert protocol.ending is None
    protocol.feed(text[50_000:-90_000])
    assert protocol.ending is not None
    assert protocol.ending.loss is Loss.VIOLATION


@pytest.mark.parametrize("client", [True, False])
def test_large_frames_in_a_shared_buffer(client: bool) -> None:
    """Large messages are taken from where they were read; bad text among them is left."""
    texts = [b"a" * 20_000, "ü".encode() * 10_000, NOISE[:20_000], b"a" * 10_000 + b"\xff"]
    data = [frame(Frame(1 + (text is texts[2]), text, masked=not client)) for text in texts]
    assert_equivalent([b"".join(data)], client=client)
    assert_equivalent([b"".join(data[:2]) + frame(Frame(1, b"", masked=not client))], client=client)


def test_what_is_gathered_is_counted() -> None:
    """Backpressure knows of a message that is still arriving on the fast path, whichever way."""
    protocol = protocol_of(True, LIMITS)
    protocol.feed(frame(Frame(2, bytes(200_000)))[: 10 + 30_000])
    assert protocol.buffering
    assert protocol.assembling == 30_000
    assert protocol.get_buffer() is not None
    protocol.buffer_updated(20_000)
    assert protocol.assembling == 50_000


def test_the_fast_path_is_closed_while_a_message_is_streamed() -> None:
    """Parts of a message are what a streaming receiver gets, not the whole."""
    protocol = protocol_of(True, LIMITS)
    protocol.stream()
    assert protocol.feed(frame(Frame(2, b"abc"))) == [Chunk(b"abc", finished=True, first=True)]
    assert protocol.feed(frame(Frame(2, b"abc"))) == [b"abc"]


PONGS = [
    Frame(0xA),
    Frame(0xA, b"payload"),
    Frame(0xA, b"x" * 125),
    Frame(0xA, b"x" * 126),
    Frame(0xA, b"x", fin=False),
    Frame(0xA, b"x", rsv=4),
    Frame(0xA, b"x", rsv=1),
]


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("wrongly_masked", [False, True])
@pytest.mark.parametrize("pong", PONGS, ids=str)
def test_a_pong_is_the_same_on_both_paths(pong: Frame, wrongly_masked: bool, client: bool) -> None:
    """Good or bad, whole or cut, also between the fragments of a message, and while we close."""
    bad = replace(pong, masked=client is wrongly_masked)
    first, last = (Frame(1, b"a", fin=False), Frame(0, b"b"))
    for around in ([], [replace(part, masked=not client) for part in (first, last)]):
        data = b"".join(map(frame, [*around[:1], bad, *around[1:]]))
        assert_equivalent([data], client=client)
        assert_equivalent([data[i : i + 1] for i in range(len(data))], client=client)


CODES = [0, 999, 1000, 1004, 1005, 1006, 1011, 1014, 1015, 2999, 3000, 4999, 5000, 65535]
CLOSES = [
    *[Frame(0x8, code.to_bytes(2, "big")) for code in CODES],
    Frame(0x8),
    Frame(0x8, b"\x03"),
    Frame(0x8, b"\x03\xe8" + "größer".encode()),
    Frame(0x8, b"\x03\xe8" + b"x" * 123),
    Frame(0x8, b"\x03\xe8" + b"x" * 124),
    Frame(0x8, b"\x03\xe8\xff"),
    Frame(0x8, b"\x03\xe8", fin=False),
    Frame(0x8, b"\x03\xe8", rsv=4),
]


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("wrongly_masked", [False, True])
@pytest.mark.parametrize("close", CLOSES, ids=str)
def test_a_close_is_the_same_on_both_paths(
    close: Frame, wrongly_masked: bool, client: bool
) -> None:
    """Good or bad, whole or cut, also between the fragments of a message."""
    bad = replace(close, masked=client is wrongly_masked)
    for around in (b"", frame(Frame(1, b"a", fin=False, masked=not client))):
        data = around + frame(bad)
        assert_equivalent([data], client=client)
        assert_equivalent([data[i : i + 1] for i in range(len(data))], client=client)


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("close", CLOSES, ids=str)
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4999, "größer"), (1001, "x" * 123)])
def test_an_answered_close_is_the_same_on_both_paths(
    code: int, reason: str, close: Frame, client: bool
) -> None:
    """What we say and what we make of the answer do not depend on the path."""
    fast, slow = (protocol_of(client, LIMITS, fast=fast) for fast in (True, False))
    for protocol in (fast, slow):
        protocol.close(code, reason)
    assert unmasked_outbox(fast) == unmasked_outbox(slow)
    for protocol in (fast, slow):
        protocol.feed(frame(replace(close, masked=not client)))
    assert fast.ending == slow.ending
    assert fast.state is slow.state


# What is written


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("size", [LARGE, 65_535, 65_536, 300_000])
def test_a_large_payload_of_a_server_is_not_copied(size: int, text: bool) -> None:
    """The frame is two pieces, and the payload is the object that was given."""
    payload = NOISE[:size]
    protocol = protocol_of(False, LIMITS)
    protocol.send("x" * size if text else payload)
    head, body = protocol.send_queue.take()
    expected = b"x" * size if text else payload
    assert bytes(head) + body == frame(Frame(1 if text else 2, expected))
    assert text or body is payload


@pytest.mark.parametrize("size", [LARGE, LARGE + 1, LARGE + 2, LARGE + 3, 65_535, 65_536, 300_000])
def test_a_large_payload_of_a_client_is_masked(size: int, way: str) -> None:
    """It is masked with a key of its own, and what was given stays as it was."""
    payload = NOISE[:size]
    before = bytearray(payload)
    protocol = protocol_of(True, LIMITS)
    keys = set()
    for _ in range(2):
        protocol.send(payload)
        whole = b"".join(protocol.send_queue.take())
        assert decode(bytearray(whole)) == (Frame(2, payload, masked=True), len(whole))
        assert payload == before
        keys.add(whole[-size - 4 : -size])
    assert len(keys) == 2


@pytest.mark.parametrize("client", [True, False])
def test_what_counts_as_large(client: bool, way: str) -> None:
    """From `LARGE` bytes on a message is written in two pieces, below it in one.

    The accelerator masks many frames at once, whatever their sizes, and that is one piece.
    """
    protocol = protocol_of(client, LIMITS)
    for message in (bytes(LARGE - 1), bytes(LARGE), "ä" * (LARGE // 2 - 1), "ä" * (LARGE // 2)):
        protocol.send(message)
    expected = 1 if client and way == "accelerator" else 1 + 2 + 1 + 2
    assert len(protocol.send_queue.take()) == expected


@pytest.mark.parametrize("client", [True, False])
@given(sizes=st.lists(st.sampled_from([0, 1, 125, 126, LARGE - 1, LARGE, 65_536, 100_000])))
def test_large_and_small_frames_keep_their_order(client: bool, sizes: list[int]) -> None:
    """However large and small messages, text and binary, are mixed, they leave in order."""
    protocol = protocol_of(client, LIMITS)
    messages = [
        "x" * size if index % 3 == 0 else bytes([index % 256]) * size
        for index, size in enumerate(sizes)
    ]
    for message in messages:
        protocol.send(message)
    data = bytearray()
    while pieces := protocol.send_queue.take():
        data += b"".join(pieces)
    other = protocol_of(not client, LIMITS)
    assert other.feed(bytes(data)) == messages


@pytest.mark.parametrize("masked", [True, False])
def test_no_more_than_a_burst_at_once(masked: bool, way: str) -> None:
    """The fast path stops behind a burst of messages, however many more there are."""
    decoder = FastDecoder(masked=masked, limit=100)
    one = frame(Frame(BINARY, b"x", masked=masked))
    messages: list[str | bytes | Pong] = []
    position = decoder.read(one * (MAX_MESSAGES_PER_FEED + 1), 0, messages)
    assert messages == [b"x"] * MAX_MESSAGES_PER_FEED
    assert position == MAX_MESSAGES_PER_FEED * len(one)
    assert decoder.read(one * (MAX_MESSAGES_PER_FEED + 1), position, messages) == (
        MAX_MESSAGES_PER_FEED + 1
    ) * len(one)


# What extensions have encoded


@pytest.mark.parametrize("masked", [True, False])
def test_what_is_encoded(masked: bool, way: str) -> None:
    """Frames with the bits of the extensions are decoded, those with others are left alone."""
    decoder = FastDecoder(masked=masked, limit=100)
    decoder.take_encoded(MessageDecoder([IdentityCodec(), ReversingCodec()], limit=100))
    data = b"".join(
        frame(Frame(1, payload, rsv=rsv, masked=masked))
        for payload, rsv in [(b"ba", 1), (b"plain", 0), (b"c", 2), (b"fed", 3), (b"x", 4)]
    )
    messages: list[str | bytes | Pong] = []
    position = decoder.read(data, 0, messages)
    assert messages == ["ab", "plain", "c", "def"]
    assert len(data) - position == len(frame(Frame(1, b"x", rsv=4, masked=masked)))


@pytest.mark.parametrize("masked", [True, False])
def test_bad_content(masked: bool, way: str) -> None:
    """The path ends before a frame whose content is bad, and what came before it is there."""
    decoder = FastDecoder(masked=masked, limit=100)
    encoded = MessageDecoder([IdentityCodec()], limit=100)
    decoder.take_encoded(encoded)
    good, bad = (frame(Frame(1, body, rsv=2, masked=masked)) for body in (b"good", b"\xff"))
    messages: list[str | bytes | Pong] = []
    assert decoder.read(good + bad + good, 0, messages) == len(good)
    assert messages == ["good"]
    assert encoded.violation == INVALID_UTF8


def test_enough_for_a_turn(way: str) -> None:
    """The path ends when enough has been decoded for one turn."""
    size = MAX_DECODED_PER_TURN // 2 + 1
    decoder = FastDecoder(masked=False, limit=size)
    encoded = MessageDecoder([IdentityCodec()], limit=size)
    decoder.take_encoded(encoded)
    one = frame(Frame(2, bytes(size), rsv=2))
    messages: list[str | bytes | Pong] = []
    assert decoder.read(one * 3, 0, messages) == len(one) * 2
    encoded.begin_turn()
    assert decoder.read(one * 3, len(one) * 2, messages) == len(one) * 3
