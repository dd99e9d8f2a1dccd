"""`trio_ws._connection.heartbeat`: a verdict depends on what the peer's kernel acknowledges (P12).

In these tests a `SaidKernel` speaks for the kernel; the real one is in ``tests/hazards``.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Heartbeat,
    HeartbeatTimeout,
    Loss,
    Timeouts,
    WebSocket,
)
from trio_ws._connection.block import ConnectionBlock
from trio_ws._liveness.pings import RIGHT_AFTER
from trio_ws._options import ConnectionOptions
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import CLOSE, PING, PONG, TEXT, encode

from ..kernels import SaidKernel, kernel
from ..streams import socket_pair
from ..wires import both_roles, open_wired, opening

__all__ = ["kernel"]

Clock = trio.testing.MockClock
BEAT = Heartbeat(interval=4, timeout=2)
AFTER_PING = "it ended right after a ping, and has never answered one; if this peer knows no pings"


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question comes at the end of the first interval."""
    monkeypatch.setattr(random, "random", lambda: 1.0)


@asynccontextmanager
async def open_over(
    kind: str, client: bool, **policies: Any
) -> AsyncGenerator[tuple[WebSocket, RawPeer]]:
    """Open a connection over a memory stream, or over a socket, which is written inline."""
    if kind == "memory":
        async with open_wired(client, **policies) as (ws, peer, _):
            yield ws, peer
        return
    ours, theirs = socket_pair()
    options = ConnectionOptions(**{"heartbeat": None, **policies})
    ws = WebSocket(ours, opening(), client=client, options=options, name="tested")
    async with RawPeer(theirs, client=not client) as peer, ConnectionBlock(ws):
        yield ws, peer


every_stream = pytest.mark.parametrize("kind", ["memory", "socket"])


# A ping on its way


@both_roles
@every_stream
async def test_one_look_a_ping(
    kind: str, client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """Without a backlog the kernel is asked once a ping, and the timeout runs from then."""
    kernel.unacknowledged = 14
    with pytest.raises(HeartbeatTimeout, match="was not answered"):
        async with open_over(kind, client, heartbeat=BEAT) as (_, peer):
            for number in range(1, 4):
                ping = await peer.expect_frame(PING)
                assert trio.current_time() == 4 * number
                await peer.send_frame(PONG, ping.payload)
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == 16 + 2
    assert kernel.looks == [4, 8, 12, 16]


@both_roles
@every_stream
@pytest.mark.parametrize("delivers", [False, True], ids=["bytes", "packets"])
async def test_a_ping_behind_a_backlog(
    kind: str, delivers: bool, client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """While bytes of ours are acknowledged a ping is waited for; then the timeout runs."""
    kernel.unacknowledged = 500_000
    kernel.delivers = delivers
    with pytest.raises(HeartbeatTimeout, match="was not acknowledged"):
        async with open_over(kind, client, heartbeat=BEAT) as (ws, peer):
            await peer.expect_frame(PING)
            for _ in range(30):
                await trio.sleep(1)
                if not delivers:
                    kernel.unacknowledged -= 1000
            assert ws.ending is None
            kernel.delivers = False
            began = trio.current_time()
            try:
                await trio.sleep_forever()
            finally:
                assert 2 <= trio.current_time() - began <= 2.5
    assert kernel.looks[:5] == [4, 4.5, 5, 5.5, 6]


@both_roles
@every_stream
async def test_a_ping_that_has_arrived(
    kind: str, client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """Once a ping has arrived its timeout runs, whatever is acknowledged behind it."""
    kernel.unacknowledged = 5_000
    alive = False
    with pytest.raises(HeartbeatTimeout, match="was not answered"):
        async with open_over(kind, client, heartbeat=BEAT) as (_, peer):
            await peer.expect_frame(PING)
            await trio.sleep(1.75)
            kernel.sent += 5_000
            alive = True
            try:
                while True:
                    await trio.sleep(1)
                    kernel.sent += 1_000
            finally:
                assert trio.current_time() == 6 + 2
    assert alive


@both_roles
async def test_a_ping_behind_a_write_that_waits(
    client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """Acknowledgements count also before the ping was handed over; bytes taken do not."""
    kernel.unacknowledged = 100_000
    alive = False
    with pytest.raises(HeartbeatTimeout, match="was not even taken"):
        async with open_wired(client, heartbeat=BEAT) as (ws, _, wire):
            wire.stop_taking()
            await ws.send(bytes(300_000))
            for _ in range(40):
                await trio.sleep(0.5)
                kernel.sent += 1
            assert ws.ending is None
            alive = True
            try:
                while True:
                    await trio.sleep(0.5)
                    wire.take_piece()
                    kernel.unacknowledged += 16_384
                    kernel.sent += 16_384
            finally:
                assert 22 <= trio.current_time() <= 22.5
    assert alive


# Bounds on sending


@both_roles
@every_stream
async def test_a_peer_that_talks_and_never_reads(
    kind: str, client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """`Timeouts.stall` bounds a send however much the peer talks (F1.4)."""
    alive = False
    with pytest.raises(ConnectionLost, match=r"acknowledged for 4\.0 s") as caught:
        async with open_over(kind, client, heartbeat=BEAT, timeouts=Timeouts(stall=4)) as (
            ws,
            peer,
        ):
            await trio.sleep(1)
            kernel.unacknowledged = 10_000
            await ws.send("never read")
            alive = True
            try:
                while True:
                    await peer.send_frame(PONG, b"talk")
                    await trio.sleep(0.5)
            finally:
                assert trio.current_time() == 5
    assert alive
    assert caught.value.ending.loss is Loss.SEND_TIMEOUT


@both_roles
@every_stream
@pytest.mark.parametrize("name", ["send", "stall"])
async def test_a_message_that_does_not_arrive(
    kind: str, name: str, client: bool, kernel: SaidKernel, autojump_clock: Clock
) -> None:
    """A message that our kernel has taken, and the peer's has not, is bounded by itself."""
    alive = False
    with pytest.raises(ConnectionLost) as caught:
        async with open_over(kind, client, timeouts=Timeouts(**{name: 4})) as (ws, peer):
            for number in range(3):
                await ws.send("arrives")
                await peer.expect_frame(TEXT)
                await trio.sleep(10)
                assert len(kernel.looks) == number + 1, "asked once, and no more"
            kernel.unacknowledged = 20
            await ws.send("does not")
            began = trio.current_time()
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == began + 4
    assert alive
    assert caught.value.ending.loss is Loss.SEND_TIMEOUT


@both_roles
async def test_a_stalled_write_where_nothing_is_told(client: bool, autojump_clock: Clock) -> None:
    """Where the system does not tell, the bytes that are taken count for `Timeouts.stall`."""
    alive = False
    with pytest.raises(ConnectionLost, match=r"nothing of ours taken for 4\.0 s"):
        async with open_wired(client, timeouts=Timeouts(stall=4)) as (ws, peer, wire):
            wire.stop_taking()
            await ws.send(bytes(100_000))
            for _ in range(4):
                await peer.send_frame(PONG)
                await trio.sleep(3)
                wire.take_piece()
            alive = True
            try:
                while True:
                    await peer.send_frame(PONG)
                    await trio.sleep(0.5)
            finally:
                assert trio.current_time() == 12 + 4
    assert alive


# Our own stalls


async def test_both_ends_in_one_process(autojump_clock: Clock) -> None:
    """If the loop stands still for a little longer than the timeout, both ends live on (F7.12)."""
    options = ConnectionOptions(heartbeat=BEAT)
    streams = trio.testing.memory_stream_pair()
    ends = [
        WebSocket(stream, opening(), client=client, options=options, name="tested")
        for stream, client in zip(streams, (True, False), strict=True)
    ]
    async with trio.open_nursery() as nursery, ConnectionBlock(ends[0]), ConnectionBlock(ends[1]):

        async def stand_still() -> None:
            await trio.sleep_until(at)
            autojump_clock.jump(2.001)

        for _ in range(50):
            at = ends[0]._connection.core.lease.next_wakeup().at
            nursery.start_soon(stand_still)
            await trio.sleep_until(at + 3)
            assert [end.ending for end in ends] == [None, None]


# Peers that know no pings


@both_roles
@pytest.mark.parametrize("broken", [False, True])
async def test_a_peer_that_breaks_off_at_a_ping(
    broken: bool, client: bool, autojump_clock: Clock
) -> None:
    """The exception says that the connection ended right after a ping, and what to do (F1.3)."""
    with pytest.raises(ConnectionLost, match=AFTER_PING) as caught:
        async with open_wired(client, heartbeat=BEAT) as (_, peer, wire):
            await peer.expect_frame(PING)
            if broken:
                wire.break_receiving(trio.BrokenResourceError("reset"))
            else:
                await peer.send_eof()
            await trio.sleep_forever()
    assert caught.value.ending.loss is (Loss.BROKEN if broken else Loss.EOF)


@both_roles
@pytest.mark.parametrize("code", [None, 1002, 1003, 1011])
async def test_a_peer_that_closes_at_a_ping(
    code: int | None, client: bool, autojump_clock: Clock
) -> None:
    """A peer that answers a ping with a Close ends for the same reason, and is told of alike."""
    async with open_wired(client, heartbeat=BEAT) as (ws, peer, _):
        await peer.expect_frame(PING)
        await peer.send_close(code)
        with pytest.raises(ConnectionClosed, match=AFTER_PING):
            await ws.receive()
    assert ws.ending is not None
    assert ws.ending.clean


@both_roles
@pytest.mark.parametrize(
    "says", ["1000", "1001", "1008", "4000", "a pong before it", "it after a while"]
)
async def test_a_peer_that_closes_for_reasons_of_its_own(
    says: str, client: bool, autojump_clock: Clock
) -> None:
    """A Close for reasons of its own, or that comes with the pong, or late, is just that."""
    async with open_wired(client, heartbeat=BEAT) as (ws, peer, _):
        ping = await peer.expect_frame(PING)
        frame = Frame(CLOSE, (1002).to_bytes(2, "big"), masked=not client)
        if says.isdigit():
            frame = Frame(CLOSE, int(says).to_bytes(2, "big"), masked=not client)
        if "after" in says:
            await trio.sleep(RIGHT_AFTER + 0.1)
        before = encode(Frame(PONG, ping.payload, masked=not client)) if "pong" in says else b""
        await peer.send_bytes(before + encode(frame))
        with pytest.raises(ConnectionClosed):
            await ws.receive()
    assert ws.ending is not None
    assert ws.ending.received_first
    assert ws.ending.detail == ""


@both_roles
async def test_a_peer_that_ends_later(client: bool, autojump_clock: Clock) -> None:
    """A peer that ends for reasons of its own is told of as ever."""
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client, heartbeat=BEAT) as (_, peer, _):
            ping = await peer.expect_frame(PING)
            await peer.send_frame(PONG, ping.payload)
            await peer.expect_frame(PING)
            await peer.send_eof()
            await trio.sleep_forever()
    assert caught.value.ending.detail == ""


@both_roles
async def test_a_peer_that_does_not_answer_our_close(client: bool, autojump_clock: Clock) -> None:
    """A peer that is left without an answer right after a ping has not broken off."""
    timeouts = Timeouts(close=0.5)
    async with open_wired(client, heartbeat=BEAT, timeouts=timeouts) as (ws, peer, _):
        await peer.expect_frame(PING)
        await ws.close()
    assert ws.ending is not None
    assert ws.ending.loss is Loss.UNANSWERED
    assert ws.ending.detail == "no answer in time"
