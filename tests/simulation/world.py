"""One world: servers, clients and weather, all drawn from one seed.

::

    hosts of clients      laptop   phone     calm
                             │       │         │
    servers               plain  small  secret  rough      still
    weather               hostile, all of them             none

`small` compresses, and takes no large messages; `secret` stands for TLS; `rough` changes bytes.
The clients at `calm` talk to `still` only, in the midst of all that:
what happens to one connection must not touch another (P9).

When its time is over the world is wound up.
Then there must be no connection, no handler and no task left, within a bound of virtual time,
and the model has its last word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, TypedDict

import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    Deflate,
    Heartbeat,
    HeartbeatOption,
    Limits,
    MessageHeartbeat,
    MessageReply,
    Timeouts,
    Watchdog,
    WebSocket,
)
from trio_ws.testing import MemoryNetwork, assert_no_leaks

from .clients import ChannelJournal, Client, Subscriber, Supervised, Visitor, draw_plan
from .endings import Record, check_record
from .figures import Figures
from .model import Lane, Ledger, Source
from .talk import Boom, Exit, Talk
from .weather import HOSTILE, MOBILE, NEVER, ROUGH, SECRET, Climate, Weather

WINDING_UP = 300.0
"""So many seconds a world may take to come to its end once its time is over."""

BEAT, ECHO = "beat!", "echo!"


@dataclass(frozen=True, slots=True)
class Site:
    """A server."""

    name: str
    url: str
    climate: Climate
    options: dict[str, Any] = field(default_factory=dict)


SITES = [
    Site("plain", "ws://plain/", HOSTILE),
    Site(
        "small",
        "ws://small/",
        HOSTILE,
        {"compression": Deflate(), "limits": Limits(max_message_size=60_000)},
    ),
    Site("secret", "wss://secret/", SECRET),
    Site("rough", "ws://rough/", ROUGH, {"compression": Deflate(context_takeover=False)}),
    Site("still", "ws://still/", NEVER, {"compression": Deflate()}),
]
HOSTS = {"laptop": NEVER, "phone": MOBILE, "calm": NEVER}
CLIENTS: list[tuple[type[Client], str]] = [
    *[(Visitor, "laptop"), (Supervised, "laptop"), (Subscriber, "laptop")] * 2,
    *[(Visitor, "phone"), (Supervised, "phone"), (Subscriber, "phone")],
    *[(Visitor, "calm"), (Supervised, "calm"), (Subscriber, "calm")],
]


class Drawn(TypedDict):
    """The options of a client that are drawn."""

    compression: Deflate | None
    heartbeat: HeartbeatOption
    timeouts: Timeouts


class World:
    """Everything that one seed makes; see the top of this file."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.ledger = Ledger()
        self.records: dict[str, Record] = {}
        self.sources: list[tuple[Record, Source]] = []
        self.channels: list[ChannelJournal] = []
        self.errors: list[BaseException] = []
        self._counter = 0

    # What clients need

    def choose_site(self, host: str, chance: Random) -> Site:
        """Draw where a client connects to."""
        return SITES[-1] if host == "calm" else chance.choice(SITES[:-1])

    def begin(self, kind: str, host: str, site: str) -> Record:
        """Begin the record of an attempt."""
        self._counter += 1
        tainted = site == "rough"
        record = Record(
            name=f"r{self._counter}",
            kind=kind,
            hosts=(host, site),
            began_at=trio.current_time(),
            calm=host == "calm",
            limited=site == "small",
            up=Lane(self._counter, tainted),
            down=Lane(self._counter, tainted),
        )
        self.records[record.name] = record
        return record

    def endpoint(self, kind: str, host: str, site: Site) -> Callable[[], Awaitable[str]]:
        """Return a function that gives the URL of an attempt, and begins its record."""

        async def begin() -> str:
            return f"{site.url}?{self.begin(kind, host, site.name).name}"

        return begin

    def record_of(self, ws: WebSocket) -> Record:
        """Return the record of a connection: its name stands in the URL."""
        return self.records[ws.request.target.partition("?")[2]]

    def _find(self, site: Site, ws: WebSocket) -> Record | None:
        """Return the record that a request names; None if the name was spoilt on the way."""
        record = self.records.get(ws.request.target.partition("?")[2])
        known = record is not None and record.hosts[1] == site.name and record.server.ws is None
        return record if known else None

    def draw_client_options(self, chance: Random) -> Drawn:
        """Draw how a client connects."""
        heartbeats: list[HeartbeatOption] = [
            Heartbeat(),
            Heartbeat(interval=5, timeout=5),
            [Heartbeat(interval=10, timeout=10), Watchdog(timeout=60)],
            [
                Heartbeat(),
                MessageHeartbeat(message=BEAT, interval=8, timeout=8, is_reply=lambda m: m == ECHO),
            ],
        ]
        return Drawn(
            compression=chance.choice([None, Deflate(), Deflate(threshold=0, window_bits=9)]),
            heartbeat=chance.choice(heartbeats),
            timeouts=Timeouts(connect=10, close=chance.choice([1, 10])),
        )

    # The server

    async def handle(self, site: Site, chance: Random, ws: WebSocket) -> None:
        """Handle a connection."""
        record = self._find(site, ws)
        if record is None:
            return
        out = self.ledger.open_source(f"{record.name}d", record.down)
        self.sources.append((record, out))
        talk = Talk(ws, record.server, self.ledger, out, record.up, chance)
        exits = [Exit.RETURN, Exit.RAISE, Exit.CLOSE, *[Exit.WAIT] * 5]
        await talk.run(draw_plan(chance, exits, slow=not record.calm))

    # The whole

    async def run(self, seconds: float) -> Figures:
        """Let it be, for so many seconds, and check everything."""
        with trio.fail_after(seconds + WINDING_UP):
            async with (
                assert_no_leaks(),
                MemoryNetwork(seed=self.seed, strict=False) as network,
            ):
                weather = await self._let_be(network, seconds)
                await self._wait_until_nothing_is_left(network)
        self._check(weather)
        return self._figures(weather, trio.current_time())

    async def _let_be(self, network: MemoryNetwork, seconds: float) -> Weather:
        weather = Weather(network, list(HOSTS))
        for site in SITES:
            chance = self._source(site.name)
            await network.serve(
                site.url,
                partial(self.handle, site, chance),
                heartbeat=[
                    Heartbeat(),
                    MessageReply(is_ping=lambda each: each == BEAT, reply=ECHO),
                ],
                on_handler_error=self._check_handler_error,
                **site.options,
            )
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                for site in SITES:
                    nursery.start_soon(
                        weather.blow, site.name, site.climate, self._source(f"w {site.name}")
                    )
                for number, (kind, host) in enumerate(CLIENTS):
                    with network.on(host):
                        client = kind(self, f"c{number}", host, self._source(f"c {number}"))
                        nursery.start_soon(client.run)  # type: ignore[attr-defined]
                for host, climate in HOSTS.items():
                    nursery.start_soon(weather.blow, host, climate, self._source(f"w {host}"))
        for host in [*HOSTS, *(site.name for site in SITES)]:
            network.heal(host)
        return weather

    def _source(self, purpose: str) -> Random:
        return Random(f"{self.seed} {purpose}")

    def _check_handler_error(self, ws: WebSocket, error: BaseException) -> None:
        own = isinstance(error, ConnectionClosed) and error.ending is ws.ending
        if not own and not isinstance(error, Boom):
            self.errors.append(error)

    async def _wait_until_nothing_is_left(self, network: MemoryNetwork) -> None:
        with trio.move_on_after(WINDING_UP / 2):  # noqa: ASYNC912 - nothing to wait for is fine
            while self._left(network):  # noqa: ASYNC110 - the network tells of no end
                await trio.sleep(1)
        left = self._left(network)
        assert not left, "left: " + "; ".join(left)

    def _left(self, network: MemoryNetwork) -> list[str]:
        """Return what is left, but for faults that met nothing and messages in the handlers."""
        return [line for line in network.left() if line.startswith(("a connection", "a task"))]

    # The last word

    def _check(self, weather: Weather) -> None:
        for error in self.errors:
            raise error
        for record in self.records.values():
            check_record(record, weather.during)
        for record, source in self.sources:
            self._check_source(record, source)
        for journal in self.channels:
            self._check_channel(journal)

    def _check_source(self, record: Record, source: Source) -> None:
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

    def _check_channel(self, journal: ChannelJournal) -> None:
        """Check that a channel has counted as in doubt what it has lost (at most once)."""
        if any(record.tainted for record in journal.records):
            return
        lanes = [record.up for record in journal.records]
        for gap in journal.source.gaps():
            first = 0 if gap.before is None else lanes.index(gap.before)
            end = len(lanes) if gap.after is None else lanes.index(gap.after)
            waiting = journal.waiting if gap.after is None else 0
            self._check_gap(
                gap.size - waiting - journal.expired, journal.records[first:end], journal
            )

    def _check_gap(self, size: int, between: list[Record], journal: ChannelJournal) -> None:
        if any(record.server.ended_it for record in between):
            return  # what a server has not taken when it says goodbye is lost
        doubted = sum(record.in_doubt for record in between)
        told = "\n".join(map(str, between))
        assert size <= doubted, f"{size} lost of {journal.source.name}, {doubted} in doubt; {told}"

    def _figures(self, weather: Weather, seconds: float) -> Figures:
        opened = [each for each in self.records.values() if each.client.ws and each.client.ending]
        return Figures(
            worlds=1,
            seconds=seconds,
            messages=sum(r.up.heard + r.down.heard for r in self.records.values()),
            connections=len(opened),
            faults=weather.fired(),
            endings=Counter(
                "clean" if r.client.ending.loss is None else r.client.ending.loss.name
                for r in opened
                if r.client.ending
            ),
        )


def run_world(seed: int, seconds: float) -> Figures:
    """Run a world in a Trio run of its own."""
    world = World(seed)
    return trio.run(world.run, seconds, clock=trio.testing.MockClock(autojump_threshold=0))
