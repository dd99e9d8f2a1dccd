"""`trio_ws._tls`: TLS on plain sockets, against itself, Trio's, and OpenSSL by hand."""

from __future__ import annotations

import itertools
import os
import random
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
import trio
import trio.testing
import trustme
from trio.testing import assert_checkpoints, assert_no_checkpoints, wait_all_tasks_blocked

from trio_ws import ConnectionLost, Heartbeat, HeartbeatTimeout, Loss, Timeouts, WebSocket
from trio_ws._policy import Policies
from trio_ws._sansio.outbox import Piece
from trio_ws._scope import ConnectionScope, hold
from trio_ws._tls import MUCH, RECORD, UNIT, TLSStream, tls_on
from trio_ws._transport import Transport, without

from .streams import send_all, shake_hands, socket_pair, tls_contexts, tls_socket_pair
from .wires import opening

CLIENT, SERVER = tls_contexts()
DATA = bytes(range(256)) * 2000
SMALL = 4096
"""The size of the kernel's buffers where they are to be full soon."""


Call = Callable[[TLSStream], Awaitable[object]]

READING: list[Call] = [TLSStream.receive_some, lambda stream: into(stream, 100)]
WRITING: list[Call] = [
    lambda stream: stream.send_some(memoryview(b"a")),
    lambda stream: stream.send_all(b"a"),
]


def ours(stream: trio.abc.Stream, context: ssl.SSLContext, server: bool) -> TLSStream:
    """TLS of ours on a socket."""
    name = None if server else "testserver"
    made = tls_on(stream, context, server_side=server, server_hostname=name)
    assert isinstance(made, TLSStream)
    return made


def trios(stream: trio.abc.Stream, server: bool) -> trio.SSLStream[trio.abc.Stream]:
    """TLS of Trio's."""
    name = None if server else "testserver"
    context = SERVER if server else CLIENT
    return trio.SSLStream(stream, context, server_hostname=name, server_side=server)


@asynccontextmanager
async def pair(buffer: int | None = None) -> AsyncGenerator[tuple[TLSStream, TLSStream]]:
    """Two ends of ours, after the handshake."""
    near, far = tls_socket_pair(buffer)
    await shake_hands(near, far)
    try:
        yield near, far
    finally:
        near.close_now()
        far.close_now()


class ByHand:
    """A peer whose records we see and make one by one."""

    def __init__(
        self, stream: trio.SocketStream, context: ssl.SSLContext, *, server: bool = True
    ) -> None:
        self.stream = stream
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server else "testserver"
        self.openssl = context.wrap_bio(self.incoming, self.outgoing, server, name)

    async def do_handshake(self) -> None:
        """Shake hands."""
        while True:
            try:
                self.openssl.do_handshake()
            except ssl.SSLWantReadError:
                await self.flush()
                await self.hear()
            else:
                await self.flush()
                return

    async def flush(self) -> None:
        """Send what OpenSSL has to say."""
        await self.stream.send_all(self.outgoing.read())

    async def hear(self) -> None:
        """Give OpenSSL what is there."""
        self.incoming.write(await self.stream.receive_some())

    def records(self, *payloads: bytes) -> bytes:
        """One record for each."""
        for payload in payloads:
            self.openssl.write(payload)
        return self.outgoing.read()

    def read(self, size: int = UNIT) -> bytes:
        """What is left of what was heard."""
        data = b""
        with suppress(ssl.SSLWantReadError):
            while more := self.openssl.read(size - len(data)):
                data += more
        return data


@asynccontextmanager
async def against_hand(
    context: ssl.SSLContext = CLIENT, theirs: ssl.SSLContext = SERVER, buffer: int | None = None
) -> AsyncGenerator[tuple[TLSStream, ByHand]]:
    """A client of ours and a server by hand, after the handshake."""
    one, other = socket_pair(buffer)
    assert isinstance(other, trio.SocketStream)
    near, far = ours(one, context, False), ByHand(other, theirs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.do_handshake)
        await far.do_handshake()
    try:
        yield near, far
    finally:
        near.close_now()
        other.socket.close()


# Both ways


@pytest.mark.parametrize("server", [False, True])
@pytest.mark.parametrize("like_us", [False, True])
@pytest.mark.parametrize("buffer", [None, SMALL])
async def test_both_ways(server: bool, like_us: bool, buffer: int | None) -> None:
    """Every byte arrives, in both directions at once, whoever the peer is, and is counted."""
    one, other = socket_pair(buffer)
    near = ours(one, SERVER if server else CLIENT, server)
    far: TLSStream | trio.SSLStream[trio.abc.Stream] = trios(other, not server)
    if like_us:
        far = ours(other, CLIENT if server else SERVER, not server)
    await shake_hands(near, far)
    ends = [Transport(near), Transport(far)]
    received: dict[int, bytes] = {}

    async def receive(index: int) -> None:
        data = bytearray()
        while len(data) < len(DATA):
            data += await ends[index].receive_some()
        received[index] = bytes(data)

    async with trio.open_nursery() as nursery:
        for index in range(2):
            nursery.start_soon(receive, index)
            nursery.start_soon(send_all, ends[index], DATA)
    assert received == {0: DATA, 1: DATA}
    assert {end.bytes_sent for end in ends} == {len(DATA)} == {end.bytes_received for end in ends}
    for end in ends:
        with trio.move_on_after(0):
            await end.aclose()


@pytest.mark.parametrize("room", [1_000, 16 * 1024, 1_000_000])
async def test_receive_into(room: int) -> None:
    """Bytes are put where they belong, no more than there is room for, and are counted."""
    async with pair() as (near, far), trio.open_nursery() as nursery:
        transport, buffer, received = Transport(near), bytearray(b"-" * room), bytearray()

        @nursery.start_soon
        async def send() -> None:
            await far.send_all(DATA)
            await far.aclose()

        while count := await transport.receive_into(memoryview(buffer)[5:]):
            assert buffer[:5] == b"-----"
            received += buffer[5 : 5 + count]
        assert received == DATA
        assert transport.bytes_received == len(DATA)


async def test_mixed_reading() -> None:
    """Bytes stay in order whichever way each of them is read."""
    async with pair() as (near, far), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            await far.send_all(DATA)
            await far.aclose()

        received, buffer = bytearray(), memoryview(bytearray(100_000))
        for size in [10, 100_000, 1, 50_000] * 1000:
            if not (chunk := await near.receive_some(size)):
                break
            assert len(chunk) <= size
            received += chunk
            received += buffer[: await near.receive_into(buffer[:size])]
        assert received == DATA


async def test_records_are_read_together() -> None:
    """All records that are there are given at once, wherever they are put."""
    async with against_hand() as (near, far):
        payloads = [b"a" * 16_000, b"b" * 16_000, b"c"]
        await far.stream.send_all(far.records(*payloads))
        assert await near.receive_some() == b"".join(payloads)
        await far.stream.send_all(far.records(*payloads))
        buffer = bytearray(32_001)
        assert await near.receive_into(memoryview(buffer)) == len(buffer)
        assert buffer == b"".join(payloads)


async def test_a_part_of_a_record_is_nothing() -> None:
    """A record is given when all of it has come; what came before it is not kept waiting."""
    async with against_hand() as (near, far):
        for receive in READING:
            data = far.records(b"first", b"second")
            await far.stream.send_all(data[:-1])
            assert await receive(near) == b"first"
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def finish() -> None:
                    await wait_all_tasks_blocked()
                    await far.stream.send_all(data[-1:])  # noqa: B023

                assert await receive(near) == b"second"


async def into(stream: TLSStream, size: int) -> bytes:
    """Receive at most so many bytes."""
    buffer = bytearray(size)
    return bytes(buffer[: await stream.receive_into(memoryview(buffer))])


async def test_reading_on() -> None:
    """A read that was filled to the brim is followed by one at once, though it may find nothing."""
    async with against_hand() as (near, far), trio.open_nursery() as nursery:
        await far.stream.send_all(far.records(b"first"))
        assert await near.receive_some() == b"first"
        payloads = [bytes(16_000)] * 4
        records = far.records(*payloads)
        payloads.append(bytes(UNIT - len(records) - (len(records) // 4 - 16_000)))
        records += far.records(payloads[-1])
        assert len(records) == UNIT
        await far.stream.send_all(records)
        received = 0
        while received < sum(map(len, payloads)):
            received += len(await near.receive_some())

        @nursery.start_soon
        async def send_more() -> None:
            await wait_all_tasks_blocked()
            await far.stream.send_all(far.records(b"more"))

        assert await near.receive_some() == b"more"


async def test_every_read_is_a_checkpoint() -> None:
    """Also if OpenSSL has the bytes already; and none of them waits for more to come."""
    async with pair() as (near, far):
        await far.send_all(b"abcdefgh")
        for two in (b"ab", b"ef"):
            with assert_checkpoints():
                assert await near.receive_some(2) == two
            with assert_checkpoints():
                assert await into(near, 2) == bytes(each + 2 for each in two)


# The handshake


async def test_streams_that_are_no_sockets() -> None:
    """On any other stream TLS is Trio's."""
    one, other = trio.testing.memory_stream_pair()
    near = tls_on(one, CLIENT, server_hostname="testserver")
    far = tls_on(other, SERVER, server_side=True)
    assert isinstance(near, trio.SSLStream)
    await shake_hands(near, far)


async def test_distrust() -> None:
    """A certificate that is not trusted fails the handshake, and the server is told why."""
    one, other = socket_pair()
    near, far = ours(one, ssl.create_default_context(), False), ours(other, SERVER, True)
    failures = []

    async def try_to(stream: TLSStream) -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.do_handshake()
        failures.append(str(caught.value.__cause__))
        assert isinstance(caught.value.__cause__, ssl.SSLError)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(try_to, near)
        nursery.start_soon(try_to, far)
    assert "CERTIFICATE_VERIFY_FAILED" in failures[0]
    assert "ALERT_UNKNOWN_CA" in failures[1]
    for stream in (near, far):
        await stream.aclose()


async def test_wrong_name() -> None:
    """A certificate for another name fails the handshake."""
    one, other = socket_pair()
    near = tls_on(one, CLIENT, server_hostname="otherserver")
    far = ours(other, SERVER, True)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def serve() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await far.do_handshake()

        with pytest.raises(trio.BrokenResourceError, match="otherserver"):
            await near.do_handshake()
    for stream in (near, far):
        await stream.aclose()


async def test_end_in_the_handshake() -> None:
    """A peer that hangs up in the handshake is an `SSLEOFError`, chained."""
    one, other = socket_pair()
    await other.aclose()
    near = ours(one, SERVER, True)
    with pytest.raises(trio.BrokenResourceError) as caught:
        await near.do_handshake()
    assert isinstance(caught.value.__cause__, ssl.SSLEOFError)
    await near.aclose()


async def test_handshake_through_a_bottleneck() -> None:
    """A handshake that does not go into the kernel's buffers waits, and goes on."""
    one, other = socket_pair(SMALL)
    assert isinstance(one, trio.SocketStream)
    assert isinstance(other, trio.SocketStream)
    stuffed = stuff(one)
    near, far = ours(one, SERVER, True), ByHand(other, CLIENT, server=False)
    with suppress(ssl.SSLWantReadError):
        far.openssl.do_handshake()
    await far.flush()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.do_handshake)
        await wait_all_tasks_blocked()
        while stuffed:
            stuffed -= len(await other.receive_some(stuffed))
        await far.do_handshake()
    await near.send_all(b"hello")
    await far.hear()
    assert far.read() == b"hello"
    await near.aclose()
    await other.aclose()


def stuff(stream: trio.SocketStream) -> int:
    """Write until the kernel takes no more; return how much that was."""
    count = 0
    with suppress(BlockingIOError):
        while True:
            count += os.write(stream.socket.fileno(), bytes(1000))
    return count


async def test_reset_in_the_handshake() -> None:
    """A connection that is torn down in the handshake is an `OSError`, chained."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        other = await trio.testing.open_stream_to_socket_listener(listener)
        near = ours(await listener.accept(), SERVER, True)
    tear_down(other)
    with pytest.raises(trio.BrokenResourceError) as caught:
        await near.do_handshake()
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    await near.aclose()


def tear_down(stream: trio.SocketStream) -> None:
    """Reset a TCP connection."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


# Ends


async def test_end() -> None:
    """When the peer has closed, reading gives ``b""``, each time, and is a checkpoint."""
    async with pair() as (near, far):
        await far.send_all(b"last")
        await far.aclose()
        assert await near.receive_some() == b"last"
        for _ in range(2):
            with assert_checkpoints():
                assert await near.receive_some() == b""
            with assert_checkpoints():
                assert await into(near, 10) == b""


@pytest.mark.parametrize("cut", [0, 5])
async def test_end_without_close_notify(cut: int) -> None:
    """The end of TCP is an end, also in the middle of a record (HAZARDS C12)."""
    async with against_hand() as (near, far):
        await far.stream.send_all(far.records(b"last") + far.records(b"lost")[:cut])
        await far.stream.aclose()
        assert await near.receive_some() == b"last"
        assert await near.receive_some() == b""
        assert await into(near, 10) == b""


async def test_close_notify() -> None:
    """Who closes says so, and Trio's TLS hears it; a second time does no harm."""
    one, other = socket_pair()
    near, far = ours(one, CLIENT, False), trios(other, True)
    await shake_hands(near, far)
    near.close_now()
    with assert_checkpoints():
        await near.aclose()
    assert await far.receive_some() == b""
    await trio.aclose_forcefully(far)


async def test_close_notify_alone() -> None:
    """A peer that says it ends has ended, though TCP has not; we may still write."""
    async with against_hand() as (near, far):
        with suppress(ssl.SSLWantReadError):
            far.openssl.unwrap()
        await far.flush()
        assert await near.receive_some() == b""
        assert await into(near, 10) == b""
        await near.send_all(b"hello")
        await far.hear()
        assert far.incoming.pending


async def test_cancelled_close() -> None:
    """A cancelled close closes."""
    async with pair() as (near, far):
        with trio.CancelScope() as scope:
            scope.cancel()
            await near.aclose()
        assert scope.cancelled_caught
        assert await far.receive_some() == b""


async def test_close_with_a_record_half_written() -> None:
    """Where a record is half written there is no close-notify: it would be a part of that."""
    async with against_hand(buffer=SMALL) as (near, far):
        await far.stream.send_all(far.records(b"go"))
        assert await near.receive_some() == b"go"
        assert near.write([DATA]) == 0
        near.close_now()
        while data := await far.stream.receive_some():
            far.incoming.write(data)
        assert far.read() in DATA
        far.incoming.write_eof()
        with pytest.raises(ssl.SSLEOFError):
            far.openssl.read()


async def test_garbage() -> None:
    """A damaged record breaks the stream, after what came before it; the peer is told why."""
    async with against_hand() as (near, far):
        for receive in READING:
            if not near._error:
                await far.stream.send_all(far.records(b"fine") + b"no record at all" * 10)
                assert await receive(near) == b"fine"
            with pytest.raises(trio.BrokenResourceError, match="WRONG_VERSION") as caught:
                await receive(near)
            assert isinstance(caught.value.__cause__, ssl.SSLError)
        await far.hear()
        with pytest.raises(ssl.SSLError, match="ALERT"):
            far.read()


# Errors of the socket


@pytest.mark.parametrize("call", [*READING, *WRITING, TLSStream.wait_send_all_might_not_block])
async def test_closed_before(call: Call) -> None:
    """Of a stream that is closed nothing can be had, and nothing is written."""
    async with pair() as (near, _):
        near.close_now()
        for _ in range(3):
            assert near.write([b"a"]) == 0
            with pytest.raises(trio.BrokenResourceError):
                while True:
                    await call(near)


@pytest.mark.parametrize("call", [*READING, *WRITING, TLSStream.wait_send_all_might_not_block])
async def test_closed_meanwhile(call: Call) -> None:
    """Whoever closes the socket under us breaks the call that waits."""
    async with pair(SMALL) as (near, _), trio.open_nursery() as nursery:
        while near.write([DATA]):
            pass

        @nursery.start_soon
        async def close_later() -> None:
            await wait_all_tasks_blocked()
            near.transport_stream.socket.close()

        with pytest.raises(trio.BrokenResourceError):
            while True:
                await call(near)


@pytest.mark.parametrize("call", [*READING, *WRITING])
async def test_peer_that_has_gone(call: Call) -> None:
    """A connection that the peer has torn down is broken, for who reads and who writes."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        other = await trio.testing.open_stream_to_socket_listener(listener)
        near, far = ours(await listener.accept(), SERVER, True), ours(other, CLIENT, False)
    await shake_hands(near, far)
    tear_down(other)
    with pytest.raises(trio.BrokenResourceError):
        while True:
            await call(near)
    assert near.write([b"a"]) == 0
    await near.aclose()


# Writing


async def test_write() -> None:
    """What goes without waiting goes at once, in order, however it is cut into pieces."""
    async with pair() as (near, far):
        for pieces in ([b"hello"], [b"he", bytearray(b"l"), memoryview(b"lo")], [b"", b"hello"]):
            with assert_no_checkpoints():
                assert near.write(pieces) == 5  # type: ignore[arg-type]
            assert await far.receive_some() == b"hello"


@pytest.mark.parametrize("sizes", [[UNIT - 1], [UNIT + 1], [10, UNIT], [10, UNIT - 10], [9] * 9000])
async def test_units(sizes: list[int]) -> None:
    """A unit at most is written at once; what is left is written next."""
    whole = DATA[: sum(sizes)]
    rest: list[Piece] = []
    for size in reversed(sizes):
        rest.insert(0, whole[len(whole) - size - sum(map(len, rest)) :][:size])
    async with pair() as (near, far), trio.open_nursery() as nursery:
        transport, received = Transport(near), bytearray()

        @nursery.start_soon
        async def receive() -> None:
            while len(received) < len(whole):
                received.extend(await far.receive_some())

        counts = []
        while rest:
            if count := near.write(rest):
                counts.append(count)
                rest = without(rest, count)
            else:
                await near.wait_send_all_might_not_block()
        assert max(counts) <= UNIT
        assert sum(counts) == len(whole)
    assert received == whole
    assert transport.immediate


class Weighing(ssl.SSLObject):
    """OpenSSL that notes how much it is given at once."""

    most = 0

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        self.most = max(self.most, len(data))
        return super().write(data)


async def test_openssl_gets_little_at_once() -> None:
    """OpenSSL never gets more than a record at once: it would keep the memory for ever."""
    client, server = tls_contexts()
    client.sslobject_class = Weighing
    async with against_hand(client, server, 1_000_000) as (near, _):
        assert near.write([b"0123456789", bytes(UNIT - 10)]) == UNIT
        assert isinstance(near._openssl, Weighing)
        assert near._openssl.most == RECORD


async def test_a_full_socket_takes_nothing() -> None:
    """Bytes count as written when the kernel has all the records that carry them."""
    async with pair(SMALL) as (near, far):
        with assert_no_checkpoints():
            assert near.write([DATA]) == 0
        assert near.write([DATA]) == 0
        assert len(near._sealed) > UNIT - 4 * SMALL
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_all, DATA)
            received = bytearray()
            while len(received) < len(DATA):
                received += await far.receive_some()
        assert received == DATA


async def test_progress() -> None:
    """Who waits for the kernel sees that bytes leave, and the last of them with the last record."""
    async with against_hand(buffer=SMALL) as (near, far):
        counts: list[int] = []

        async def send() -> None:
            rest = memoryview(DATA)[:UNIT]
            while rest:
                counts.append(await near.send_some(rest))
                rest = rest[counts[-1] :]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            while not counts or sum(counts) < UNIT:
                await wait_all_tasks_blocked()
                before = sum(counts)
                await far.hear()
                await wait_all_tasks_blocked()
                assert sum(counts) > before
            assert len(counts) > 4
        assert near._sealed == b""
        await far.hear()
        assert far.read() == DATA[:UNIT]


async def test_what_is_owed_is_told_piece_by_piece() -> None:
    """When the kernel has taken several pieces at last, each is told to whoever gives it."""
    async with pair(SMALL) as (near, far):
        header, payload = b"0123456789", DATA[:30_000]
        assert near.write([header, payload]) == 0
        async with trio.open_nursery() as nursery:
            received = bytearray()

            @nursery.start_soon
            async def receive() -> None:
                while len(received) < len(header + payload) + 4:
                    received.extend(await far.receive_some())

            while near._sealed:
                await near.wait_send_all_might_not_block()
            assert await near.send_some(memoryview(header)) == len(header)
            assert near.write([payload]) == len(payload)
            await near.send_all(b"more")
        assert received == header + payload + b"more"


async def test_cancelled_writing() -> None:
    """A write that was cancelled goes on where it was, if it is tried again."""
    async with pair(SMALL) as (near, far):
        rest = memoryview(DATA)
        async with trio.open_nursery() as nursery:
            received = bytearray()

            @nursery.start_soon
            async def receive() -> None:
                while len(received) < len(DATA):
                    await trio.lowlevel.checkpoint()
                    received.extend(await far.receive_some())

            while rest:
                with trio.CancelScope() as scope:
                    scope.cancel()
                    rest = rest[await near.send_some(rest) :]
                if scope.cancelled_caught:
                    rest = rest[await near.send_some(rest) :]
        assert received == DATA


async def test_cancelled_reading() -> None:
    """A cancelled read has taken nothing."""
    async with pair() as (near, far):
        for call in READING:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call, near)
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            await far.send_all(b"second")
            assert await near.receive_some() == b"second"


@pytest.mark.parametrize("seed", range(10))
async def test_anything_at_any_time(seed: int, autojump_clock: object) -> None:
    """However it is cut, delayed and cancelled, every byte arrives once and in order."""
    chance = random.Random(seed)
    data = chance.randbytes(300_000)

    def patience() -> float:
        return chance.choice([0, 0.5, 2, 1000, 1000, 1000])

    async def send(transport: Transport) -> None:
        for start in range(0, len(data), 100_000):
            cuts = sorted(chance.choices(range(100_001), k=chance.choice([1, 3, 40])))
            bounds = [start, *(start + cut for cut in cuts), start + 100_000]
            pieces: list[Piece] = [data[a:b] for a, b in itertools.pairwise(bounds)]
            while pieces := transport.send_now(pieces):
                with trio.move_on_after(patience()):
                    pieces = without(pieces, await transport.send_some(memoryview(pieces[0])))

    async def receive(transport: Transport) -> None:
        received = bytearray()
        while len(received) < len(data):
            buffer = memoryview(bytearray(chance.choice([1, 100, 20_000, 300_000])))
            with trio.move_on_after(patience()):
                received += buffer[: await transport.receive_into(buffer)]
            with trio.move_on_after(patience()):
                received += await transport.receive_some()
            await trio.sleep(chance.choice([0, 0, 1]))
        assert received == data

    async with pair(chance.choice([None, 2048, 20_000])) as ends, trio.open_nursery() as nursery:
        for transport in map(Transport, ends):
            nursery.start_soon(send, transport)
            nursery.start_soon(receive, transport)


# What OpenSSL wants besides


@pytest.mark.parametrize("full", [False, True])
async def test_answer_of_the_reader(full: bool) -> None:
    """What reading gives OpenSSL to say is said at once, or with the next write.

    Here the server asks for the client's certificate after the handshake (RFC 8446 §4.6.2).
    """
    client, server = tls_contexts()
    authority = trustme.CA()
    authority.issue_cert("testclient").configure_cert(client)
    authority.configure_trust(server)
    client.post_handshake_auth = server.post_handshake_auth = True
    server.verify_mode = ssl.CERT_REQUIRED
    async with against_hand(client, server, SMALL) as (near, far):
        stuffed = 0
        if full:
            stuffed = stuff(near.transport_stream)
        far.openssl.verify_client_post_handshake()
        await far.stream.send_all(far.records(b"show me"))
        assert await near.receive_some() == b"show me"
        assert bool(near._sealed) == full
        while stuffed:
            stuffed -= len(await far.stream.receive_some(stuffed))
        assert near.write([b"here"]) == 4
        received = b""
        while not received:
            await far.hear()
            received = far.read()
        assert received == b"here"
        assert far.openssl.getpeercert()


class Negotiating(ssl.SSLObject):
    """OpenSSL in TLS 1.2 while it negotiates anew: it writes nothing before it has read."""

    patience = 0
    says = b""

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        if self.patience:
            self.patience -= 1
            if self.says:
                super().write(self.says)
                self.says = b""
            raise ssl.SSLWantReadError
        return super().write(data)


@pytest.mark.parametrize("says", [b"", b"wait "])
async def test_writer_that_has_to_hear_first(says: bytes) -> None:
    """If OpenSSL has to read before it writes, the writer waits for the reader."""
    client, server = tls_contexts()
    client.sslobject_class = Negotiating
    async with against_hand(client, server) as (near, far):
        assert isinstance(near._openssl, Negotiating)
        near._openssl.patience = 4
        assert near.write([b"hello"]) == 0
        near._openssl.says = says
        sent = []

        async def send() -> None:
            sent.append(await near.send_some(memoryview(b"hello")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            assert not sent
            while not sent:
                await far.stream.send_all(far.records(b"go on"))
                assert await near.receive_some() == b"go on"
                await wait_all_tasks_blocked()
        assert sent == [5]
        await far.hear()
        assert far.read() == says + b"hello"


class Talkative(ssl.SSLObject):
    """OpenSSL whose peer makes it say something whenever it reads."""

    def read(self, *arguments: Any, **more: Any) -> Any:
        data = super().read(*arguments, **more)
        self.write(bytes(10_000))
        return data


@pytest.mark.parametrize("call", READING)
async def test_peer_that_asks_and_does_not_listen(call: Call) -> None:
    """What the reader could not say is kept within bounds: then the stream is broken."""
    client, server = tls_contexts()
    client.sslobject_class = Talkative
    async with against_hand(client, server) as (near, far):
        with pytest.raises(trio.BrokenResourceError, match="does not listen"):
            for _ in range(100):
                await far.stream.send_all(far.records(b"hello"))
                assert await call(near) == b"hello"
                assert len(near._sealed) <= MUCH


# The lease sees through it (P12)


class Link:
    """The other end of a slow line: it takes all that the kernel holds once a second."""

    def __init__(self, far: ByHand, seconds: float) -> None:
        self.far = far
        self.seconds = seconds
        self.received = 0

    async def run(self) -> None:
        """Take it, for so many seconds."""
        while trio.current_time() < self.seconds:
            await trio.sleep(1)
            data = await self.far.stream.receive_some()
            self.far.incoming.write(data)
            self.received += len(data)


def on(stream: trio.abc.Stream, **policies: object) -> ConnectionScope:
    """A connection over a stream."""
    rules = Policies(**{"heartbeat": None, **policies})  # type: ignore[arg-type]
    return hold(WebSocket(stream, opening(), client=True, policies=rules, ident="tested"))


async def test_slow_link(autojump_clock: object) -> None:
    """A message that crawls out for many times the timeout is no sign of death (B4a)."""
    async with against_hand(buffer=SMALL) as (near, far), trio.open_nursery() as nursery:
        link = Link(far, seconds=100)
        nursery.start_soon(link.run)
        with pytest.raises(HeartbeatTimeout):
            async with on(near, heartbeat=Heartbeat(interval=4, timeout=4)) as ws:
                await ws.send(bytes(100 * UNIT))
                with at_the_end(104, "the last progress was in the hundredth second"):
                    await ws.flush()
    assert link.received > 10 * SMALL


async def test_slow_link_to_us(autojump_clock: object) -> None:
    """A record that crawls in for many times the timeout is no sign of death either (P12)."""
    async with against_hand() as (near, far), trio.open_nursery() as nursery:
        record = far.records(b"\x82\x7e" + (10_000).to_bytes(2, "big") + bytes(10_000))

        @nursery.start_soon
        async def crawl() -> None:
            for start in range(0, 10_000, 100):
                await far.stream.send_all(record[start : start + 100])
                await trio.sleep(1)

        with pytest.raises(HeartbeatTimeout):
            async with on(near, heartbeat=Heartbeat(interval=4, timeout=4)):
                with at_the_end(99 + 4 + 4, "the last bytes came in the hundredth second"):
                    await trio.sleep_forever()
        nursery.cancel_scope.cancel()


async def test_stuck_link(autojump_clock: object) -> None:
    """With nobody's heart beating, what is stuck for `Timeouts.send` is given up."""
    async with against_hand(buffer=SMALL) as (near, far), trio.open_nursery() as nursery:
        nursery.start_soon(Link(far, seconds=50).run)
        with pytest.raises(ConnectionLost) as caught:
            async with on(near, timeouts=Timeouts(send=7)) as ws:
                await ws.send(bytes(100 * UNIT))
                with at_the_end(57, "the last progress was in the fiftieth second"):
                    await ws.flush()
    assert caught.value.ending.loss is Loss.SEND_TIMEOUT


@contextmanager
def at_the_end(time: float, why: str) -> Generator[None]:
    """A block that is left at this time, however."""
    try:
        yield
    finally:
        assert trio.current_time() == time, why
