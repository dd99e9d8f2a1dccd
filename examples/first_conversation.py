"""A first conversation: a server and a client in one program, over real TCP.

Run it and read the timeline that it prints, from top to bottom.
The first chapter of the tutorial goes through it line by line.
"""

from __future__ import annotations

from functools import partial

import trio

from trio_ws import WebSocket, open_websocket, serve_websocket


class Timeline:
    """Prints who does what, and how many milliseconds after the start."""

    def __init__(self) -> None:
        self._start = trio.current_time()

    def tell(self, who: str, what: str) -> None:
        """Print one line."""
        print(f"{(trio.current_time() - self._start) * 1000:7.1f} ms  {who:<6}  {what}")


async def answer(timeline: Timeline, ws: WebSocket) -> None:
    """Be the server's side of one connection: answer whatever comes, until it ends."""
    timeline.tell("server", f"has a client, who asks for {ws.request.path}")
    async for message in ws:
        timeline.tell("server", f"receives {message!r}")
        if isinstance(message, str):
            await ws.send(f"You said: {message}")
        else:
            await ws.send(message[::-1])
    timeline.tell("server", f"sees the end: {ws.ending}")


async def talk(timeline: Timeline, url: str) -> None:
    """Be the client: say something, read the answer, and go."""
    timeline.tell("client", f"opens {url}")
    async with open_websocket(url, proxy=None) as ws:  # no proxy leads to this machine
        timeline.tell("client", "is connected, and sends a text")
        await ws.send("Hello, is anybody there?")
        timeline.tell("client", f"receives {await ws.receive()!r}")

        timeline.tell("client", "sends five bytes")
        await ws.send(b"\x01\x02\x03\x04\x05")
        timeline.tell("client", f"receives {await ws.receive()!r}")

        timeline.tell("client", f"pings the server: {await ws.ping() * 1000:.1f} ms there and back")
        timeline.tell("client", "leaves the block, which says goodbye")
    timeline.tell("client", f"is done: {ws.ending}")


async def main() -> None:
    """Start the server, let the client talk to it, stop the server."""
    timeline = Timeline()
    async with trio.open_nursery() as nursery:
        handler = partial(answer, timeline)
        server = await nursery.start(serve_websocket, handler, "127.0.0.1", 0)
        timeline.tell("server", f"listens on port {server.port}")
        await talk(timeline, f"ws://127.0.0.1:{server.port}/hello")
        nursery.cancel_scope.cancel("the conversation is over")
    timeline.tell("both", "are gone: no task is left, every socket is closed")


if __name__ == "__main__":
    trio.run(main)
