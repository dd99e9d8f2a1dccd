"""A server whose sockets come from systemd, or are opened here if it was started otherwise."""

from __future__ import annotations

import trio

from trio_ws import (
    Server,
    WebSocket,
    inherited_listeners,
    open_listeners,
    serve_websocket_listeners,
)


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    listeners = inherited_listeners() or await open_listeners(None, port)
    await serve_websocket_listeners(echo, listeners, task_status=task_status)
