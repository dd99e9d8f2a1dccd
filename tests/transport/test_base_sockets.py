"""`trio_ws._transport.base`: what it can do on a bare socket, and the addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import (
    assert_checkpoints,
    assert_no_checkpoints,
    memory_stream_one_way_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.base import (
    BULK_READ_SIZE,
    MAX_IOVECS,
    READ_SIZE,
    Transport,
    remote_address,
    without,
)
from trio_ws._transport.tls import TLS_RECORD

from ..streams import Pair, over_tls, pair_without_half_close, shake_hands, socket_pair, tls_pair

SMALL = 4096
"""The size of the kernel's buffers, as far as it can be set."""


async def test_progress_of_a_socket() -> None:
    """A socket takes what it has room for, and says how much that was."""
    ours, theirs = map(Transport, socket_pair())
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
    ours, theirs = map(Transport, socket_pair())
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


async def test_receive_now() -> None:
    """What is there is read at once, and counted; nothing is nothing, and so is the end."""
    ours, theirs = map(Transport, socket_pair())
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
    ours, theirs = map(Transport, socket_pair())
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


async def test_nothing_now() -> None:
    """On any other stream nothing is done that would not wait."""
    ours, theirs = map(Transport, memory_stream_pair())
    await theirs.send_all(b"hello")
    assert ours.receive_now() == b""
    assert not ours.send_eof_now()
    assert not ours.close_now()
    assert await ours.receive_some() == b"hello"
    await ours.aclose()
    await theirs.aclose()


async def test_few_pieces_are_not_joined() -> None:
    """A few pieces go as they are, more are joined; either way they arrive in order."""
    ours, theirs = map(Transport, socket_pair())
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
    ours, theirs = map(Transport, socket_pair(SMALL))
    pieces: list[Piece] = [bytes([index]) * size for index, size in enumerate(sizes)]
    wanted, received = b"".join(pieces), b""
    while pieces := ours.send_now(pieces):
        assert ours.bytes_sent + sum(map(len, pieces)) == len(wanted)
        received += await empty(theirs, ours)
    assert received + await empty(theirs, ours) == wanted
    await ours.aclose()
    await theirs.aclose()


@pytest.mark.parametrize("make", [memory_stream_pair, pair_without_half_close])
async def test_send_now_on_other_streams(make: Callable[[], Pair]) -> None:
    """A stream that is no bare socket takes nothing without waiting; the pieces are joined."""
    transport = Transport(make()[0])
    assert not transport.immediate
    assert transport.send_now([b"hello"]) == [b"hello"]
    assert transport.send_now([b"he", bytearray(b"ll"), memoryview(b"o")]) == [b"hello"]
    assert transport.bytes_sent == 0


async def test_send_now_to_nobody() -> None:
    """An error takes nothing, and `send_some` tells of it."""
    ours, theirs = map(Transport, socket_pair())
    await theirs.aclose()
    assert ours.send_now([b"hello"]) == [b"hello"]
    assert ours.send_now([b"hel", b"lo"]) == [b"hel", b"lo"]
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_some(memoryview(b"hello"))
    await ours.aclose()
    assert ours.send_now([b"hello"]) == [b"hello"]
    assert ours.bytes_sent == 0


async def test_send_all() -> None:
    """All is sent, waiting only where the socket has no room."""
    ours, theirs = map(Transport, socket_pair(SMALL))
    with assert_no_checkpoints():
        await ours.send_all(b"hello")
    assert await theirs.receive_some() == b"hello"
    data = bytes(range(256)) * 1000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, data)
        await wait_all_tasks_blocked()
        assert 5 < ours.bytes_sent < 5 + len(data)
        received = b""
        while len(received) < len(data):
            received += await theirs.receive_some()
    assert received == data
    await ours.aclose()
    await theirs.aclose()


def test_without() -> None:
    """Whatever was taken of some pieces, what is left of them is what was not taken."""
    for sizes in ([3], [1, 2, 3], [0, 2, 0, 1], [4, 4], []):
        letters = iter("abcdefghij")
        pieces = ["".join(next(letters) for _ in range(size)).encode() for size in sizes]
        whole = b"".join(pieces)
        for count in range(len(whole) + 1):
            rest = without(list(pieces), count)
            assert b"".join(rest) == whole[count:]
            assert all(map(len, rest[:1]))


def test_without_copies_nothing() -> None:
    """What is left of a large piece is a view of it, and the pieces behind it are the same."""
    first, second = bytes(10), bytes(10)
    rest = without([first, second], 4)
    assert isinstance(rest[0], memoryview)
    assert rest[0].obj is first
    assert rest[1] is second


# Reading


async def test_how_much_is_read() -> None:
    """A read that was filled to the brim is followed by larger ones, until all is read."""
    ours, theirs = map(Transport, socket_pair())
    fill(ours)
    assert ours.bytes_sent > 2 * READ_SIZE
    assert len(await theirs.receive_some()) == READ_SIZE
    assert READ_SIZE < len(await theirs.receive_some()) <= BULK_READ_SIZE
    await empty(theirs, ours)
    fill(ours)
    assert len(await theirs.receive_some()) == READ_SIZE
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
    ours, theirs = map(Transport, socket_pair())
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
    ours, theirs = map(Transport, socket_pair())
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
    ours, theirs = map(Transport, socket_pair())
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


# Addresses


async def over_tcp(use: Callable[[trio.SocketStream, trio.SocketStream], Any]) -> None:
    """Call with two streams over TCP, the accepted one second."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.testing.open_stream_to_socket_listener(listener)
    server = await listener.accept()
    async with listener, client, server:
        use(client, server)


@pytest.mark.parametrize("make", [lambda *pair: pair, tls_pair, over_tls])
async def test_addresses(make: Callable[..., Pair]) -> None:
    """Both addresses are those of the socket, also under TLS."""

    def look(client: trio.SocketStream, server: trio.SocketStream) -> None:
        ours, theirs = make(client, server)
        address = client.socket.getsockname()
        assert Transport(ours).local_address == Transport(theirs).remote_address == address
        assert Transport(ours).remote_address == Transport(theirs).local_address
        assert remote_address(theirs) == address

    await over_tcp(look)


async def test_no_address() -> None:
    """A stream that is no socket has no addresses, nor has a socket that is closed."""
    for stream in (*memory_stream_pair(), *socket_pair()):
        await stream.aclose()
        assert Transport(stream).local_address is None
        assert Transport(stream).remote_address is None
    sender, receiver = memory_stream_one_way_pair()
    assert remote_address(trio.StapledStream(sender, receiver)) is None


@pytest.mark.parametrize("make", [over_tls, tls_pair])
async def test_what_is_seen_of_tls(make: Callable[..., Pair]) -> None:
    """TLS of the doors gets a whole gulp and tells of bytes below it; any other gets a record."""
    ours, theirs = make(*memory_stream_pair())
    near, far = Transport(ours), Transport(theirs)
    came: list[float] = []
    went: list[float] = []
    for transport in (near, far):
        transport.tell(on_arrival=came.append, on_departure=went.append)
    await shake_hands(ours, theirs)
    assert bool(came) is bool(went) is (make is over_tls)
    sent = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.receive_some)
        sent = await near.send_some(memoryview(bytes(2 * READ_SIZE)))
    assert sent == (READ_SIZE if make is over_tls else TLS_RECORD)
