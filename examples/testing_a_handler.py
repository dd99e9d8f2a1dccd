"""How to test a handler: without a network, without waiting, and with exact times.

The first function is the application; what follows are its tests, for pytest with pytest-trio.
``autojump_clock`` is pytest-trio's virtual clock: when all tasks wait,
it jumps to the next deadline, so that half a minute of patience costs nothing
and "after 30 seconds" can be compared exactly.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import (
    CloseCode,
    ConnectionClosed,
    ConnectionLost,
    WebSocket,
    open_websocket_on,
    serve_websocket_on,
)
from trio_ws.testing import open_websocket_pair, open_websocket_to_peer

PATIENCE = 30


async def reception(ws: WebSocket) -> None:
    """Ask for a name and greet it; send those away who do not tell theirs."""
    await ws.send("Who are you?")
    with trio.move_on_after(PATIENCE):
        name = await ws.receive()
        await ws.send(f"Welcome, {name!s}!")
        return
    await ws.close(CloseCode.POLICY_VIOLATION, "no name given")


async def test_a_guest_is_welcomed(autojump_clock: trio.testing.MockClock) -> None:
    """Who gives a name is greeted by it."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(reception, server)
        assert await client.receive() == "Who are you?"
        await client.send("Ada")
        assert await client.receive() == "Welcome, Ada!"


async def test_a_silent_guest_is_sent_away(autojump_clock: trio.testing.MockClock) -> None:
    """Who says nothing for 30 seconds gets 1008."""
    start = trio.current_time()
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(reception, server)
        assert await client.receive() == "Who are you?"
        with pytest.raises(ConnectionClosed) as caught:
            await client.receive()
    assert caught.value.ending.code == CloseCode.POLICY_VIOLATION
    assert trio.current_time() - start == PATIENCE


async def test_through_both_doors(autojump_clock: trio.testing.MockClock) -> None:
    """With the opening handshake and with what the server does around a handler: 1000 at its end.

    So one tests what depends on the request: paths, headers, ``on_request``, subprotocols.
    """
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_websocket_on, reception, theirs)
        async with open_websocket_on(ours, "ws://hotel.example/reception") as ws:
            await ws.send("Ada")
            assert [message async for message in ws] == ["Who are you?", "Welcome, Ada!"]
    assert ws.ending is not None
    assert ws.ending.code == CloseCode.NORMAL_CLOSURE


async def test_a_guest_who_vanishes(autojump_clock: trio.testing.MockClock) -> None:
    """A connection that breaks ends the handler; a `RawPeer` breaks whatever you like."""
    with pytest.raises(ConnectionLost):
        async with open_websocket_to_peer(client=False) as (ws, guest):
            await guest.aclose()
            await reception(ws)
