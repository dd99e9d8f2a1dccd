"""Chapter 3: a parrot that also speaks unasked, and a visitor who listens all the time."""

from __future__ import annotations

import trio
import trio.testing

from examples.tutorial.server import URL, tell
from trio_ws import WebSocket, open_websocket, serve_websocket
from trio_ws.testing import MemoryNetwork


async def answer(ws: WebSocket) -> None:
    """Be the parrot, for one visitor: repeat what comes, and beg for food."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(beg, ws)
        async for message in ws:
            await ws.send(f"{message!s}, {message!s}!")
        nursery.cancel_scope.cancel("the visitor has left")


async def beg(ws: WebSocket) -> None:
    while True:
        await trio.sleep(10)
        await ws.send("Polly wants a cracker!")


async def visit(name: str) -> None:
    """Be a visitor: say something now and then, and listen all the time."""
    async with open_websocket(URL) as ws, trio.open_nursery() as nursery:
        nursery.start_soon(listen, name, ws)
        for word in ("hello", "pretty bird", "goodbye"):
            await trio.sleep(8)
            tell(name, f"says {word!r}")
            await ws.send(word)
        await trio.sleep(1)
        nursery.cancel_scope.cancel("all is said")
    tell(name, f"has left: {ws.ending}")


async def listen(name: str, ws: WebSocket) -> None:
    async for message in ws:
        tell(name, f"hears {message!r}")


async def main() -> None:
    """Start the server, visit it, stop it."""
    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            await servers.start(serve_websocket, answer, None, 80)
        network.link("parrot.example", latency=0.05)
        await visit("Ada")
        servers.cancel_scope.cancel("the visitor has left")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
