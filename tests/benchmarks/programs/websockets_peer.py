"""websockets, its asyncio side."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from ..wire import Talk, read_talk
from .deflate_of_websockets import SERVER_DEFLATE, client_deflate
from .line import Options, listening
from .talking import Ends, OnAsyncio, Talking, converse, main


async def fan_out(audience: list[Ends], burst: list[Any]) -> None:
    """Use the function that the library has for it."""
    connections = [ends.connection for ends in audience]
    for data in burst:
        broadcast(connections, data)


class Websockets(OnAsyncio, Talking):
    """The best known one on asyncio."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""
        async with serve(
            self.handle,
            "127.0.0.1",
            0,
            ssl=options.server_tls(),
            compression=None,
            extensions=SERVER_DEFLATE,
            ping_interval=20 if options.heartbeat else None,
            backlog=1000,
        ) as server:
            listening(next(iter(server.sockets)).getsockname()[1])
            await server.serve_forever()

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
    main(Websockets())
