"""websockets, its Trio side."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import trio
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect
from websockets.trio.server import ServerConnection, broadcast, serve

from ..wire import Talk, read_talk
from .deflate_of_websockets import SERVER_DEFLATE, client_deflate
from .line import Options, listening
from .talking import Ends, OnTrio, Talking, converse, main


async def fan_out(audience: list[Ends], burst: list[Any]) -> None:
    """Use the function that the library has for it."""
    connections = [ends.connection for ends in audience]
    for data in burst:
        await broadcast(connections, data)


class WebsocketsTrio(OnTrio, Talking):
    """The youngest one on Trio."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                partial(
                    serve,
                    self.handle,
                    0,
                    host="127.0.0.1",
                    ssl=options.server_tls(),
                    compression=None,
                    extensions=SERVER_DEFLATE,
                    ping_interval=20 if options.heartbeat else None,
                    backlog=1000,
                )
            )
            listening(server.listeners[0].socket.getsockname()[1])

    async def handle(self, ws: ServerConnection) -> None:
        """Serve one connection."""
        assert ws.request is not None
        with suppress(ConnectionClosed):
            await converse(Ends(ws.recv, ws.send, ws), read_talk(ws.request.path), fan_out)

    @asynccontextmanager
    async def connect(self, url: str, talk: Talk, tls: Any) -> AsyncGenerator[Ends]:
        """Open a connection."""
        async with connect(
            url, ssl=tls, compression=None, extensions=client_deflate(talk), proxy=None
        ) as ws:
            yield Ends(ws.recv, ws.send)


if __name__ == "__main__":
    main(WebsocketsTrio())
