"""A server whose pages come from elsewhere, behind a proxy."""

from __future__ import annotations

import re

import trio

from trio_ws import SAME_ORIGIN, Server, WebSocket, serve_websocket


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve_websocket(
        greet,
        "127.0.0.1",
        port,
        origins=[
            SAME_ORIGIN,
            "https://www.example.com",
            re.compile(r"https://[a-z0-9-]+\.preview\.example\.com"),
        ],
        task_status=task_status,
    )


async def greet(ws: WebSocket) -> None:
    await ws.send(f"You come from {client_address(ws)}")


def client_address(ws: WebSocket) -> str:
    """The client's address as our own proxy tells it, in a header that it always sets."""
    return ws.request.headers.get("X-Real-IP", "somewhere unknown")
