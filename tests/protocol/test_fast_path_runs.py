"""`trio_ws._protocol.fast_path`: runs of equal frames are taken together, as what they are."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws._protocol.events import Pong
from trio_ws._protocol.fast_path import MAX_MESSAGES_PER_FEED, SHORTEST_RUN, FastDecoder

from .frames import BINARY, TEXT, frame
from .test_fast_path import assert_equivalent, cut


def read(data: bytes, *, masked: bool) -> tuple[list[str | bytes | Pong], int]:
    messages: list[str | bytes | Pong] = []
    end = FastDecoder(masked=masked, limit=10_000).read(data, 0, messages)
    return messages, end


@pytest.mark.parametrize("masked", [True, False])
def test_runs_behind_each_other(way: str, masked: bool) -> None:
    """Runs, and frames of all sizes between them, are read as what they are."""
    sizes = [5] * 40 + [7] + [7] * 3 + [0] * 50 + [9, 11, 13] + [300] * 20
    payloads = [os.urandom(size) for size in sizes]
    data = b"".join(frame(BINARY, each, masked=masked) for each in payloads)
    assert read(data, masked=masked) == (payloads, len(data))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("sizes", [[1] * 2000, [1] * 1000 + [2] * 1000, [1, 2] * 1000])
def test_many_at_once(way: str, masked: bool, sizes: list[int]) -> None:
    """Of runs, too, no more is taken at once than of other frames."""
    data = b"".join(frame(BINARY, b"x" * size, masked=masked) for size in sizes)
    messages, end = read(data, masked=masked)
    assert len(messages) == MAX_MESSAGES_PER_FEED
    assert read(data[end:], masked=masked)[0] == [b"x" * size for size in sizes[len(messages) :]]


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("bad", [0, 1, SHORTEST_RUN - 1, 20, 39])
def test_bad_text_in_a_run(way: str, masked: bool, bad: int) -> None:
    """The path ends before a text that is not valid UTF-8; what came before it is there."""
    texts = [f"ä{number:02}" for number in range(40)]
    frames = [frame(TEXT, text.encode(), masked=masked) for text in texts]
    frames[bad] = frame(TEXT, b"\xc3x..", masked=masked)
    assert read(b"".join(frames), masked=masked) == (texts[:bad], bad * len(frames[0]))


@pytest.mark.parametrize("masked", [True, False])
def test_a_run_of_texts(way: str, masked: bool) -> None:
    """Texts of one size are read to the last, and what is over the limit behind them is left."""
    texts = [f"ä{number:02}" for number in range(40)]
    data = b"".join(frame(TEXT, text.encode(), masked=masked) for text in texts)
    too_long = frame(TEXT, bytes(10_001), masked=masked)
    assert read(data + too_long, masked=masked) == (texts, len(data))


@pytest.mark.parametrize("masked", [True, False])
def test_a_run_of_pongs(way: str, masked: bool) -> None:
    """Pongs are no messages: they are told as what they are."""
    data = frame(0x8A, b"abc", masked=masked) * 10
    assert read(data, masked=masked) == ([Pong(payload=b"abc")] * 10, len(data))


@st.composite
def runs(draw: st.DrawFn) -> tuple[bool, list[bytes]]:
    """A role, and runs of good and bad frames, cut into chunks."""
    client = draw(st.booleans())
    data = bytearray()
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.sampled_from([BINARY, BINARY, TEXT, TEXT, 0x8A, 0x89, 0xC2, 0x02]))
        payload = draw(st.binary(max_size=9) | st.text(max_size=5).map(str.encode))
        for _ in range(draw(st.sampled_from([1, 2, 3, 4, 5, 33, 40]))):
            data += frame(
                first, payload, masked=not client, key=draw(st.binary(min_size=4, max_size=4))
            )
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return client, cut(bytes(data), draw(st.lists(st.integers(0, len(data)), max_size=4)))


@settings(max_examples=100)
@given(runs())
def test_any_runs_give_the_same_on_both_paths(stream: tuple[bool, list[bytes]]) -> None:
    """Events, bytes out, state and ending are those of wsproto."""
    client, chunks = stream
    assert_equivalent(chunks, client=client)
