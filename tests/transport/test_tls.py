"""`_transport.tls`: TLS that tells of bytes which come and go inside one call (P12)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import memory_stream_pair

from trio_ws import ConnectionLost, Heartbeat, HeartbeatTimeout, Loss, Timeouts, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import READ_SIZE
from trio_ws._transport.tls import TLS_RECORD, MonitoredStream, tls_on

from ..streams import (
    Pair,
    over_tls,
    shake_hands,
    socket_pair,
    tls_contexts,
    tls_on_transports,
)
from ..wires import opening

Clock = trio.testing.MockClock


class Crawling(trio.abc.Stream):
    """A link that takes seconds for each call, and keeps bytes back when told to."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.seconds = 0.0
        self.sizes: list[int] = []
        self.kept: bytearray | None = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, slowly."""
        self.sizes.append(len(data))
        if self.kept is not None:
            self.kept += data
            return
        await trio.sleep(self.seconds)
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait."""
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive."""
        return await self.stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Close."""
        await self.stream.aclose()


def over_tls_of_sockets(ours: trio.abc.Stream, theirs: trio.abc.Stream) -> Pair:
    """TLS as it is on sockets."""
    return tls_on_transports(transport_on(ours), transport_on(theirs))


every_kind = pytest.mark.parametrize("make", [over_tls, over_tls_of_sockets])


@asynccontextmanager
async def connected(
    make: Callable[..., Pair],
    **policies: Any,
) -> AsyncGenerator[tuple[WebSocket, Crawling, trio.abc.Stream, Crawling]]:
    """A client over TLS, its link, its peer, and the peer's link."""
    ours, theirs = map(Crawling, memory_stream_pair())
    client, server = make(ours, theirs)
    await shake_hands(client, server)
    rules = ConnectionOptions(**{"heartbeat": None, **policies})
    ws = WebSocket(client, opening(), client=True, options=rules, name="tested")
    async with ConnectionBlock(ws):
        yield ws, ours, server, theirs


async def swallow(stream: trio.abc.Stream) -> None:
    """Take all that comes, and say nothing."""
    with suppress(trio.BrokenResourceError):
        while await stream.receive_some():
            pass


@every_kind
async def test_a_long_message_over_a_slow_link(
    autojump_clock: Clock, make: Callable[..., Pair]
) -> None:
    """Bytes that leave while TLS waits for all of them keep a silent peer alive."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(HeartbeatTimeout):
            async with connected(make, heartbeat=Heartbeat(interval=4, timeout=4)) as end:
                ws, ours, far, _ = end
                nursery.start_soon(swallow, far)
                ours.seconds = 3
                await ws.send(bytes(10 * TLS_RECORD))
                await ws.flush()
                assert trio.current_time() > 30
                assert ws.ending is None
                await trio.sleep_forever()
        nursery.cancel_scope.cancel()


@every_kind
async def test_a_link_that_is_stuck(autojump_clock: Clock, make: Callable[..., Pair]) -> None:
    """Seconds without any such byte count, from the last one on."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectionLost) as caught:
            async with connected(make, timeouts=Timeouts(send=7)) as (ws, ours, far, _):
                nursery.start_soon(swallow, far)
                ours.seconds = 3
                await ws.send(bytes(10 * TLS_RECORD))
                await trio.sleep_until(13)
                ours.seconds = 1000
                await ws.flush()
        nursery.cancel_scope.cancel()
    assert caught.value.ending.loss is Loss.SEND_TIMEOUT
    assert 15 + 7 <= trio.current_time() <= 15 + 7 + 0.5


@every_kind
async def test_a_record_that_crawls_in(autojump_clock: Clock, make: Callable[..., Pair]) -> None:
    """Bytes that are no whole record yet are signs of life."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(HeartbeatTimeout):
            async with connected(make, heartbeat=Heartbeat(interval=4, timeout=4)) as end:
                ws, _, far, theirs = end
                theirs.kept = bytearray()
                await far.send_all(b"\x82\x7e" + (10_000).to_bytes(2, "big") + bytes(10_000))
                record, theirs.kept = bytes(theirs.kept), None

                @nursery.start_soon
                async def crawl() -> None:
                    for start in range(0, 10_000, 100):
                        await theirs.stream.send_all(record[start : start + 100])
                        await trio.sleep(1)

                await trio.sleep_until(99.5)
                assert ws.ending is None
                await trio.sleep_forever()
        nursery.cancel_scope.cancel()
    assert 99 + 4 + 4 <= trio.current_time() <= 99 + 4 + 4 + 0.5


async def test_the_end_is_no_sign_of_life(autojump_clock: Clock) -> None:
    """What is told is when bytes came and went; to send none or to hear the end is nothing."""
    ours, theirs = memory_stream_pair()
    below = MonitoredStream(ours)
    await below.send_all(b"nobody asked")
    told: list[tuple[str, float]] = []
    below.observe(
        on_arrival=lambda now: told.append(("came", now)),
        on_departure=lambda now: told.append(("went", now)),
    )
    await trio.sleep(1)
    await below.send_all(b"")
    await below.send_all(b"x" * (2 * TLS_RECORD + 1))
    await theirs.send_all(b"answer")
    await trio.sleep(1)
    assert await below.receive_some(3) == b"ans"
    await theirs.aclose()
    assert await below.receive_some() == b"wer"
    assert await below.receive_some() == b""
    assert told == [("went", 1)] * 3 + [("came", 2)] * 2
    await below.wait_send_all_might_not_block()
    await below.aclose()


async def test_much_at_once() -> None:
    """TLS that we see from below gets a whole message; the link gets it in pieces."""
    ours, theirs = map(Crawling, memory_stream_pair())
    near, far = over_tls(ours, theirs)
    await shake_hands(near, far)
    ours.sizes.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, bytes(READ_SIZE))
        received = 0
        while received < READ_SIZE:
            received += len(await far.receive_some())
    assert ours.sizes[:4] == [TLS_RECORD] * 4
    assert sum(ours.sizes) > READ_SIZE


@pytest.mark.parametrize("make", [socket_pair, memory_stream_pair])
async def test_both_sides(make: Callable[[], Pair]) -> None:
    """What the one side says the other hears, and the end of a server is announced."""
    client, server = over_tls(*make())
    await shake_hands(client, server)
    await client.send_all(b"hello")
    assert await server.receive_some() == b"hello"
    with trio.move_on_after(0):
        await server.aclose()
    assert await client.receive_some() == b""
    await client.aclose()


async def test_a_full_socket() -> None:
    """A socket takes what it has room for; when it breaks that is what is raised."""
    ours, theirs = socket_pair(4096)
    below = MonitoredStream(ours)
    told: list[float] = []
    below.observe(on_arrival=print, on_departure=told.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(below.send_all, bytes(100_000))
        received = 0
        while received < 100_000:
            received += len(await theirs.receive_some())
    assert len(told) > 1
    await theirs.aclose()
    with pytest.raises(trio.BrokenResourceError):
        while True:
            await below.send_all(bytes(100_000))
    await below.aclose()


async def test_wrong_name() -> None:
    """A certificate for another name is none."""
    (ours, theirs), (client_side, server_side) = socket_pair(), tls_contexts()
    near = tls_on(ours, client_side, server_hostname="another")
    far = tls_on(theirs, server_side, server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(swallow, far)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await near.do_handshake()
        await trio.aclose_forcefully(near)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    await trio.aclose_forcefully(far)
