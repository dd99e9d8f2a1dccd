"""Chapter 5: a visitor who notices that the line is dead."""

from __future__ import annotations

import trio
import trio.testing

from examples.tutorial.coming_back import Visitor
from examples.tutorial.server import URL
from examples.tutorial.tasks import answer
from trio_ws import Heartbeat, HeartbeatOption, serve_websocket, supervise
from trio_ws.testing import Fault, MemoryNetwork


async def main(heartbeat: HeartbeatOption = Heartbeat(interval=5, timeout=5)) -> None:
    """Let the visitor talk, and the line swallow everything from the tenth second on, for 30."""
    async with MemoryNetwork(seed=1, strict=False) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            await servers.start(serve_websocket, answer, None, 80)
        network.link("parrot.example", latency=0.05)
        network.inject("parrot.example", Fault.black_hole(at=10, for_=30))
        ada = Visitor("Ada", "hello", "pretty bird", "goodbye")
        await supervise(ada.visit, URL, on_transition=ada.note, heartbeat=heartbeat)
        servers.cancel_scope.cancel("the visitor has left")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
