"""What a side does so that a fault finds it in a certain state, and what the other side does then.

A `Pose` is held by the side that is to be met; the other side plays along.
Each of them says when the state is reached, goes on afterwards as if nothing had happened,
and ends its connection in the end.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import trio

from trio_ws import CloseCode, ConnectionClosed, ConnectionLost, WebSocket

from .endings import Side
from .messages import Label, compose
from .model import Lane, Ledger, Source
from .talk import Boom

LARGE = 104
"""The number of the first message that is large."""


class State(enum.Enum):
    """Where a fault may find a connection, or an attempt."""

    CONNECTING = "connecting"
    SECURING = "in the TLS handshake"
    OPENING = "in the opening handshake"
    WAITING = "waiting between two attempts"
    IDLE = "idle"
    SENDING = "sending"
    RESTING = "not reading, with full buffers"
    FRAGMENTS = "between two fragments"
    STREAMING = "in the middle of a message"
    PINGING = "waiting for a pong"
    CLOSING = "closing"
    RAISING = "leaving with an exception"
    CANCELLED = "being cancelled"


BEFORE = (State.CONNECTING, State.SECURING, State.OPENING, State.WAITING)
"""States in which there is no connection yet."""

OF_A_CHANNEL = (*BEFORE, State.IDLE, State.SENDING, State.CLOSING, State.RAISING, State.CANCELLED)
"""States in which the client's side of a channel may be."""


class Bell:
    """Rings when the state is reached."""

    def __init__(self) -> None:
        self.rung = trio.Event()

    def ring(self) -> None:
        """Let the fault happen."""
        self.rung.set()


@dataclass
class Actor:
    """One side of a connection, and what it needs."""

    ws: WebSocket
    side: Side
    ledger: Ledger
    out: Source
    into: Lane
    bell: Bell
    scope: trio.CancelScope
    rest: float = 20.0

    async def act(self, state: State, seconds: float) -> None:
        """Come into a state, go on for a while, and leave."""
        if state is State.RESTING:
            self.side.slow = True
            self.bell.ring()
            await trio.sleep(self.rest)
        await self._beside(self._come_into(state, seconds))
        if state is State.RAISING:
            self.side.leave(CloseCode.INTERNAL_ERROR)
            raise Boom
        self.side.leave(CloseCode.NORMAL_CLOSURE)

    async def play_along(self, state: State) -> None:
        """Do what the other side needs to come into its state; wait for its end."""
        tasks = {State.RESTING: self._send_much, State.STREAMING: self._send_slowly}
        await self._beside(self._and_wait(tasks.get(state)))
        self.side.leave(CloseCode.NORMAL_CLOSURE)

    async def _and_wait(self, task: Callable[[], Awaitable[None]] | None) -> None:
        if task is not None:
            await task()
        await trio.sleep_forever()

    async def _beside(self, what: Coroutine[Any, Any, None]) -> None:
        """Listen beside something else; the end of the connection ends that."""
        over = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, nursery.cancel_scope)
                with suppress(ConnectionClosed):  # the listener takes what is left, and ends
                    await what
                    nursery.cancel_scope.cancel()
            over = True
        finally:
            if not over:
                self.side.cut_short()

    async def _listen(self, body: trio.CancelScope) -> None:
        try:
            while True:
                self.ledger.hear(await self.ws.receive(), self.into)
        except ConnectionLost:
            self.into.to_the_end = True
            raise
        except ConnectionClosed:
            self.into.to_the_end = True
            body.cancel(reason="the other side has ended it")

    async def _come_into(self, state: State, seconds: float) -> None:
        match state:
            case State.SENDING:
                self.bell.ring()
                await self._send_much()
            case State.FRAGMENTS:
                await self._send_slowly()
            case State.PINGING:
                self.bell.ring()
                for _ in range(int(seconds)):
                    await self.ws.ping()
                    await trio.sleep(1)
            case State.CLOSING:
                await self._send(LARGE)
                self.side.leave(4000)
                self.bell.ring()
                with self.side.closing():
                    await self.ws.close(4000, "as planned")
            case State.CANCELLED:
                self.bell.ring()
                self.scope.cancel(reason="as planned")
                await trio.sleep_forever()
            case _:
                self.bell.ring()
        await trio.sleep(0 if state is State.RAISING else seconds)

    async def _send(self, count: int = 1) -> None:
        for _ in range(count):
            label = self.out.offer()
            await self.ws.send(compose(label))
            self.out.accept(label)

    async def _send_much(self) -> None:
        for _ in range(4):
            await self._send(LARGE + 10)
            await trio.sleep(0.2)

    async def _send_slowly(self) -> None:
        label = self.out.offer()
        pieces = Slowly(label, self.bell)
        self.out.begin(label)
        self.side.leave(CloseCode.GOING_AWAY, CloseCode.INTERNAL_ERROR, polite=False)
        await self.ws.send(pieces)
        self.out.accept(label)


class Slowly:
    """The fragments of a message, a quarter of a second apart."""

    def __init__(self, label: Label, bell: Bell) -> None:
        message = compose(label)
        size = len(message) // 20 + 1
        self._pieces = [message[at : at + size] for at in range(0, len(message), size)]
        self._bell = bell

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        if not self._pieces:
            raise StopAsyncIteration
        await trio.sleep(0.25)
        if len(self._pieces) < 15:
            self._bell.ring()
        return self._pieces.pop(0)
