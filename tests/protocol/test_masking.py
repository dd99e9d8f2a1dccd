"""Masking is the same whichever way it is done, and no key is given out twice."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from trio_ws._protocol import allocator, masking
from trio_ws._protocol.masking import (
    LARGE,
    MANY,
    MIDDLING,
    SMALL,
    MaskKeys,
    Parts,
    apply_mask,
    mask_frames,
    mask_into,
    mask_keys,
    unmask,
    unmask_run,
)
from trio_ws._protocol.numpy_on_demand import WORTH_IT, NumpyOnDemand

from .frames import run_of
from .ways import going

KEY = b"\x01\x80\xff\x37"


def by_hand(data: bytes) -> bytes:
    return bytes(byte ^ KEY[index % 4] for index, byte in enumerate(data))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, SMALL, *range(SMALL + 1, SMALL + 6), 70_001])
def test_masking_is_xor_with_the_key_repeated(way: str, size: int) -> None:
    """RFC 6455 §5.3, for each size class and each remainder."""
    data = bytes(index % 251 for index in range(size))
    masked = apply_mask(data, KEY)
    assert type(masked) is bytes
    assert masked == by_hand(data)


@pytest.mark.parametrize("start", [0, 1, 2, 3, 14])
@pytest.mark.parametrize("size", [0, 1, 5, SMALL, SMALL + 1, SMALL + 2, 5_000])
def test_masking_a_part(way: str, size: int, start: int) -> None:
    """A payload is unmasked where it lies; the key begins where the payload does."""
    data = os.urandom(start + size + 7)
    assert apply_mask(data, KEY, start, start + size) == by_hand(data[start : start + size])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, SMALL + 1, 70_000, 70_001, 70_002, 70_003])
def test_masking_into(way: str, size: int) -> None:
    """Masked into a buffer that exists already; what was masked stays as it was."""
    data = bytes(index % 251 for index in range(size))
    for source in (data, memoryview(b"..." + data)[3:]):
        target = bytearray(size)
        mask_into(target, source, KEY)
        assert target == by_hand(data)
        assert source == data


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, SMALL + 1, 70_000, 70_001, 70_002, 70_003])
def test_masking_in_place(way: str, size: int) -> None:
    """The buffer may be masked into itself; what is around it is not touched."""
    data = bytes(index % 251 for index in range(size))
    around = bytearray(b"before" + data + b"after")
    place = memoryview(around)[6 : 6 + size]
    mask_into(place, place, KEY)
    assert around == b"before" + by_hand(data) + b"after"
    place.release()
    around.append(0)  # nobody holds the buffer any more


SIZES = [
    [],
    [9],
    [1000],
    [100, 101, 102, 103, 0, 7000],
    [1] * 9,
    [20_000, 20_001],
    [5000, 0, 64],
    [7] * 40,
    [0] * 40,
]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("wide", [2, 4, 10])
def test_unmasking_many(way: str, sizes: list[int], wide: int) -> None:
    """Frames that follow each other are unmasked each with its own key, whatever their sizes."""
    data, frames, payloads = os.urandom(5), [], []
    for size in sizes:
        header, payload = os.urandom(wide) + KEY, os.urandom(size)
        start = len(data) + len(header)
        frames.append((0x82, start, start + size))
        payloads.append(payload)
        data += header + by_hand(payload)
    unmasked = unmask(data + b"more", frames)
    assert unmasked == payloads
    assert all(type(payload) is bytes for payload in unmasked)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_each_key_is_for_its_own_frame(way: str, sizes: list[int]) -> None:
    """No key reaches into another payload."""
    data, frames = b"", []
    for number, size in enumerate(sizes, start=1):
        data += bytes([0, 0]) + bytes([number] * 4) + bytes([number] * size)
        frames.append((0x82, len(data) - size, len(data)))
    assert unmask(data, frames) == [bytes(size) for size in sizes]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 32, 125, 126, SMALL, SMALL + 1, 1000])
@pytest.mark.parametrize("count", [1, 2, MANY - 1, MANY, 100])
def test_unmasking_a_run(way: str, size: int, count: int) -> None:
    """Each payload is unmasked with its own key, whatever its size, and nothing else is there."""
    data, payloads = run_of(size, count, masked=True)
    stride = len(data) // count
    found = unmask_run(b"before" + data + b"behind", 6 + stride - size, size, stride, count)
    assert found == payloads
    assert all(type(payload) is bytes for payload in found)


MIXTURES = [*SIZES, [LARGE - 1, LARGE, 5, 6, LARGE, LARGE + 3, 7], [LARGE], [3, LARGE, 1, 2]]


@pytest.mark.parametrize("sizes", MIXTURES, ids=str)
@pytest.mark.parametrize("wide", [2, 4, 10])
def test_masking_many(way: str, sizes: list[int], wide: int) -> None:
    """Frames are masked each with its own key, whatever their sizes, and stay in order."""
    frames: list[bytes | Parts] = []
    expected = b""
    for size in sizes:
        head, payload = os.urandom(wide + 4), os.urandom(size)
        frames.append((head, payload))
        expected += head + apply_mask(payload, head[-4:])
    assert b"".join(mask_frames(frames)) == expected


def test_what_is_masked_already_stays_as_it_is(way: str) -> None:
    """Frames in one piece keep their place among those that are to be masked."""
    part = (b"head" + bytes(4), b"payload")
    assert mask_frames([]) == []
    assert mask_frames([b"a", part, part, b"b", part]) == [
        b"a",
        (b"head" + bytes(4) + b"payload") * 2,
        b"b",
        b"head" + bytes(4) + b"payload",
    ]


def test_a_large_payload_is_copied_once(way: str) -> None:
    """Without the accelerator it is a piece of its own; what was given stays as it was."""
    head, payload = b"head" + KEY, bytes(range(256)) * (LARGE // 256)
    before = bytearray(payload)
    pieces = mask_frames([(head, payload)])
    assert b"".join(pieces) == head + by_hand(payload)
    assert len(pieces) == (1 if way == "accelerator" else 2)
    assert payload == before


@pytest.mark.parametrize("size", [LARGE - 100, LARGE])
def test_large_frames_want_large_blocks(
    way: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The allocator is told when a large payload is masked, and not before."""
    told: list[bool] = []
    monkeypatch.setattr(allocator, "expect_large_blocks", lambda: told.append(True))
    mask_frames([(b"head" + KEY, bytes(100))] * (LARGE // 50))
    assert told == []
    mask_frames([(b"head" + KEY, bytes(size))])
    assert bool(told) == (size >= LARGE)


def test_masking_twice_gives_the_data_back(way: str) -> None:
    """XOR is its own inverse."""
    data = os.urandom(5_000)
    assert apply_mask(apply_mask(data, KEY), KEY) == data


def frames_of(sizes: list[int]) -> tuple[bytes, list[tuple[int, int, int]]]:
    """Frames that follow each other, and where they are."""
    data, frames = b"", []
    for size in sizes:
        data += bytes(2) + KEY + bytes(size)
        frames.append((0x82, len(data) - size, len(data)))
    return data, frames


WORK: dict[str, Callable[[], object]] = {
    "one payload": lambda: apply_mask(bytes(WORTH_IT), KEY),
    "a large payload, into a buffer": lambda: mask_into(bytearray(WORTH_IT), bytes(WORTH_IT), KEY),
    "a gulp that arrived": lambda: unmask(*frames_of([200] * (WORTH_IT // 200))),
    "a gulp that is written": lambda: mask_frames([(KEY, bytes(20))] * (WORTH_IT // 20)),
}


@pytest.mark.usefixtures("in_python")
@pytest.mark.parametrize("work", WORK)
def test_numpy_is_fetched_for_what_it_would_do(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever numpy would mask faster counts, until there is enough of it to fetch numpy."""
    fetched: list[str] = []
    monkeypatch.setattr(masking, "numpy", NumpyOnDemand())
    masking.numpy.fetch_with(lambda provide: fetched.append(work))
    WORK[work]()
    assert fetched == [work]


@pytest.mark.parametrize("work", WORK)
def test_numpy_is_never_fetched_beside_the_accelerator(work: str) -> None:
    """The accelerator does all that numpy would do."""
    with going("accelerator"):  # which fails if numpy is fetched
        for _ in range(2):
            WORK[work]()
        unmask_run(run_of(200, 100, masked=True)[0], 8, 200, 208, 100)


@pytest.mark.usefixtures("in_python")
def test_numpy_is_not_fetched_for_small_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fastest without numpy does not count, however much it is."""
    monkeypatch.setattr(masking, "numpy", NumpyOnDemand())
    masking.numpy.fetch_with(lambda provide: pytest.fail("numpy was fetched"))
    for _ in range(1000):
        apply_mask(bytes(SMALL), KEY)
        mask_frames([(KEY, bytes(SMALL))])
        unmask(*frames_of([SMALL]))
        unmask(*frames_of([32] * 64))
        unmask(b"", [])


@pytest.mark.usefixtures("in_python")
def test_numpy_is_fetched_for_runs_of_middling_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for runs of small ones, with which a process may be content for ever."""
    fetched: list[object] = []
    on_demand = NumpyOnDemand()
    on_demand.fetch_with(fetched.append)
    monkeypatch.setattr(masking, "numpy", on_demand)
    small, middling = MIDDLING.start - 1, MIDDLING.start
    unmask_run(run_of(small, 1000, masked=True)[0], 6, small, small + 6, 1000)
    assert not fetched
    count = WORTH_IT // middling
    unmask_run(run_of(middling, count, masked=True)[0], 6, middling, middling + 6, count)
    assert fetched


@pytest.mark.usefixtures("in_python")
def test_numpy_is_used_as_soon_as_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow way ends with the call that is under way: the next one is numpy's."""
    np = pytest.importorskip("numpy", reason="the extra `fast` is not installed")
    data = os.urandom(LARGE)
    monkeypatch.setattr(masking, "numpy", NumpyOnDemand())
    before = apply_mask(data, KEY)
    masking.numpy.provide(np)
    monkeypatch.setattr(masking, "_by_table", lambda *_: pytest.fail("this is the slow way"))
    assert apply_mask(data, KEY) == before
    target = bytearray(LARGE)
    mask_into(target, data, KEY)
    assert target == before


def test_ten_thousand_keys_are_all_different_and_evenly_spread() -> None:
    """HAZARDS D11: entropy of the system for each frame, never used again."""
    keys = [mask_keys.take() for _ in range(10_000)]
    # Of 10,000 random 32-bit numbers, more than 4 equal pairs happen once in 10^15 runs or so.
    assert len(set(keys)) >= 9_996
    for position in range(4):
        counts = [0] * 256
        for key in keys:
            counts[key[position]] += 1
        assert max(counts) < 100
        assert min(counts) > 5


def test_a_key_is_not_a_slice_of_its_neighbour() -> None:
    """The store advances by whole keys."""
    keys = MaskKeys()
    first, second = keys.take(), keys.take()
    assert len(first) == len(second) == 4
    assert keys._bytes[:8] == first + second


def test_a_forked_child_does_not_share_the_keys_of_its_parent() -> None:
    """The store is thrown away in the child."""
    mask_keys.take()
    parents_next = mask_keys._bytes[mask_keys._position : mask_keys._position + 4]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - coverage does not follow a fork
        os.write(writer, mask_keys.take())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 4) != parents_next
    os.close(reader)
    os.close(writer)


def test_forgotten_keys_are_never_given_out() -> None:
    """What a forked child does first: it draws keys of its own."""
    keys = MaskKeys()
    keys.take()
    rest = keys._bytes[4:]
    keys.forget()
    assert keys.take() != rest[:4]
    assert keys._bytes[4:] != rest


def test_keys_of_a_simulation() -> None:
    """A store may have another source, which no other store has."""
    drawn = []

    def source(size: int) -> bytes:
        drawn.append(size)
        return bytes(range(8)) * (size // 8)

    keys = MaskKeys(source)
    assert [keys.take() for _ in range(3)] == [b"\0\1\2\3", b"\4\5\6\7", b"\0\1\2\3"]
    assert len(drawn) == 1
    assert mask_keys.take() != b"\4\5\6\7"
