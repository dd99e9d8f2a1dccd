"""Chapter 4: a visitor who comes back when the parrot's shop opens again."""

from __future__ import annotations

import trio
import trio.testing

from examples.tutorial.server import URL, tell
from examples.tutorial.tasks import answer, listen
from trio_ws import Transition, WebSocket, serve_websocket, supervise
from trio_ws.testing import MemoryNetwork


class Visitor:
    """What lasts longer than a connection: a name, and what is still to be said."""

    def __init__(self, name: str, *words: str) -> None:
        self.name = name
        self.words = list(words)

    async def visit(self, ws: WebSocket) -> None:
        """Be connected once: listen all the time, say what is left, and go."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, self.name, ws)
            while self.words:
                await trio.sleep(8)
                tell(self.name, f"says {self.words[0]!r}")
                await ws.send(self.words.pop(0))
            await trio.sleep(1)
            nursery.cancel_scope.cancel("all is said")

    def note(self, transition: Transition) -> None:
        """Print what the supervisor does."""
        tell(self.name, f"({transition})")


async def open_and_close() -> None:
    """Serve for 12 seconds, be closed for 10, and serve for an hour."""
    for seconds in (12, 3600):
        tell("shop", "opens")
        with trio.move_on_after(seconds):
            await serve_websocket(answer, None, 80)
        tell("shop", "is closed")
        await trio.sleep(10)


async def main() -> None:
    """Let the visitor say all that she has to say, on as many connections as it takes."""
    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as servers:
        with network.on("parrot.example"):
            servers.start_soon(open_and_close)
        network.link("parrot.example", latency=0.05)
        ada = Visitor("Ada", "hello", "pretty bird", "goodbye")
        await supervise(ada.visit, URL, on_transition=ada.note)
        servers.cancel_scope.cancel("the visitor has left")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
