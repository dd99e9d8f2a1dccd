"""`trio_ws._protocol.send_queue`: who goes first, and how much at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol.send_queue import (
    MAX_BATCH,
    MAX_PENDING_PONGS,
    QUEUE_ITEM_OVERHEAD,
    SendQueue,
)


def everything(send_queue: SendQueue) -> list[bytes]:
    """Take until nothing is left, and join what was taken together."""
    chunks = []
    while pieces := send_queue.take():
        chunks.append(b"".join(pieces))
    return chunks


def test_empty() -> None:
    """From an empty outbox nothing is taken."""
    assert SendQueue().take() == []
    assert SendQueue().is_empty


@pytest.mark.parametrize("queue", ["put_pong", "put_control", "put_data", "put_close"])
def test_not_empty(queue: str) -> None:
    """A send queue is empty when each of its queues is."""
    send_queue = SendQueue()
    getattr(send_queue, queue)(b"frame")
    assert not send_queue.is_empty
    assert send_queue.take() == [b"frame"]
    assert send_queue.is_empty


def test_not_empty_with_a_rest() -> None:
    """An outbox that was given something back is not empty either."""
    send_queue = SendQueue()
    send_queue.put_back([b"fra", b"me"])
    assert not send_queue.is_empty
    assert send_queue.take() == [b"fra", b"me"]
    assert send_queue.is_empty


def test_what_passes_the_queue_is_counted() -> None:
    """Frames that are written past the queue count as taken, and as queued before."""
    send_queue = SendQueue()
    assert send_queue.let_pass(2)
    send_queue.put_data(b"frame")
    assert (send_queue.frames_in, send_queue.frames_out) == (3, 2)
    assert send_queue.take() == [b"frame"]
    assert (send_queue.frames_in, send_queue.frames_out) == (3, 3)


@pytest.mark.parametrize("queue", ["put_pong", "put_control", "put_data", "put_close", "put_back"])
def test_nothing_passes_what_waits(queue: str) -> None:
    """Whatever waits, no frame passes it, and none is counted."""
    send_queue = SendQueue()
    getattr(send_queue, queue)([b"rest"] if queue == "put_back" else b"frame")
    assert not send_queue.let_pass(1)
    assert send_queue.frames_out == 0
    send_queue.take()
    assert send_queue.let_pass(1)


def test_a_single_frame() -> None:
    """A small frame of a server is taken as it is, if nothing else waits; nothing else is."""
    send_queue = SendQueue()
    assert send_queue.take_single() is None
    send_queue.put_data(b"frame")
    assert send_queue.take_single() == b"frame"
    assert (send_queue.size, send_queue.frames_out, send_queue.is_empty) == (0, 1, True)
    send_queue.put_data((b"head", b"payload"))
    assert send_queue.take_single() is None
    assert send_queue.take() == [b"head", b"payload"]
    masked = SendQueue(masked=True)
    masked.put_data((b"head" + bytes(4), b"payload"))
    assert masked.take_single() is None


@pytest.mark.parametrize("queue", ["put_pong", "put_control", "put_data", "put_close", "put_back"])
def test_no_single_frame(queue: str) -> None:
    """Whatever waits besides, a frame is not taken alone."""
    send_queue = SendQueue()
    getattr(send_queue, queue)([b"other"] if queue == "put_back" else b"other")
    send_queue.put_data(b"frame")
    assert send_queue.take_single() is None
    assert sorted(b"|".join(send_queue.take() + send_queue.take()).split(b"|")) == [
        b"frame",
        b"other",
    ]


def test_order_of_the_queues() -> None:
    """Answers go first, then other control frames, then data; the close is the last."""
    send_queue = SendQueue()
    send_queue.put_close(b"close")
    send_queue.put_data(b"data1,")
    send_queue.put_control(b"ping1,")
    send_queue.put_pong(b"pong1,")
    send_queue.put_data(b"data2,")
    send_queue.put_control(b"ping2,")
    send_queue.put_pong(b"pong2,")
    assert everything(send_queue) == [b"pong1,pong2,ping1,ping2,data1,data2,close"]


def test_control_between_data() -> None:
    """A control frame waits for the frames in hand only, not for the data that is queued."""
    send_queue = SendQueue()
    large = bytes(MAX_BATCH)
    for _ in range(3):
        send_queue.put_data(large)
    assert send_queue.take() == [large]
    send_queue.put_control(b"ping")
    send_queue.put_pong(b"pong")
    assert everything(send_queue) == [b"pongping", large, large]


def test_pongs() -> None:
    """Of the answers that wait only the newest are kept."""
    send_queue = SendQueue()
    for number in range(MAX_PENDING_PONGS + 3):
        send_queue.put_pong(bytes([number]))
    assert send_queue.take() == [bytes([number]) for number in range(3, MAX_PENDING_PONGS + 3)]


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        ([1, 2, 3], [6]),
        ([MAX_BATCH], [MAX_BATCH]),
        ([MAX_BATCH - 1, 1, 1], [MAX_BATCH, 1]),
        ([1, MAX_BATCH], [1, MAX_BATCH]),
        ([MAX_BATCH // 2] * 5, [MAX_BATCH, MAX_BATCH, MAX_BATCH // 2]),
        ([10 * MAX_BATCH, 1, 1], [10 * MAX_BATCH, 2]),
        ([0, 0], [0]),
    ],
)
def test_gulps(sizes: list[int], taken: list[int]) -> None:
    """Small frames are taken up to a gulp together; a larger frame goes alone."""
    for in_two in (False, True):
        send_queue = SendQueue()
        for size in sizes:
            send_queue.put_data(
                (bytes(size // 2), bytes(size - size // 2)) if in_two else bytes(size)
            )
        assert list(map(len, everything(send_queue))) == taken
        assert send_queue.size == 0


@pytest.mark.parametrize(
    "put", [SendQueue.put_data, SendQueue.put_control, SendQueue.put_close, SendQueue.put_pong]
)
def test_frames_are_not_copied(put: Callable[[SendQueue, bytes], None]) -> None:
    """A frame is handed on as it is."""
    send_queue = SendQueue()
    frame = bytes(1000)
    put(send_queue, frame)
    [piece] = send_queue.take()
    assert piece is frame


def test_a_frame_in_two_pieces() -> None:
    """A header and its payload stay two pieces, side by side, and stay what they are."""
    send_queue = SendQueue()
    head, payload = b"head", bytes(1000)
    send_queue.put_data(b"before")
    send_queue.put_data((head, payload))
    send_queue.put_data(b"after")
    send_queue.put_control(b"ping")
    assert (
        send_queue.size
        == len(b"before") + len(head) + len(payload) + len(b"after") + 3 * QUEUE_ITEM_OVERHEAD
    )
    pieces = send_queue.take()
    assert pieces == [b"ping", b"before", head, payload, b"after"]
    assert pieces[3] is payload
    assert send_queue.frames_out == 3


def test_a_clients_frames_are_masked_when_they_are_taken() -> None:
    """Until then a frame is its header, with the key, and its payload; pieces are wire bytes."""
    send_queue = SendQueue(masked=True)
    send_queue.put_data((b"head" + b"\xff\x00\xff\x00", b"\x01\x02\x03"))
    send_queue.put_data(b"masked before")
    send_queue.put_control(b"ping")
    assert send_queue.size == 8 + 3 + len(b"masked before") + 2 * QUEUE_ITEM_OVERHEAD
    assert send_queue.take() == [b"ping", b"head\xff\x00\xff\x00\xfe\x02\xfc", b"masked before"]
    assert send_queue.frames_out == 2


@pytest.mark.parametrize(
    ("put", "urgent"),
    [
        (SendQueue.put_data, False),
        (SendQueue.put_control, True),
        (SendQueue.put_pong, True),
        (SendQueue.put_close, True),
    ],
)
def test_what_is_urgent(put: Callable[[SendQueue, bytes], None], urgent: bool) -> None:
    """Everything but data is, until it is taken."""
    send_queue = SendQueue()
    assert not send_queue.is_urgent
    put(send_queue, b"frame")
    assert send_queue.is_urgent is urgent
    send_queue.take()
    assert not send_queue.is_urgent


def test_close_waits_for_the_data() -> None:
    """The close follows all data, however many gulps that is, and nothing comes after it."""
    send_queue = SendQueue()
    send_queue.put_close(b"close")
    for _ in range(3):
        send_queue.put_data(bytes(MAX_BATCH))
    assert [chunk[-5:] for chunk in everything(send_queue)] == [bytes(5), bytes(5), b"close"]
    assert send_queue.take() == []


def test_clear() -> None:
    """Clearing drops everything but the close, and the sizes with it."""
    send_queue = SendQueue()
    for put in (
        send_queue.put_data,
        send_queue.put_control,
        send_queue.put_pong,
        send_queue.put_close,
    ):
        put(b"frame")
    send_queue.clear()
    assert (send_queue.size, send_queue.control_size) == (0, 0)
    assert everything(send_queue) == [b"frame"]


@pytest.mark.parametrize("clear", [False, True])
def test_put_back(clear: bool) -> None:
    """The rest of what was taken goes before all else, and stays when the queue is cleared."""
    send_queue = SendQueue()
    send_queue.put_data((b"fi", b"rst"))
    assert send_queue.take() == [b"fi", b"rst"]
    send_queue.put_pong(b"pong")
    send_queue.put_data(b"second")
    send_queue.put_back([b"rst"])
    send_queue.put_close(b"close")
    if clear:
        send_queue.clear()
    assert everything(send_queue) == [b"rst", b"close" if clear else b"pongsecondclose"]


@given(st.lists(st.integers(0, 2 * MAX_BATCH), max_size=20), st.integers(0, 20))
def test_sizes(sizes: list[int], takes: int) -> None:
    """Sizes count what waits, with the cost of each frame; the counters what came and went."""
    send_queue = SendQueue()
    for size in sizes:
        send_queue.put_data(bytes(size))
        send_queue.put_control(bytes(3))
    assert send_queue.control_size == (3 + QUEUE_ITEM_OVERHEAD) * len(sizes)
    for _ in range(takes):
        send_queue.take()
    left = sizes[send_queue.frames_out :]
    assert send_queue.frames_in == len(sizes)
    assert send_queue.size == sum(left) + QUEUE_ITEM_OVERHEAD * len(left)
    assert send_queue.control_size == (0 if takes else (3 + QUEUE_ITEM_OVERHEAD) * len(sizes))
    send_queue.clear()
    assert send_queue.frames_in == len(sizes)


@given(st.lists(st.tuples(st.sampled_from("dct"), st.binary(min_size=1, max_size=10))))
def test_nothing_is_lost(steps: list[tuple[str, bytes]]) -> None:
    """However putting and taking alternate, each queue comes out whole and in order."""
    send_queue = SendQueue()
    queues: dict[str, list[bytes]] = {"d": [], "c": []}
    out = bytearray()
    for what, payload in steps:
        if what == "t":
            out += b"".join(send_queue.take())
        else:
            frame = what.encode() + bytes([len(payload)]) + payload
            (send_queue.put_data if what == "d" else send_queue.put_control)(frame)
            queues[what].append(frame)
    out += b"".join(everything(send_queue))
    found: dict[str, list[bytes]] = {"d": [], "c": []}
    while out:
        frame = bytes(out[: 2 + out[1]])
        found[chr(out[0])].append(frame)
        del out[: len(frame)]
    assert found == queues
