"""Peers that do not know pings, and what to do instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.testing

from trio_ws import (
    ConnectionLost,
    MessageHeartbeat,
    Timeouts,
    Watchdog,
    WebSocket,
    open_websocket,
)
from trio_ws.testing import MemoryNetwork, ScriptedPeer

URL = "ws://device.example/"

Work = Callable[[WebSocket], Awaitable[object]]


async def listen_only(work: Work) -> None:
    async with open_websocket(URL, heartbeat=Watchdog(timeout=60)) as ws:
        await work(ws)


async def ask_in_messages(work: Work) -> None:
    async with open_websocket(URL, heartbeat=MessageHeartbeat(message="status?")) as ws:
        await work(ws)


async def notice_when_sending(work: Work) -> None:
    timeouts = Timeouts(send=30)
    async with open_websocket(URL, heartbeat=None, timeouts=timeouts) as ws:
        await work(ws)


async def keep_the_way_open(ws: WebSocket) -> None:
    while True:
        await trio.sleep(20)
        await ws.pong()


async def breaks_on_pings(peer: ScriptedPeer) -> None:
    await peer.accept()
    await peer.raw.receive_frame()
    await peer.reset()


async def main() -> None:
    async with MemoryNetwork(seed=1, strict=False) as network:
        network.peer(URL)(breaks_on_pings)
        try:
            async with open_websocket(URL) as ws:
                await ws.receive()
        except ConnectionLost as error:
            print(error)


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
