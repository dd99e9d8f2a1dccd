"""One channel across many connections."""

from __future__ import annotations

from trio_ws import SendBuffer, WebSocket, open_reconnecting_websocket


async def log_in(ws: WebSocket) -> None:
    await ws.send_json({"device": "thermometer-7"})
    assert await ws.receive() == "welcome"


async def report(url: str, temperatures: list[float]) -> None:
    async with open_reconnecting_websocket(
        url, on_connect=log_in, buffer=SendBuffer(max_messages=100, max_age=60)
    ) as channel:
        for temperature in temperatures:
            await channel.send(f"{temperature:.1f}")
        print(await channel.receive())
