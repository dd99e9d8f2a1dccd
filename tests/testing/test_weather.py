"""What happens to the hosts of a simulated network."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionLost,
    HandshakeError,
    Heartbeat,
    HeartbeatTimeout,
    WebSocket,
    open_websocket,
)
from trio_ws.testing import Chaos, Fault, MemoryNetwork

from ..halls import echo
from ..secrecy import QUERY, USERINFO

Clock = trio.testing.MockClock
URL = f"ws://{USERINFO}api.example/{QUERY}"


@asynccontextmanager
async def open_network(**options: Any) -> AsyncGenerator[tuple[MemoryNetwork, WebSocket]]:
    """Open a network, with a server at `URL`, and a connection to it from the host ``phone``."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, echo)
        with network.on("phone"):
            async with open_websocket(URL, **options) as ws:
                yield network, ws


async def round_trip(ws: WebSocket) -> float:
    """Return how long an echo takes."""
    start = trio.current_time()
    await ws.send("x")
    assert await ws.receive() == "x"
    return trio.current_time() - start


async def test_a_link_changes_what_is_open_already(autojump_clock: Clock) -> None:
    """Latency in both directions, in one, and none again."""
    async with open_network() as (network, ws):
        assert await round_trip(ws) == 0
        network.link("api.example", latency=1)
        assert await round_trip(ws) == 2
        network.link("api.example", way="from")
        assert await round_trip(ws) == 1
        network.link("phone", latency=3, way="to")
        assert await round_trip(ws) == 4


async def test_hosts_share_nothing_but_the_network(autojump_clock: Clock) -> None:
    """Of two clients of one server one may be slow."""
    async with open_network() as (network, phone):
        network.link("phone", latency=1)
        with network.on("desk"):
            async with open_websocket(URL) as desk:
                assert await round_trip(desk) == 0
                assert await round_trip(phone) == 2
                assert isinstance(desk.local_address, tuple)
                assert isinstance(phone.local_address, tuple)
                assert desk.local_address[0] != phone.local_address[0]
                assert desk.remote_address == phone.remote_address


async def test_a_cut_tells_both_sides(autojump_clock: Clock) -> None:
    """Connections break at once; the host cannot be reached until it is over."""
    start = trio.current_time()
    with pytest.raises(ConnectionLost):
        async with open_network() as (network, ws):
            await trio.sleep(1)
            network.cut("api.example", for_=60)
            for _ in range(2):
                with pytest.raises(ConnectionLost):
                    await ws.receive()
                assert trio.current_time() == start + 1
            with pytest.raises(HandshakeError, match="No route to host"):
                async with open_websocket(URL):
                    pass
            with trio.CancelScope(shield=True):
                await trio.sleep(60)
                async with open_websocket(URL):
                    pass
            await ws.receive()


async def test_a_partition_tells_nobody(autojump_clock: Clock) -> None:
    """What was sent meanwhile arrives afterwards."""
    async with open_network() as (network, ws):
        network.partition("phone", "api.example", for_=7)
        assert await round_trip(ws) == 7
        assert await round_trip(ws) == 0


async def test_a_partition_in_one_direction(autojump_clock: Clock) -> None:
    """The answers are held back, the questions are not."""
    async with open_network() as (network, ws):
        network.partition("api.example", "phone", one_way=True)
        with trio.move_on_after(5):
            await round_trip(ws)
        await ws.send("y")
        network.heal("phone")
        assert [await ws.receive(), await ws.receive()] == ["x", "y"]


@pytest.mark.parametrize("host", ["phone", "api.example"])
async def test_a_host_that_moves(host: str, autojump_clock: Clock) -> None:
    """Its connections go nowhere, which the heartbeat finds out; new ones are as ever."""
    start = trio.current_time()
    with pytest.raises(HeartbeatTimeout):
        async with open_network(heartbeat=Heartbeat(interval=5, timeout=5)) as (network, ws):
            network.move(host)
            with trio.CancelScope(shield=True):
                async with open_websocket(URL) as other:
                    assert await round_trip(other) == 0
                    assert other.local_address != ws.local_address
            await ws.receive()
    assert start + 5 < trio.current_time()


async def test_a_restart_without_a_server_of_ours(autojump_clock: Clock) -> None:
    """The connections of any host can be reset."""
    with pytest.raises(ConnectionLost):
        async with open_network() as (network, ws):
            network.restart("phone")
            await ws.receive()


async def test_healing_ends_faults_before_their_time(autojump_clock: Clock) -> None:
    """What was under way goes on."""
    async with open_network() as (network, ws):
        network.inject("api.example", Fault.stall(for_=10))
        await ws.send("x")
        await trio.sleep(1)
        network.heal("api.example")
        start = trio.current_time()
        assert await ws.receive() == "x"
        assert trio.current_time() == start
        await trio.sleep(20)


async def test_chaos_is_drawn_by_the_seed(autojump_clock: Clock) -> None:
    """Faults come as the profile says, and a connection gets through now and then."""
    async with MemoryNetwork(seed=4) as network:
        await network.serve(URL, echo)
        network.chaos("api.example", replace(Chaos.mobile(), every=5))
        lost = held = 0
        end = trio.current_time() + 3600
        while trio.current_time() < end:
            try:
                async with open_websocket(URL, heartbeat=Heartbeat(interval=5, timeout=5)) as ws:
                    while trio.current_time() < end:
                        held += await round_trip(ws) > 1
                        await trio.sleep(1)
            except (HandshakeError, ConnectionLost):
                lost += 1
        network.heal("api.example")
    assert lost > 20
    assert held > 20


async def test_chaos_without_faults(autojump_clock: Clock) -> None:
    """There is a bad line, and nothing more."""
    async with open_network() as (network, ws):
        network.chaos("phone", replace(Chaos.office(), latency=1, jitter=0, kinds={}))
        await trio.sleep(1)
        assert await round_trip(ws) == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("method", ["cut", "restart", "move", "heal"])
async def test_unknown_hosts(method: str, autojump_clock: Clock) -> None:
    """A mistake in a name is found at the call."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, echo)
        with pytest.raises(ValueError, match=r"no host 'api.exampel'; did you mean 'api.example'"):
            getattr(network, method)("api.exampel")
        with pytest.raises(ValueError, match="no host 'x'"):
            network.partition("api.example", "x")
        with pytest.raises(ValueError, match="no host 'x'"):
            network.link("x")
        with pytest.raises(ValueError, match="no host 'x'"):
            network.inject("x", Fault.reset())
        with pytest.raises(ValueError, match="no host 'x'"):
            network.chaos("x", Chaos.mobile())


async def test_arguments_that_make_no_sense(autojump_clock: Clock) -> None:
    """They are refused at the call, by their names."""
    async with MemoryNetwork(seed=1) as network:
        with pytest.raises(TypeError, match="a Fault is wanted, not str"):
            network.inject("client", "reset")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="latency must be 0 or more"):
            network.link("client", latency=-1)
        with pytest.raises(ValueError, match="jitter must be 0 or more"):
            network.link("client", jitter=math.inf)
        with pytest.raises(ValueError, match=r"a bandwidth of 0 is Fault.stall\(\)"):
            network.link("client", bandwidth=0)
        with pytest.raises(ValueError, match='way must be "to", "from" or "both"; got \'up\''):
            network.link("client", way="up")  # type: ignore[arg-type]


async def test_a_restart_of_servers(autojump_clock: Clock) -> None:
    """They listen again after so many seconds."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, echo)
        network.restart("api.example", for_=5)
        with pytest.raises(HandshakeError):
            async with open_websocket(URL):
                pass
        await trio.sleep(5.5)
        async with open_websocket(URL) as ws:
            assert await round_trip(ws) == 0


async def test_before_the_block(autojump_clock: Clock) -> None:
    """What needs tasks needs the block."""
    with pytest.raises(RuntimeError, match="use it in its async with block"):
        MemoryNetwork(seed=1).chaos("client", Chaos.mobile())
