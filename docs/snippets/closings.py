"""Three ways in which a connection ends: by its client, by its server, and by the time."""

from __future__ import annotations

import trio

from trio_ws import CloseCode, ConnectionClosed, Timeouts, WebSocket, open_websocket
from trio_ws.testing import Fault, MemoryNetwork

URL = "ws://server.example/"


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def dismiss(ws: WebSocket) -> None:
    await ws.receive()
    await ws.close(CloseCode.POLICY_VIOLATION)


async def closed_by_the_client() -> None:
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, echo)
        network.link("server.example", latency=0.05)
        async with open_websocket(URL) as ws:
            await ws.send("hello")
            await ws.receive()
        print(ws.ending)


async def closed_by_the_server() -> None:
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, dismiss)
        network.link("server.example", latency=0.05)
        async with open_websocket(URL) as ws:
            await ws.send("hello")
            try:
                await ws.receive()
            except ConnectionClosed as error:
                print(error)


async def closed_by_the_time() -> None:
    async with MemoryNetwork(seed=1, strict=False) as network:
        await network.serve(URL, echo, heartbeat=None)
        network.link("server.example", latency=0.05)
        async with open_websocket(URL, timeouts=Timeouts(close=5)) as ws:
            await ws.send("hello")
            await ws.receive()
            network.inject("server.example", Fault.black_hole())
            await trio.sleep(1)
        print(ws.ending)
