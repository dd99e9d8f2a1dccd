"""A server that is stopped politely, by Ctrl-C or by ``kill``.

When a service manager says "stop", the server refuses new connections.
It tells the clients to reconnect, a few at a time, so that they do not all come back at once.
After a while it cuts what is left.
`Server.drain` does all three.
"""

from __future__ import annotations

import signal

import trio

from trio_ws import Server, WebSocket, serve_websocket


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until a signal comes, then drain."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve_websocket, echo, "localhost", port)
            task_status.started(server)
            await anext(aiter(signals))
            print(f"stopping; {len(server.connections)} connected")
            await server.drain(timeout=20, spread=5)
    print("stopped")


if __name__ == "__main__":
    trio.run(main)
