"""TLS in a test, with certificates that exist for as long as the test."""

from __future__ import annotations

import ssl
from functools import partial

import trio
import trustme

from trio_ws import WebSocket, open_websocket, serve_websocket


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def test_over_tls() -> None:
    authority = trustme.CA()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)

    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, ssl_context=server_context)
        server = await nursery.start(serve, echo, "localhost", 0)
        url = f"wss://localhost:{server.port}/"
        async with open_websocket(url, ssl_context=client_context) as ws:
            await ws.send("Is this line secure?")
            assert await ws.receive() == "Is this line secure?"
        nursery.cancel_scope.cancel()
