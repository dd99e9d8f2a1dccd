"""An echo server: whatever a client sends comes back."""

import trio

from trio_ws import WebSocket, serve_websocket


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


if __name__ == "__main__":
    trio.run(serve_websocket, echo, "localhost", 8765)
