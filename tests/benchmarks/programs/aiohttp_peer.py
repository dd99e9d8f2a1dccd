"""aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import ClientSession, WSMessageTypeError, web

from ..wire import Talk, read_talk
from .line import Options, listening
from .talking import Ends, OnAsyncio, Talking, converse, main


def ends(ws: Any, talk: Talk) -> Ends:
    """The methods for a kind of message."""
    if talk.kind != "binary":
        return Ends(ws.receive_str, ws.send_str)
    return Ends(ws.receive_bytes, ws.send_bytes)


class Aiohttp(OnAsyncio, Talking):
    """A web framework with WebSockets."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""
        self.heartbeat = 20.0 if options.heartbeat else None
        app = web.Application()
        app.router.add_get("/{path:.*}", self.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=options.server_tls(), backlog=1000)
        await site.start()
        listening(runner.addresses[0][1])
        await asyncio.Event().wait()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        ws = web.WebSocketResponse(compress=True, heartbeat=self.heartbeat)
        await ws.prepare(request)
        talk = read_talk(request.path)
        with suppress(WSMessageTypeError, ConnectionError):
            await converse(ends(ws, talk), talk)
        return ws

    @asynccontextmanager
    async def connect(self, url: str, talk: Talk, tls: Any) -> AsyncGenerator[Ends]:
        """Open a connection."""
        bits = 12 if talk.kind == "json" else 0
        async with (
            ClientSession() as session,
            session.ws_connect(url, ssl=tls or True, compress=bits) as ws,
        ):
            yield ends(ws, talk)


if __name__ == "__main__":
    main(Aiohttp())
