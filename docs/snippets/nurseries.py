"""Where a nursery stands, in relation to the connection that its tasks use."""

from __future__ import annotations

import trio

from trio_ws import WebSocket, open_websocket


async def inside(url: str) -> None:
    async with open_websocket(url) as ws, trio.open_nursery() as nursery:
        nursery.start_soon(listen, ws)
        await ws.send("Hello")
        await trio.sleep(10)
        nursery.cancel_scope.cancel()


async def outside(url: str) -> None:
    # Bad! The nursery surrounds the connection, so its tasks outlive it.
    async with trio.open_nursery() as nursery, open_websocket(url) as ws:
        nursery.start_soon(listen, ws)
        await ws.send("Hello")
        await trio.sleep(10)


async def listen(ws: WebSocket) -> None:
    while True:
        print(await ws.receive())
