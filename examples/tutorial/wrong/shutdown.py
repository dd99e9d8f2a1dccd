"""Chapter 6, the wrong way: a flag that each task looks at now and then."""

from __future__ import annotations

import trio
import trio.testing

from examples.tutorial.server import URL, tell
from trio_ws import WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork

stopping = trio.Event()


async def answer(ws: WebSocket) -> None:
    async for message in ws:
        if stopping.is_set():  # Bad! This line runs when a message comes, and not before.
            break
        await ws.send(f"{message!s}, {message!s}!")
    tell("parrot", "is free")


async def visit() -> None:
    async with open_websocket(URL) as ws:
        await trio.sleep(3600)
        await ws.send("hello")


async def main() -> None:
    async with MemoryNetwork(seed=1, strict=False) as network:
        await network.serve(URL, answer)
        async with trio.open_nursery() as visitors:
            visitors.start_soon(visit)
            await trio.sleep(10)
            tell("shop", "is to close")
            stopping.set()
        tell("shop", "is closed")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
