"""`trio_ws._connection.statistics`: the numbers that a connection tells of itself."""

from __future__ import annotations

import dataclasses

import pytest
import trio
import trio.testing

from trio_ws import Limits
from trio_ws._protocol.send_queue import QUEUE_ITEM_OVERHEAD
from trio_ws.testing._peer import PING, PONG

from ..wires import both_roles, open_wired, settled


@both_roles
async def test_statistics(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """The statistics count messages, bytes with their headers, and what waits."""
    async with open_wired(client) as (ws, peer, _):
        await ws.send("out")
        await ws.send(["out", "too"])
        await ws.flush()
        for text in ("in", "in", "waits"):
            await peer.send_text(text)
        await ws.receive()
        await ws.receive()
        await trio.sleep(3)
        statistics = ws.statistics()
        masks = 4 if client else 0
        assert statistics.messages_sent == 2
        assert statistics.bytes_sent == 3 * (5 + masks) + 2 + masks
        assert statistics.messages_received == 2
        assert statistics.bytes_received == 4 + 4 + 7 + 3 * (4 - masks)
        assert statistics.receive_queue == len("waits") + QUEUE_ITEM_OVERHEAD
        assert statistics.send_queue == 0
        assert statistics.silence == 3
        assert statistics.seconds_paused == 0
        assert statistics.latency is statistics.smoothed_latency is statistics.least_latency is None
        assert (statistics.tasks_sending, statistics.tasks_receiving) == (0, 0)
        assert not statistics.reading_paused


@both_roles
async def test_what_waits(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Both who wait for room and who wait for their turn are tasks that send."""
    size = 6 + (6 if client else 2) + QUEUE_ITEM_OVERHEAD
    async with (
        open_wired(client, limits=Limits(send_buffer=size)) as (ws, _, wire),
        trio.open_nursery() as nursery,
    ):
        wire.stop_taking()
        await ws.send("leaves")
        await settled()
        await ws.send("queued")
        nursery.start_soon(ws.receive)
        for _ in range(3):
            nursery.start_soon(ws.send, "waits")
        await settled()
        statistics = ws.statistics()
        assert statistics.send_queue == size
        assert (statistics.tasks_sending, statistics.tasks_receiving) == (3, 1)
        nursery.cancel_scope.cancel()


@both_roles
async def test_times(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Round trips, pauses and silence are in seconds."""
    async with open_wired(client, limits=Limits(receive_buffer=100)) as (ws, peer, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.ping)
            ping = await peer.expect_frame(PING)
            await trio.sleep(2)
            await peer.send_frame(PONG, ping.payload)
        statistics = ws.statistics()
        assert statistics.latency == statistics.smoothed_latency == statistics.least_latency == 2
        await peer.send_text("x" * 100)
        await trio.sleep(3)
        statistics = ws.statistics()
        assert (statistics.reading_paused, statistics.silence) == (True, 3)
        assert statistics.seconds_paused == 3
        await ws.receive()
        await settled()
        await trio.sleep(1)
        statistics = ws.statistics()
        assert (statistics.reading_paused, statistics.seconds_paused) == (False, 3)
        await peer.send_text("x" * 100)
        await trio.sleep(4)
        assert ws.statistics().seconds_paused == 7


@both_roles
async def test_a_pause_ends_with_the_connection(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever ends a connection whose reader pauses, nothing is counted after it."""
    for hurt in (True, False):
        with trio.CancelScope() as scope:
            async with open_wired(client, limits=Limits(receive_buffer=100)) as (ws, peer, _):
                await peer.send_text("x" * 100)
                await trio.sleep(3)
                if hurt:
                    scope.cancel()
        at_end = ws.statistics()
        await trio.sleep(100)
        assert ws.statistics().seconds_paused == at_end.seconds_paused
        assert not at_end.reading_paused


async def test_a_snapshot_stays(autojump_clock: trio.testing.MockClock) -> None:
    """What was told once does not change with the connection, nor can anybody change it."""
    async with open_wired(client=True) as (ws, _, _wire):
        before = ws.statistics()
        await ws.send("one")
        assert (before.messages_sent, ws.statistics().messages_sent) == (0, 1)
        with pytest.raises(dataclasses.FrozenInstanceError):
            before.messages_sent = 1  # type: ignore[misc]
