"""A server that prints what goes on when it gets a SIGUSR1."""

from __future__ import annotations

import signal

import trio

from trio_ws import WebSocket, serve_websocket
from trio_ws.debug import dump


async def show_on_signal() -> None:
    with trio.open_signal_receiver(signal.SIGUSR1) as signals:
        async for _ in signals:
            dump()


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def main(port: int = 8765) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(show_on_signal)
        await serve_websocket(echo, "localhost", port)


if __name__ == "__main__":
    trio.run(main)
