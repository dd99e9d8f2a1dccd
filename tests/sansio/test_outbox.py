"""`trio_ws._sansio.outbox`: who goes first, and how much at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._sansio.outbox import GULP, ITEM_COST, PONGS, Outbox


def everything(outbox: Outbox) -> list[bytes]:
    """Take until nothing is left."""
    chunks = []
    while chunk := outbox.take():
        chunks.append(chunk)
    return chunks


def test_empty() -> None:
    """From an empty outbox nothing is taken."""
    assert Outbox().take() is None
    assert Outbox().is_empty


@pytest.mark.parametrize("lane", ["put_pong", "put_control", "put_data", "put_close", "put_back"])
def test_not_empty(lane: str) -> None:
    """An outbox is empty when each lane is."""
    outbox = Outbox()
    getattr(outbox, lane)(b"frame")
    assert not outbox.is_empty
    assert outbox.take() == b"frame"
    assert outbox.is_empty


def test_order_of_the_lanes() -> None:
    """Answers go first, then other control frames, then data; the close is the last."""
    outbox = Outbox()
    outbox.put_close(b"close")
    outbox.put_data(b"data1,")
    outbox.put_control(b"ping1,")
    outbox.put_pong(b"pong1,")
    outbox.put_data(b"data2,")
    outbox.put_control(b"ping2,")
    outbox.put_pong(b"pong2,")
    assert everything(outbox) == [b"pong1,pong2,ping1,ping2,data1,data2,close"]


def test_control_between_data() -> None:
    """A control frame waits for the frames in hand only, not for the data that is queued."""
    outbox = Outbox()
    large = bytes(GULP)
    for _ in range(3):
        outbox.put_data(large)
    assert outbox.take() == large
    outbox.put_control(b"ping")
    outbox.put_pong(b"pong")
    assert everything(outbox) == [b"pongping", large, large]


def test_pongs() -> None:
    """Of the answers that wait only the newest are kept."""
    outbox = Outbox()
    for number in range(PONGS + 3):
        outbox.put_pong(bytes([number]))
    assert outbox.take() == bytes(range(3, PONGS + 3))


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        ([1, 2, 3], [6]),
        ([GULP], [GULP]),
        ([GULP - 1, 1, 1], [GULP, 1]),
        ([1, GULP], [1, GULP]),
        ([GULP // 2] * 5, [GULP, GULP, GULP // 2]),
        ([10 * GULP, 1, 1], [10 * GULP, 2]),
        ([0, 0], [0]),
    ],
)
def test_gulps(sizes: list[int], taken: list[int]) -> None:
    """Small frames are joined up to a gulp; a larger frame goes alone."""
    outbox = Outbox()
    for size in sizes:
        outbox.put_data(bytes(size))
    chunks = []
    while (chunk := outbox.take()) is not None:
        chunks.append(len(chunk))
    assert chunks == taken


@pytest.mark.parametrize("put", [Outbox.put_data, Outbox.put_control, Outbox.put_close])
def test_a_lonely_frame_is_not_copied(put: Callable[[Outbox, bytes], None]) -> None:
    """A frame that goes alone is handed on as it is."""
    outbox = Outbox()
    frame = bytes(1000)
    put(outbox, frame)
    assert outbox.take() is frame


def test_close_waits_for_the_data() -> None:
    """The close follows all data, however many gulps that is, and nothing comes after it."""
    outbox = Outbox()
    outbox.put_close(b"close")
    for _ in range(3):
        outbox.put_data(bytes(GULP))
    assert [chunk[-5:] for chunk in everything(outbox)] == [bytes(5), bytes(5), b"close"]
    assert outbox.take() is None


def test_clear() -> None:
    """Clearing drops everything but the close, and the sizes with it."""
    outbox = Outbox()
    for put in (outbox.put_data, outbox.put_control, outbox.put_pong, outbox.put_close):
        put(b"frame")
    outbox.clear()
    assert (outbox.size, outbox.control_size) == (0, 0)
    assert everything(outbox) == [b"frame"]


@pytest.mark.parametrize("clear", [False, True])
def test_put_back(clear: bool) -> None:
    """The rest of a chunk goes before everything else, and stays when the queue is cleared."""
    outbox = Outbox()
    outbox.put_data(b"first")
    chunk = outbox.take()
    assert chunk is not None
    outbox.put_pong(b"pong")
    outbox.put_data(b"second")
    outbox.put_back(chunk[2:])
    outbox.put_close(b"close")
    if clear:
        outbox.clear()
    assert everything(outbox) == [b"rst", b"close" if clear else b"pongsecondclose"]


@given(st.lists(st.integers(0, 2 * GULP), max_size=20), st.integers(0, 20))
def test_sizes(sizes: list[int], takes: int) -> None:
    """Sizes count what waits, with the cost of each frame; the counters what came and went."""
    outbox = Outbox()
    for size in sizes:
        outbox.put_data(bytes(size))
        outbox.put_control(bytes(3))
    assert outbox.control_size == (3 + ITEM_COST) * len(sizes)
    for _ in range(takes):
        outbox.take()
    left = sizes[outbox.frames_out :]
    assert outbox.frames_in == len(sizes)
    assert outbox.size == sum(left) + ITEM_COST * len(left)
    assert outbox.control_size == (0 if takes else (3 + ITEM_COST) * len(sizes))


@given(st.lists(st.tuples(st.sampled_from("dct"), st.binary(min_size=1, max_size=10))))
def test_nothing_is_lost(steps: list[tuple[str, bytes]]) -> None:
    """However putting and taking alternate, each lane comes out whole and in order."""
    outbox = Outbox()
    lanes: dict[str, list[bytes]] = {"d": [], "c": []}
    out = bytearray()
    for what, payload in steps:
        if what == "t":
            out += outbox.take() or b""
        else:
            frame = what.encode() + bytes([len(payload)]) + payload
            (outbox.put_data if what == "d" else outbox.put_control)(frame)
            lanes[what].append(frame)
    out += b"".join(everything(outbox))
    found: dict[str, list[bytes]] = {"d": [], "c": []}
    while out:
        frame = bytes(out[: 2 + out[1]])
        found[chr(out[0])].append(frame)
        del out[: len(frame)]
    assert found == lanes
