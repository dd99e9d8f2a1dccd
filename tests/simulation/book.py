"""All that is known about the connections of a world: records, sources, accounts of channels.

Each attempt to connect has a record, whose name stands in the URL,
so that client and server write into the same one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from trio_ws import ConnectionClosed, WebSocket
from trio_ws.testing import MemoryNetwork

from .endings import Happened, Record, check_record
from .model import Lane, Ledger, Source
from .talk import Boom

WINDING_UP = 150.0
"""So many seconds connections and handlers have to come to their end when all is over."""


@dataclass(eq=False)
class ChannelAccount:
    """What one channel has sent, and what it has counted at its end.

    Attributes:
        records: its connections.
        waiting, expired: as its statistics have it.
    """

    source: Source
    records: list[Record] = field(default_factory=list)
    waiting: int = 0
    expired: int = 0


class Book:
    """See the top of this file."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.records: dict[str, Record] = {}
        self._sources: list[tuple[Record, Source]] = []
        self._channels: list[ChannelAccount] = []
        self._errors: list[BaseException] = []

    # Writing

    def begin(
        self,
        kind: str,
        hosts: tuple[str, str],
        *,
        calm: bool = False,
        tainted: bool = False,
        limited: bool = False,
    ) -> Record:
        """Begin the record of an attempt."""
        number = len(self.records) + 1
        lanes = Lane(number, tainted), Lane(number, tainted)
        record = Record(f"r{number}", kind, hosts, trio.current_time(), calm, limited, *lanes)
        self.records[record.name] = record
        return record

    def endpoint(self, url: str, begin: Callable[[], Record]) -> Callable[[], Awaitable[str]]:
        """Return a function that gives the URL of an attempt, and begins its record."""

        async def begin_attempt() -> str:
            return f"{url}?{begin().name}"

        return begin_attempt

    def record_of(self, ws: WebSocket) -> Record:
        """Return the record of a connection."""
        return self.records[ws.request.target.partition("?")[2]]

    def find(self, ws: WebSocket, host: str) -> Record | None:
        """Return the record that a request names; None if the name was spoilt on the way."""
        record = self.records.get(ws.request.target.partition("?")[2])
        known = record is not None and record.hosts[1] == host and record.server.ws is None
        return record if known else None

    def open_source(self, record: Record, lane: Lane) -> Source:
        """Make the source of one side of a connection."""
        source = self.ledger.open_source(f"{record.name}{'u' if lane is record.up else 'd'}", lane)
        self._sources.append((record, source))
        return source

    def open_account(self, name: str) -> ChannelAccount:
        """Make the account of a channel."""
        account = ChannelAccount(self.ledger.open_source(name))
        self._channels.append(account)
        return account

    def note_handler_error(self, ws: WebSocket, error: BaseException) -> None:
        """Note what left a handler, unless it may."""
        own = isinstance(error, ConnectionClosed) and error.ending is ws.ending
        if not own and not isinstance(error, Boom):
            self._errors.append(error)

    # Checking

    async def wait_until_nothing_is_left(self, network: MemoryNetwork) -> None:
        """Wait for the end of all connections and handlers; there has to be one."""
        with trio.move_on_after(WINDING_UP):  # noqa: ASYNC912 - nothing to wait for is fine
            while _left(network):  # noqa: ASYNC110 - the network tells of no end
                await trio.sleep(1)
        left = _left(network)
        assert not left, "left: " + "; ".join(left)

    def check(self, happened: Happened) -> None:
        """Check all that can be checked when all is over."""
        for error in self._errors:
            raise error
        for record in self.records.values():
            check_record(record, happened)
        for record, source in self._sources:
            check_source(record, source)
        for account in self._channels:
            check_channel(account)


def _left(network: MemoryNetwork) -> list[str]:
    """Return what is left, but for faults that met nothing and messages in the handlers."""
    return [line for line in network.left() if line.startswith(("a connection", "a task"))]


def check_source(record: Record, source: Source) -> None:
    """Check that nothing is missing at the end which was promised to arrive."""
    up = source.lane is record.up
    sender, receiver = (record.client, record.server) if up else (record.server, record.client)
    lane, ending = (record.up if up else record.down), receiver.ending
    if record.tainted or not lane.to_the_end or ending is None:
        return
    if not receiver.ended_it:
        assert source.arrived >= source.confirmed, f"a pong lied about {source.name}; {record}"
    if ending.clean and ending.received_first and sender.polite and sender.ended_it:
        assert not source.missing, f"{source.missing} missing of {source.name}; {record}"


def check_channel(account: ChannelAccount) -> None:
    """Check that a channel has counted as in doubt what it has lost (at most once)."""
    if any(record.tainted for record in account.records):
        return
    skipped, expired = account.source.skipped, account.expired
    assert skipped <= expired, f"{skipped} left out of {account.source.name}, {expired} expired"
    lanes = [record.up for record in account.records]
    for gap in account.source.gaps():
        first = 0 if gap.before is None else lanes.index(gap.before)
        end = len(lanes) if gap.after is None else lanes.index(gap.after)
        counted = account.expired + (account.waiting if gap.after is None else 0)
        between = account.records[first:end]
        if any(record.server.ended_it for record in between):
            continue  # what a server has not taken when it says goodbye is lost
        doubted = sum(record.in_doubt for record in between)
        told = "\n".join(map(str, between))
        assert gap.size - counted <= doubted, (
            f"{gap.size} lost of {account.source.name}, {doubted} in doubt, {counted} known; {told}"
        )
