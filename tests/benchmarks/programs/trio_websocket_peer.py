"""trio-websocket, which has no heartbeat."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketRequest,
    open_websocket_url,
    serve_websocket,
)

from ..wire import Talk, read_talk
from .line import Options, listening
from .talking import Ends, OnTrio, Talking, converse, main


class TrioWebsocket(OnTrio, Talking):
    """The oldest one on Trio."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""
        async with trio.open_nursery() as nursery:
            serve = partial(serve_websocket, self.handle, "127.0.0.1", 0, options.server_tls())
            server = await nursery.start(serve)
            listening(server.port)

    async def handle(self, request: WebSocketRequest) -> None:
        """Serve one connection."""
        ws = await request.accept()
        with suppress(ConnectionClosed):
            await converse(Ends(ws.get_message, ws.send_message), read_talk(request.path))

    @asynccontextmanager
    async def connect(self, url: str, talk: Talk, tls: Any) -> AsyncGenerator[Ends]:
        """Open a connection."""
        async with open_websocket_url(url, ssl_context=tls) as ws:
            yield Ends(ws.get_message, ws.send_message)


if __name__ == "__main__":
    main(TrioWebsocket())
