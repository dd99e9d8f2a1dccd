"""A test that fails with some seeds: two tasks send, and the server wants an order."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork, ScriptedPeer, Text


async def begin(ws: WebSocket) -> None:
    """Log in and subscribe, at the same time: that is the mistake."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ws.send, "login")
        nursery.start_soon(ws.send, "subscribe")


async def test_login_comes_first(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    async with memory_network as network:

        @network.peer("wss://api.example/")
        async def server(peer: ScriptedPeer) -> None:
            await peer.accept()
            await peer.expect(Text("login"), Text("subscribe"))
            await peer.expect_close(1000)
            await peer.send_close(1000)

        async with open_websocket("wss://api.example/") as ws:
            await begin(ws)
