"""The three kinds of clients: one connection, a supervisor, a channel.

Each goes on for as long as the world lasts.
What leaves its block is checked against the promises (P2), and what a channel counts
against what the model knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import trio

from trio_ws import (
    CloseCode,
    ConnectionClosed,
    ConnectionLost,
    HandshakeError,
    HeartbeatTimeout,
    Loss,
    MessageTooBig,
    NotConnected,
    ProtocolViolation,
    Reconnect,
    ReconnectingWebSocket,
    SendBuffer,
    SupervisorGaveUp,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket,
    supervise,
)

from .book import Book
from .endings import Record
from .messages import compose
from .model import Lane
from .talk import Boom, Exit, Plan, Talk

if TYPE_CHECKING:
    from .world import Site, World

LOSSES: dict[Loss, type[ConnectionLost]] = {
    Loss.HEARTBEAT: HeartbeatTimeout,
    Loss.VIOLATION: ProtocolViolation,
    Loss.TOO_BIG: MessageTooBig,
}
"""What leaves the block after a loss, where it is not just `ConnectionLost`."""

CODES = [1000, 1001, 1011, 1012, 1013, 3000, 4000, 4444]


def draw_plan(chance: Random, exits: list[Exit], *, slow: bool) -> Plan:
    """Draw what a side is going to do."""
    return Plan(
        exit=chance.choice(exits),
        lasts=chance.choice([0.0, *[chance.expovariate(1 / 25)] * 5]),
        pace=chance.uniform(1, 12),
        rest=chance.choice([0, 0, 0, 0.5, 3]) if slow else 0.0,
        code=chance.choice(CODES),
    )


def check_type(error: ConnectionClosed) -> None:
    """Check that an exception is of the type that its ending asks for."""
    loss = error.ending.loss
    wanted = ConnectionClosed if loss is None else LOSSES.get(loss, ConnectionLost)
    assert type(error) is wanted, f"{type(error).__name__} for {error.ending}"


class Client:
    """One client, at one host."""

    def __init__(self, world: World, name: str, host: str, chance: Random) -> None:
        self._world = world
        self._name = name
        self._host = host
        self._chance = chance

    def plan(self) -> Plan:
        """Draw what is going to happen on a connection."""
        return draw_plan(self._chance, list(Exit), slow=self._host != "calm")

    def endpoint(self, kind: str, site: Site) -> Callable[[], Awaitable[str]]:
        """Return a function that gives the URL of an attempt, and begins its record."""
        begin = partial(self._world.begin, kind, self._host, site)
        return self._world.book.endpoint(site.url, begin)

    def talk(self, ws: WebSocket, record: Record) -> Talk:
        """Return the client's side of a connection."""
        book = self._world.book
        out = book.open_source(record, record.up)
        return Talk(ws, record.client, book.ledger, out, record.down, self._chance)

    async def pause(self) -> None:
        """Wait a little before the next."""
        await trio.sleep(self._chance.expovariate(1 / 3))


class Visitor(Client):
    """Opens one connection after another, with `open_websocket`."""

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._visit()
            await self.pause()

    async def _visit(self) -> None:
        site = self._world.choose_site(self._host, self._chance)
        record = self._world.begin("plain", self._host, site)
        plan, scope, failure = self.plan(), trio.CancelScope(), None
        try:
            with scope:
                async with open_websocket(
                    f"{site.url}?{record.name}",
                    **self._world.draw_client_options(self._chance),
                ) as ws:
                    await self.talk(ws, record).run(plan, scope)
        except (Boom, ConnectionClosed, HandshakeError) as error:
            failure = error
        check_what_left(record, failure, plan, cancelled=scope.cancelled_caught)


def check_what_left(
    record: Record, failure: Exception | None, plan: Plan, *, cancelled: bool
) -> None:
    """Check the one exception that left the block of a connection (P2)."""
    ws = record.client.ws
    if ws is None:
        assert isinstance(failure, HandshakeError), f"{failure!r} left a block without a connection"
        assert not record.calm, f"no connection without any fault: {failure!r}"
        return
    assert ws.ending is not None, "the block was left, and the connection is not over"
    if isinstance(failure, ConnectionClosed):
        assert failure.ending is ws.ending, "the exception tells of another ending"
        check_type(failure)
    elif isinstance(failure, Boom):
        assert plan.exit is Exit.RAISE
    elif cancelled:
        assert plan.exit is Exit.CANCEL
    else:
        assert failure is None


class Supervised(Client):
    """Runs a session on one connection after another, with `supervise`."""

    async def run(self) -> None:
        """Supervise until cancelled, and begin anew whenever that comes to an end."""
        while True:
            site = self._world.choose_site(self._host, self._chance)
            endpoint = self.endpoint("supervised", site)
            with suppress(Boom, ConnectionClosed, HandshakeError, SupervisorGaveUp):
                options = self._world.draw_client_options(self._chance)
                await supervise(self._session, endpoint, **options)
            await self.pause()

    async def _session(self, ws: WebSocket) -> None:
        await self.talk(ws, self._world.book.record_of(ws)).run(self.plan())
        if self._chance.random() < 0.5:
            raise Reconnect("no good")


class Subscriber(Client):
    """Has one channel across many connections, with `open_reconnecting_websocket`."""

    async def run(self) -> None:
        """Open one channel after another, until cancelled."""
        number = 0
        while True:
            number += 1
            with suppress(ConnectionClosed, HandshakeError, SupervisorGaveUp):
                await self._subscribe(f"{self._name}.{number}")
            await self.pause()

    async def _subscribe(self, name: str) -> None:
        site = self._world.choose_site(self._host, self._chance)
        side = ChannelSide(self._world.book, name, self._chance)
        endpoint = self.endpoint("channel", site)
        buffer = self._chance.choice([None, SendBuffer(), SendBuffer(max_messages=5, max_age=4)])
        try:
            async with open_reconnecting_websocket(
                endpoint,
                on_connect=side.on_connect,
                buffer=buffer,
                when_down=self._chance.choice(["wait", "fail"]),
                **self._world.draw_client_options(self._chance),
            ) as channel:
                side.begin(channel)
                await side.run(self._chance.expovariate(1 / 150))
        finally:
            side.end()


class ChannelSide:
    """What one channel has said, heard and counted."""

    def __init__(self, book: Book, name: str, chance: Random) -> None:
        self._book = book
        self._chance = chance
        self._account = book.open_account(name)
        self._source, self._records = self._account.source, self._account.records
        self._heard = 0
        self._channel: ReconnectingWebSocket | None = None
        self._doubted = 0
        self._last_heard = 0

    def begin(self, channel: ReconnectingWebSocket) -> None:
        """Note the channel."""
        self._channel = channel

    async def on_connect(self, ws: WebSocket) -> None:
        """Note the next connection."""
        record = self._book.record_of(ws)
        record.client.ws, record.client.opened_at = ws, trio.current_time()
        record.client.leave(1000, 1001, 1011, polite=False)
        self._settle_doubts()
        self._records.append(record)

    def _settle_doubts(self) -> None:
        """Note how many messages of the last connection the channel counts as in doubt."""
        assert self._channel is not None
        doubted = self._channel.statistics().in_doubt
        if self._records:
            self._records[-1].in_doubt = doubted - self._doubted
        self._doubted = doubted

    async def run(self, seconds: float) -> None:
        """Talk for so long, and close."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            nursery.start_soon(self._speak)
            await trio.sleep(seconds)
            assert self._channel is not None
            await self._channel.close(CloseCode.NORMAL_CLOSURE, "as planned")
            nursery.cancel_scope.cancel()

    def end(self) -> None:
        """Check what the channel has counted."""
        if self._channel is None:
            return
        self._settle_doubts()
        counted = self._channel.statistics()
        self._account.waiting, self._account.expired = counted.waiting, counted.expired
        assert counted.messages_sent == len(self._source.accepted)
        assert counted.messages_received == self._heard
        for record in self._records:
            record.down.to_the_end = not counted.dropped and record is not self._records[-1]

    async def _listen(self) -> None:
        """Take what arrives; an earlier connection's messages come before a later one's."""
        assert self._channel is not None
        async for message in self._channel:
            self._heard += 1
            self._book.ledger.hear(message, self._lane_of(message))

    def _lane_of(self, message: str | bytes) -> Lane:
        """Return the lane that a message came on: that which its source is bound to."""
        for place, record in enumerate(self._records[self._last_heard :], self._last_heard):
            mark = f"{record.name}d "
            if message[: len(mark)] in (mark, mark.encode()):
                self._last_heard = place
                return record.down
        assert self._records[-1].tainted, f"out of order, or of no connection: {message[:80]!r}"
        return self._records[-1].down

    async def _speak(self) -> None:
        assert self._channel is not None
        with suppress(ConnectionClosed, trio.ClosedResourceError):
            while True:
                await trio.sleep(self._chance.expovariate(1 / 2))
                with (
                    trio.move_on_after(self._chance.choice([0.001, 5, 100])),
                    suppress(NotConnected),
                ):
                    await self._burst()

    async def _burst(self) -> None:
        assert self._channel is not None
        for _ in range(self._chance.randint(1, 8)):
            label = self._source.offer()
            await self._channel.send(compose(label))
            self._source.accept(label)
