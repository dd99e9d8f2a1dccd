"""What the log of one short connection looks like, from both sides."""

from __future__ import annotations

import logging
import sys

import trio

from trio_ws import WebSocket, open_websocket, serve_websocket


async def main() -> None:
    logging.basicConfig(format="%(name)s %(message)s", stream=sys.stdout)
    logging.getLogger("trio_ws").setLevel(logging.DEBUG)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.port}/night?token=secret"
        async with open_websocket(url) as ws:
            await ws.send("Is anybody awake?\n")
            await ws.receive()
            await ws.ping(b"still there?")
        nursery.cancel_scope.cancel()


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


if __name__ == "__main__":
    trio.run(main)
