"""`trio_ws._protocol.payload_buffer`: a long frame is put together where it will be used."""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol import allocator, masking
from trio_ws._protocol.payload_buffer import INITIAL_SIZE, MAX_GROWTH, PayloadBuffer

MIB = 1 << 20
PAYLOAD = random.Random(6455).randbytes(3 * MIB)
KEYS = [b"", b"\x00\xff\x37\x80"]


def masked(payload: bytes, key: bytes) -> bytes:
    """What is on the wire."""
    return masking.apply_mask(payload, key) if key else payload


def put(gathering: PayloadBuffer, data: bytes) -> int:
    """Put bytes where they land, as many as there is room for; return how many."""
    landing = gathering.get_buffer()
    count = min(len(landing), len(data))
    landing[:count] = data[:count]
    gathering.buffer_updated(count)
    return count


def gathered(payload: bytes, key: bytes, cuts: list[int], ways: list[bool]) -> bytes:
    """Gather what is cut at these places, each chunk added or landed."""
    gathering = PayloadBuffer(len(payload), key)
    wire = masked(payload, key)
    places = sorted({0, len(wire), *(min(cut, len(wire)) for cut in cuts)})
    for index, (start, end) in enumerate(pairwise(places)):
        if ways[index % len(ways)]:
            while start < end:
                start += put(gathering, wire[start:end])
        else:
            assert gathering.add(b"head" + wire[start:end], 4) == 4 + end - start
        assert (gathering.size, gathering.missing) == (end, len(payload) - end)
    return gathering.finish()


@given(
    st.sampled_from([1, 3, 4, 5, 1_000, INITIAL_SIZE, INITIAL_SIZE + 1, 70_000, 200_003, 3 * MIB]),
    st.sampled_from(KEYS),
    st.lists(st.integers(0, 200) | st.integers(0, 3 * MIB), max_size=10),
    st.lists(st.booleans(), min_size=1, max_size=10),
)
def test_any_cut(size: int, key: bytes, cuts: list[int], ways: list[bool]) -> None:
    """However a payload is cut, and whichever way each chunk comes, it comes out as it went in."""
    assert gathered(PAYLOAD[:size], key, cuts, ways) == PAYLOAD[:size]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("land", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 70_001])
def test_both_ways_of_masking(way: str, size: int, land: bool, key: bytes) -> None:
    """It is unmasked in place, whichever way, also where words do not fit."""
    assert gathered(PAYLOAD[:size], key, [size // 3], [land]) == PAYLOAD[:size]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("land", [False, True])
def test_moving(land: bool, key: bytes) -> None:
    """A payload that has to move to a larger buffer several times arrives whole."""
    gathering, wire = PayloadBuffer(3 * MIB, key), masked(PAYLOAD, key)
    buffers, position = {0}, 0
    for step in (1, INITIAL_SIZE - 1, 1, 3 * MIB):
        stop = min(position + step, len(wire))
        while position < stop:
            chunk = wire[position:stop]
            position += put(gathering, chunk) if land else gathering.add(chunk, 0)
            buffers.add(len(gathering._view))
    assert len(buffers) >= 4
    assert gathering.finish() == PAYLOAD


def test_add_takes_what_belongs_to_the_frame() -> None:
    """What comes behind the payload is left."""
    gathering = PayloadBuffer(10, b"")
    assert gathering.add(b"..012345", 2) == 8
    assert gathering.add(b"6789next", 0) == 4
    assert gathering.missing == 0
    assert gathering.add(b"next", 0) == 0
    assert gathering.finish() == b"0123456789"


def test_landing_is_never_empty() -> None:
    """Also before the first byte has come there is a place for it, and it is no larger than due."""
    gathering = PayloadBuffer(MIB, b"")
    assert len(gathering.get_buffer()) == INITIAL_SIZE
    assert len(PayloadBuffer(100, b"").get_buffer()) == 100
    for _ in range(INITIAL_SIZE):
        gathering.buffer_updated(1)
        assert len(gathering.get_buffer()) > 0


@pytest.mark.parametrize("come", [0, 1, 1_000, 10_000])
def test_a_promise_is_not_believed(come: int) -> None:
    """A header that promises a gibibyte makes us allocate in proportion to what has come."""
    allocator.expect_large_blocks()
    tracemalloc.start()
    gathering = PayloadBuffer(1 << 30, b"")
    gathering.add(bytes(come), 0)
    room = len(gathering.get_buffer()) + gathering.size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert room <= max(INITIAL_SIZE, MAX_GROWTH * come)
    assert peak <= room + come + 4096


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("end", ["added", "landed"])
def test_one_allocation(end: str, key: bytes) -> None:
    """If the first chunk is a good part of it, the payload never moves, and is not copied.

    That holds also while whoever reads still has hold of where the last bytes landed.
    """
    if key:
        pytest.importorskip("numpy", reason="the extra `fast` is not installed")
    allocator.expect_large_blocks()
    tracemalloc.start()
    gathering = PayloadBuffer(3 * MIB, key)
    gathering.add(PAYLOAD[: 3 * MIB // MAX_GROWTH], 0)
    landing = gathering.get_buffer()
    if end == "added":
        gathering.add(PAYLOAD, 3 * MIB // MAX_GROWTH)
    else:
        gathering.buffer_updated(len(landing))
    payload = gathering.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(payload) == 3 * MIB
    with pytest.raises(ValueError):
        landing[0] = 1
    assert peak <= 3 * MIB + 3 * MIB // MAX_GROWTH + 200_000


def test_the_payload_is_nobody_elses() -> None:
    """What `finish` returns is never changed afterwards, whatever is gathered next."""
    payloads = []
    for byte in range(10):
        gathering = PayloadBuffer(100_000, b"")
        gathering.add(bytes([byte]) * 50_000, 0)
        gathering.get_buffer()[:] = bytes([byte]) * 50_000
        gathering.buffer_updated(50_000)
        payloads.append(gathering.finish())
        assert hash(payloads[-1]) == hash(bytes([byte]) * 100_000)
    assert payloads == [bytes([byte]) * 100_000 for byte in range(10)]


def test_dropped_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that never ends can be collected at any time, and nobody hears of it."""
    heard: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)
    ring: list[object] = []
    gathering = PayloadBuffer(100_000, KEYS[1])
    gathering.add(bytes(1000), 0)
    ring += [ring, gathering, gathering.get_buffer()]
    del ring, gathering
    gc.collect()
    assert heard == []
