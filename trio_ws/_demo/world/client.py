"""The client: a program that a supervisor keeps connected.

It reads prices, places an order now and then, and keeps a book, which takes a moment to save.
The names in the picture are those of the functions here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Unpack

import trio

from trio_ws import (
    ClientOptions,
    HandshakeError,
    SupervisorState,
    Timeouts,
    Transition,
    WebSocket,
    WebSocketError,
    open_supervisor,
    open_websocket_on,
)
from trio_ws.testing import MemoryNetwork

from .errors import describe, where
from .server import HOST, PORT
from .settings import BACKOFF, HEARTBEAT, LIMITS, TIMEOUTS
from .wire import Tell, Wire

URL = f"ws://{HOST}/prices"
ORDER_EVERY = 5.0
QUICK, SLOW = 0.008, 2.0
SLOW_FOR = 12.0
SAVING = 0.3
AGAIN_AFTER = 4.0


class Client:
    """The client, and what the buttons do to it.

    Attributes:
        connections: the connection that its session has, if there is a session.
    """

    def __init__(self, network: MemoryNetwork, wire: Wire, tell: Tell) -> None:
        self.connections: list[WebSocket] = []
        self._network = network
        self._wire = wire
        self._tell = tell
        self._slow_until = 0.0
        self._ctrl_c = trio.Event()

    def slow_down(self) -> None:
        """Let the application be slow for a while."""
        self._slow_until = trio.current_time() + SLOW_FOR

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._ctrl_c.set()

    async def run(self) -> None:
        """Run the program, and again when it has ended."""
        number = 0
        while True:
            number += 1
            self._tell("program", up=True, number=number)
            self._ctrl_c = trio.Event()
            ended = "it returned: the server closed with 1000, so all is done"
            try:
                await self._program()
            except* KeyboardInterrupt as group:
                ended = describe(group)
            except* WebSocketError as group:
                ended = describe(group)
            self._tell("program", up=False, number=number, ended=ended, seconds=AGAIN_AFTER)
            await trio.sleep(AGAIN_AFTER)

    async def _program(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keyboard, name="keyboard")
            async with open_supervisor(
                URL,
                connect=self._connect,
                backoff=BACKOFF,
                on_transition=self._note,
                heartbeat=HEARTBEAT,
                timeouts=TIMEOUTS,
                limits=LIMITS,
            ) as supervisor:
                await supervisor.run(self._session)
            nursery.cancel_scope.cancel(reason="the supervisor has returned")

    async def _keyboard(self) -> None:
        await self._ctrl_c.wait()
        raise KeyboardInterrupt

    # A session, once for each connection

    async def _session(self, ws: WebSocket) -> None:
        self.connections.append(ws)
        try:
            await self._trade(ws)
        except BaseException as error:
            self._tell("left", error=describe(error), where=where(error, "client.py", "_trade"))
            raise
        finally:
            self.connections.remove(ws)

    async def _trade(self, ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._place_orders, ws, name="orders")
            nursery.start_soon(self._keep_book, name="book")
            async for price in ws:
                await self._think_about(price)
            nursery.cancel_scope.cancel(reason="there are no more prices")

    async def _think_about(self, _: str | bytes) -> None:
        slow = trio.current_time() < self._slow_until
        await trio.sleep(SLOW if slow else QUICK)

    async def _place_orders(self, ws: WebSocket) -> None:
        number = 0
        while True:
            number += 1
            await trio.sleep(ORDER_EVERY)
            await ws.send(f"order {number}")

    async def _keep_book(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(1, shield=True):
                await self._save_book()

    async def _save_book(self) -> None:
        await trio.sleep(SAVING)

    # Under the supervisor

    @asynccontextmanager
    async def _connect(
        self, url: str, **options: Unpack[ClientOptions]
    ) -> AsyncGenerator[WebSocket]:
        """Connect as `open_websocket` does, with a tap on the stream."""
        limit = options.get("timeouts", Timeouts()).connect
        try:
            with trio.fail_after(limit):
                stream = await self._network.connect(HOST, PORT)
        except (OSError, trio.TooSlowError) as error:
            text = str(error) or f"no connection within {limit:g} s"
            raise HandshakeError(text, transient=True) from error
        async with open_websocket_on(self._wire.tap(stream, "client"), url, **options) as ws:
            yield ws

    def _note(self, step: Transition) -> None:
        cause = step.cause
        self._tell(
            "state",
            state=step.state.value,
            previous=step.previous.value,
            attempt=step.attempt,
            delay=step.delay,
            away=step.away,
            cause=None if cause is None else describe(cause),
            said=str(step),
            lost=cause is not None
            and step.previous in (SupervisorState.OPEN, SupervisorState.STABLE),
        )
