"""The demo's client: a program that is supervised, interrupted, slowed down, and started again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing

from trio_ws import WebSocket
from trio_ws._demo.world.client import AGAIN_AFTER, SAVING, SLOW, URL, Client
from trio_ws._demo.world.server import HOST
from trio_ws._demo.world.wire import Wire
from trio_ws.testing import Fault, MemoryNetwork

Heard = list[tuple[float, str, dict[str, Any]]]


class Setting:
    """A client, and a server of the test's own.

    Attributes:
        orders: what the server has received.
        close_with: the code with which the server closes each connection, or None.
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self.heard: Heard = []
        self.orders: list[str | bytes] = []
        self.close_with: int | None = None
        self.network = network
        self.client = Client(network, Wire(lambda kind, **facts: None), self._tell)

    def _tell(self, kind: str, **facts: Any) -> None:
        self.heard.append((trio.current_time(), kind, facts))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What was told of a kind."""
        return [facts for _, each, facts in self.heard if each == kind]

    @property
    def states(self) -> list[str]:
        """The states of the supervisors."""
        return [facts["state"] for facts in self.of("state")]

    async def handle(self, ws: WebSocket) -> None:
        """Serve a connection."""
        if self.close_with is not None:
            await ws.close(self.close_with)
        for _ in range(30):
            await ws.send("a price")
        async for order in ws:
            self.orders.append(order)


@asynccontextmanager
async def setting(*, serves: bool = True) -> AsyncGenerator[Setting]:
    """A client that runs."""
    async with MemoryNetwork(seed=3, strict=False) as network, trio.open_nursery() as nursery:
        found = Setting(network)
        if serves:
            await network.serve(URL, found.handle)
        else:
            with network.on(HOST):
                pass
        nursery.start_soon(found.client.run)
        yield found
        nursery.cancel_scope.cancel()


async def test_it_reads_and_orders(autojump_clock: trio.testing.MockClock) -> None:
    """Prices are read quickly, an order is placed each five seconds."""
    async with setting() as found:
        await trio.sleep(1)
        (ws,) = found.client.connections
        assert ws.statistics().messages_received == 30
        await trio.sleep(10)
        assert found.orders == ["order 1", "order 2"]
        assert found.states == ["connecting", "open", "stable"]
        assert found.of("program") == [{"up": True, "number": 1}]


async def test_it_can_be_slow(autojump_clock: trio.testing.MockClock) -> None:
    """Then each message takes two seconds."""
    async with setting() as found:
        found.client.slow_down()
        await trio.sleep(2 * SLOW + 0.5)
        assert found.client.connections[0].statistics().messages_received == 3


async def test_a_loss_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """How the session was left, at which line, and what the supervisor does."""
    async with setting() as found:
        await trio.sleep(1)
        found.network.inject(HOST, Fault.reset())
        await trio.sleep(SAVING + 0.1)
        assert found.client.connections == []
        (left,) = found.of("left")
        assert "ConnectionLost" in left["error"]
        assert left["where"].endswith("“async for price in ws:”")
        step = found.of("state")[-1]
        assert (step["state"], step["lost"]) == ("waiting", True)
        assert step["cause"].startswith("ConnectionLost")
        assert step["said"].startswith("waiting, attempt 2 in ")
        await trio.sleep(10)
        assert found.states[-1] == "stable"


async def test_ctrl_c_ends_the_program(autojump_clock: trio.testing.MockClock) -> None:
    """The program ends with KeyboardInterrupt, and is started again."""
    async with setting() as found:
        await trio.sleep(1)
        found.client.interrupt()
        await trio.sleep(1)
        ended = found.of("program")[-1]
        assert ended["ended"] == "BaseExceptionGroup(KeyboardInterrupt)"
        found.client.interrupt()  # nothing runs that it could interrupt
        await trio.sleep(AGAIN_AFTER + 1)
        assert found.of("program")[-1] == {"up": True, "number": 2}
        assert found.states[-1] == "open"


async def test_a_close_for_good_ends_the_program(autojump_clock: trio.testing.MockClock) -> None:
    """1008 is not worth a retry, 1000 is a normal end: the program ends, and is started again."""
    async with setting() as found:
        for code, ended in ((1008, "ConnectionClosed"), (1000, "it returned")):
            found.close_with = code
            await trio.sleep(AGAIN_AFTER + 1)
            assert ended in str([facts.get("ended") for facts in found.of("program")])
        assert {"failed", "closed"} <= {*found.states}


async def test_no_way_and_no_answer(autojump_clock: trio.testing.MockClock) -> None:
    """A refusal, and a silence that takes too long, are failures to connect, and retried."""
    async with setting(serves=False) as found:
        await trio.sleep(2)
        found.network.inject(HOST, Fault.silence())
        await trio.sleep(30)
        causes = [facts["cause"] for facts in found.of("state") if facts["cause"]]
        assert "HandshakeError: [Errno 111] Connection refused" in causes
        found.network.heal(HOST)


async def test_a_dial_that_takes_too_long(autojump_clock: trio.testing.MockClock) -> None:
    """`Timeouts.connect` is for the dialling, too."""
    async with setting() as found:
        await trio.sleep(0.5)
        found.network.partition(HOST, "client")
        found.network.inject(HOST, Fault.reset())
        await trio.sleep(30)
        causes = {facts["cause"] for facts in found.of("state") if facts["cause"]}
        assert "HandshakeError: no connection within 3 s" in causes
