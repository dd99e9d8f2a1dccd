"""A handler that sends now and then, and ends as soon as its peer has gone."""

from __future__ import annotations

import trio

from trio_ws import WebSocket


async def handler(ws: WebSocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(report_hourly, ws)
        async for message in ws:
            print(message)
        nursery.cancel_scope.cancel("the peer has gone")


async def report_hourly(ws: WebSocket) -> None:
    while True:
        await ws.send("all is well")
        await trio.sleep(3600)
