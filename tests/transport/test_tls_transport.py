"""`_transport.tls_transport`: TLS on sockets, against itself, Trio's, and OpenSSL by hand."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import READ_SIZE, Transport, without
from trio_ws._transport.read_buffer import current_read_buffer
from trio_ws._transport.socket import SocketTransport
from trio_ws._transport.tls_choice import client_tls_on
from trio_ws._transport.tls_session import MAX_BATCH, TLSSession
from trio_ws._transport.tls_transport import TLSTransport

from ..streams import (
    calls_of,
    eventually,
    receive_all,
    send_all,
    socket_pair,
    taken,
    tcp,
    tls_contexts,
    tls_on_transports,
    tls_sessions,
    tls_socket_pair,
)
from .test_tls_session import Negotiating, authenticating, opened, sealed

CLIENT, SERVER = tls_contexts()
DATA = bytes(range(256)) * 2000
SMALL = 4096
"""The size of the kernel's buffers where they are to be full soon."""


def a_client(stream: trio.abc.Stream, context: ssl.SSLContext = CLIENT) -> TLSTransport:
    """A client before its handshake."""
    made = client_tls_on(stream, context, "testserver")
    assert isinstance(made, TLSTransport)
    return made


def a_server(stream: trio.abc.Stream) -> TLSTransport:
    """A server before its handshake."""
    return TLSTransport(transport_on(stream), TLSSession(SERVER, server_side=True))


class ByHand:
    """A peer whose records we see and make one by one, on a bare transport."""

    def __init__(self, below: Transport, session: TLSSession) -> None:
        self.below = below
        self.session = session

    async def send(self, *payloads: bytes) -> None:
        """Send one record for each."""
        await self.below.send_all(b"".join(sealed(self.session, each) for each in payloads))

    async def receive(self) -> bytes:
        """Return what can be opened of what is there."""
        self.session.feed(await self.below.receive_some())
        return opened(self.session)


@asynccontextmanager
async def against_hand(
    *contexts: ssl.SSLContext, buffer: int | None = None
) -> AsyncGenerator[tuple[TLSTransport, ByHand]]:
    """A client of ours and a server by hand."""
    one, other = map(transport_on, socket_pair(buffer))
    client, server = tls_sessions(*contexts)
    near = TLSTransport(one, client)
    try:
        yield near, ByHand(other, server)
    finally:
        near.close_now()
        other.close_now()


@asynccontextmanager
async def pair(buffer: int | None = None) -> AsyncGenerator[tuple[TLSTransport, TLSTransport]]:
    """Two ends of ours."""
    near, far = tls_socket_pair(buffer)
    try:
        yield near, far
    finally:
        near.close_now()
        far.close_now()


def into(transport: Transport, size: int) -> Callable[[], Awaitable[bytes]]:
    """Something that receives at most so many bytes, where they belong."""

    async def receive() -> bytes:
        buffer = bytearray(size)
        return bytes(buffer[: await transport.receive_into(memoryview(buffer))])

    return receive


def behind(transport: Transport, tail: bytes = b"") -> Callable[[], Awaitable[bytes]]:
    """Something that receives behind a tail."""

    async def receive() -> bytes:
        return bytes(await transport.receive_behind(lambda: tail))

    return receive


def readings(transport: Transport) -> list[Callable[[], Awaitable[bytes]]]:
    """All ways to read."""
    return [transport.receive_some, into(transport, 100), behind(transport)]


def happened(times: list[float], count: int) -> bool:
    """Return True if something has happened so many times."""
    return len(times) >= count


# Both ways


@pytest.mark.parametrize("server", [False, True])
@pytest.mark.parametrize("like_us", [False, True])
@pytest.mark.parametrize("buffer", [None, SMALL])
async def test_both_ways(server: bool, like_us: bool, buffer: int | None) -> None:
    """Every byte arrives, in both directions at once, whatever the peer is, and is counted."""
    one, other = socket_pair(buffer)
    near = a_server(one) if server else a_client(one)
    far: Transport
    if like_us:
        far = a_client(other) if server else a_server(other)
        theirs: Any = far
    elif server:
        theirs = trio.SSLStream(other, CLIENT, server_hostname="testserver")
    else:
        theirs = trio.SSLStream(other, SERVER, server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.do_handshake)
        nursery.start_soon(theirs.do_handshake)
    far = transport_on(theirs)
    received: dict[Transport, bytes] = {}

    async def receive(end: Transport) -> None:
        data = bytearray()
        while len(data) < len(DATA):
            data += await end.receive_some()
        received[end] = bytes(data)

    async with trio.open_nursery() as nursery:
        for end in (near, far):
            nursery.start_soon(receive, end)
            nursery.start_soon(send_all, end, DATA)
    for end in (near, far):
        assert received[end] == DATA
        assert end.bytes_sent == end.bytes_received == len(DATA)
        assert end.tls is not None
        assert end.tls.version == "TLSv1.3"
        with trio.move_on_after(0):
            await end.aclose()


async def test_an_older_version() -> None:
    """With TLS 1.2 it is the same."""
    client_side, server_side = tls_contexts()
    client_side.maximum_version = ssl.TLSVersion.TLSv1_2
    one, other = map(transport_on, socket_pair())
    near, far = tls_on_transports(one, other, client_side, server_side)
    assert near.tls is not None
    assert near.tls.version == "TLSv1.2"
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            await near.send_all(DATA)
            near.close_now()

        assert await receive_all(far) == DATA
    far.close_now()


async def test_records_are_read_together() -> None:
    """All records that are there are given at once, wherever they are put."""
    async with against_hand() as (near, far):
        payloads = [b"a" * 16_000, b"b" * 16_000, b"c"]
        whole = b"".join(payloads)
        for receive in (near.receive_some, into(near, len(whole)), behind(near)):
            await far.send(*payloads)
            assert await receive() == whole


async def test_behind_a_tail() -> None:
    """What comes is put behind what was left; at the end there is nothing."""
    async with against_hand() as (near, far):
        await far.send(b"cd", b"ef")
        data = await near.receive_behind(lambda: b"ab")
        assert bytes(data) == b"abcdef"
        assert data.obj is current_read_buffer().view.obj
        assert near.bytes_received == 4
        far.session.close()
        await far.below.send_all(b"".join(taken(far.session)))
        for _ in range(2):
            assert await behind(near, b"ab")() == b""


async def test_a_tail_that_leaves_no_room_for_all() -> None:
    """What finds no room is given the next time, without waiting."""
    async with against_hand() as (near, far):
        tail = bytes(len(current_read_buffer().view) - 3)
        await far.send(b"abcdef")
        assert (await behind(near, tail)())[-3:] == b"abc"
        with assert_checkpoints():
            assert await behind(near)() == b"def"


async def test_a_part_of_a_record_is_nothing() -> None:
    """A record is given when all of it has come; what came before it is not kept waiting."""
    async with against_hand() as (near, far):
        arrivals: list[float] = []
        near.observe(on_arrival=arrivals.append, on_departure=print)
        for receive in readings(near):
            data = sealed(far.session, b"first") + sealed(far.session, b"second")
            await far.below.send_all(data[:-1])
            assert await receive() == b"first"
            arrivals.clear()
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def finish(rest: bytes = data[-1:]) -> None:
                    await wait_all_tasks_blocked()
                    await far.below.send_all(rest)

                assert await receive() == b"second"
            assert len(arrivals) == 1


async def test_parts_of_records_are_seen() -> None:
    """Bytes that are no whole record yet are told of (P12)."""
    async with against_hand() as (near, far), trio.open_nursery() as nursery:
        arrivals: list[float] = []
        near.observe(on_arrival=arrivals.append, on_departure=print)
        record = sealed(far.session, bytes(10_000))
        nursery.start_soon(near.receive_some)
        for count in range(1, 5):
            await far.below.send_all(record[count * 1000 - 1000 : count * 1000])
            await wait_all_tasks_blocked()
            await eventually(partial(happened, arrivals, count))
        nursery.cancel_scope.cancel()


async def test_every_read_is_a_checkpoint() -> None:
    """Also if TLS has the bytes already; and none of them waits for more to come."""
    async with pair() as (near, far):
        await far.send_all(b"abcdefgh")
        for two in (b"ab", b"ef"):
            with assert_checkpoints():
                assert await near.receive_some(2) == two
            with assert_checkpoints():
                assert await into(near, 2)() == bytes(each + 2 for each in two)


async def test_receive_now() -> None:
    """What is there is read at once; half a record, nothing, the end and an error are nothing."""
    async with against_hand() as (near, far):
        assert near.receive_now() == b""
        data = sealed(far.session, b"hello")
        await far.below.send_all(data[:10])
        assert near.receive_now() == b""
        await far.below.send_all(data[10:])
        assert near.receive_now() == b"hello"
        assert near.bytes_received == 5
        await far.below.send_all(b"no TLS at all" * 10)
        assert near.receive_now() == b""
        with pytest.raises(trio.BrokenResourceError):
            await near.receive_some()
    async with pair() as (near, far):
        await far.aclose()
        assert near.receive_now() == b""
        assert await near.receive_some() == b""
        assert near.receive_now() == b""


async def test_what_is_there_now_goes_behind_what_was_there() -> None:
    """What was read and is not opened yet comes before what the kernel has."""
    async with pair(1_000_000) as (near, far):
        assert far.send_now([DATA[:200_000]]) == []
        received = bytearray(await near.receive_some(10))
        assert far.send_now([DATA[200_000:300_000]]) == []
        while len(received) < 300_000:
            received += near.receive_now()
        assert received == DATA[:300_000]


async def test_cancelled_reading() -> None:
    """A cancelled read has taken nothing."""
    async with pair() as (near, far):
        for call in readings(near):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call)
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            await far.send_all(b"second")
            assert await near.receive_some() == b"second"


async def test_the_shared_buffer_tells_nothing() -> None:
    """What other connections leave in the buffer of the run is never seen by this one."""
    secret = b"SECRET" * 50_000
    buffer = current_read_buffer().view
    async with pair() as (near, far), trio.open_nursery() as nursery:
        nursery.start_soon(far.send_all, DATA)
        received = bytearray()
        room = bytearray(1000)
        while len(received) < len(DATA):
            buffer[:] = secret[: len(buffer)]
            received += await behind(near)()
            assert b"SECRET" not in received
            buffer[:] = secret[: len(buffer)]
            if len(received) < len(DATA):
                received += room[: await near.receive_into(memoryview(room))]
            assert b"SECRET" not in room
        assert received == DATA


# The poller


class Told:
    """A bell that notes what it is told last."""

    def __init__(self) -> None:
        self.is_rung = False

    def ring(self, *, lasting: bool) -> None:
        """Something has come."""
        self.is_rung = True

    def note_read(self, *, more: bool) -> None:
        """Something was read."""
        self.is_rung = more

    def note_nothing(self) -> None:
        """There was nothing."""
        self.is_rung = False

    def note_others(self, *, some: bool) -> None:
        """There are others, or not."""

    def fall_silent(self) -> None:
        """The poller outlives all that is done here."""
        raise AssertionError


@asynccontextmanager
async def watched() -> AsyncGenerator[tuple[TLSTransport, ByHand, Told]]:
    """A client over TCP that is watched, and a server by hand."""
    with tcp() as (stream, theirs):
        theirs.setblocking(False)
        other = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        client, server = tls_sessions()
        near, bell = TLSTransport(transport_on(stream), client), Told()
        if not near.watch(bell):
            pytest.skip("there is no poller here")
        yield near, ByHand(transport_on(other), server), bell
        near.unwatch()
        near.close_now()


async def rung(bell: Told) -> None:
    """Wait until the bell is rung."""
    await eventually(lambda: bell.is_rung)


async def test_no_poller() -> None:
    """Where the socket cannot be watched, TLS cannot either."""
    async with pair() as (near, _):
        assert not near.watch(Told())
        near.unwatch()


async def test_reading_at_the_bell() -> None:
    """What comes rings; it is read behind the tail, and half a record is nothing yet."""
    async with watched() as (near, far, bell):
        record = sealed(far.session, b"hello")
        await far.below.send_all(record[:10])
        await rung(bell)
        assert near.read_now(b"tail ") is None
        assert not bell.is_rung
        await far.below.send_all(record[10:])
        await rung(bell)
        assert bytes(near.read_now(b"tail ") or b"") == b"tail hello"
        assert near.bytes_received == 5
        assert near.read_now(b"") is None
        far.session.close()
        await far.below.send_all(b"".join(taken(far.session)))
        await rung(bell)
        data = near.read_now(b"tail ")
        assert data is not None
        assert not data


async def test_the_socket_is_waited_for() -> None:
    """A task that waits for the socket itself is told of records; the bell rings behind that."""
    async with watched() as (near, far, bell):
        for set_aside in (near.set_aside, near.set_aside_if_alone):
            lone = set_aside()
            await far.send(b"hello")
            if lone is None:
                await trio.testing.wait_all_tasks_blocked(0.01)
            else:
                await lone.wait()
                lone.release()
            assert not bell.is_rung
            near.take_back()
            await rung(bell)
            assert bytes(near.read_now(b"") or b"") == b"hello"


async def test_damage_at_the_bell() -> None:
    """What is no TLS breaks."""
    async with watched() as (near, far, bell):
        await far.below.send_all(b"no TLS at all" * 10)
        await rung(bell)
        with pytest.raises(trio.BrokenResourceError):
            near.read_now(b"")


@pytest.mark.parametrize("how", ["now", "into"])
async def test_what_is_left_to_open_rings(how: str) -> None:
    """While plain bytes are left the bell stays rung: the poller knows nothing of them."""
    async with watched() as (near, far, bell):
        await far.send(b"abcdef")
        await rung(bell)
        if how == "now":
            room = len(current_read_buffer().view) - 3
            assert bytes(near.read_now(bytes(room)) or b"")[room:] == b"abc"
        else:
            assert await into(near, 3)() == b"abc"
        assert bell.is_rung
        assert bytes(near.read_now(b"") or b"") == b"def"
        assert near.read_now(b"") is None
        assert not bell.is_rung


async def test_what_came_with_the_handshake_rings() -> None:
    """Bytes that came before the socket was watched ring at once."""
    with tcp() as (stream, _):
        client, server = tls_sessions()
        client.feed(sealed(server, b"early"))
        near, bell = TLSTransport(transport_on(stream), client), Told()
        if not near.watch(bell):
            pytest.skip("there is no poller here")
        assert bell.is_rung
        assert bytes(near.read_now(b"") or b"") == b"early"
        near.unwatch()


# Handshakes


async def test_distrust() -> None:
    """A certificate that is not trusted fails the handshake, and the server is told why."""
    one, other = socket_pair()
    near, far = a_client(one, ssl.create_default_context()), a_server(other)
    failures = []

    async def attempt(end: TLSTransport) -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await end.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        failures.append(str(caught.value.__cause__))
        await end.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, near)
        nursery.start_soon(attempt, far)
    assert "CERTIFICATE_VERIFY_FAILED" in failures[0]
    assert "ALERT_UNKNOWN_CA" in failures[1]


async def test_wrong_name() -> None:
    """A certificate for another name fails the handshake."""
    one, other = socket_pair()
    near, far = client_tls_on(one, CLIENT, "otherserver"), a_server(other)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def serve() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await far.do_handshake()

        with pytest.raises(trio.BrokenResourceError, match="otherserver"):
            await near.do_handshake()
        await near.aclose()
    await far.aclose()


async def test_end_in_the_handshake() -> None:
    """A peer that hangs up in the handshake is an `SSLEOFError`, chained."""
    one, other = socket_pair()
    await other.aclose()
    near = a_server(one)
    with pytest.raises(trio.BrokenResourceError) as caught:
        await near.do_handshake()
    assert isinstance(caught.value.__cause__, ssl.SSLEOFError)
    await near.aclose()


async def test_reset_in_the_handshake() -> None:
    """A connection that is torn down in the handshake is an `OSError`, chained."""
    with tcp() as (stream, theirs):
        near = a_server(stream)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await near.do_handshake()
        assert isinstance(caught.value.__cause__, ConnectionResetError)


def stuff(below: Transport) -> int:
    """Send until the kernel takes no more; return how much that was."""
    before = below.bytes_sent
    while not below.send_now([bytes(1000)]):
        pass
    return below.bytes_sent - before


async def empty(below: Transport, count: int) -> None:
    """Take it out again."""
    while count:
        buffer = memoryview(bytearray(count))
        count -= await below.receive_into(buffer)


async def test_a_handshake_through_a_bottleneck() -> None:
    """A handshake that does not go into the kernel's buffers waits, and goes on."""
    one, other = socket_pair(SMALL)
    near = a_server(one)
    below, session = transport_on(other), TLSSession(CLIENT, server_hostname="testserver")
    stuffed = stuff(near._below)
    session.shake_hands()
    await below.send_all(b"".join(taken(session)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.do_handshake)
        await wait_all_tasks_blocked()
        await empty(below, stuffed)
        await TLSTransport(below, session).do_handshake()
    await near.send_all(b"hello")
    assert await TLSTransport(below, session).receive_some() == b"hello"
    await near.aclose()
    await other.aclose()


async def test_a_cancelled_handshake() -> None:
    """A handshake that is cancelled is over; closing then sends nothing more."""
    one, other = socket_pair()
    near = a_client(one)
    with trio.move_on_after(0.01) as scope:
        await near.do_handshake()
    assert scope.cancelled_caught
    hello = await other.receive_some()
    assert hello
    assert near.tls is None
    await trio.aclose_forcefully(near)
    assert await other.receive_some() == b""
    await other.aclose()


async def test_counting_begins_with_the_connection() -> None:
    """The bytes of the opening handshake do not count, as on a bare socket."""
    async with pair() as (near, far):
        await near.send_all(b"GET /")
        await far.send_all(b"101")
        await near.receive_some()
        near.observe(on_arrival=print, on_departure=print)
        assert near.bytes_sent == near.bytes_received == 0


# Ends


async def test_close_notify() -> None:
    """When the peer has closed, reading gives ``b""``, each time, and is a checkpoint."""
    async with against_hand() as (near, far):
        await near.aclose()
        assert await far.receive() == b""
        assert far.session.ended
        assert await far.below.receive_some() == b""
    async with pair() as (near, far):
        await far.send_all(b"last")
        await far.aclose()
        assert await near.receive_some() == b"last"
        for receive in readings(near) * 2:
            with assert_checkpoints():
                assert await receive() == b""


@pytest.mark.parametrize("cut", [0, 5])
async def test_truncation(cut: int) -> None:
    """The end of TCP is an end, also in the middle of a record (HAZARDS C12)."""
    async with against_hand() as (near, far):
        data = sealed(far.session, b"last")
        await far.below.send_all(data + sealed(far.session, b"lost")[:cut])
        far.below.close_now()
        assert await near.receive_some() == b"last"
        for receive in readings(near):
            assert await receive() == b""


async def test_what_was_not_sent_is_no_end() -> None:
    """If records wait when the connection is closed, the peer hears of no end: it is cut off."""
    async with against_hand(buffer=SMALL) as (near, far):
        assert near.send_now([DATA])
        await near.aclose()
        received = b""
        while data := await far.below.receive_some():
            far.session.feed(data)
            received += opened(far.session)
        assert received == DATA[: len(received)]
        assert len(received) < MAX_BATCH
        assert not far.session.ended


@pytest.mark.parametrize("number", range(3))
async def test_damage(number: int) -> None:
    """A damaged stream breaks, does not end, and the peer is told."""
    async with against_hand() as (near, far):
        await far.below.send_all(sealed(far.session, b"good") + b"no TLS at all" * 10)
        receive = readings(near)[number]
        assert await receive() == b"good"
        for _ in range(2):
            with pytest.raises(trio.BrokenResourceError) as caught:
                await receive()
            assert isinstance(caught.value.__cause__, ssl.SSLError)
        with pytest.raises(ssl.SSLError, match="ALERT"):
            await far.receive()


async def test_writing_after_the_end() -> None:
    """When TLS is over on our side, too, writing breaks."""
    async with pair() as (near, _):
        near._session.close()
        await near._push()
        assert near.send_now([b"a"]) == [b"a"]
        with pytest.raises(trio.BrokenResourceError):
            await near.send_some(memoryview(b"a"))
        assert near.bytes_sent == 0


@pytest.mark.parametrize("number", range(4))
async def test_reset(number: int) -> None:
    """Each call breaks when the peer has torn the connection down, or our socket is closed."""
    for tear in (True, False):
        with tcp() as (stream, theirs):
            client, _ = tls_sessions()
            near = TLSTransport(transport_on(stream), client)
            if tear:
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                theirs.close()
            else:
                stream.socket.close()
            with pytest.raises(trio.BrokenResourceError):
                while True:
                    await calls_of(near)[number]()
            assert near.send_now([b"a"]) == [b"a"]


async def test_directions_end_together() -> None:
    """One direction cannot be ended by itself; to try that is nothing."""
    async with pair() as (near, far):
        assert not near.can_half_close
        assert near.send_eof_now()
        await near.send_eof()
        await near.send_all(b"still here")
        assert await far.receive_some() == b"still here"
        assert near.close_now()
        assert near.close_now()


# Writing


async def test_send_now() -> None:
    """What goes without waiting goes at once, in order, however it is cut into pieces."""
    async with pair() as (near, far):
        assert near.immediate
        assert near.send_now([]) == []
        assert near.send_now([b"", b""]) == []
        assert await near.send_some(memoryview(b"")) == 0
        cuts: list[list[Piece]] = [[b"hello"], [b"he", bytearray(b"l"), memoryview(b"lo")]]
        cuts.append([b"", b"hello"])
        for pieces in cuts:
            with assert_no_checkpoints():
                assert near.send_now(list(pieces)) == []
            assert await far.receive_some() == b"hello"
        assert near.bytes_sent == 15


async def test_a_burst_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small pieces leave in one record, and a whole batch in one call of the kernel."""
    async with against_hand() as (near, far):
        calls: list[int] = []
        below, real = near._below, SocketTransport.send_now

        def counting(transport: SocketTransport, pieces: list[Piece]) -> list[Piece]:
            if transport is below:
                calls.append(len(pieces))
            return real(transport, pieces)

        monkeypatch.setattr(SocketTransport, "send_now", counting)
        assert near.send_now([b"x" * 34] * 64) == []
        assert near.send_now([b"head", bytes(64 * 1024)]) == []
        assert calls == [1, 5]
        while far.below.bytes_received < near.outgoing()[0]:
            await far.receive()


async def test_a_full_socket_takes_nothing() -> None:
    """Bytes count as written when the kernel has all the records that carry them."""
    async with pair(SMALL) as (near, far):
        with assert_no_checkpoints():
            assert near.send_now([DATA]) == [DATA]
        assert near.send_now([DATA]) == [DATA]
        assert near.bytes_sent == 0
        assert sum(map(len, near._session.sealed)) > MAX_BATCH - 4 * SMALL
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_all, DATA)
            received = bytearray()
            while len(received) < len(DATA):
                received += await far.receive_some()
        assert received == DATA
        assert near.bytes_sent == len(DATA)


async def test_progress() -> None:
    """While a batch waits for the kernel it is told that bytes leave (P12)."""
    async with against_hand(buffer=SMALL) as (near, far):
        departures: list[float] = []
        near.observe(on_arrival=print, on_departure=departures.append)
        counts: list[int] = []

        async def send() -> None:
            counts.append(await near.send_some(memoryview(DATA)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            while not counts:
                before = len(departures)
                await wait_all_tasks_blocked()
                await far.receive()
                await wait_all_tasks_blocked()
                await eventually(partial(happened, departures, before + 1))
        assert counts == [MAX_BATCH] == [near.bytes_sent]
        assert len(departures) > 4


async def test_what_is_owed_is_told_piece_by_piece() -> None:
    """When the kernel has taken several pieces at last, each is told when it is given again."""
    async with pair(SMALL) as (near, far), trio.open_nursery() as nursery:
        header, payload = b"0123456789", DATA[:30_000]
        assert near.send_now([header, payload]) == [header, payload]
        received = bytearray()

        @nursery.start_soon
        async def receive() -> None:
            while len(received) < len(header + payload) + 4:
                received.extend(await far.receive_some())

        await near.wait_send_all_might_not_block()
        with assert_checkpoints():
            assert await near.send_some(memoryview(header)) == len(header)
        assert near.send_now([payload, b"mo"]) == []
        await near.send_all(b"re")
    assert received == header + payload + b"more"


async def test_cancelled_writing() -> None:
    """A write that was cancelled goes on where it was, when it is tried again."""
    async with pair(SMALL) as (near, far), trio.open_nursery() as nursery:
        received, cancelled = bytearray(), 0

        @nursery.start_soon
        async def receive() -> None:
            while len(received) < len(DATA):
                await trio.lowlevel.checkpoint()
                received.extend(await far.receive_some())

        rest = memoryview(DATA)
        while rest:
            with trio.CancelScope() as scope:
                scope.cancel()
                rest = rest[await near.send_some(rest) :]
            cancelled += scope.cancelled_caught
            if scope.cancelled_caught:
                rest = rest[await near.send_some(rest) :]
    assert received == DATA
    assert cancelled >= len(DATA) // MAX_BATCH


@pytest.mark.parametrize("seed", range(10))
async def test_anything_at_any_time(seed: int, autojump_clock: object) -> None:
    """However it is cut, delayed and cancelled, every byte arrives once and in order."""
    chance = Random(seed)
    data = chance.randbytes(300_000)

    def most() -> float:
        return chance.choice([0, 0.5, 2, 1000, 1000, 1000])

    async def send(transport: Transport) -> None:
        for start in range(0, len(data), 100_000):
            cuts = sorted(chance.choices(range(100_001), k=chance.choice([1, 3, 40])))
            bounds = [start, *(start + cut for cut in cuts), start + 100_000]
            pieces: list[Piece] = [data[a:b] for a, b in pairwise(bounds) if a < b]
            while pieces := transport.send_now(pieces):
                with trio.move_on_after(most()):
                    pieces = without(pieces, await transport.send_some(memoryview(pieces[0])))

    async def receive(transport: Transport) -> None:
        received = bytearray()
        while len(received) < len(data):
            buffer = memoryview(bytearray(chance.choice([1, 100, 20_000, 300_000])))
            with trio.move_on_after(most()):
                received += buffer[: await transport.receive_into(buffer)]
            tail = bytes(chance.choice([0, 1, 70_000]))
            with trio.move_on_after(most()):
                received += (await behind(transport, tail)())[len(tail) :]
            received += transport.receive_now()
            await trio.sleep(chance.choice([0, 0, 1]))
        assert received == data

    async with pair(chance.choice([None, 2048, 20_000])) as ends, trio.open_nursery() as nursery:
        for transport in ends:
            nursery.start_soon(send, transport)
            nursery.start_soon(receive, transport)


# What TLS wants besides


@pytest.mark.parametrize("full", [False, True])
async def test_answer_to_what_was_read(full: bool) -> None:
    """What reading gives TLS to say is said at once, or with the next write.

    Here the server asks for the client's certificate after the handshake (RFC 8446 §4.6.2).
    """
    async with against_hand(*authenticating(), buffer=SMALL) as (near, far):
        stuffed = stuff(near._below) if full else 0
        far.session._openssl.verify_client_post_handshake()
        await far.send(b"show me")
        assert await near.receive_some() == b"show me"
        assert bool(near._session.sealed) == full
        await empty(far.below, stuffed)
        assert near.send_now([b"here"]) == []
        received = b""
        while not received:
            received = await far.receive()
        assert received == b"here"
        assert far.session.info is not None
        assert far.session.info.peer_certificate


async def test_an_answer_does_not_overtake_the_writer() -> None:
    """While the writer has half a batch in hand the answer goes behind it, and nothing twice."""
    async with against_hand(*authenticating(), buffer=SMALL) as (near, far):
        received = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_all, DATA)
            await wait_all_tasks_blocked()
            far.session._openssl.verify_client_post_handshake()
            await far.send(b"show me")
            # Now there is room, and the writer has not been told.
            far.session.feed(far.below.receive_now())
            received += opened(far.session)
            assert near.receive_now() == b"show me"
            while len(received) < len(DATA):
                received += await far.receive()
        assert received == DATA
        assert far.session.info is not None
        assert far.session.info.peer_certificate


class NegotiatingTwice(Negotiating):
    """OpenSSL that negotiates anew until it has read twice."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self.reads = 0

    def read(self, *arguments: Any, **more: Any) -> Any:
        """Read, and go on."""
        data = ssl.SSLObject.read(self, *arguments, **more)
        self.reads += isinstance(data, int) and data > 1
        return data

    def write(self, data: Any) -> int:
        """Write when it is time; say something in the beginning."""
        if self.reads >= 2:
            return ssl.SSLObject.write(self, data)
        if "said" not in vars(self):
            self.said = True
            ssl.SSLObject.write(self, b"(negotiation) ")
        raise ssl.SSLWantReadError


async def test_a_writer_that_has_to_hear_first() -> None:
    """If TLS has to read before it seals, the writer waits for the reader (TLS 1.2)."""
    context, server_side = tls_contexts()
    context.sslobject_class = NegotiatingTwice
    async with against_hand(context, server_side) as (near, far):
        near._session._openssl.reads = 0  # type: ignore[attr-defined]
        assert near.send_now([b"hello"]) == [b"hello"]
        sent: list[int] = []

        async def send() -> None:
            sent.append(await near.send_some(memoryview(b"hello")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            for _ in range(2):
                await wait_all_tasks_blocked()
                assert not sent
                await far.send(b"go on")
                assert await near.receive_some() == b"go on"
        assert sent == [5] == [near.bytes_sent]
        received = b""
        while not received.endswith(b"hello"):
            received += await far.receive()
        assert received == b"(negotiation) hello"


# The socket below


async def test_what_the_kernel_tells() -> None:
    """The bytes of TLS are counted, and how many of them wait (`kernel`)."""
    with tcp() as (stream, theirs):
        theirs.setblocking(False)
        other = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        near, far = tls_on_transports(transport_on(stream), transport_on(other))
        assert near.local_address == far.remote_address == stream.socket.getsockname()
        assert near.remote_address == far.local_address == other.socket.getsockname()
        if not near.tells_acknowledgements:
            pytest.skip("this system does not tell")
        await near.send_all(bytes(1000))
        sent, _ = near.outgoing()
        assert sent > 1000
        await eventually(lambda: near.outgoing() == (sent, 0))
        assert near.delivered() > 0
        assert near.hang_up() is None
        theirs.shutdown(socket.SHUT_WR)
        await eventually(near.hang_up)


async def test_as_a_stream() -> None:
    """It is a stream of Trio's, too."""
    async with pair() as (near, far):
        await near.send_all(memoryview(b"hello"))
        await near.wait_send_all_might_not_block()
        assert await far.receive_some(3) == b"hel"
        assert await far.receive_some(READ_SIZE) == b"lo"
        async with near:
            pass
        assert await receive_all(far) == b""
        with suppress(trio.BrokenResourceError):
            await far.aclose()
