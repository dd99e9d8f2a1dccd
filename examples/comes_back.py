"""A client that comes back: it listens on one connection after another, for weeks."""

import trio

from trio_ws import WebSocket, supervise


async def listen(ws: WebSocket) -> None:
    await ws.send("Hello again!")
    async for message in ws:
        print(message)


if __name__ == "__main__":
    trio.run(supervise, listen, "ws://localhost:8765")
