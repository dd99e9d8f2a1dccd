"""A reconnecting client behind a network that breaks again and again.

The server numbers what it says, and so does the client.
Whatever happens in between: no number comes twice, none after a greater one,
and after each fault the client is back within the time that it takes
to notice the fault, to wait for the first delay, and one second.

Hundreds of faults happen in memory and in virtual time;
some of each kind happen over real TCP, with TLS and without, since kernels have ways of their own.
"""

from __future__ import annotations

import itertools
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio
import trio.testing
import trustme

from trio_ws import (
    Backoff,
    Heartbeat,
    ReconnectingWebSocket,
    SupervisorState,
    Throttle,
    Timeouts,
    WebSocket,
    open_reconnecting_websocket,
    serve_websocket,
)
from trio_ws._liveness.grace import GRACE
from trio_ws.testing import Fault, MemoryNetwork, open_fault_proxy

HOST = "127.0.0.1"
HEARTBEAT = Heartbeat(interval=0.15, timeout=0.15)
BACKOFF = Backoff(first=0.05, cap=0.1, stable=0.01, max_restarts=1_000_000)
TIMEOUTS = Timeouts(connect=0.5, close=0.5, goodbye=0.1)
OUTAGE = 0.2

AWAY = frozenset(SupervisorState) - {SupervisorState.OPEN, SupervisorState.STABLE}
"""States without a connection."""


@dataclass(frozen=True)
class Trouble:
    """What happens at a time.

    Attributes:
        faults: what the network does.
        noticed_after: seconds until the client may know; None: the connection survives it.
        lasts: seconds until it is over.
    """

    faults: tuple[Fault, ...]
    noticed_after: float | None = 0.0
    lasts: float = 0.0

    @property
    def patience(self) -> float:
        """Return the seconds for detection, the first delay, and one more."""
        return (self.noticed_after or 0.0) + self.lasts + BACKOFF.first + 1


# A busy machine stalls our own loop, and then the heartbeat looks once more before it judges.
SILENCE = HEARTBEAT.interval + HEARTBEAT.timeout + GRACE

TROUBLES = [
    Trouble((Fault.cut(),)),
    Trouble((Fault.reset(),)),
    Trouble((Fault.half_close(),)),
    Trouble((Fault.drip(0.002, for_=1), Fault.cut(at=0.05)), 0.05),  # in the middle of a record
    Trouble((Fault.black_hole(),), SILENCE),
    Trouble((Fault.zero_window(),), SILENCE),
    Trouble((Fault.reset(), Fault.refuse(for_=OUTAGE)), 0, OUTAGE),
    Trouble((Fault.latency(0.03, for_=OUTAGE),), None, OUTAGE),
    Trouble((Fault.drip(for_=OUTAGE),), None, OUTAGE),
]


@dataclass
class Server:
    """Numbers what it says, and remembers what it hears."""

    said: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    heard: list[int] = field(default_factory=list)

    async def __call__(self, ws: WebSocket) -> None:
        """Handle a connection."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say, ws)
            async for message in ws:
                self.heard.append(int(message))
            nursery.cancel_scope.cancel()

    async def _say(self, ws: WebSocket) -> None:
        with trio.CancelScope():
            while True:
                await ws.send(str(next(self.said)))
                await trio.sleep(0.01)


@dataclass
class Client:
    """Numbers what it says, and remembers what it hears, and when it heard last."""

    channel: ReconnectingWebSocket
    heard: list[int] = field(default_factory=list)
    arrived: trio.Event = field(default_factory=trio.Event)

    async def listen(self) -> None:
        """Take messages, until the channel ends."""
        async for message in self.channel:
            self.heard.append(int(message))
            self.arrived.set()

    async def say(self) -> None:
        """Send numbers."""
        for number in itertools.count(1):
            await self.channel.send(str(number))
            await trio.sleep(0.01)

    async def hear_something(self) -> None:
        """Wait for the next message that arrives."""
        self.arrived = trio.Event()
        await self.arrived.wait()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs the server's certificate."""
    return trustme.CA()


def contexts(scheme: str, ca: trustme.CA) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """For the server, and for the client."""
    if scheme == "ws":
        return None, None
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(HOST).configure_cert(server)
    client = ssl.create_default_context()
    ca.configure_trust(client)
    return server, client


@dataclass
class Place:
    """Where it happens: a network in memory, or a proxy.

    Attributes:
        inject: lets a fault happen.
        heal: lets all of them be over.
        client: the client behind it.
    """

    inject: Callable[[Fault], object]
    heal: Callable[[], object]
    client: Client

    async def suffer(self, trouble: Trouble) -> None:
        """Go through one trouble, and find the way back."""
        client, fatal = self.client, trouble.noticed_after is not None
        await client.hear_something()
        supervisor = client.channel.supervisor
        before = supervisor.statistics().connections
        with trio.move_on_after(trouble.patience) as scope:
            for fault in trouble.faults:
                self.inject(fault)
            if fatal:
                await supervisor.wait_for(*AWAY)
            if trouble.lasts:
                await trio.sleep(trouble.lasts)
            self.heal()
            while fatal and supervisor.statistics().connections == before:
                await supervisor.wait_for(SupervisorState.OPEN)
            await client.hear_something()
        assert not scope.cancelled_caught, f"not back after {trouble}: {supervisor.transition}"


def plan(count: int) -> list[Trouble]:
    """Return so many troubles, of all kinds, in an order of chance."""
    troubles = (TROUBLES * (count // len(TROUBLES) + 1))[:count]
    random.Random(count).shuffle(troubles)
    return troubles


async def live_through(
    troubles: list[Trouble],
    server: Server,
    url: str,
    inject: Callable[[Fault], object],
    heal: Callable[[], object],
    ssl_context: ssl.SSLContext | None = None,
) -> None:
    """Connect to the server through a bad network, and check what both have heard."""
    async with (
        open_reconnecting_websocket(
            url,
            backoff=BACKOFF,
            heartbeat=HEARTBEAT,
            timeouts=TIMEOUTS,
            throttle=Throttle(retries_per_second=1000),
            ssl_context=ssl_context,
        ) as channel,
        trio.open_nursery() as nursery,
    ):
        client = Client(channel)
        nursery.start_soon(client.listen)
        nursery.start_soon(client.say)
        place = Place(inject, heal, client)
        for trouble in troubles:
            await place.suffer(trouble)
        nursery.cancel_scope.cancel()
    fatal = [trouble for trouble in troubles if trouble.noticed_after is not None]
    assert channel.statistics().connections > len(fatal)
    for heard in (client.heard, server.heard):
        assert len(heard) > len(troubles)
        assert all(before < after for before, after in itertools.pairwise(heard))


@pytest.mark.parametrize("count", [27, pytest.param(300, marks=pytest.mark.slow)])
async def test_chaos_in_memory(count: int, autojump_clock: trio.testing.MockClock) -> None:
    """After every fault the client is back in time; nothing comes twice or out of order."""
    server = Server()
    async with MemoryNetwork(seed=count) as network:
        url = "ws://server.example/"
        await network.serve(url, server, heartbeat=HEARTBEAT, timeouts=TIMEOUTS)
        host = "server.example"
        inject, heal = partial(network.inject, host), partial(network.heal, host)
        await live_through(plan(count), server, url, inject, heal)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_chaos_over_tcp(authority: trustme.CA, scheme: str) -> None:
    """What kernels and TLS make of the same faults changes nothing."""
    server = Server()
    theirs, ours = contexts(scheme, authority)
    serve = partial(
        serve_websocket,
        server,
        HOST,
        0,
        ssl_context=theirs,
        heartbeat=HEARTBEAT,
        timeouts=TIMEOUTS,
        on_handler_error=lambda ws, error: None,
    )
    async with trio.open_nursery() as nursery:
        port = (await nursery.start(serve)).port
        async with open_fault_proxy(HOST, port, seed=1) as proxy:
            url = f"{scheme}://{HOST}:{proxy.port}/"
            await live_through(plan(27), server, url, proxy.inject, proxy.heal, ours)
        nursery.cancel_scope.cancel()
