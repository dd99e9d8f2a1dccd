"""Every fault of the kit at every state of every kind of connection, in either role.

A *cell* is one such meeting: a client and a server, one of them in a state, and one fault,
which is short or longer than any heartbeat, and concerns one direction or both.
The messages are checked by the model, the endings by what explains them,
and in the end nothing may be left.
Besides, what a short fault leaves whole must be whole:
after a stall of a second the connection goes on as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, TypeAlias

import trio
import trio.testing

from trio_ws import (
    Backoff,
    ConnectionClosed,
    Deflate,
    HandshakeError,
    Heartbeat,
    Limits,
    Request,
    SupervisorGaveUp,
    Timeouts,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket,
    supervise,
)
from trio_ws.testing import Fault, FaultKind, MemoryNetwork

from .book import Book, ChannelAccount
from .endings import Record, Side
from .figures import Figures
from .messages import compose
from .model import Lane, Source
from .states import BEFORE, LARGE, OF_A_CHANNEL, Actor, Bell, State
from .talk import Boom
from .weather import REFUSING

Kind: TypeAlias = Literal["plain", "supervised", "channel"]
Role: TypeAlias = Literal["client", "server"]
Toward: TypeAlias = Literal["server", "client", "both"]

HOST, HOME = "server.example", "client"
SHORT, LONG = 1.0, 60.0
STAYS = 90.0
"""Seconds after which a side ends its connection, if nothing else does."""

BOUND = 400.0
"""Seconds of virtual time that a cell may take."""

HARMLESS = frozenset(
    {
        *(FaultKind.LATENCY, FaultKind.JITTER, FaultKind.BANDWIDTH, FaultKind.DRIP),
        *(FaultKind.SLICE, FaultKind.STALL, FaultKind.ZERO_WINDOW),
    }
)
"""What a connection gets over, if it does not last."""

AMOUNTS = {
    FaultKind.LATENCY: 0.3,
    FaultKind.JITTER: 0.3,
    FaultKind.BANDWIDTH: 20_000,
    FaultKind.DRIP: 0.01,
    FaultKind.SLICE: 200,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One meeting of a fault and a state."""

    fault: FaultKind
    state: State
    kind: Kind
    role: Role
    toward: Toward
    long: bool
    compressed: bool

    def __str__(self) -> str:
        words = [self.fault.value, *(["long"] if self.long else []), "toward", self.toward]
        words += ["meets a", self.kind, "connection whose", self.role, "is", self.state.value]
        return " ".join([*words, *(["compressed"] if self.compressed else [])])


VARIANTS: list[tuple[Toward, bool, bool]] = [
    ("both", False, False),
    ("both", False, True),
    ("both", True, False),
    ("both", True, True),
    ("server", False, True),
    ("client", False, False),
]
"""Which direction is meant, whether the fault is long, and whether messages are compressed."""


def cells() -> Iterator[Cell]:
    """Yield all cells that make sense."""
    kinds: list[Kind] = ["plain", "supervised", "channel"]
    roles: list[Role] = ["client", "server"]
    for state, kind, role, fault, variant in product(State, kinds, roles, FaultKind, VARIANTS):
        cell = Cell(fault, state, kind, role, *variant)
        if _makes_sense(cell):
            yield cell


def _makes_sense(cell: Cell) -> bool:
    if cell.toward != "both" and (cell.fault in REFUSING or cell.state in BEFORE):
        return False
    if cell.state is State.WAITING and cell.kind == "plain":
        return False
    if cell.state in BEFORE and cell.role == "server":
        return False
    return cell.kind != "channel" or cell.role == "server" or cell.state in OF_A_CHANNEL


class Meeting:
    """What happens in one cell."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._book = Book()
        self._bell = Bell()
        self._scheme = "wss" if cell.state is State.SECURING else "ws"
        self._options: dict[str, Any] = {
            "heartbeat": Heartbeat(interval=5, timeout=5),
            "timeouts": Timeouts(connect=8, close=4),
            "limits": Limits(receive_buffer=40_000),
            "compression": Deflate() if cell.compressed else None,
        }
        self.fired = 0

    # The course of it

    async def run(self) -> None:
        """Let them meet, and check everything."""
        before = trio.lowlevel.current_statistics().tasks_living
        with trio.fail_after(BOUND):
            async with MemoryNetwork(seed=1, strict=False) as network:
                await network.serve(
                    f"{self._scheme}://{HOST}/",
                    self._handle,
                    on_request=self._dawdle,
                    on_handler_error=self._book.note_handler_error,
                    **self._options,
                )
                network.link(HOST, latency=0.05)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._strike, network)
                    nursery.start_soon(self._wait_for, self._cell.state, network)
                    await self._connect()
                    self._bell.ring()
                network.heal(HOST)
                await self._book.wait_until_nothing_is_left(network)
        assert trio.lowlevel.current_statistics().tasks_living == before, "a task is left"
        self._book.check(lambda hosts, since, until: {self._cell.fault.value, "cut"})
        self._check_what_should_have_survived()

    async def _dawdle(self, request: Request) -> None:
        if self._cell.state is State.OPENING:
            await trio.sleep(1)

    async def _wait_for(self, state: State, network: MemoryNetwork) -> None:
        """Let the fault happen while there is no connection yet."""
        after = {State.CONNECTING: 0.0, State.SECURING: 0.12, State.OPENING: 0.5}
        if state in after:
            await trio.sleep(after[state])
            self._bell.ring()
        elif state is State.WAITING:
            await trio.sleep(5)
            network.inject(HOST, Fault.cut())
            await trio.sleep(0.01)
            self._bell.ring()

    async def _strike(self, network: MemoryNetwork) -> None:
        cell = self._cell
        await self._bell.rung.wait()
        sudden = cell.fault in (
            *(FaultKind.CUT, FaultKind.RESET, FaultKind.HALF_CLOSE),
            *(FaultKind.BLACK_HOLE, FaultKind.CORRUPT),
        )
        lasts = LONG if cell.long else SHORT
        fault = Fault(
            cell.fault,
            AMOUNTS.get(cell.fault, 0.0),
            for_=None if sudden and not cell.long else lasts,
            after_bytes=1 if sudden and cell.long else 0,
            toward=cell.toward,
        )
        injection = network.inject(HOST, fault)
        await trio.sleep(LONG + 1)
        self.fired = injection.fired

    # The sides

    async def _handle(self, ws: WebSocket) -> None:
        record = self._book.find(ws, HOST)
        if record is None:
            return
        out = self._book.open_source(record, record.down)
        with trio.CancelScope() as scope:
            actor = self._actor(ws, record.server, out, record.up, scope)
            await self._play(actor, acts=self._cell.role == "server", first=record.name == "r1")
        if scope.cancelled_caught:
            record.server.leave(1000)  # a handler that returns

    async def _play(self, actor: Actor, *, acts: bool, first: bool) -> None:
        """Play one side: on the first connection as the cell says, later on just for a while."""
        if not first or self._cell.state in BEFORE:
            await actor.act(State.SENDING if acts else State.IDLE, 5 if acts else STAYS * 2)
        elif acts:
            await actor.act(self._cell.state, STAYS)
        else:
            await actor.play_along(self._cell.state)

    def _actor(
        self, ws: WebSocket, side: Side, out: Source, into: Lane, scope: trio.CancelScope
    ) -> Actor:
        side.ws, side.opened_at = ws, trio.current_time()
        return Actor(ws, side, self._book.ledger, out, into, self._bell, scope)

    def _begin(self) -> Record:
        tainted = self._cell.fault is FaultKind.CORRUPT
        return self._book.begin(self._cell.kind, (HOME, HOST), tainted=tainted)

    async def _client(self, ws: WebSocket, scope: trio.CancelScope) -> None:
        record = self._book.record_of(ws)
        out = self._book.open_source(record, record.up)
        actor = self._actor(ws, record.client, out, record.down, scope)
        await self._play(actor, acts=self._cell.role == "client", first=record.name == "r1")

    async def _connect(self) -> None:
        scope = trio.CancelScope()
        url = f"{self._scheme}://{HOST}/"
        with scope, suppress(Boom, ConnectionClosed, HandshakeError, SupervisorGaveUp):
            if self._cell.kind == "plain":
                async with open_websocket(f"{url}?{self._begin().name}", **self._options) as ws:
                    await self._client(ws, scope)
                return
            options = {**self._options, "backoff": Backoff(first=1, cap=4, max_elapsed=STAYS)}
            endpoint = self._book.endpoint(url, self._begin)
            if self._cell.kind == "supervised":
                await supervise(lambda ws: self._client(ws, scope), endpoint, **options)
            else:
                account = self._book.open_account("channel")
                channel = Channel(account, self._book, self._bell, scope)
                await channel.run(self._cell, endpoint, options)

    # The last word

    def _check_what_should_have_survived(self) -> None:
        """Check that a connection has got over what it should get over."""
        cell, records = self._cell, self._book.records.values()
        hurried = cell.state in (State.WAITING, State.CANCELLED)
        if cell.fault in HARMLESS and not cell.long and not hurried:
            for record in records:
                for side, _ in record.sides:
                    assert side.ending is not None, f"never opened: {record}"
                    assert side.ending.clean, f"{cell} was the end of {record}"


class Channel:
    """The client's side of a channel."""

    def __init__(
        self, account: ChannelAccount, book: Book, bell: Bell, scope: trio.CancelScope
    ) -> None:
        self._account = account
        self._book = book
        self._bell = bell
        self._scope = scope
        self._doubted = 0

    async def run(self, cell: Cell, endpoint: Any, options: dict[str, Any]) -> None:
        """Open it, come into the state, and stay for a while."""
        try:
            async with open_reconnecting_websocket(
                endpoint, on_connect=self._note, **options
            ) as self._channel:
                await self._live(cell)
        finally:
            self._settle()
            self._account.waiting = self._channel.statistics().waiting
        if cell.state is State.RAISING:
            raise Boom

    async def _live(self, cell: Cell) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            await self._act(cell)
            nursery.cancel_scope.cancel()

    async def _act(self, cell: Cell) -> None:
        state = cell.state if cell.role == "client" else State.IDLE
        await self._send(10)
        if cell.role == "client" and state not in BEFORE:
            self._bell.ring()
        if state in (State.SENDING, *BEFORE):
            await self._send(LARGE + 10)
        if state in (State.IDLE, State.SENDING, *BEFORE):
            await trio.sleep(STAYS)
            with suppress(trio.TooSlowError), trio.fail_after(60):
                await self._send(5)
        if state is State.CANCELLED:
            self._scope.cancel(reason="as planned")
            await trio.sleep_forever()
        if state is not State.RAISING:
            await self._channel.close(4000, "as planned")

    async def _send(self, count: int) -> None:
        for _ in range(count):
            label = self._account.source.offer()
            await self._channel.send(compose(label))
            self._account.source.accept(label)

    async def _listen(self) -> None:
        async for message in self._channel:
            text = message if isinstance(message, str) else message[:20].decode("latin-1")
            name = text.partition("d ")[0]
            records = {record.name: record for record in self._account.records}
            self._book.ledger.hear(message, records.get(name, self._account.records[-1]).down)

    async def _note(self, ws: WebSocket) -> None:
        record = self._book.record_of(ws)
        record.client.ws, record.client.opened_at = ws, trio.current_time()
        record.client.leave(1000, 1001, 1011, 4000, polite=False)
        self._settle()
        self._account.records.append(record)

    def _settle(self) -> None:
        doubted = self._channel.statistics().in_doubt
        if self._account.records:
            self._account.records[-1].in_doubt += doubted - self._doubted
        self._doubted = doubted


def run_cell(number: int, cell: Cell) -> bool:
    """Let a fault and a state meet; return whether the fault has acted on a connection."""
    meeting = Meeting(cell)
    try:
        trio.run(meeting.run, clock=trio.testing.MockClock(autojump_threshold=0))
    except BaseException as error:
        error.add_note(f"This was cell {number}: {cell}.")
        raise
    return meeting.fired > 0


def run_cells(stride: int, start: int = 0) -> Figures:
    """Run one cell of so many, beginning with one; a stride of 1 runs all."""
    figures = Figures()
    for number, cell in enumerate(cells()):
        if number % stride == start:
            figures.cells += 1
            if run_cell(number, cell):
                figures.faults[cell.fault.value] += 1
    return figures
