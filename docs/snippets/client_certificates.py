"""Mutual TLS: the server asks for a certificate, and the handler knows whose it is."""

from __future__ import annotations

import ssl
from functools import partial

import trio

from trio_ws import Server, WebSocket, open_websocket, serve_websocket


def server_context(chain: str, key: str, authority_of_clients: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority_of_clients)
    return context


def client_context(chain: str, key: str, authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(chain, key)
    return context


def identity_of(ws: WebSocket) -> str:
    """Return the first DNS name in the client's certificate, which TLS has verified."""
    assert ws.tls is not None
    assert ws.tls.peer_certificate is not None
    names = [name for kind, name in ws.tls.peer_certificate["subjectAltName"] if kind == "DNS"]
    return str(names[0])


async def greet(ws: WebSocket) -> None:
    await ws.send(f"Hello, {identity_of(ws)}!")


async def serve(
    context: ssl.SSLContext,
    port: int = 8765,
    *,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    serve = partial(serve_websocket, ssl_context=context, task_status=task_status)
    await serve(greet, "localhost", port)


async def ask(url: str, context: ssl.SSLContext) -> str:
    async with open_websocket(url, ssl_context=context) as ws:
        return await ws.receive_text()
