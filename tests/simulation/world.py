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
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, TypedDict

import trio
import trio.testing

from trio_ws import (
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

from .book import Book
from .clients import Client, Subscriber, Supervised, Visitor, draw_plan
from .endings import Record
from .figures import Figures
from .talk import Exit, Talk
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
        self.book = Book()

    # What clients need

    def choose_site(self, host: str, chance: Random) -> Site:
        """Draw where a client connects to."""
        return SITES[-1] if host == "calm" else chance.choice(SITES[:-1])

    def begin(self, kind: str, host: str, site: Site) -> Record:
        """Begin the record of an attempt."""
        calm, name = host == "calm", site.name
        return self.book.begin(
            kind, (host, name), calm=calm, tainted=name == "rough", limited=name == "small"
        )

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
        record = self.book.find(ws, site.name)
        if record is None:
            return
        out = self.book.open_source(record, record.down)
        talk = Talk(ws, record.server, self.book.ledger, out, record.up, chance)
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
                await self.book.wait_until_nothing_is_left(network)
        self.book.check(weather.during)
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
                on_handler_error=self.book.note_handler_error,
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

    def _figures(self, weather: Weather, seconds: float) -> Figures:
        records = self.book.records.values()
        opened = [each for each in records if each.client.ws and each.client.ending]
        return Figures(
            worlds=1,
            seconds=seconds,
            messages=sum(r.up.heard + r.down.heard for r in records),
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
