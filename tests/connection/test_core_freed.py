"""`trio_ws._connection.core`: an ended connection is freed at once, without the collector."""

from __future__ import annotations

import gc
import logging
from collections.abc import Generator

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Heartbeat, MessageHeartbeat, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._connection.connection import Connection
from trio_ws._connection.core import ConnectionCore
from trio_ws._connection.heartbeat import HeartbeatDriver
from trio_ws._connection.reader import Reader
from trio_ws._connection.receive_queue import ReceiveQueue
from trio_ws._connection.writer import Writer
from trio_ws.testing._peer import BINARY

from ..wires import both_roles, open_wired, settled, wired

Clock = trio.testing.MockClock

# Blocks of their own, and no generator around them: from Python 3.13 on the frame of one
# is in a ring with the exception that has passed it.
PARTS = (Connection, ConnectionCore, HeartbeatDriver, Reader, ReceiveQueue, WebSocket, Writer)
BEAT = Heartbeat(interval=1, timeout=1)
ASK = MessageHeartbeat(message="?", interval=1, timeout=1, is_reply=bool)


OTHERS: list[object] = []
"""What other tests have left behind."""


@pytest.fixture(autouse=True)
def uncollected() -> Generator[None]:
    """No collector helps during the test."""
    gc.collect()
    gc.disable()
    OTHERS[:] = parts()
    yield
    OTHERS.clear()
    gc.enable()


def parts() -> list[object]:
    """List the parts of connections that are not freed."""
    return [each for each in gc.get_objects() if isinstance(each, PARTS)]


def alive() -> list[str]:
    """Name the parts of the tested connection that are not freed."""
    others = {id(each) for each in OTHERS}
    return [type(each).__name__ for each in parts() if id(each) not in others]


@both_roles
@pytest.mark.parametrize("ours", [True, False], ids=["we close", "the peer closes"])
async def test_closed(autojump_clock: Clock, client: bool, ours: bool) -> None:
    """A connection with a closing handshake leaves nothing, nor its unread messages."""

    async def live() -> None:
        async with open_wired(client, heartbeat=BEAT) as (ws, peer, _):
            await peer.send_text("unread")
            await ws.send("sent")
            await settled()
            if ours:
                await peer.send_close(1000)
                await ws.wait_closed()

    await live()
    assert alive() == []


@both_roles
@pytest.mark.parametrize("unread", [0, 3])
@pytest.mark.parametrize("heartbeat", [BEAT, ASK], ids=["ping", "message"])
async def test_lost(
    autojump_clock: Clock, client: bool, unread: int, heartbeat: Heartbeat | MessageHeartbeat
) -> None:
    """A connection that is lost leaves nothing, once its exception is gone."""

    async def live() -> None:
        ws, peer, _ = wired(client, heartbeat=heartbeat)
        with pytest.raises(ConnectionLost):
            async with ConnectionBlock(ws):
                for _ in range(unread):
                    await peer.send_text("unread")
                await trio.sleep_forever()

    await live()
    assert alive() == []


@both_roles
async def test_broken(autojump_clock: Clock, client: bool) -> None:
    """A connection whose stream broke leaves nothing."""

    async def live() -> None:
        ws, _, wire = wired(client)
        with pytest.raises(ConnectionLost):
            async with ConnectionBlock(ws):
                wire.break_sending(trio.BrokenResourceError("gone"))
                await ws.send("x")
                await trio.sleep_forever()

    await live()
    assert alive() == []


@both_roles
async def test_in_a_nursery_of_another(autojump_clock: Clock, client: bool) -> None:
    """The nursery of a server goes on, and holds nothing of a connection that has ended."""

    async def live(nursery: trio.Nursery) -> None:
        async with open_wired(client, nursery=nursery) as (ws, peer, _):
            await peer.send_text("unread")
            await ws.send("sent")

    async with trio.open_nursery() as nursery:
        await live(nursery)
        assert alive() == []


@both_roles
async def test_with_its_frames_logged(
    autojump_clock: Clock, client: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG the protocol knows the log, and not the connection."""
    caplog.set_level(logging.DEBUG, "trio_ws")

    async def live() -> None:
        async with open_wired(client) as (ws, peer, _):
            await peer.send_text("unread")
            await ws.send("sent")

    await live()
    caplog.clear()
    assert alive() == []


@both_roles
async def test_with_a_full_queue(autojump_clock: Clock, client: bool) -> None:
    """A reader that waited for room leaves nothing."""

    async def live() -> None:
        async with open_wired(client, heartbeat=BEAT) as (_, peer, _):
            for _ in range(20):
                await peer.send_frame(BINARY, bytes(100_000))
            await trio.sleep(5)

    await live()
    assert alive() == []
