"""Faults meet states over real sockets: a smaller part of what `grid` does in memory.

A simulation is as good as what it takes a kernel to be.
So the same faults happen here to TCP connections, by the fault proxy of the kit,
and the same model has to agree.  Clocks are real; many meetings go on side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import trio

from trio_ws import (
    ConnectionClosed,
    Deflate,
    HandshakeError,
    Heartbeat,
    Timeouts,
    WebSocket,
    open_websocket,
    serve_websocket,
)
from trio_ws.testing import Fault, FaultKind, FaultProxy, open_fault_proxy

from .book import Book
from .endings import Side
from .figures import Figures
from .grid import AMOUNTS, HARMLESS, Role
from .model import Lane, Source
from .states import BEFORE, Actor, Bell, State
from .talk import Boom

HOST = "127.0.0.1"
HEARTBEAT = Heartbeat(interval=10, timeout=20)
TIMEOUTS = Timeouts(connect=30, close=30, goodbye=20)
"""Generous: a process that shares its cores with others is late, and that is no fault."""

LASTS = 0.4
STAYS = 2.0
AT_A_TIME = 100
BOUND = 240.0
"""Real seconds that a meeting may take, on a busy machine."""


@dataclass(frozen=True, slots=True)
class SocketCell:
    """One meeting of a fault and a state."""

    fault: FaultKind
    state: State
    role: Role
    compressed: bool


def socket_cells() -> Iterator[SocketCell]:
    """Yield all cells; of each state with each fault, one role is compressed."""
    states = [state for state in State if state not in BEFORE]
    roles: list[Role] = ["client", "server"]
    for number, (state, fault, role) in enumerate(product(states, FaultKind, roles)):
        yield SocketCell(fault, state, role, compressed=(number + number // 2) % 2 == 1)
    for fault in FaultKind:
        yield SocketCell(fault, State.CONNECTING, "client", compressed=False)


class SocketMeeting:
    """What happens in one cell."""

    def __init__(self, cell: SocketCell) -> None:
        self._cell = cell
        self._book = Book()
        self._bell = Bell()
        self._record = self._book.begin(
            "plain", ("client", HOST), tainted=cell.fault is FaultKind.CORRUPT
        )
        self._options: dict[str, Any] = {
            "heartbeat": HEARTBEAT,
            "timeouts": TIMEOUTS,
            "compression": Deflate() if cell.compressed else None,
        }

    async def run(self) -> None:
        """Let them meet, and check everything."""
        with trio.fail_after(BOUND):
            async with trio.open_nursery() as nursery:
                serve = partial(
                    serve_websocket,
                    self._handle,
                    HOST,
                    0,
                    on_handler_error=self._book.note_handler_error,
                    **self._options,
                )
                server = await nursery.start(serve)
                async with open_fault_proxy(HOST, server.port, seed=1) as proxy:
                    nursery.start_soon(self._strike, proxy)  # noqa: ASYNC111 - it ends before
                    if self._cell.state is State.CONNECTING:
                        self._bell.ring()
                        await trio.sleep(0.01)
                    await self._connect(proxy.port)
                    self._bell.ring()
                    await trio.sleep(0.05)
                    await server.drain(timeout=60, spread=0)
        self._book.check(lambda hosts, since, until: {self._cell.fault.value})
        self._check_what_should_have_survived()

    async def _strike(self, proxy: FaultProxy) -> None:
        await self._bell.rung.wait()
        kind = self._cell.fault
        proxy.inject(Fault(kind, AMOUNTS.get(kind, 0.0), for_=LASTS))

    async def _connect(self, port: int) -> None:
        scope = trio.CancelScope()
        url = f"ws://{HOST}:{port}/?{self._record.name}"
        record = self._record
        with scope, suppress(Boom, ConnectionClosed, HandshakeError):
            async with open_websocket(url, **self._options) as ws:
                out = self._book.open_source(record, record.up)
                await self._play(self._actor(ws, record.client, out, record.down, scope), "client")

    async def _handle(self, ws: WebSocket) -> None:
        record = self._record
        if record.server.ws is not None:
            return
        out = self._book.open_source(record, record.down)
        with trio.CancelScope() as scope:
            await self._play(self._actor(ws, record.server, out, record.up, scope), "server")
        if scope.cancelled_caught:
            record.server.leave(1000)

    def _actor(
        self, ws: WebSocket, side: Side, out: Source, into: Lane, scope: trio.CancelScope
    ) -> Actor:
        side.ws, side.opened_at = ws, trio.current_time()
        # A drain, when all is over, says 1012 to what is left.
        side.codes.add(1012)
        return Actor(ws, side, self._book.ledger, out, into, self._bell, scope, rest=1.0)

    async def _play(self, actor: Actor, who: Role) -> None:
        if who == self._cell.role:
            await actor.act(self._cell.state, STAYS)
        else:
            await actor.play_along(self._cell.state)

    def _check_what_should_have_survived(self) -> None:
        """Check that a connection has got over what it should get over."""
        if self._cell.fault in HARMLESS and self._cell.state is not State.CANCELLED:
            for side, _ in self._record.sides:
                assert side.ending is not None, f"never opened: {self._record}"
                assert side.ending.clean, f"{self._cell} was the end of {self._record}"


async def run_socket_cells() -> Figures:
    """Run all cells, many side by side."""
    figures, limit = Figures(), trio.CapacityLimiter(AT_A_TIME)

    async def meet(cell: SocketCell) -> None:
        async with limit:
            try:
                await SocketMeeting(cell).run()
            except BaseException as error:
                error.add_note(f"This was {cell} over sockets.")
                raise
        figures.cells += 1

    async with trio.open_nursery() as nursery:
        for cell in socket_cells():
            nursery.start_soon(meet, cell)
    return figures
