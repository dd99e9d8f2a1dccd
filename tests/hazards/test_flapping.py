"""C10, over real TCP: a server that accepts and then closes is not hammered.

Exact times are in ``tests/test_supervision.py``; here is a whole minute, with all four servers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest
import trio

from trio_ws import ConnectionClosed, WebSocket, serve_websocket, supervise

HOST = "127.0.0.1"
MINUTE = 60.0


async def vanish(ws: WebSocket) -> None:
    """End TCP without a word."""
    await ws._connection.core.transport.aclose()


def close(code: int) -> Callable[[WebSocket], Awaitable[None]]:
    """Close with a code."""

    async def handler(ws: WebSocket) -> None:
        await ws.close(code)

    return handler


async def listening(ws: WebSocket) -> None:
    """The session of the client."""
    async for _ in ws:
        pass


async def handshakes(handler: Callable[[WebSocket], Awaitable[None]], times: list[float]) -> None:
    """For a minute, supervise a client of this server; note when it connected."""

    async def count(ws: WebSocket) -> None:
        times.append(trio.current_time())
        await handler(ws)

    with trio.move_on_after(MINUTE):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(partial(serve_websocket, count, HOST, 0))
            with suppress(ConnectionClosed):
                await supervise(listening, f"ws://{HOST}:{server.port}/")
            nursery.cancel_scope.cancel()


@pytest.mark.slow
@pytest.mark.timeout(MINUTE + 30)
async def test_flapping_servers() -> None:
    """Each gets at most 3 handshakes in 3 s and 12 in a minute; one that forbids it gets 1."""
    handlers = {"1013": close(1013), "1008": close(1008), "1011": close(1011), "EOF": vanish}
    times: dict[str, list[float]] = {name: [] for name in handlers}
    async with trio.open_nursery() as nursery:
        for name, handler in handlers.items():
            nursery.start_soon(handshakes, handler, times[name])
    for name, seen in times.items():
        assert len([at for at in seen if at - seen[0] < 3]) <= 3, name
        assert len(seen) <= 12, name
        assert (len(seen) == 1) == (name == "1008"), name
