"""Subprotocols: each side lists what it speaks, the best first, and the server chooses."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork

URL = "ws://server.example/"


async def speak(ws: WebSocket) -> None:
    match ws.subprotocol:
        case "v2.chat":
            await ws.send_json({"hello": "world"})
        case "v1.chat":
            await ws.send("hello world")
        case None:
            await ws.close(1008, "I speak v2.chat and v1.chat")


async def main() -> None:
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, speak, subprotocols=["v2.chat", "v1.chat"])
        for offered in (["v2.chat"], ["v1.chat", "v2.chat"], ["v1.chat", "v0.chat"], []):
            async with open_websocket(URL, subprotocols=offered) as ws:
                answer = [message async for message in ws] if ws.subprotocol else []
                await ws.wait_closed()
            assert ws.ending is not None
            print(f"offered {offered}: {ws.subprotocol}, {answer or ws.ending.reason}")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
