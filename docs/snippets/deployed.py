"""A server as it runs in production: health checks, a service manager, a slow end."""

from __future__ import annotations

import os
import signal
import socket
from functools import partial

import trio

from trio_ws import Request, Response, Server, WebSocket, serve_websocket

KEEP_LISTENING = 15
"""How many seconds a load balancer may need to notice that the server is not ready."""

TIMEOUT = 30
"""How many seconds the connections have to end after that."""


def tell_systemd(state: str) -> None:
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(state.encode(), address.replace("@", "\0", 1))


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


class Service:
    """The server, and what it answers to health checks."""

    def __init__(self) -> None:
        self._server: Server | None = None

    def on_request(self, request: Request) -> Response | None:
        match request.path:
            case "/alive":
                return Response(200)
            case "/ready":
                ready = self._server is not None and not self._server.draining
                return Response(200 if ready else 503)
        return None

    async def run(
        self,
        host: str | None = None,
        port: int = 8765,
        *,
        task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                serve = partial(serve_websocket, on_request=self.on_request, max_connections=5000)
                self._server = server = await nursery.start(serve, echo, host, port)
                tell_systemd("READY=1")
                task_status.started(server)
                await anext(aiter(signals))
                tell_systemd("STOPPING=1")
                await server.drain(keep_listening=KEEP_LISTENING, spread=20, timeout=TIMEOUT)


if __name__ == "__main__":
    trio.run(Service().run)
