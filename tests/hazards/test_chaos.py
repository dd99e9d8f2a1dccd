"""A reconnecting client behind a network that breaks again and again, over real TCP.

The server numbers what it says, and so does the client.
Whatever happens in between: no number comes twice, none after a greater one,
and after each fault the client is back within the time that it takes
to notice the fault, to wait for the first delay, and one second.
"""

from __future__ import annotations

import itertools
import random
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest
import trio
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

from .proxy import FATAL, HOST, Fault, Proxy

HEARTBEAT = Heartbeat(interval=0.15, timeout=0.15)
BACKOFF = Backoff(first=0.05, cap=0.1, stable=0.01, max_restarts=1_000_000)
TIMEOUTS = Timeouts(connect=0.5, close=0.5, goodbye=0.1)
OUTAGE = 0.2

SILENT = frozenset({Fault.BLACK_HOLE, Fault.ZERO_WINDOW, Fault.MID_RECORD})
"""Faults that the heartbeat has to notice."""


def patience(fault: Fault) -> float:
    """Detection, first delay, and one second.

    A busy machine stalls our own loop, and then the heartbeat looks once more before it judges.
    """
    detection = HEARTBEAT.interval + HEARTBEAT.timeout + GRACE if fault in SILENT else 0.0
    away = OUTAGE if fault is Fault.REFUSE else 0.0
    return detection + away + BACKOFF.first + 1


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


@pytest.fixture
async def spare(nursery: trio.Nursery) -> AsyncGenerator[trio.Nursery]:
    """A nursery for what is gone when the test is over."""
    yield nursery
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize(
    "faults", [9, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
async def test_chaos(spare: trio.Nursery, authority: trustme.CA, scheme: str, faults: int) -> None:
    """After every fault the client is back in time; nothing comes twice or out of order."""
    server = Server()
    theirs, ours = contexts(scheme, authority)
    listening = await spare.start(
        lambda task_status: serve_websocket(
            server,
            HOST,
            0,
            ssl_context=theirs,
            heartbeat=HEARTBEAT,
            timeouts=TIMEOUTS,
            on_handler_error=lambda ws, error: None,
            task_status=task_status,
        )
    )
    proxy = Proxy(spare, listening.port)
    await proxy.listen()
    rng = random.Random(faults)
    plan = [fault for _ in range(faults // len(Fault) + 1) for fault in Fault][:faults]
    rng.shuffle(plan)
    async with (
        open_reconnecting_websocket(
            f"{scheme}://{HOST}:{proxy.port}/",
            backoff=BACKOFF,
            heartbeat=HEARTBEAT,
            timeouts=TIMEOUTS,
            throttle=Throttle(retries_per_second=1000),
            ssl_context=ours,
        ) as channel,
        trio.open_nursery() as nursery,
    ):
        client = Client(channel)
        nursery.start_soon(client.listen)
        nursery.start_soon(client.say)
        for fault in plan:
            await suffer(proxy, client, fault)
        nursery.cancel_scope.cancel()
    assert channel.statistics().connections > len([f for f in plan if f in FATAL])
    for heard in (client.heard, server.heard):
        assert len(heard) > faults
        assert all(before < after for before, after in itertools.pairwise(heard))


async def suffer(proxy: Proxy, client: Client, fault: Fault) -> None:
    """One fault, and the way back."""
    await client.hear_something()
    supervisor = client.channel.supervisor
    before = supervisor.statistics().connections
    with trio.move_on_after(patience(fault) + (0 if fault in FATAL else 0.2)) as scope:
        proxy.strike(fault)
        if fault is Fault.REFUSE or fault not in FATAL:
            await trio.sleep(OUTAGE)
        await proxy.heal()
        while fault in FATAL and supervisor.statistics().connections == before:
            await supervisor.wait_for(SupervisorState.OPEN)
        await client.hear_something()
    assert not scope.cancelled_caught, f"not back after {fault}: {supervisor.transition}"
