"""`trio_ws._transport.base`: what both kinds of transport have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from trio.testing import assert_no_checkpoints, memory_stream_pair, wait_all_tasks_blocked

from trio_ws._concurrency.slim import SlimParkingLot
from trio_ws._connection.bell import Bell
from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import READ_SIZE, Transport, without
from trio_ws._transport.stream import StreamTransport

from ..streams import (
    Pair,
    every_stream,
    receive_all,
    send_all,
    socket_pair,
)


@every_stream
async def test_both_ways(make: Callable[[], Pair]) -> None:
    """Every byte arrives, on every kind of stream, and is counted at both ends."""
    ours, theirs = map(transport_on, make())
    data = bytes(range(256)) * 1000
    received = []

    async def receive() -> None:
        received.append(await receive_all(theirs))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        counts = await send_all(ours, data)
        await ours.aclose()
    assert received == [data]
    assert sum(counts) == ours.bytes_sent == theirs.bytes_received == len(data)
    await theirs.aclose()


async def test_read_size() -> None:
    """At most a message of 64 KiB with its header is read at once, wherever it is put."""
    ours, theirs = map(transport_on, memory_stream_pair())
    await send_all(ours, bytes(READ_SIZE + 1))
    assert [len(await theirs.receive_some()) for _ in range(2)] == [READ_SIZE, 1]
    await send_all(ours, bytes(READ_SIZE + 1))
    buffer = memoryview(bytearray(2 * READ_SIZE))
    assert [await theirs.receive_into(buffer) for _ in range(2)] == [READ_SIZE, 1]


@every_stream
@pytest.mark.parametrize("room", [1_000, 1_000_000])
async def test_receive_into(room: int, make: Callable[[], Pair]) -> None:
    """Bytes are put where they belong, no more than there is room for, and are counted."""
    ours, theirs = map(transport_on, make())
    data = bytes(range(256)) * 1000
    buffer, received = bytearray(b"-" * room), bytearray()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            await ours.send_all(data)
            await ours.aclose()

        while count := await theirs.receive_into(memoryview(buffer)[5:]):
            assert buffer[:5] == b"-----"
            received += buffer[5 : 5 + count]
        assert await theirs.receive_into(memoryview(buffer)) == 0
        await theirs.aclose()
    assert received == data
    assert theirs.bytes_received == len(data)


@every_stream
async def test_receive_behind(make: Callable[[], Pair]) -> None:
    """What is received stands behind the tail of what came before; at the end nothing does."""
    ours, theirs = map(transport_on, make())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, b"hello")
        assert await theirs.receive_behind(lambda: b"tail") == b"tailhello"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.aclose)
        assert not await theirs.receive_behind(lambda: b"tail")
        await theirs.aclose()
    assert theirs.bytes_received == 5


async def test_what_only_sockets_can() -> None:
    """No poller tells of another stream, and there is nothing to be read without waiting."""
    ours, theirs = map(transport_on, memory_stream_pair())
    assert not ours.watch(Bell(SlimParkingLot()))
    ours.unwatch()
    ours.set_aside()
    ours.take_back()
    assert ours.receive_into_now(memoryview(bytearray(8))) == 0
    assert ours.set_aside_if_alone() is None
    await send_all(theirs, b"hello")
    assert ours.read_now(b"tail") is None
    assert await ours.receive_some() == b"hello"


@every_stream
async def test_mixed_reading(make: Callable[[], Pair]) -> None:
    """Bytes stay in order whichever way each of them is read."""
    ours, theirs = map(transport_on, make())
    data = bytes(range(256)) * 2000
    received, buffer = bytearray(), memoryview(bytearray(100_000))
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            await ours.send_all(data)
            await ours.aclose()

        for size in [10, 100_000, 1, 50_000] * 1000:
            if not (chunk := await theirs.receive_some()):
                break
            received += chunk
            received += buffer[: await theirs.receive_into(buffer[:size])]
        await theirs.aclose()
    assert received == data


@every_stream
async def test_end(make: Callable[[], Pair]) -> None:
    """When the peer has closed the stream in its polite way, reading gives ``b""``, each time."""
    ours, theirs = map(transport_on, make())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, theirs, b"last")
        assert await ours.receive_some() == b"last"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.aclose)
        assert await ours.receive_some() == b""
        assert await ours.receive_some() == b""
        assert await ours.receive_into(memoryview(bytearray(10))) == 0
        await ours.aclose()


@every_stream
async def test_cancelled_reading(make: Callable[[], Pair]) -> None:
    """A cancelled read has taken nothing, and touched nothing, wherever it would put it."""
    ours, theirs = map(transport_on, make())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, theirs, b"first")
        assert await ours.receive_some() == b"first"
    buffer = bytearray(10)
    for call in (ours.receive_some, lambda: ours.receive_into(memoryview(buffer))):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert buffer == bytes(10)
    await theirs.send_some(memoryview(b"second"))
    assert await ours.receive_some() == b"second"
    for transport in (ours, theirs):
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.aclose()


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


async def test_write_now() -> None:
    """By itself it is `send_now` of one piece, told in bytes."""

    class Taking(StreamTransport):
        send_bytes_now = Transport.send_bytes_now

        def send_now(self, pieces: list[Piece]) -> list[Piece]:
            return without(pieces, 3)

    transport = Taking(memory_stream_pair()[0])
    assert transport.send_bytes_now(b"hello") == 3
    assert StreamTransport(memory_stream_pair()[0]).send_bytes_now(b"hello") == 0


async def test_send_all() -> None:
    """All is sent, waiting only where the socket has no room."""
    ours, theirs = map(transport_on, socket_pair(4096))
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


async def test_what_a_stream_does_not_tell() -> None:
    """A transport that knows no kernel tells nothing of acknowledgements, nor of the peer's end."""

    class Simple(StreamTransport):
        tells_acknowledgements = Transport.tells_acknowledgements
        outgoing = Transport.outgoing
        delivered = Transport.delivered
        hang_up = Transport.hang_up

    ours = Simple(memory_stream_pair()[0])
    await ours.send_all(b"hello")
    assert not ours.tells_acknowledgements
    assert ours.outgoing() == (5, None)
    assert ours.delivered() == 0
    assert ours.hang_up() is None


async def test_without_tls() -> None:
    """A plain socket has no TLS to tell of."""
    for stream in socket_pair():
        transport = transport_on(stream)
        assert transport.tls is None
        await transport.aclose()
