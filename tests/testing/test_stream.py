"""Simulated connections: bytes, buffers, ends and resets, at exact times."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws.testing import Fault, MemoryNetwork
from trio_ws.testing._stream import MemoryStream
from trio_ws.testing._wire import BUFFER, SEGMENT, WINDOW

from .lines import open_line, receive_exactly

Clock = trio.testing.MockClock


async def test_bytes_arrive_in_order_and_after_the_latency(autojump_clock: Clock) -> None:
    """What is sent arrives as it was sent, so much later as the line says."""
    async with open_line(latency=0.25) as (_, client, server):
        start = trio.current_time()
        await client.send_all(b"abc")
        await client.send_all(b"def")
        assert trio.current_time() == start
        assert await server.receive_some() == b"abcdef"
        assert trio.current_time() == start + 0.25
        await server.send_all(b"ghi")
        assert await client.receive_some(2) == b"gh"
        assert await client.receive_some() == b"i"
        assert trio.current_time() == start + 0.5


async def test_each_way_has_its_own_latency(autojump_clock: Clock) -> None:
    """A link may be slow in one direction only."""
    async with open_line(latency=1, way="to") as (network, client, server):
        network.link("client", latency=0.5, way="to")
        start = trio.current_time()
        await client.send_all(b"x")
        await server.receive_some()
        assert trio.current_time() == start + 1
        await server.send_all(b"y")
        await client.receive_some()
        assert trio.current_time() == start + 1.5


async def test_bandwidth_is_shared_by_the_connections_of_a_host(autojump_clock: Clock) -> None:
    """1000 bytes a second are 1000 bytes a second, for one connection or for two."""
    async with open_line(bandwidth=1000) as (network, client, server):
        start = trio.current_time()
        await client.send_all(bytes(500))
        await receive_exactly(server, 500)
        assert trio.current_time() == pytest.approx(start + 0.5)
        listener = network._exchange.listen("server", 2)
        other = await network.connect("server", 2)
        async with other, await listener.accept() as there:
            start = trio.current_time()
            async with trio.open_nursery() as nursery:
                for source, sink in ((client, server), (other, there)):
                    nursery.start_soon(source.send_all, bytes(500))
                    nursery.start_soon(receive_exactly, sink, 500)
            assert trio.current_time() == pytest.approx(start + 1)


async def test_jitter_keeps_the_order(autojump_clock: Clock) -> None:
    """Segments take different times, and none overtakes another."""
    async with open_line(jitter=1) as (_, client, server):
        sent = bytes(range(100))
        for byte in sent:
            await client.send_all(bytes([byte]))
            await trio.sleep(0.1)
        times = []
        for byte in sent:
            assert await server.receive_some(1) == bytes([byte])
            times.append(trio.current_time())
        assert times == sorted(times)


async def test_a_reader_that_does_not_read_stops_the_sender(autojump_clock: Clock) -> None:
    """The window fills, then the buffer, then the sender waits until somebody reads."""
    async with open_line() as (_, client, server):
        with trio.move_on_after(3600) as waiting:
            await client.send_all(bytes(WINDOW + BUFFER + 1))
        assert waiting.cancelled_caught
        assert len(server.unread) == WINDOW
        got = await receive_exactly(server, WINDOW + BUFFER)
        assert len(got) == WINDOW + BUFFER
        with trio.fail_after(1):
            await client.wait_send_all_might_not_block()
            await client.send_all(b"!")
        assert await server.receive_some() == b"!"


async def test_waiting_for_room(autojump_clock: Clock) -> None:
    """`wait_send_all_might_not_block` waits as long as the buffer is full."""
    async with open_line() as (_, client, server):
        await client.send_all(bytes(WINDOW + BUFFER))
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.wait_send_all_might_not_block)
            await trio.sleep(5)
            await receive_exactly(server, SEGMENT)
        assert trio.current_time() == start + 5


async def test_the_end_comes_behind_the_bytes(autojump_clock: Clock) -> None:
    """A stream that was ended in one direction goes on in the other."""
    async with open_line(latency=0.1) as (_, client, server):
        await client.send_all(b"last")
        await client.send_eof()
        assert await server.receive_some() == b"last"
        assert await server.receive_some() == b""
        assert await server.receive_some() == b""
        await server.send_all(b"answer")
        assert await client.receive_some() == b"answer"
        with pytest.raises(trio.ClosedResourceError, match="after the end of the stream"):
            await client.send_all(b"more")
        await client.send_eof()


async def test_closing_is_seen_by_the_peer(autojump_clock: Clock) -> None:
    """The peer reads the end; if it goes on sending it gets a reset."""
    async with open_line() as (_, client, server):
        await client.aclose()
        await client.aclose()
        assert await server.receive_some() == b""
        await server.send_all(b"into the void")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await server.send_all(b"again")
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        assert caught.value.__cause__.errno == errno.ECONNRESET


async def test_closing_with_unread_bytes_is_a_reset(autojump_clock: Clock) -> None:
    """So TCP does it: even what was sent before the close is lost."""
    async with open_line() as (_, client, server):
        await client.send_all(b"unread")
        await server.send_all(b"lost")
        await server.aclose()
        assert server.unread == b"unread"
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_bytes_that_meet_a_closed_end_reset_the_sender(autojump_clock: Clock) -> None:
    """Also if they were on their way already."""
    async with open_line(latency=1) as (_, client, server):
        await client.send_all(b"late")
        await server.aclose()
        await trio.sleep(2)
        with pytest.raises(trio.BrokenResourceError):
            await client.send_all(b"later")


@pytest.mark.parametrize("method", ["receive_some", "send_eof", "wait_send_all_might_not_block"])
async def test_a_closed_stream(method: str, autojump_clock: Clock) -> None:
    """Nothing can be done with it any more."""
    async with open_line() as (_, client, _server):
        await client.aclose()
        with pytest.raises(trio.ClosedResourceError, match="this stream is closed"):
            await getattr(client, method)()
        with pytest.raises(trio.ClosedResourceError, match="this stream is closed"):
            await client.send_all(b"x")


async def test_closing_wakes_who_waits(autojump_clock: Clock) -> None:
    """A task that waits for bytes, and one that waits for room, hear that the stream is closed."""
    async with open_line() as (_, client, _server):

        async def fails(method: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(trio.ClosedResourceError):
                await method()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fails, partial(client.receive_some))
            nursery.start_soon(fails, partial(client.send_all, bytes(WINDOW + BUFFER + 1)))
            await trio.testing.wait_all_tasks_blocked()
            await client.aclose()


async def test_it_is_a_stream_like_others(autojump_clock: Clock) -> None:
    """Trio's own tests of a half-closeable stream pass."""
    async with MemoryNetwork(seed=1, strict=False) as network:
        listener = network._exchange.listen("server", 1)

        async def make() -> tuple[MemoryStream, MemoryStream]:
            client = await network.connect("server", 1)
            assert isinstance(client, MemoryStream)
            return client, await listener.accept()

        async def make_full() -> tuple[MemoryStream, MemoryStream]:
            client, server = await make()
            for stream in (client, server):
                await stream.send_all(bytes(WINDOW + BUFFER))
            return client, server

        await trio.testing.check_half_closeable_stream(make, make_full)


async def test_a_tls_handshake_must_be_expected(autojump_clock: Clock) -> None:
    """Only the client's end of a connection to a ``wss`` server expects one."""
    async with open_line() as (_, client, server):
        assert not client.expects_tls
        assert not server.expects_tls


async def test_addresses(autojump_clock: Clock) -> None:
    """Each end knows both; what it draws from is its connection's."""
    async with open_line() as (_, client, server):
        assert client.local_address == server.remote_address
        assert client.remote_address == server.local_address
        assert server.local_address[1] == 1
        assert client.entropy == server.entropy == client.connection.entropy


# TLS


async def test_the_stand_in_for_tls(autojump_clock: Clock) -> None:
    """It takes a round trip, and then the server may have the connection."""
    async with open_line(latency=0.5) as (_, client, server):
        accepted: list[float] = []
        client.connection.expect_tls(lambda: False, lambda: accepted.append(trio.current_time()))
        assert client.expects_tls
        assert not server.expects_tls
        start = trio.current_time()
        await client.do_handshake()
        assert accepted == [start + 1]
        assert not client.expects_tls
        await client.send_all(b"x")
        assert await server.receive_some() == b"x"


async def test_the_stand_in_fails(autojump_clock: Clock) -> None:
    """As a certificate does that is not trusted; or since the server speaks no TLS."""
    async with open_line() as (_, client, server):
        with pytest.raises(trio.BrokenResourceError) as caught:
            await client.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        client.connection.expect_tls(lambda: True, print)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await client.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert server.closed


async def test_a_client_that_forgets_tls(autojump_clock: Clock) -> None:
    """Its first bytes are answered with the end of the stream, whatever else it sends."""
    async with open_line() as (_, client, server):
        client.connection.expect_tls(lambda: False, print)
        await client.send_all(b"GET /")
        await client.send_all(b" HTTP/1.1")
        assert await client.receive_some() == b""
        assert server.closed
        await client.aclose()
        assert client.connection.over


async def test_a_client_that_closes_before_tls(autojump_clock: Clock) -> None:
    """The connection is over; a handshake that is under way is told, and no server is."""
    async with open_line(latency=0.5) as (_, client, _server):
        accepted: list[object] = []
        client.connection.expect_tls(lambda: False, lambda: accepted.append(client))

        async def close() -> None:
            await trio.sleep(0.25)
            await client.aclose()
            assert client.connection.over

        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(close)
            with pytest.raises(trio.ClosedResourceError, match="closed during the handshake"):
                await client.do_handshake()
        assert trio.current_time() == start + 1
        assert accepted == []


async def test_a_server_that_answers_tls_with_something_else(autojump_clock: Clock) -> None:
    """Then that is what the client reads, and the end, whatever it sends."""
    async with open_line() as (_, client, _server):
        client.connection.fail_tls()
        await client.send_all(b"hello")
        assert (await client.receive_some()).startswith(b"HTTP/1.1 400")
        assert await client.receive_some() == b""
        await client.aclose()
        assert client.connection.over


async def test_a_server_that_is_silent(autojump_clock: Clock) -> None:
    """Nothing comes from it, and nothing of it is left."""
    async with open_line() as (_, client, server):
        client.connection.be_silent()
        await client.send_all(b"hello")
        with trio.move_on_after(60) as waiting:
            await client.receive_some()
        assert waiting.cancelled_caught
        assert server.closed
        assert not client.connection.over


async def test_a_connection_that_vanishes(autojump_clock: Clock) -> None:
    """In both directions."""
    async with open_line() as (_, client, server):
        client.connection.vanish()
        for stream, other in ((client, server), (server, client)):
            await stream.send_all(b"x")
            with trio.move_on_after(60) as waiting:
                await other.receive_some()
            assert waiting.cancelled_caught


# Faults


async def test_a_stall_holds_everything_back(autojump_clock: Clock) -> None:
    """What was sent meanwhile arrives afterwards, and its end too."""
    async with open_line() as (network, client, server):
        start = trio.current_time()
        network.inject("server", Fault.stall(at=1, for_=10))
        await trio.sleep(5)
        await client.send_all(b"held")
        await client.send_eof()
        assert await server.receive_some() == b"held"
        assert trio.current_time() == start + 11
        assert await server.receive_some() == b""


async def test_a_zero_window_fills_the_buffer(autojump_clock: Clock) -> None:
    """Only the send buffer takes anything, until the fault is healed."""
    async with open_line() as (network, client, server):
        network.inject("server", Fault.zero_window(toward="server"))
        await client.send_all(bytes(BUFFER))
        with trio.move_on_after(60) as waiting:
            await client.send_all(b"more")
        assert waiting.cancelled_caught
        await server.send_all(b"the other way is free")
        assert await client.receive_some() == b"the other way is free"
        network.heal("server")
        assert await receive_exactly(server, BUFFER) == bytes(BUFFER)


@pytest.mark.parametrize("stream", ["client", "server"])
async def test_a_reset_is_seen_by_both(stream: str, autojump_clock: Clock) -> None:
    """A task that waits, for bytes or for room, gets a `BrokenResourceError` at once."""
    async with open_line() as (network, client, server):
        network.inject("server", Fault.reset(at=3))
        start = trio.current_time()
        end = {"client": client, "server": server}[stream]

        async def breaks(method: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(trio.BrokenResourceError):
                await method()
            assert trio.current_time() == start + 3

        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks, partial(end.receive_some))
            nursery.start_soon(breaks, partial(end.send_all, bytes(WINDOW + BUFFER + 1)))
        end.connection.reset()


async def test_a_cut_is_the_end_for_both(autojump_clock: Clock) -> None:
    """Both read the end of the stream; who goes on sending gets a reset."""
    async with open_line() as (network, client, server):
        network.inject("server", Fault.cut())
        assert await client.receive_some() == b""
        assert await server.receive_some() == b""
        await client.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await client.send_all(b"y")


async def test_a_cut_after_bytes(autojump_clock: Clock) -> None:
    """Exactly so many bytes arrive, then the end."""
    async with open_line(latency=0.1) as (network, client, server):
        network.inject("server", Fault.cut(after_bytes=10, toward="client"))
        await server.send_all(bytes(1000))
        assert await receive_exactly(client, 10) == bytes(10)
        assert await client.receive_some() == b""
        assert await server.receive_some() == b""


async def test_a_half_close_is_seen_by_the_client_only(autojump_clock: Clock) -> None:
    """The client reads the end, the server goes on hearing it, and sends into a hole."""
    async with open_line() as (network, client, server):
        network.inject("server", Fault.half_close())
        assert await client.receive_some() == b""
        await server.send_all(b"lost")
        await client.send_all(b"still there?")
        assert await server.receive_some() == b"still there?"
        assert await client.receive_some() == b""


async def test_a_black_hole_swallows_everything(autojump_clock: Clock) -> None:
    """Nothing arrives, not even the end, and the sender's buffers fill as if nobody read."""
    async with open_line() as (network, client, server):
        network.inject("server", Fault.black_hole())
        await client.send_all(bytes(WINDOW + BUFFER))
        with trio.move_on_after(60) as sending:
            await client.send_all(b"x")
        await server.aclose()
        with trio.move_on_after(3600) as receiving:
            await client.receive_some()
        assert sending.cancelled_caught and receiving.cancelled_caught


async def test_drip(autojump_clock: Clock) -> None:
    """Bytes arrive one at a time, and one every so often."""
    async with open_line() as (network, client, server):
        network.inject("server", Fault.drip(0.5, toward="client"))
        start = trio.current_time()
        await server.send_all(b"abc")
        arrived = [(await client.receive_some(), trio.current_time() - start) for _ in range(3)]
        assert arrived == [(b"a", 0.5), (b"b", 1.0), (b"c", 1.5)]


async def test_faults_of_the_client_count_too(autojump_clock: Clock) -> None:
    """A fault on either host concerns the connection between them."""
    async with open_line() as (network, client, server):
        network.inject("client", Fault.latency(2, toward="server"))
        start = trio.current_time()
        await client.send_all(b"x")
        await server.receive_some()
        assert trio.current_time() == start + 2


async def test_a_reset_while_bytes_are_under_way(autojump_clock: Clock) -> None:
    """They do not arrive."""
    async with open_line(latency=1) as (_, client, server):
        await client.send_all(b"x")
        client.connection.reset()
        client.connection.reset()
        await trio.sleep(2)
        with pytest.raises(trio.BrokenResourceError):
            await server.receive_some()
