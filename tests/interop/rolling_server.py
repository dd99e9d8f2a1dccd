"""A server behind a load balancer: SIGTERM drains it.  ``rolling_server.py PORT CODE SPREAD``."""

from __future__ import annotations

import signal
import sys
from functools import partial

import trio

from trio_ws import Request, Response, Server, WebSocket, serve_websocket

KEEP_LISTENING = 2.0
"""Longer than the balancer takes to notice that the health check fails."""


async def listen(ws: WebSocket) -> None:
    """Serve a client that stays."""
    async for _ in ws:
        pass


async def main(port: int, code: int, spread: float) -> None:
    """Serve until told to end, and then politely."""
    server: Server

    def answer(request: Request) -> Response | None:
        if request.path == "/health":
            return Response(503 if server.draining else 200)
        return Response(200, body="page") if request.path == "/page" else None

    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, listen, "127.0.0.1", port, on_request=answer)
        server = await nursery.start(serve)
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                break
        await server.drain(keep_listening=KEEP_LISTENING, timeout=30, spread=spread, code=code)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
