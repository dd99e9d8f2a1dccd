"""`trio_ws._reconnecting.incoming`: messages that outlive their connections."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_ws import ConnectionClosed, Limits
from trio_ws._connection.delivery import Delivery
from trio_ws._reconnecting.incoming import Incoming
from trio_ws.testing import open_websocket_to_peer


def more_comes() -> None:
    """There will be another connection."""


async def gone(*texts: str, limits: Limits = Limits()) -> Delivery:
    """A connection on which these arrived before it was lost."""
    with pytest.raises(ConnectionClosed):
        async with open_websocket_to_peer(client=True, limits=limits) as (ws, peer):
            for text in texts:
                await peer.send_text(text)
            await peer.aclose()
            await ws.wait_closed()
            await trio.sleep_forever()
    return Delivery(ws)


async def test_one_after_another(autojump_clock: MockClock) -> None:
    """The messages of one connection come before those of the next."""
    incoming = Incoming(more_comes)
    for ws in (await gone("a", "b"), await gone("c")):
        incoming.add(ws)
        incoming.over(ws)
    assert [await incoming.receive() for _ in range(3)] == ["a", "b", "c"]
    assert (incoming.received, incoming.dropped) == (3, 0)


async def test_waiting_for_a_connection(autojump_clock: MockClock) -> None:
    """Without a connection a receiver waits for one, and goes on when it is gone."""
    incoming, transition = Incoming(more_comes), []

    async def receive() -> None:
        transition.append(await incoming.receive())

    first, second = await gone(), await gone("a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        incoming.add(first)
        await trio.testing.wait_all_tasks_blocked()
        incoming.add(second)
    assert transition == ["a"]


async def test_the_end(autojump_clock: MockClock) -> None:
    """When there will be no other connection, those who wait are told, and those who come."""
    ended = False

    def check() -> None:
        if ended:
            raise trio.ClosedResourceError

    incoming = Incoming(check)

    async def receive() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await incoming.receive()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        ended = True
        incoming.wake_all()
    await receive()


async def test_a_connection_without_messages(autojump_clock: MockClock) -> None:
    """A connection that is gone, and has no messages, is forgotten; twice does no harm."""
    incoming = Incoming(more_comes)
    ws = await gone()
    incoming.add(ws)
    incoming.over(ws)
    incoming.over(ws)
    assert not incoming._sources


async def test_bounds(autojump_clock: MockClock) -> None:
    """What goes beyond the receive buffer of one connection is dropped, the newest first."""
    incoming = Incoming(more_comes)
    for _ in range(3):
        ws = await gone("x" * 36, "y" * 36, limits=Limits(receive_buffer=400))
        incoming.add(ws)
        incoming.over(ws)
    assert [await incoming.receive() for _ in range(4)] == ["x" * 36, "y" * 36] * 2
    assert incoming.dropped == 2


async def test_a_cancelled_receive(autojump_clock: MockClock) -> None:
    """A receive that is cancelled takes nothing."""
    incoming = Incoming(more_comes)
    incoming.add(await gone("a"))
    with trio.CancelScope() as scope:
        scope.cancel()
        await incoming.receive()
    assert scope.cancelled_caught
    assert await incoming.receive() == "a"
