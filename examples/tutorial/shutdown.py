"""Chapter 6: a shop that closes politely, and another that opens in its place."""

from __future__ import annotations

import trio
import trio.testing

from examples.tutorial.coming_back import Visitor
from examples.tutorial.server import URL, tell
from examples.tutorial.tasks import answer
from trio_ws import serve_websocket, supervise
from trio_ws.testing import MemoryNetwork


async def serve_until(stop: trio.Event) -> None:
    """Serve until it is time, then let the visitors go, one after the other."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, answer, None, 80)
        tell("shop", "opens")
        await stop.wait()
        tell("shop", f"is to close; visitors: {len(server.connections)}")
        await server.drain(spread=6, timeout=20)
    tell("shop", "is closed")


async def open_and_close() -> None:
    """Be told to close at 10 s, as by a signal; begin anew as soon as all have left."""
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_until, stop)
        await trio.sleep(10)
        stop.set()
    await serve_until(trio.Event())


async def main() -> None:
    """Let three visitors talk, whatever becomes of the shop."""
    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            servers.start_soon(open_and_close)
        network.link("parrot.example", latency=0.05)
        async with trio.open_nursery() as visitors:
            for name in ("Ada", "Bob", "Eve"):
                visitor = Visitor(name, "hello", "goodbye")
                visitors.start_soon(supervise, visitor.visit, URL)
        servers.cancel_scope.cancel("the visitors have left")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
