"""`trio_ws._transport.socket`: what can be done on a bare socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import (
    assert_checkpoints,
    wait_all_tasks_blocked,
)

from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import READ_SIZE, Transport
from trio_ws._transport.read_buffer import BEGINNING_SIZE, READ_BUFFER_SIZE
from trio_ws._transport.socket import MAX_IOVECS

from ..streams import calls_of, eventually, socket_pair, tcp

SMALL = 4096
"""The size of the kernel's buffers, as far as it can be set."""


async def test_progress_of_a_socket() -> None:
    """A socket takes what it has room for, and says how much that was."""
    ours, theirs = map(transport_on, socket_pair())
    data = memoryview(bytes(10_000_000))
    count = await ours.send_some(data)
    assert 0 < count < len(data)
    with trio.move_on_after(0) as full:
        while True:
            await ours.send_some(data)
    assert full.cancelled_caught
    received = 0
    while received < ours.bytes_sent:
        received += len(await theirs.receive_some())
    assert await ours.send_some(data) > 0
    await ours.aclose()
    await theirs.aclose()


def fill(transport: Transport) -> None:
    """Send until the socket takes nothing more."""
    before = -1
    while transport.bytes_sent > before:
        before = transport.bytes_sent
        transport.send_now([bytes(1_000_000)])


async def empty(theirs: Transport, ours: Transport) -> bytes:
    """Receive all that was sent."""
    received = bytearray()
    while theirs.bytes_received < ours.bytes_sent:
        received += await theirs.receive_some()
    return bytes(received)


async def test_send_now() -> None:
    """What goes without waiting goes at once, and is counted; a full socket takes nothing."""
    ours, theirs = map(transport_on, socket_pair())
    assert ours.immediate
    assert ours.send_now([b"hello"]) == []
    assert ours.send_now([b"hello", bytearray(b" "), memoryview(b"world")]) == []
    assert ours.send_now([]) == []
    assert ours.bytes_sent == 16
    assert await theirs.receive_some() == b"hellohello world"
    fill(ours)
    assert ours.send_now([b"one"]) == [b"one"]
    assert ours.send_now([b"one", b"two"]) == [b"one", b"two"]
    await empty(theirs, ours)
    assert ours.send_now([b"room again"]) == []
    await ours.aclose()
    await theirs.aclose()


async def test_write_now() -> None:
    """One piece goes as far as the kernel takes it, and is counted; an error takes nothing."""
    ours, theirs = map(transport_on, socket_pair(SMALL))
    assert ours.send_bytes_now(b"hello") == 5
    assert 0 < ours.send_bytes_now(bytes(1_000_000)) == ours.bytes_sent - 5 < 1_000_000
    fill(ours)
    sent = ours.bytes_sent
    assert ours.send_bytes_now(b"no room") == 0
    assert (await empty(theirs, ours))[:5] == b"hello"
    await theirs.aclose()
    assert ours.send_bytes_now(b"broken") == 0
    assert ours.bytes_sent == sent
    await ours.aclose()


async def test_receive_now() -> None:
    """What is there is read at once, and counted; nothing is nothing, and so is the end."""
    ours, theirs = map(transport_on, socket_pair())
    assert ours.receive_now() == b""
    theirs.send_now([b"hello"])
    assert ours.receive_now() == b"hello"
    assert ours.bytes_received == 5
    await theirs.aclose()
    assert ours.receive_now() == b""
    assert await ours.receive_some() == b""
    await ours.aclose()
    assert ours.receive_now() == b""


async def test_end_now() -> None:
    """A socket is ended and closed at once, more than once too, also under a cancellation."""
    ours, theirs = map(transport_on, socket_pair())
    with trio.CancelScope() as scope:
        scope.cancel()
        await ours.send_eof()
        assert theirs.receive_now() == b""
        theirs.send_now([b"still heard"])
        assert ours.receive_now() == b"still heard"
        await ours.aclose()
        assert ours.send_eof_now()
        assert ours.close_now()
    assert not scope.cancelled_caught
    await theirs.aclose()


async def test_few_pieces_are_not_joined() -> None:
    """A few pieces go as they are, more are joined; either way they arrive in order."""
    ours, theirs = map(transport_on, socket_pair())
    for count in (MAX_IOVECS, MAX_IOVECS + 1):
        pieces: list[Piece] = [bytes([number]) * number for number in range(1, count + 1)]
        assert ours.send_now(list(pieces)) == []
        assert await theirs.receive_some() == b"".join(pieces)
        fill(ours)
        rest = ours.send_now(list(pieces))
        if count == MAX_IOVECS:
            assert all(left is piece for left, piece in zip(rest, pieces, strict=True))
        else:
            assert rest == [b"".join(pieces)]
        await empty(theirs, ours)
    await ours.aclose()
    await theirs.aclose()


@pytest.mark.parametrize("sizes", [[300_000], [10, 300_000], [1, 2, 3, 300_000, 4], [50_000] * 16])
async def test_send_now_takes_a_part(sizes: list[int]) -> None:
    """What a socket does not take at once is left, in order, however that cuts the pieces."""
    ours, theirs = map(transport_on, socket_pair(SMALL))
    pieces: list[Piece] = [bytes([index]) * size for index, size in enumerate(sizes)]
    wanted, received = b"".join(pieces), b""
    while pieces := ours.send_now(pieces):
        assert ours.bytes_sent + sum(map(len, pieces)) == len(wanted)
        received += await empty(theirs, ours)
    assert received + await empty(theirs, ours) == wanted
    await ours.aclose()
    await theirs.aclose()


async def test_send_now_to_nobody() -> None:
    """An error takes nothing, and `send_some` tells of it."""
    ours, theirs = map(transport_on, socket_pair())
    await theirs.aclose()
    assert ours.send_now([b"hello"]) == [b"hello"]
    assert ours.send_now([b"hel", b"lo"]) == [b"hel", b"lo"]
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_some(memoryview(b"hello"))
    await ours.aclose()
    assert ours.send_now([b"hello"]) == [b"hello"]
    assert ours.bytes_sent == 0


async def test_how_much_is_read() -> None:
    """One read takes all that is there, as far as the buffer has room for it."""
    ours, theirs = map(transport_on, socket_pair())
    for _ in range(2):
        before = ours.bytes_sent
        fill(ours)
        assert ours.bytes_sent - before > READ_SIZE
        wanted = min(ours.bytes_sent - before, READ_BUFFER_SIZE)
        assert len(await theirs.receive_some()) == wanted
        await empty(theirs, ours)
    await ours.aclose()
    await theirs.aclose()


async def test_how_much_is_read_of_a_long_message() -> None:
    """Behind a part of a long message little is read, once: another one may begin there."""
    ours, theirs = map(transport_on, socket_pair())
    fill(ours)
    await into(theirs, 4)()
    assert len(await theirs.receive_some()) == BEGINNING_SIZE
    assert len(await theirs.receive_some()) > BEGINNING_SIZE
    await empty(theirs, ours)
    fill(ours)
    await into(theirs, 4)()
    assert len(await theirs.receive_behind(lambda: b"tail")) > BEGINNING_SIZE + 4
    await ours.aclose()
    await theirs.aclose()


async def test_behind_a_tail() -> None:
    """What is received stands behind the tail, and only what is new is counted."""
    ours, theirs = map(transport_on, socket_pair())
    ours.send_now([b"hello"])
    assert await theirs.receive_behind(lambda: b"tail") == b"tailhello"
    assert theirs.bytes_received == 5
    await ours.aclose()
    assert not await theirs.receive_behind(lambda: b"tail")
    assert theirs.bytes_received == 5
    await theirs.aclose()


async def test_the_tail_is_joined_late() -> None:
    """The tail is what there is of it when something comes: it may be used until then."""
    ours, theirs = map(transport_on, socket_pair())
    tail = b"used meanwhile"
    received: list[bytes] = []

    async def receive() -> None:
        received.append(bytes(await theirs.receive_behind(lambda: tail)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        tail = b"left "
        ours.send_now([b"hello"])
    assert received == [b"left hello"]
    await ours.aclose()
    await theirs.aclose()


def into(transport: Transport, size: int) -> Callable[[], Awaitable[bytes]]:
    """Something that receives at most so many bytes."""

    async def receive() -> bytes:
        buffer = bytearray(size)
        count = await transport.receive_into(memoryview(buffer))
        return bytes(buffer[:count])

    return receive


async def test_reading_on() -> None:
    """A read that was filled to the brim is followed by one that need not wait to be told."""
    ours, theirs = map(transport_on, socket_pair())
    ours.send_now([b"abcdef"])
    assert [await into(theirs, 4)() for _ in range(2)] == [b"abcd", b"ef"]
    ours.send_now([b"abcdef"])
    assert await into(theirs, 4)() == b"abcd"
    assert await theirs.receive_some() == b"ef"
    await ours.aclose()
    await theirs.aclose()


@pytest.mark.parametrize("call", [0, 1])
async def test_reading_on_where_nothing_is_left(call: int) -> None:
    """A read that was filled to the brim may also have been the last for a while."""
    ours, theirs = map(transport_on, socket_pair())
    ours.send_now([b"abcd"])
    assert await into(theirs, 4)() == b"abcd"
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send_later() -> None:
            await wait_all_tasks_blocked()
            ours.send_now([b"ef"])

        assert await [theirs.receive_some, into(theirs, 4)][call]() == b"ef"
    await ours.aclose()
    await theirs.aclose()


async def test_reading_lets_others_run() -> None:
    """Every read is a checkpoint, whether or not bytes are there."""
    ours, theirs = map(transport_on, socket_pair())
    ours.send_now([bytes(10)])
    for size in (3, 3, 4, 100):
        with trio.CancelScope() as scope:
            scope.cancel()
            await theirs.receive_some()
        assert scope.cancelled_caught
        with trio.CancelScope() as scope:
            scope.cancel()
            await into(theirs, 1)()
        assert scope.cancelled_caught
        with assert_checkpoints():
            if size == 100:
                ours.send_now([bytes(size)])
                await theirs.receive_some()
            else:
                await into(theirs, size)()
    assert theirs.bytes_received == 110
    await ours.aclose()
    await theirs.aclose()


async def test_sending_lets_others_run() -> None:
    """Every write is a checkpoint, and one that is cancelled has sent nothing."""
    ours, theirs = map(transport_on, socket_pair())
    data = memoryview(b"hello")
    with trio.CancelScope() as scope:
        scope.cancel()
        await ours.send_some(data)
    assert scope.cancelled_caught
    assert theirs.receive_now() == b""
    with assert_checkpoints():
        assert await ours.send_some(data) == 5
    assert ours.bytes_sent == 5
    assert theirs.receive_now() == b"hello"
    await ours.aclose()
    await theirs.aclose()


async def test_sending_where_no_room_is() -> None:
    """A full socket is waited for, and goes on as soon as there is room."""
    ours, theirs = map(transport_on, socket_pair(SMALL))
    fill(ours)
    before = ours.bytes_sent
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read_later() -> None:
            await wait_all_tasks_blocked()
            assert ours.bytes_sent == before
            await empty(theirs, ours)

        assert await ours.send_some(memoryview(b"hello")) == 5
    assert theirs.receive_now() == b"hello"
    await ours.aclose()
    await theirs.aclose()


async def test_closed_while_sending() -> None:
    """Whoever closes the socket under us breaks the write that waits."""
    ours, theirs = socket_pair(SMALL)
    transport = transport_on(ours)
    fill(transport)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def close_later() -> None:
            await wait_all_tasks_blocked()
            await ours.aclose()

        with pytest.raises(trio.BrokenResourceError):
            await transport.send_some(memoryview(b"hello"))
    await theirs.aclose()


async def test_reset() -> None:
    """A peer that has gone is a `BrokenResourceError` on a socket too."""
    ours, theirs = map(transport_on, socket_pair())
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_some(memoryview(b"a"))
    await ours.aclose()
    for call in calls_of(ours):
        with pytest.raises(trio.BrokenResourceError, match=r"task closed|Bad file descriptor"):
            await call()


@pytest.mark.parametrize("call", [0, 1])
async def test_reset_by_the_peer(call: int) -> None:
    """A connection that the peer has torn down is a `BrokenResourceError` for who reads."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        theirs = await trio.testing.open_stream_to_socket_listener(listener)
        ours = await listener.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError, match="reset"):
        await calls_of(transport_on(ours))[call]()
    await ours.aclose()


@pytest.mark.parametrize("call", [0, 1])
async def test_closed_while_reading(call: int) -> None:
    """Whoever closes the socket under us breaks the read that waits."""
    ours, theirs = socket_pair()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def close_later() -> None:
            await wait_all_tasks_blocked()
            await ours.aclose()

        with pytest.raises(trio.BrokenResourceError):
            await calls_of(transport_on(ours))[call]()
    await theirs.aclose()


async def test_addresses() -> None:
    """A transport tells the addresses of its socket, until that is closed."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        client = await trio.testing.open_stream_to_socket_listener(listener)
        server = await listener.accept()
    ours, theirs = transport_on(client), transport_on(server)
    ours.observe(on_arrival=print, on_departure=print)
    assert ours.local_address == theirs.remote_address == client.socket.getsockname()
    assert ours.remote_address == theirs.local_address == client.socket.getpeername()
    assert ours.can_half_close
    for transport in (ours, theirs):
        await transport.aclose()
        assert transport.local_address is transport.remote_address is None


async def test_what_the_kernel_tells() -> None:
    """Over TCP a transport tells what was acknowledged, and whether it is over (`kernel`)."""
    with tcp() as (stream, theirs):
        transport = transport_on(stream)
        if not transport.tells_acknowledgements:
            pytest.skip("this system does not tell")
        assert transport.outgoing() == (0, 0)
        await transport.send_all(bytes(1000))
        await eventually(lambda: transport.outgoing() == (1000, 0))
        assert transport.delivered() > 0
        assert transport.hang_up() is None
        theirs.close()
        await eventually(transport.hang_up)


async def test_a_unix_socket_tells_less() -> None:
    """Over a Unix socket nothing is told of acknowledgements, but of its end."""
    ours, theirs = map(transport_on, socket_pair())
    assert not ours.tells_acknowledgements
    assert ours.hang_up() is None
    await theirs.aclose()
    assert ours.hang_up() is not None
    await ours.aclose()
