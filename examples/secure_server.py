"""An echo server with TLS, so that its URL begins with ``wss://``.

    python secure_server.py chain.pem key.pem

The first file holds the server's certificate and the ones that lead to its authority,
the second its private key.
"""

from __future__ import annotations

import ssl
import sys

import trio

from trio_ws import Server, WebSocket, serve_websocket


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def main(
    chain: str,
    key: str,
    port: int = 8765,
    *,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve with the certificate in these files."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    await serve_websocket(echo, "localhost", port, ssl_context=context, task_status=task_status)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
