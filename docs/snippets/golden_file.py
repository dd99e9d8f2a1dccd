"""A test that compares all that is said on a connection with a file."""

from __future__ import annotations

from pathlib import Path

import trio.testing

from trio_ws import WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork, record


async def greet(ws: WebSocket) -> None:
    await ws.send(f"Hello, {await ws.receive()!s}!")


async def test_the_conversation(autojump_clock: trio.testing.MockClock) -> None:
    async with MemoryNetwork(seed=7) as network:
        await network.serve("wss://api.example/", greet)
        async with open_websocket("wss://api.example/") as ws:
            transcript = record(ws)
            await ws.send("Ada")
            await ws.receive()
    transcript.check(Path(__file__).with_name("golden_file.txt"))
