"""The fast lane is faster than wsproto and otherwise cannot be told from it."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws import Limits
from trio_ws._sansio.assembly import Part
from trio_ws._sansio.fastlane import encode
from trio_ws._sansio.session import Session
from trio_ws.testing._peer import Frame
from trio_ws.testing._peer import encode as frame

LIMITS = Limits(max_message_size=70_000, max_fragments=8)


def sessions(client: bool) -> tuple[Session, Session]:
    return (
        Session(client=client, limits=LIMITS),
        Session(client=client, limits=LIMITS, lane=False),
    )


def unmasked_outbox(session: Session) -> list[Frame]:
    """What a session wants to write; the keys are random, the rest must be equal."""
    from trio_ws.testing._peer import decode

    frames = []
    data = bytearray(session.outbox.take() or b"")
    while data:
        parsed = decode(data)
        assert parsed is not None
        frames.append(parsed[0])
        del data[: parsed[1]]
    return frames


def assert_equivalent(chunks: list[bytes], *, client: bool) -> None:
    fast, slow = sessions(client)
    for chunk in chunks:
        assert fast.feed(chunk) == slow.feed(chunk)
        assert fast.state is slow.state
        assert fast.ending == slow.ending
        assert unmasked_outbox(fast) == unmasked_outbox(slow)


payloads = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=60).map(str.encode),
    st.sampled_from([125, 126, 127, 639, 640, 641, 1025, 65_535, 65_536, 70_000, 70_001]).map(
        lambda size: b"x" * size
    ),
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


@settings(max_examples=1_000)
@given(streams())
def test_any_stream_in_any_chunking_gives_the_same_with_and_without_the_lane(
    stream: tuple[bool, list[bytes]],
) -> None:
    """Happenings, bytes out, state and ending agree after every chunk."""
    client, chunks = stream
    assert_equivalent(chunks, client=client)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@settings(max_examples=100_000)
@given(streams())
def test_a_hundred_thousand_streams_give_the_same(stream: tuple[bool, list[bytes]]) -> None:
    """The same, often enough to be a proof that one would sign."""
    client, chunks = stream
    assert_equivalent(chunks, client=client)


@pytest.mark.parametrize("client", [True, False])
def test_random_bytes_give_the_same_with_and_without_the_lane(client: bool) -> None:
    """Noise that begins like a frame is judged alike."""
    dice = random.Random(20261122)
    for _ in range(3_000):
        start = bytes([dice.choice([0x81, 0x82, 0x01, 0x02, 0x80, 0x89]), dice.randrange(256)])
        data = start + dice.randbytes(dice.randrange(40))
        assert_equivalent(cut(data, [dice.randrange(len(data)) for _ in range(3)]), client=client)


@pytest.mark.parametrize("length_code", [126, 127])
@pytest.mark.parametrize("short", [False, True])
def test_a_length_that_is_not_in_its_shortest_form_is_left_to_wsproto(
    length_code: int, short: bool
) -> None:
    """RFC 6455 §5.2 demands the shortest form; the lane does not even decide that."""
    width = 2 if length_code == 126 else 8
    data = bytes([0x82, length_code]) + (5).to_bytes(width, "big") + b"hello"
    data = data[:-1] if short else data
    assert_equivalent([data], client=True)
    assert_equivalent(cut(data, [3, len(data) - 2]), client=True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 640, 641, 65_535, 65_536, 65_541])
@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize("text", [True, False])
def test_a_frame_is_written_as_wsproto_writes_it(size: int, client: bool, text: bool) -> None:
    """Header and payload are the same; only the key differs."""
    fast, slow = sessions(client)
    message: str | bytes = "ä" * (size // 2) if text else b"\xff" * size
    fast.send(message)
    slow.send(message)
    assert unmasked_outbox(fast) == unmasked_outbox(slow)


@pytest.mark.parametrize("client", [True, False])
def test_a_long_binary_frame_arrives_whole_however_it_is_cut(client: bool) -> None:
    """It is gathered in one buffer; messages before and after it are not touched."""
    payload = random.Random(1).randbytes(70_000)
    data = b"".join(
        frame(Frame(opcode, body, masked=not client))
        for opcode, body in [(1, b"before"), (2, payload), (1, b"after")]
    )
    for size in (1_000, 4_096, 65_536):
        session = Session(client=client, limits=LIMITS)
        got = [
            happening
            for start in range(0, len(data), size)
            for happening in session.feed(data[start : start + size])
        ]
        assert got == ["before", payload, "after"]
        assert not session.gathering


def test_what_is_gathered_is_counted() -> None:
    """Backpressure knows of a message that is still arriving on the lane."""
    session = Session(client=True, limits=LIMITS)
    session.feed(encode(2, b"x" * 50_000, masked=False)[:30_004])
    assert session.gathering
    assert session.assembling == 30_000


def test_the_lane_is_closed_while_a_message_is_streamed() -> None:
    """Parts of a message are what a streaming receiver gets, not the whole."""
    session = Session(client=True, limits=LIMITS)
    session.stream()
    assert session.feed(encode(2, b"abc", masked=False)) == [Part(b"abc", finished=True)]
    assert session.feed(encode(2, b"abc", masked=False)) == [b"abc"]


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
def test_a_pong_is_the_same_with_and_without_the_lane(
    pong: Frame, wrongly_masked: bool, client: bool
) -> None:
    """Good or bad, whole or cut, also between the fragments of a message, and while we close."""
    bad = replace(pong, masked=client is wrongly_masked)
    first, last = (Frame(1, b"a", fin=False), Frame(0, b"b"))
    for around in ([], [replace(part, masked=not client) for part in (first, last)]):
        data = b"".join(map(frame, [*around[:1], bad, *around[1:]]))
        assert_equivalent([data], client=client)
        assert_equivalent([data[i : i + 1] for i in range(len(data))], client=client)


@pytest.mark.parametrize("client", [True, False])
def test_how_much_to_read(client: bool) -> None:
    """A gulp, or what is missing of a long frame, and never more than a mebibyte."""
    session = Session(client=client, limits=Limits(max_message_size=10 * 2**20))
    assert session.wanted == 2**16
    long = encode(2, bytes(3 * 2**20), masked=not client)
    session.feed(long[:100])
    assert session.wanted == 2**20
    session.feed(long[100:-500_000])
    assert session.wanted == 500_000
    session.feed(long[-500_000:-10])
    assert session.wanted == 2**16
