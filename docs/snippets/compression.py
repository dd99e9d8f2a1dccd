"""Compression, for a connection and for a message."""

from __future__ import annotations

import trio

from trio_ws import Deflate, WebSocket, open_websocket


async def main(url: str = "ws://localhost:8765/") -> None:
    async with open_websocket(url, compression=Deflate()) as ws:
        print(ws.extensions)
        await ws.send_json([{"symbol": "XYZ", "price": 100 + step} for step in range(50)])
        await ws.receive()
        print(ws.statistics().compression)


async def picture(ws: WebSocket, jpeg: bytes) -> None:
    await ws.send(jpeg, compress=False)


if __name__ == "__main__":
    trio.run(main)
