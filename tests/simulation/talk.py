"""What one side of a connection does: it listens, speaks, and leaves.

Client and server do the same.  How it goes is drawn beforehand, as a `Plan`.
Whatever is said is numbered by a `Source`; whatever is heard goes to the `Ledger`.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import trio

from trio_ws import CloseCode, ConnectionClosed, ConnectionLost, WebSocket

from .endings import Side
from .messages import Label, compose
from .model import Lane, Ledger, Source


class Boom(Exception):
    """An exception of the application's own."""


class Exit(enum.Enum):
    """How a side ends a connection."""

    RETURN = "it returns"
    RAISE = "it raises"
    CLOSE = "it closes with a code"
    CANCEL = "it is cancelled"
    WAIT = "it waits for the other side"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a side is going to do.

    Attributes:
        exit: how it ends the connection.
        lasts: after how many seconds.
        pace: seconds between two things that it does, on average.
        rest: seconds that it takes over a message now and then.
        code: what it closes with.
    """

    exit: Exit
    lasts: float
    pace: float
    rest: float = 0.0
    code: int = CloseCode.NORMAL_CLOSURE


class Talk:
    """One side of one connection."""

    def __init__(
        self, ws: WebSocket, side: Side, ledger: Ledger, out: Source, into: Lane, chance: Random
    ) -> None:
        self._ws = ws
        self._side = side
        self._ledger = ledger
        self._out = out
        self._into = into
        self._chance = chance
        self._streaming = False
        side.ws, side.opened_at = ws, trio.current_time()

    async def run(self, plan: Plan, scope: trio.CancelScope | None = None) -> None:
        """Talk until the plan or the other side ends it; `scope` is what CANCEL cancels."""
        self._side.slow = plan.rest > 0
        left = over = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, plan, nursery.cancel_scope)
                nursery.start_soon(self._speak, plan)
                await trio.sleep(plan.lasts * (5 if plan.exit is Exit.WAIT else 1))
                left = True
                await self._leave(plan, scope)
                nursery.cancel_scope.cancel()
            over = True
        finally:
            if not over:  # cancelled, as a rule; after a loss it does not matter
                self._side.cut_short()
        if plan.exit is Exit.RAISE and left:
            self._side.leave(CloseCode.INTERNAL_ERROR)
            raise Boom
        self._side.leave(CloseCode.NORMAL_CLOSURE)

    async def _leave(self, plan: Plan, scope: trio.CancelScope | None) -> None:
        if plan.exit is Exit.CANCEL and scope is not None:
            scope.cancel(reason="as planned")
            await trio.sleep_forever()
        if plan.exit is Exit.CLOSE:
            # Another task in the middle of fragments makes it 1011.
            self._side.leave(plan.code, CloseCode.INTERNAL_ERROR)
            with self._side.closing():
                await self._ws.close(plan.code, "as planned")

    # Listening

    async def _listen(self, plan: Plan, body: trio.CancelScope) -> None:
        """Take what arrives, until the end of the connection."""
        try:
            while True:
                await self._take()
                if plan.rest and self._chance.random() < 0.2:
                    await trio.sleep(plan.rest)
        except ConnectionLost:
            self._into.to_the_end = True
            raise
        except ConnectionClosed:
            self._into.to_the_end = True
            body.cancel(reason="the other side has ended it")
        except trio.Cancelled:
            if not self._streaming:  # what is left of a streamed message is dropped
                await self._take_the_rest()  # noqa: ASYNC102 - shielded, for a millisecond
            raise

    async def _take(self) -> None:
        if self._chance.random() < 0.9:
            self._ledger.hear(await self._ws.receive(), self._into)
            return
        self._streaming = True
        async with self._ws.receive_stream() as chunks:
            pieces = [chunk async for chunk in chunks]
        self._streaming = False
        if pieces:
            first = pieces[0][:0]
            self._ledger.hear(first.join(pieces), self._into)  # type: ignore[arg-type]

    async def _take_the_rest(self) -> None:
        """Take what has arrived, so that the model need not guess what was there."""
        with trio.move_on_after(0.001, shield=True), suppress(ConnectionClosed):  # noqa: ASYNC912
            while self._ws.statistics().receive_queue:
                self._ledger.hear(await self._ws.receive(), self._into)
            self._into.to_the_end = True

    # Speaking

    async def _speak(self, plan: Plan) -> None:
        """Do this and that, until the end of the connection."""
        ways = [self._burst, self._send_nowait, self._ask, self._hesitate, self._fragments]
        weights = [10, 3, 3, 3, 2]
        with suppress(ConnectionClosed):
            while True:
                await trio.sleep(self._chance.expovariate(1 / plan.pace))
                (way,) = self._chance.choices(ways, weights)
                await way()

    async def _burst(self) -> None:
        for _ in range(self._chance.randint(1, 12)):
            await self._send()

    async def _send(self) -> None:
        label = self._out.offer()
        await self._ws.send(compose(label))
        self._out.accept(label)

    async def _send_nowait(self) -> None:
        label = self._out.offer()
        with suppress(trio.WouldBlock):
            self._ws.send_nowait(compose(label))
            self._out.accept(label)

    async def _ask(self) -> None:
        """Ping behind all that was sent: its pong proves that this has arrived."""
        await self._ws.flush()
        sent = len(self._out.accepted)
        await self._ws.ping()
        self._out.confirmed = max(sent, self._out.confirmed)
        await self._ws.pong(b"by the way")

    async def _hesitate(self) -> None:
        """Be cancelled while sending, or just before, or just after."""
        with trio.move_on_after(self._chance.choice([0, 0, 0.001, 0.01, 1])):
            await self._burst()

    async def _fragments(self) -> None:
        """Send one message in fragments; now and then it is cancelled half-way."""
        label = self._out.offer()
        breaks_off = self._chance.random() < 0.05
        pieces = _Pieces(label, self._chance, 1.0 if breaks_off else 0.0)
        self._out.begin(label)
        finished = False
        try:
            with trio.move_on_after(0.5 if breaks_off else 60):
                await self._ws.send(pieces)
                self._out.accept(label)
                finished = True
        finally:
            if not finished and pieces.given:
                self._side.leave(CloseCode.GOING_AWAY, CloseCode.INTERNAL_ERROR, polite=False)


class _Pieces:
    """The fragments of a message, some seconds apart."""

    def __init__(self, label: Label, chance: Random, apart: float) -> None:
        message = compose(label)
        size = 1 + len(message) // chance.randint(1, 5)
        self._pieces = [message[at : at + size] for at in range(0, len(message), size)]
        self._apart = apart
        self.given = 0

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        if self.given == len(self._pieces):
            raise StopAsyncIteration
        if self._apart:
            await trio.sleep(self._apart)
        self.given += 1
        return self._pieces[self.given - 1]
