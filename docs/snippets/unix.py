"""WebSockets over a Unix socket."""

from __future__ import annotations

import trio

from trio_ws import Server, WebSocket, open_websocket, serve_websocket_listeners


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def serve(
    path: str, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    await sock.bind(path)
    sock.listen()
    listener = trio.SocketListener(sock)
    await serve_websocket_listeners(echo, [listener], task_status=task_status)


async def ask(path: str, question: str) -> str | bytes:
    async with open_websocket("ws://localhost/questions", connect_to=path) as ws:
        await ws.send(question)
        return await ws.receive()
