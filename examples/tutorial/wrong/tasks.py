"""Chapter 3, the wrong way: one loop that speaks and listens in turn."""

from __future__ import annotations

import trio
import trio.testing

from examples.tutorial.server import URL, tell
from examples.tutorial.tasks import answer
from trio_ws import open_websocket, serve_websocket
from trio_ws.testing import MemoryNetwork


async def visit(name: str) -> None:
    async with open_websocket(URL) as ws:
        for word in ("hello", "pretty bird", "goodbye"):
            await trio.sleep(8)
            tell(name, f"says {word!r}")
            await ws.send(word)
            tell(name, f"hears {await ws.receive()!r}")  # Bad! Is this the answer?


async def main() -> None:
    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            await servers.start(serve_websocket, answer, None, 80)
        network.link("parrot.example", latency=0.05)
        await visit("Ada")
        servers.cancel_scope.cancel("the visitor has left")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
