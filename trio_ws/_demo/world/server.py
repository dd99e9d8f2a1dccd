"""The server: prices twice a second, and an answer to each order.

Nothing in it was made for the demo but `_obey`, by which the buttons reach the handler.
"""

from __future__ import annotations

from typing import NamedTuple

import trio

from trio_ws import WebSocket, serve_websocket_listeners
from trio_ws.testing import MemoryNetwork

from .errors import describe
from .settings import HEARTBEAT, LIMITS, TIMEOUTS
from .wire import TapListener, Tell, Wire

HOST, PORT = "server", 80
PRICE_EVERY = 0.5
BOOK = [[100 + level, 1000 - 7 * level] for level in range(16)]
DOWN = 3.0
FLOOD, FLOOD_SIZE = 600, 4096


class Wish(NamedTuple):
    """What a button wants of a handler."""

    name: str
    code: int


class PriceServer:
    """A server that can be restarted.

    Attributes:
        connections: those whose handlers run, the newest last.
    """

    def __init__(self, network: MemoryNetwork, wire: Wire, tell: Tell) -> None:
        self._network = network
        self._wire = wire
        self._tell = tell
        self._life = trio.CancelScope()
        self._wishes: dict[WebSocket, trio.MemorySendChannel[Wish]] = {}

    @property
    def connections(self) -> list[WebSocket]:
        """Return the connections whose handlers run, the newest last."""
        return list(self._wishes)

    def restart(self) -> None:
        """Cancel the server; `run` starts it again."""
        self._life.cancel(reason="the server is restarted")

    def wish(self, name: str, code: int) -> None:
        """Let each handler do something; a handler that has enough to do is spared."""
        for channel in self._wishes.values():
            try:
                channel.send_nowait(Wish(name, code))
            except trio.WouldBlock:
                self._tell("busy", wish=name)

    async def run(self) -> None:
        """Serve, and again after each restart."""
        number = 0
        while True:
            number += 1
            self._tell("server", up=True, number=number)
            with trio.CancelScope() as self._life:
                await self._serve()
            self._tell("server", up=False, number=number, seconds=DOWN)
            await trio.sleep(DOWN)

    async def _serve(self) -> None:
        (listener,) = await self._network.listen(HOST, PORT)
        await serve_websocket_listeners(
            self._answer,
            [TapListener(listener, self._wire)],
            heartbeat=HEARTBEAT,
            timeouts=TIMEOUTS,
            limits=LIMITS,
            on_handler_error=self._note_failure,
        )

    # A handler, once for each connection

    async def _answer(self, ws: WebSocket) -> None:
        put, get = trio.open_memory_channel[Wish](4)
        self._wishes[ws] = put
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_prices, ws, name="prices")
                nursery.start_soon(self._obey, ws, get, name="buttons")
                async for order in ws:
                    await ws.send(f"done: {order!r:.40}")
                nursery.cancel_scope.cancel(reason="the client has said goodbye")
        finally:
            del self._wishes[ws]

    async def _send_prices(self, ws: WebSocket) -> None:
        number = 0
        while True:
            number += 1
            await ws.send_json({"number": number, "price": 100 + number % 7, "book": BOOK})
            await trio.sleep(PRICE_EVERY)

    async def _obey(self, ws: WebSocket, wishes: trio.MemoryReceiveChannel[Wish]) -> None:
        async for wish in wishes:
            match wish.name:
                case "raise":
                    raise RuntimeError("a bug in the handler")
                case "flood":
                    for _ in range(FLOOD):
                        await ws.send(bytes(FLOOD_SIZE))
                case _:
                    await ws.close(wish.code, "as the button wants it")

    def _note_failure(self, _: WebSocket, error: BaseException) -> None:
        self._tell("handler", error=describe(error))
