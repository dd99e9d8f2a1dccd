"""`trio_ws._transport.stream`: any other stream, with its ends and errors told in one way."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import trio
import trio.testing
from trio.testing import assert_checkpoints, memory_stream_pair

from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import READ_SIZE
from trio_ws._transport.tls import TLS_RECORD

from ..cpu import cpu_seconds
from ..streams import (
    ERRORS,
    FailingHalfCloseableStream,
    FailingStream,
    Pair,
    calls_of,
    eventually,
    generous_pair,
    over_tls,
    pair_without_half_close,
    send_all,
    shake_hands,
    socket_pair,
    tcp,
    tls_pair,
)


async def test_progress_of_other_streams() -> None:
    """A stream that does not tell its progress is given one piece at a time."""
    ours, theirs = map(transport_on, memory_stream_pair())
    assert await send_all(ours, bytes(2 * TLS_RECORD + 1)) == [TLS_RECORD, TLS_RECORD, 1]
    assert len(await theirs.receive_some()) == 2 * TLS_RECORD + 1


async def test_more_than_was_asked_for() -> None:
    """What a stream gives beyond what it was asked for is not lost: it is read next, in order."""
    ours, theirs = map(transport_on, generous_pair())
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
    ours, theirs = map(transport_on, generous_pair())
    await send_all(theirs, bytes(20_000_000))
    buffer = memoryview(bytearray(5_000))
    with cpu_seconds() as spent:
        for _ in range(4_000):
            assert await ours.receive_into(buffer) == len(buffer)
    assert spent[0] < 5, "40 GB would be"


@pytest.mark.parametrize("pair", [socket_pair, memory_stream_pair])
async def test_end_without_close_notify(pair: Callable[[], Pair]) -> None:
    """A TLS stream that ends without close-notify has ended, nothing more (HAZARDS C12)."""
    lower_ours, lower_theirs = pair()
    ours, theirs = map(transport_on, tls_pair(lower_ours, lower_theirs))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_all, theirs, b"last")
        assert await ours.receive_some() == b"last"
    await lower_theirs.aclose()
    assert await ours.receive_some() == b""
    await trio.aclose_forcefully(lower_ours)


async def test_garbage_in_tls() -> None:
    """A TLS stream that is damaged breaks; it does not end."""
    lower_ours, lower_theirs = memory_stream_pair()
    ours, theirs = map(transport_on, tls_pair(lower_ours, lower_theirs))
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
    ours, theirs = map(transport_on, make())
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


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_errors(error: Exception) -> None:
    """Whatever a stream raises, reading and writing raise `BrokenResourceError` from it."""
    transport = transport_on(FailingStream(error))
    for call in calls_of(transport):
        with pytest.raises(trio.BrokenResourceError, match=str(error.args[-1])) as caught:
            await call()
        assert error in (caught.value, caught.value.__cause__)
    assert transport.bytes_sent == transport.bytes_received == 0


@pytest.mark.parametrize("error", ERRORS[:3], ids=lambda error: type(error).__name__)
async def test_ending_never_fails(error: Exception) -> None:
    """Errors while the stream is ended are swallowed: it is over anyway."""
    transport = transport_on(FailingHalfCloseableStream(error))
    assert transport.can_half_close
    await transport.send_eof()
    await transport.aclose()


async def test_cancelled_close() -> None:
    """A cancelled close closes by force, and the cancellation goes on."""
    ours, theirs = memory_stream_pair()
    transport = transport_on(tls_pair(ours, theirs)[0])
    with trio.CancelScope() as scope:
        scope.cancel()
        await transport.aclose()
    assert scope.cancelled_caught
    assert await theirs.receive_some() == b""


async def test_nothing_now() -> None:
    """On any other stream nothing is done that would not wait."""
    ours, theirs = map(transport_on, memory_stream_pair())
    await theirs.send_all(b"hello")
    assert ours.receive_now() == b""
    assert not ours.send_eof_now()
    assert not ours.close_now()
    assert await ours.receive_some() == b"hello"
    await ours.aclose()
    await theirs.aclose()


@pytest.mark.parametrize("make", [memory_stream_pair, pair_without_half_close])
async def test_send_now_on_other_streams(make: Callable[[], Pair]) -> None:
    """A stream that is no bare socket takes nothing without waiting; the pieces are joined."""
    transport = transport_on(make()[0])
    assert not transport.immediate
    assert transport.send_now([b"hello"]) == [b"hello"]
    assert transport.send_now([b"he", bytearray(b"ll"), memoryview(b"o")]) == [b"hello"]
    assert transport.bytes_sent == 0


@pytest.mark.parametrize("make", [over_tls, tls_pair])
async def test_what_is_seen_of_tls(make: Callable[..., Pair]) -> None:
    """TLS of the doors gets a whole gulp and tells of bytes below it; any other gets a record."""
    ours, theirs = make(*memory_stream_pair())
    near, far = transport_on(ours), transport_on(theirs)
    came: list[float] = []
    went: list[float] = []
    for transport in (near, far):
        transport.observe(on_arrival=came.append, on_departure=went.append)
    await shake_hands(ours, theirs)
    assert bool(came) is bool(went) is (make is over_tls)
    sent = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.receive_some)
        sent = await near.send_some(memoryview(bytes(2 * READ_SIZE)))
    assert sent == (READ_SIZE if make is over_tls else TLS_RECORD)


def test_addresses() -> None:
    """The addresses are those of the stream below."""
    ours, theirs = memory_stream_pair()
    vars(ours).update(local_address=1, remote_address=2)
    transport = transport_on(tls_pair(ours, theirs)[0])
    assert (transport.local_address, transport.remote_address) == (1, 2)


async def test_tls_of_ours_counts_below() -> None:
    """Under TLS of our own the bytes of TLS are counted, and how many of them wait (`kernel`)."""
    with tcp() as (stream, theirs):
        theirs.setblocking(False)
        other = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        ours, peers = over_tls(stream, other)
        await shake_hands(ours, peers)
        transport = transport_on(ours)
        if not transport.tells_acknowledgements:
            pytest.skip("this system does not tell")
        before, _ = transport.outgoing()
        await transport.send_all(bytes(1000))
        sent, _ = transport.outgoing()
        assert sent > before + 1000
        await eventually(lambda: transport.outgoing() == (sent, 0))
        assert transport.delivered() > 0
        assert transport.hang_up() is None
        theirs.shutdown(socket.SHUT_WR)
        await eventually(transport.hang_up)


async def test_streams_that_tell_less() -> None:
    """TLS that was made elsewhere does not tell what it sends; a memory stream has no kernel."""
    with tcp() as (stream, theirs):
        other = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        transport = transport_on(tls_pair(stream, other)[0])
        assert not transport.tells_acknowledgements
        assert transport.hang_up() is None
    transport = transport_on(memory_stream_pair()[0])
    assert not transport.tells_acknowledgements
    assert transport.outgoing() == (0, None)
    assert transport.delivered() == 0
    assert transport.hang_up() is None


async def test_what_tls_has_established() -> None:
    """A stream of TLS tells what its handshake has settled; other streams have no TLS."""
    client, server = over_tls(*memory_stream_pair())
    assert transport_on(client).tls is None
    await shake_hands(client, server)
    tls = transport_on(client).tls
    assert tls is not None
    assert tls.version == "TLSv1.3"
    assert [transport_on(stream).tls for stream in memory_stream_pair()] == [None, None]
