"""Clients that only listen: what is published goes to each of them that keeps up."""

from __future__ import annotations

import trio

from trio_ws import CloseCode, ConnectionClosed, WebSocket


class Listeners:
    """The connections to which everything is sent."""

    def __init__(self) -> None:
        self._scopes: dict[WebSocket, trio.CancelScope] = {}

    async def handle(self, ws: WebSocket) -> None:
        """Be the handler of one connection: it listens until one side closes, or it is too slow."""
        with trio.CancelScope() as scope:
            self._scopes[ws] = scope
            try:
                await ws.receive()  # a listener that speaks leaves, too
            except ConnectionClosed:
                pass
            finally:
                del self._scopes[ws]
        if scope.cancelled_caught:
            await ws.close(CloseCode.TRY_AGAIN_LATER, "too slow")

    async def publish(self, message: str | bytes) -> None:
        """Send a message to all who listen now; wait for none of them."""
        for number, (ws, scope) in enumerate(list(self._scopes.items()), start=1):
            try:
                ws.send_nowait(message)
            except trio.WouldBlock:  # its queue is full (`Limits.send_buffer`)
                scope.cancel()
            except ConnectionClosed:
                pass  # its handler is about to end
            if number % 100 == 0:
                await trio.lowlevel.checkpoint()  # thousands of writes take milliseconds
