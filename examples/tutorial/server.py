"""Chapter 2: a parrot that talks with two visitors at the same time.

Like all that follow, this program runs on a network in memory and in virtual time:
it ends at once, and prints the same on every machine.
"""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import WebSocket, open_websocket, serve_websocket
from trio_ws.testing import MemoryNetwork

URL = "ws://parrot.example/"


def tell(who: str, what: str) -> None:
    """Print who does what, and when."""
    print(f"{trio.current_time():6.2f} s  {who:<6}  {what}")


async def answer(ws: WebSocket) -> None:
    """Be the parrot, for one visitor."""
    async for message in ws:
        await ws.send(f"{message!s}, {message!s}!")


async def visit(name: str, arrival: float, pause: float) -> None:
    """Be a visitor, who says two words, and waits after each."""
    await trio.sleep(arrival)
    async with open_websocket(URL) as ws:
        tell(name, "is there")
        for word in ("hello", "goodbye"):
            await ws.send(word)
            tell(name, f"hears {await ws.receive()!r}")
            await trio.sleep(pause)
    tell(name, f"has left: {ws.ending}")


async def main() -> None:
    """Start the server, then two visitors side by side; stop the server when both have left."""
    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            await servers.start(serve_websocket, answer, None, 80)
        network.link("parrot.example", latency=0.05)
        async with trio.open_nursery() as visitors:
            visitors.start_soon(visit, "Ada", 0, 60)
            visitors.start_soon(visit, "Bob", 1, 1)
        servers.cancel_scope.cancel("the visitors have left")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
