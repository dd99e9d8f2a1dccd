"""`trio_ws._transport.base`: any stream, with its ends and its errors told in one way."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from trio.testing import assert_checkpoints, memory_stream_pair, wait_all_tasks_blocked

from trio_ws._transport.base import READ_SIZE, Transport
from trio_ws._transport.tls import TLS_RECORD

from ..cpu import cpu_seconds
from ..streams import (
    ERRORS,
    FailingHalfCloseableStream,
    FailingStream,
    Pair,
    every_stream,
    generous_pair,
    pair_without_half_close,
    receive_all,
    send_all,
    socket_pair,
    tls_pair,
)


@every_stream
async def test_both_ways(make: Callable[[], Pair]) -> None:
    """Every byte arrives, on every kind of stream, and is counted at both ends."""
    ours, theirs = map(Transport, make())
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


async def test_progress_of_other_streams() -> None:
    """A stream that does not tell its progress is given one piece at a time."""
    ours, theirs = map(Transport, memory_stream_pair())
    assert await send_all(ours, bytes(2 * TLS_RECORD + 1)) == [TLS_RECORD, TLS_RECORD, 1]
    assert len(await theirs.receive_some()) == 2 * TLS_RECORD + 1


async def test_read_size() -> None:
    """At most a message of 64 KiB with its header is read at once, wherever it is put."""
    ours, theirs = map(Transport, memory_stream_pair())
    await send_all(ours, bytes(READ_SIZE + 1))
    assert [len(await theirs.receive_some()) for _ in range(2)] == [READ_SIZE, 1]
    await send_all(ours, bytes(READ_SIZE + 1))
    buffer = memoryview(bytearray(2 * READ_SIZE))
    assert [await theirs.receive_into(buffer) for _ in range(2)] == [READ_SIZE, 1]


async def test_more_than_was_asked_for() -> None:
    """What a stream gives beyond what it was asked for is not lost: it is read next, in order."""
    ours, theirs = map(Transport, generous_pair())
    await send_all(theirs, b"abcdefgh")
    buffer = bytearray(3)
    with assert_checkpoints():
        assert await ours.receive_into(memoryview(buffer)) == 3
    with assert_checkpoints():
        assert await ours.receive_into(memoryview(buffer)[1:]) == 2
    assert buffer == b"ade"
    with assert_checkpoints():
        assert await ours.receive_some() == b"fgh"
    assert ours.bytes_received == 8
    await send_all(theirs, b"ij")
    assert await ours.receive_some() == b"ij"


async def test_much_more_than_was_asked_for() -> None:
    """It is not copied again and again, either."""
    ours, theirs = map(Transport, generous_pair())
    await send_all(theirs, bytes(20_000_000))
    buffer = memoryview(bytearray(5_000))
    with cpu_seconds() as spent:
        for _ in range(4_000):
            assert await ours.receive_into(buffer) == len(buffer)
    assert spent[0] < 5, "40 GB would be"


@every_stream
@pytest.mark.parametrize("room", [1_000, 1_000_000])
async def test_receive_into(room: int, make: Callable[[], Pair]) -> None:
    """Bytes are put where they belong, no more than there is room for, and are counted."""
    ours, theirs = map(Transport, make())
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
async def test_mixed_reading(make: Callable[[], Pair]) -> None:
    """Bytes stay in order whichever way each of them is read."""
    ours, theirs = map(Transport, make())
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


# Ends


@every_stream
async def test_end(make: Callable[[], Pair]) -> None:
    """When the peer has closed the stream in its polite way, reading gives ``b""``, each time."""
    ours, theirs = map(Transport, make())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, theirs, b"last")
        assert await ours.receive_some() == b"last"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.aclose)
        assert await ours.receive_some() == b""
        assert await ours.receive_some() == b""
        assert await ours.receive_into(memoryview(bytearray(10))) == 0
        await ours.aclose()


@pytest.mark.parametrize("pair", [socket_pair, memory_stream_pair])
async def test_end_without_close_notify(pair: Callable[[], Pair]) -> None:
    """A TLS stream that ends without close-notify has ended, nothing more (HAZARDS C12)."""
    lower_ours, lower_theirs = pair()
    ours, theirs = map(Transport, tls_pair(lower_ours, lower_theirs))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, theirs, b"last")
        assert await ours.receive_some() == b"last"
    await lower_theirs.aclose()
    assert await ours.receive_some() == b""
    await trio.aclose_forcefully(lower_ours)


async def test_garbage_in_tls() -> None:
    """A TLS stream that is damaged breaks; it does not end."""
    lower_ours, lower_theirs = memory_stream_pair()
    ours, theirs = map(Transport, tls_pair(lower_ours, lower_theirs))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, theirs, b"last")
        assert await ours.receive_some() == b"last"
    await lower_theirs.send_all(b"no TLS at all, for some records" * 10)
    with pytest.raises(trio.BrokenResourceError):
        await ours.receive_some()


@pytest.mark.parametrize(
    ("make", "can"),
    [(socket_pair, True), (memory_stream_pair, True), (pair_without_half_close, False)],
)
async def test_half_close(make: Callable[[], Pair], can: bool) -> None:
    """Ending our direction is seen by the peer, where the stream can do it; else it is nothing."""
    ours, theirs = map(Transport, make())
    assert ours.can_half_close == can
    await ours.send_eof()
    if can:
        assert await theirs.receive_some() == b""
        await theirs.send_some(memoryview(b"still here"))
        assert await ours.receive_some() == b"still here"
    for transport in (ours, theirs):
        with trio.CancelScope() as scope:
            scope.cancel()
            await transport.aclose()


# Errors


def calls_of(transport: Transport) -> list[Callable[[], Awaitable[object]]]:
    """All that a connection does with the stream before it ends."""
    return [
        transport.receive_some,
        lambda: transport.receive_into(memoryview(bytearray(10))),
        lambda: transport.send_some(memoryview(b"a")),
        lambda: transport.send_all(b"a"),
    ]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_errors(error: Exception) -> None:
    """Whatever a stream raises, reading and writing raise `BrokenResourceError` from it."""
    transport = Transport(FailingStream(error))
    for call in calls_of(transport):
        with pytest.raises(trio.BrokenResourceError, match=str(error.args[-1])) as caught:
            await call()
        assert error in (caught.value, caught.value.__cause__)
    assert transport.bytes_sent == transport.bytes_received == 0


async def test_reset() -> None:
    """A peer that has gone is a `BrokenResourceError` on a socket too."""
    ours, theirs = map(Transport, socket_pair())
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_some(memoryview(b"a"))
    await ours.aclose()
    for call in calls_of(ours):
        with pytest.raises(trio.BrokenResourceError, match=r"else closed|Bad file descriptor"):
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
        await calls_of(Transport(ours))[call]()
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
            await calls_of(Transport(ours))[call]()
    await theirs.aclose()


@pytest.mark.parametrize("error", ERRORS[:3], ids=lambda error: type(error).__name__)
async def test_ending_never_fails(error: Exception) -> None:
    """Errors while the stream is ended are swallowed: it is over anyway."""
    transport = Transport(FailingHalfCloseableStream(error))
    assert transport.can_half_close
    await transport.send_eof()
    await transport.aclose()


async def test_cancelled_close() -> None:
    """A cancelled close closes by force, and the cancellation goes on."""
    ours, theirs = memory_stream_pair()
    transport = Transport(tls_pair(ours, theirs)[0])
    with trio.CancelScope() as scope:
        scope.cancel()
        await transport.aclose()
    assert scope.cancelled_caught
    assert await theirs.receive_some() == b""


# Cancellation


@every_stream
async def test_cancelled_reading(make: Callable[[], Pair]) -> None:
    """A cancelled read has taken nothing, and touched nothing, wherever it would put it."""
    ours, theirs = map(Transport, make())
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
