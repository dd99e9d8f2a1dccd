"""Chapter 5, two wrong ways: no heartbeat at all, and one that waits for its pong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import trio
import trio.testing

from docs.snippets.heartbeat_by_hand import PeerIsSilent, with_pings
from examples.tutorial.heartbeat import main as visit_over_a_dead_line
from examples.tutorial.server import URL, tell
from trio_ws import WebSocket, open_websocket, serve_websocket
from trio_ws.testing import MemoryNetwork


async def show_picture(ws: WebSocket) -> None:
    await ws.send(bytes(100_000))
    await ws.wait_closed()


async def look(ws: WebSocket) -> None:
    picture = await ws.receive_bytes()
    tell("Ada", f"sees a picture of {len(picture)} bytes")


async def look_over_a_slow_line() -> None:
    async with MemoryNetwork(seed=1, strict=False) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            await servers.start(serve_websocket, show_picture, None, 80)
        network.link("parrot.example", bandwidth=2000)
        try:
            async with open_websocket(URL, heartbeat=None) as ws:
                await with_pings(ws, look)  # Bad! The pong waits behind the picture.
        except* PeerIsSilent:
            tell("Ada", "gives the parrot up")
        servers.cancel_scope.cancel("the visitor has left")


def run(main: Callable[[], Awaitable[object]]) -> None:
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


if __name__ == "__main__":
    print("no heartbeat, and the line is dead from 10 s to 40 s:")
    run(partial(visit_over_a_dead_line, heartbeat=None))
    print("\na heartbeat by hand, and 100 kB over a line that carries 2 kB in a second:")
    run(look_over_a_slow_line)
