"""`trio_ws._connection.receive_queue`: what has arrived and waits, counted in bytes."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from trio_ws._concurrency.slim import Elsewhere
from trio_ws._connection.receive_queue import Mode, ReceiveQueue, wire_size, wire_sizes
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.send_queue import QUEUE_ITEM_OVERHEAD

LIMIT = 1000

messages = st.text() | st.binary()


@given(messages)
def test_wire_size(message: str | bytes) -> None:
    """The size of a message is that of its bytes on the wire."""
    assert wire_size(message) == len(message.encode() if isinstance(message, str) else message)


def test_wire_size_of_what_cannot_be_sent() -> None:
    """Text with lone surrogates has a size too: that it cannot be sent is told elsewhere."""
    assert wire_size("a\ud800") == 4


@given(st.lists(messages))
def test_wire_sizes(arrived: list[str | bytes]) -> None:
    """The size of many messages is that of each of them, whatever they are."""
    for some in (arrived, [m for m in arrived if isinstance(m, str)]):
        assert wire_sizes(list(some)) == sum(map(wire_size, some))


@given(st.lists(st.lists(messages, min_size=1)))
def test_order(portions: list[list[str | bytes]]) -> None:
    """Messages come out in the order in which they went in."""
    receive_queue = ReceiveQueue(LIMIT)
    arrived = [message for portion in portions for message in portion]
    for portion in portions:
        receive_queue.put(list(portion))
    assert [receive_queue.take() for _ in arrived] == arrived
    assert not receive_queue


@given(st.lists(messages), st.lists(messages))
def test_size(arrived: list[str | bytes], parts: list[str | bytes]) -> None:
    """The size counts bytes, and for each item what it costs to keep; nothing is left behind."""
    receive_queue = ReceiveQueue(LIMIT)
    for message in arrived:
        receive_queue.put([message])
    for part in parts:
        receive_queue.put_chunk(Chunk(part, finished=False))
    assert receive_queue.size == sum(
        wire_size(item) + QUEUE_ITEM_OVERHEAD for item in arrived + parts
    )
    for _ in arrived:
        receive_queue.take()
    for _ in parts:
        receive_queue.take_chunk()
    assert receive_queue.size == 0


def test_empty_messages_fill_it_too() -> None:
    """A flood of empty messages has a size."""
    receive_queue = ReceiveQueue(LIMIT)
    for _ in range(1000):
        receive_queue.put([""])
    assert receive_queue.size == 1000 * QUEUE_ITEM_OVERHEAD


@pytest.mark.parametrize("finished", [True, False])
def test_parts_wait_apart(finished: bool) -> None:
    """Parts and messages do not get into each other's way."""
    receive_queue = ReceiveQueue(LIMIT)
    receive_queue.put_chunk(Chunk("a", finished))
    assert receive_queue
    receive_queue.put(["b"])
    assert receive_queue.take() == "b"
    assert receive_queue
    assert receive_queue.take_chunk() == Chunk("a", finished)
    assert not receive_queue


async def test_one_message_wakes_one_receiver() -> None:
    """A message wakes the receiver that has waited longest, and no other."""
    receive_queue = ReceiveQueue(LIMIT)
    got: list[tuple[int, str | bytes]] = []

    async def receive(number: int) -> None:
        await receive_queue.receivers.park()
        got.append((number, receive_queue.take()))

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(receive, number)
            await wait_all_tasks_blocked()
        for message in ("a", "b", "c"):
            receive_queue.put([message])
            await wait_all_tasks_blocked()
    assert got == [(0, "a"), (1, "b"), (2, "c")]


async def test_a_part_wakes_the_streamer() -> None:
    """A part wakes who streams, and leaves the receivers asleep."""
    receive_queue = ReceiveQueue(LIMIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_queue.streamers.park)
        nursery.start_soon(receive_queue.receivers.park)
        await wait_all_tasks_blocked()
        receive_queue.put_chunk(Chunk(b"a", finished=True))
        assert not receive_queue.streamers
        assert receive_queue.receivers
        nursery.cancel_scope.cancel()


async def test_a_message_wakes_the_streamer_too() -> None:
    """A whole message wakes who streams as well: it may be the one that was to be streamed."""
    receive_queue = ReceiveQueue(LIMIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_queue.streamers.park)
        await wait_all_tasks_blocked()
        receive_queue.put([b"a"])
        assert not receive_queue.streamers


async def test_wake_all() -> None:
    """When nothing more will come everybody wakes."""
    receive_queue = ReceiveQueue(LIMIT)
    async with trio.open_nursery() as nursery:
        for lot in (receive_queue.receivers, receive_queue.receivers, receive_queue.streamers):
            nursery.start_soon(lot.park)
        await wait_all_tasks_blocked()
        receive_queue.wake_all()


# Bounds and modes


def test_full() -> None:
    """It is full when what waits and what is arriving reach the limit; never if nothing waits."""
    queue = ReceiveQueue(LIMIT)
    assert not queue.is_full(10 * LIMIT)
    queue.put([bytes(500)])
    assert not queue.is_full(LIMIT - queue.size - 1)
    assert queue.is_full(LIMIT - queue.size)


async def test_a_message_that_is_waited_for_fills_nothing() -> None:
    """A single message for a waiting receiver is not counted, others are; and it is taken."""
    queue = ReceiveQueue(LIMIT)
    got: list[str | bytes] = []

    async def receive() -> None:
        await queue.receivers.park()
        got.append(queue.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        queue.put([bytes(LIMIT)])
        assert not queue.is_full(LIMIT)
        queue.put([bytes(LIMIT - QUEUE_ITEM_OVERHEAD)])
        assert queue.is_full(0)
        await wait_all_tasks_blocked()
    assert len(got) == 2
    assert not queue.is_full(LIMIT)
    queue.put([bytes(LIMIT), b""])
    assert queue.is_full(0)


async def test_a_receiver_that_is_awake() -> None:
    """One that reads itself takes the first message; of the others, each wakes one."""
    queue = ReceiveQueue(LIMIT)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(queue.receivers.park)
        await wait_all_tasks_blocked()
        queue.set_awake(1)
        queue.put([bytes(LIMIT)])
        assert len(queue.receivers) == 3
        assert not queue.is_full(0)
        queue.put([b"2"])
        assert len(queue.receivers) == 2
        queue.set_awake(1)
        queue.put([b"3", b"4"])
        assert len(queue.receivers) == 1
        queue.set_awake(1)
        queue.set_awake(0)
        queue.put([b"5"])
        assert len(queue.receivers) == 0


def test_a_receiver_that_reads_alone_fills_nothing() -> None:
    """A message for a receiver that is awake is not counted, though no other waits."""
    queue = ReceiveQueue(LIMIT)
    queue.set_awake(1)
    queue.put([bytes(LIMIT)])
    assert not queue.is_full(LIMIT)
    queue.take()
    queue.put([bytes(LIMIT)])
    assert queue.is_full(0)


class Gone(Elsewhere):
    """The place of a task that has been cancelled, and does not know it yet."""

    def wait(self) -> Awaitable[None]:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        """Do nothing."""


def test_a_receiver_that_may_be_gone() -> None:
    """A message is counted if the task that it is for may take it no more."""
    queue = ReceiveQueue(LIMIT)
    queue.receivers.enter(Gone())
    queue.put([bytes(LIMIT)])
    assert queue.is_full(0)


async def test_nothing_that_arrives_wakes_no_receiver() -> None:
    """A queue that keeps nothing wakes no task, whether or not another one is awake."""
    queue = ReceiveQueue(LIMIT)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(queue.receivers.park)
        await wait_all_tasks_blocked()
        queue.close()
        queue.set_awake(1)
        queue.put([b"dropped"])
        assert not queue
        assert len(queue.receivers) == 3
        queue.wake_all()


async def test_several_messages_that_are_waited_for() -> None:
    """Several at once are counted: one receiver may be all that waits."""
    queue = ReceiveQueue(LIMIT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.receivers.park)
        await wait_all_tasks_blocked()
        queue.put([bytes(LIMIT), b""])
        assert queue.is_full(0)


@pytest.mark.parametrize("mode", ["drain", "close"])
def test_no_other_mode_is_full(mode: str) -> None:
    """The reader that drains reads on however much waits."""
    queue = ReceiveQueue(LIMIT)
    queue.put([bytes(LIMIT)])
    assert queue.is_full(0)
    getattr(queue, mode)()
    assert not queue.is_full(0)


def fill(queue: ReceiveQueue, count: int, in_chunks: bool) -> None:
    """Put so many messages, or chunks, of 300 bytes, all at once."""
    if in_chunks:
        for _ in range(count):
            queue.put_chunk(Chunk(bytes(300), finished=False))
    else:
        queue.put([bytes(300) for _ in range(count)])


@pytest.mark.parametrize("in_chunks", [True, False])
def test_draining(in_chunks: bool) -> None:
    """While it drains, it keeps what fits, and from the first that does not on nothing."""
    queue = ReceiveQueue(LIMIT)
    queue.drain()
    fill(queue, 5, in_chunks)
    kept = queue.chunks if in_chunks else queue.messages
    assert len(kept) == 3  # 364 each: the third begins below the limit of 1000
    assert queue.mode is Mode.CLOSED
    while queue:
        (queue.take_chunk if in_chunks else queue.take)()
    fill(queue, 1, in_chunks)
    queue.drain()
    fill(queue, 1, in_chunks)
    assert not queue


def test_draining_with_room_for_all() -> None:
    """While it drains, all is kept as long as all fits."""
    queue = ReceiveQueue(LIMIT)
    queue.drain()
    fill(queue, 2, in_chunks=False)
    assert len(queue.messages) == 2
    assert queue.mode is Mode.DRAINING


@pytest.mark.parametrize("in_chunks", [True, False])
def test_closed(in_chunks: bool) -> None:
    """Closed, it keeps nothing more, and gives out what it has."""
    queue = ReceiveQueue(LIMIT)
    queue.put(["before"])
    queue.close()
    fill(queue, 2, in_chunks)
    assert queue.take() == "before"
    assert not queue


@pytest.mark.parametrize("free", ["take", "take_chunk", "drain", "close"])
async def test_the_reader_waits_for_room(free: str) -> None:
    """The reader that waits is woken as soon as there is room, or reading must go on."""
    queue = ReceiveQueue(LIMIT)
    queue.put([bytes(10)])
    queue.put_chunk(Chunk(bytes(10), finished=False))
    rest = LIMIT - queue.size
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.wait_for_room, rest)
        await wait_all_tasks_blocked()
        assert queue.reader_waits
        getattr(queue, free)()
        await wait_all_tasks_blocked()
        assert not queue.reader_waits


async def test_the_reader_sleeps_on_while_there_is_no_room() -> None:
    """Messages that arrived together count in full until the last of them is taken."""
    queue = ReceiveQueue(LIMIT)
    queue.put([bytes(LIMIT), b"", b""])
    queue.put([b"next"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.wait_for_room, 0)
        for _ in range(3):
            await wait_all_tasks_blocked()
            assert queue.reader_waits
            queue.take()
        await wait_all_tasks_blocked()
        assert not queue.reader_waits
    assert queue.size == 4 + QUEUE_ITEM_OVERHEAD


@given(portions=st.lists(st.lists(messages, min_size=1)), taken=st.integers(0))
def test_what_is_counted(portions: list[list[str | bytes]], taken: int) -> None:
    """The queue is full at the latest when what really waits reaches the limit."""
    queue = ReceiveQueue(LIMIT)
    for portion in portions:
        queue.put(list(portion))
    arrived = [message for portion in portions for message in portion]
    taken %= len(arrived) + 1
    assert [queue.take() for _ in range(taken)] == arrived[:taken]
    assert queue.size == sum(wire_size(each) + QUEUE_ITEM_OVERHEAD for each in arrived[taken:])
    assert queue.is_full(max(0, LIMIT - queue.size)) == bool(arrived[taken:])


@pytest.mark.parametrize("in_chunks", [False, True])
def test_what_was_taken_is_told_once(in_chunks: bool) -> None:
    """A receiver that takes something shows that the application is at work."""
    queue = ReceiveQueue(LIMIT)
    assert not queue.was_taken_from()
    if in_chunks:
        queue.put_chunk(Chunk(b"x", finished=True))
        assert not queue.was_taken_from()
        queue.take_chunk()
    else:
        queue.put([b"x"])
        assert not queue.was_taken_from()
        queue.take()
    assert queue.was_taken_from()
    assert not queue.was_taken_from()


def test_passing() -> None:
    """A message passes the queue by only if none is in it, and all may be taken."""
    queue = ReceiveQueue(LIMIT)
    assert queue.is_passed
    queue.put(["first"])
    assert not queue.is_passed
    queue.take()
    assert queue.is_passed
    queue.drain()
    assert not queue.is_passed
