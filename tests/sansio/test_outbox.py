"""`trio_ws._sansio.outbox`: who goes first, and how much at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._sansio.outbox import GULP, ITEM_COST, PONGS, Outbox


def everything(outbox: Outbox) -> list[bytes]:
    """Take until nothing is left, and join what was taken together."""
    chunks = []
    while pieces := outbox.take():
        chunks.append(b"".join(pieces))
    return chunks


def test_empty() -> None:
    """From an empty outbox nothing is taken."""
    assert Outbox().take() == []
    assert Outbox().is_empty


@pytest.mark.parametrize("lane", ["put_pong", "put_control", "put_data", "put_close"])
def test_not_empty(lane: str) -> None:
    """An outbox is empty when each lane is."""
    outbox = Outbox()
    getattr(outbox, lane)(b"frame")
    assert not outbox.is_empty
    assert outbox.take() == [b"frame"]
    assert outbox.is_empty


def test_not_empty_with_a_rest() -> None:
    """An outbox that was given something back is not empty either."""
    outbox = Outbox()
    outbox.put_back([b"fra", b"me"])
    assert not outbox.is_empty
    assert outbox.take() == [b"fra", b"me"]
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
    assert outbox.take() == [large]
    outbox.put_control(b"ping")
    outbox.put_pong(b"pong")
    assert everything(outbox) == [b"pongping", large, large]


def test_pongs() -> None:
    """Of the answers that wait only the newest are kept."""
    outbox = Outbox()
    for number in range(PONGS + 3):
        outbox.put_pong(bytes([number]))
    assert outbox.take() == [bytes([number]) for number in range(3, PONGS + 3)]


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
    """Small frames are taken up to a gulp together; a larger frame goes alone."""
    for in_two in (False, True):
        outbox = Outbox()
        for size in sizes:
            outbox.put_data((bytes(size // 2), bytes(size - size // 2)) if in_two else bytes(size))
        assert list(map(len, everything(outbox))) == taken
        assert outbox.size == 0


@pytest.mark.parametrize(
    "put", [Outbox.put_data, Outbox.put_control, Outbox.put_close, Outbox.put_pong]
)
def test_frames_are_not_copied(put: Callable[[Outbox, bytes], None]) -> None:
    """A frame is handed on as it is."""
    outbox = Outbox()
    frame = bytes(1000)
    put(outbox, frame)
    [piece] = outbox.take()
    assert piece is frame


def test_a_frame_in_two_pieces() -> None:
    """A header and its payload stay two pieces, side by side, and stay what they are."""
    outbox = Outbox()
    head, payload = b"head", bytes(1000)
    outbox.put_data(b"before")
    outbox.put_data((head, payload))
    outbox.put_data(b"after")
    outbox.put_control(b"ping")
    assert outbox.size == len(b"before") + len(head) + len(payload) + len(b"after") + 3 * ITEM_COST
    pieces = outbox.take()
    assert pieces == [b"ping", b"before", head, payload, b"after"]
    assert pieces[3] is payload
    assert outbox.frames_out == 3


def test_a_clients_frames_are_masked_when_they_are_taken() -> None:
    """Until then a frame is its header, with the key, and its payload; pieces are wire bytes."""
    outbox = Outbox(masked=True)
    outbox.put_data((b"head" + b"\xff\x00\xff\x00", b"\x01\x02\x03"))
    outbox.put_data(b"masked before")
    outbox.put_control(b"ping")
    assert outbox.size == 8 + 3 + len(b"masked before") + 2 * ITEM_COST
    assert outbox.take() == [b"ping", b"head\xff\x00\xff\x00\xfe\x02\xfc", b"masked before"]
    assert outbox.frames_out == 2


@pytest.mark.parametrize(
    ("put", "urgent"),
    [
        (Outbox.put_data, False),
        (Outbox.put_control, True),
        (Outbox.put_pong, True),
        (Outbox.put_close, True),
    ],
)
def test_what_is_urgent(put: Callable[[Outbox, bytes], None], urgent: bool) -> None:
    """Everything but data is, until it is taken."""
    outbox = Outbox()
    assert not outbox.is_urgent
    put(outbox, b"frame")
    assert outbox.is_urgent is urgent
    outbox.take()
    assert not outbox.is_urgent


def test_close_waits_for_the_data() -> None:
    """The close follows all data, however many gulps that is, and nothing comes after it."""
    outbox = Outbox()
    outbox.put_close(b"close")
    for _ in range(3):
        outbox.put_data(bytes(GULP))
    assert [chunk[-5:] for chunk in everything(outbox)] == [bytes(5), bytes(5), b"close"]
    assert outbox.take() == []


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
    """The rest of what was taken goes before all else, and stays when the queue is cleared."""
    outbox = Outbox()
    outbox.put_data((b"fi", b"rst"))
    assert outbox.take() == [b"fi", b"rst"]
    outbox.put_pong(b"pong")
    outbox.put_data(b"second")
    outbox.put_back([b"rst"])
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
            out += b"".join(outbox.take())
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
