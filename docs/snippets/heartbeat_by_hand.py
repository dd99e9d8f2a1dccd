"""A heartbeat made by hand, from `move_on_after`: what it does, and what it gets wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from trio_ws import WebSocket

INTERVAL = TIMEOUT = 20.0


class PeerIsSilent(Exception):
    """No pong came."""


async def ping_for_ever(ws: WebSocket) -> None:
    while True:
        await trio.sleep(INTERVAL)
        with trio.move_on_after(TIMEOUT) as waiting:
            await ws.ping()
        if waiting.cancelled_caught:
            raise PeerIsSilent


async def with_pings(ws: WebSocket, work: Callable[[WebSocket], Awaitable[object]]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ping_for_ever, ws)
        await work(ws)
        nursery.cancel_scope.cancel()


async def ping_into_silence(ws: WebSocket) -> None:
    while True:
        while (silence := ws.statistics().silence) < INTERVAL:
            await trio.sleep(INTERVAL - silence)
        with trio.move_on_after(TIMEOUT):
            await ws.ping()
        if ws.statistics().silence >= INTERVAL + TIMEOUT:
            raise PeerIsSilent
