"""Chapter 2, the wrong way: a server that talks with one client after the other."""

from __future__ import annotations

from typing import Any

import trio
import trio.testing

from examples.tutorial.server import answer, tell, visit
from trio_ws import HandshakeError, serve_websocket_on
from trio_ws.testing import MemoryNetwork


async def serve_in_turn(listener: trio.abc.Listener[Any]) -> None:
    while True:
        stream = await listener.accept()
        await serve_websocket_on(answer, stream)  # Bad! All others wait until this one has left.


async def try_to_visit(name: str, arrival: float, pause: float) -> None:
    try:
        await visit(name, arrival, pause)
    except HandshakeError as error:
        tell(name, f"gives up: {error}")


async def main() -> None:
    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            [listener] = await network.listen(None, 80)
        network.link("parrot.example", latency=0.05)
        servers.start_soon(serve_in_turn, listener)
        async with listener, trio.open_nursery() as visitors:
            visitors.start_soon(try_to_visit, "Ada", 0, 60)
            visitors.start_soon(try_to_visit, "Bob", 1, 1)
        servers.cancel_scope.cancel("the visitors have left")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
