"""How to test a handler: without a network, without waiting, and with exact times.

The first function is the application; what follows are its tests, for pytest with pytest-trio.
``autojump_clock`` is pytest-trio's virtual clock: when all tasks wait,
it jumps to the next deadline, so that half a minute costs nothing
and "after 30 seconds" can be compared exactly.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import CloseCode, ConnectionClosed, ConnectionLost, WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork, Ping, Pong, Text, open_websocket_pair

TIMEOUT = 30


async def reception(ws: WebSocket) -> None:
    """Ask for a name and greet it; send those away who do not tell theirs."""
    await ws.send("Who are you?")
    with trio.move_on_after(TIMEOUT):
        name = await ws.receive()
        await ws.send(f"Welcome, {name!s}!")
        return
    await ws.close(CloseCode.POLICY_VIOLATION, "no name given")


async def test_a_guest_is_welcomed(autojump_clock: trio.testing.MockClock) -> None:
    """A guest who gives a name is greeted by name."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(reception, server)
        assert await client.receive() == "Who are you?"
        await client.send("Ada")
        assert await client.receive() == "Welcome, Ada!"


async def test_a_silent_guest_is_sent_away(autojump_clock: trio.testing.MockClock) -> None:
    """A guest who says nothing for 30 seconds gets 1008."""
    start = trio.current_time()
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(reception, server)
        assert await client.receive() == "Who are you?"
        with pytest.raises(ConnectionClosed) as caught:
            await client.receive()
    assert caught.value.ending.code == CloseCode.POLICY_VIOLATION
    assert trio.current_time() - start == TIMEOUT


async def test_at_its_url(autojump_clock: trio.testing.MockClock) -> None:
    """With the opening handshake, and what the server does around a handler: 1000 at its end.

    So you test what depends on the request: paths, headers, ``on_request``, subprotocols.
    """
    async with MemoryNetwork() as network:
        await network.serve("wss://hotel.example/reception", reception)
        async with open_websocket("wss://hotel.example/reception") as ws:
            await ws.send("Ada")
            assert [message async for message in ws] == ["Who are you?", "Welcome, Ada!"]
    assert ws.ending is not None
    assert ws.ending.code == CloseCode.NORMAL_CLOSURE


async def test_a_guest_by_script(autojump_clock: trio.testing.MockClock) -> None:
    """A script says frame by frame what the guest does, and what must come back.

    It is strict, so there is no heartbeat, whose pings it would have to expect.
    """
    async with MemoryNetwork() as network:
        await network.serve("ws://hotel.example/", reception, heartbeat=None)
        async with network.open_peer("ws://hotel.example/") as guest:
            await guest.request()
            await guest.expect(Text("Who are you?"))
            await guest.send(Ping(b"are you there?"))
            await guest.expect(Pong(b"are you there?"))
            await guest.send(Text("A", fin=False))  # half a name
            await guest.expect_silence(TIMEOUT - 1)
            await guest.expect_close(CloseCode.POLICY_VIOLATION, "no name given")
            await guest.send_close(CloseCode.POLICY_VIOLATION)
            await guest.expect_end()


async def test_a_guest_who_vanishes(autojump_clock: trio.testing.MockClock) -> None:
    """A connection that breaks ends the handler."""
    ends = []

    async def handler(ws: WebSocket) -> None:
        try:
            await reception(ws)
        except ConnectionLost:
            ends.append(trio.current_time())
            raise

    async with MemoryNetwork() as network:
        await network.serve("ws://hotel.example/", handler)
        async with network.open_peer("ws://hotel.example/") as guest:
            await guest.request()
            await guest.expect(Text("Who are you?"))
            await trio.sleep(5)
            await guest.reset()
    assert ends == [5]
