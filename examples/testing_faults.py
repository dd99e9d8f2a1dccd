"""How to test against bad networks: faults one by one, and drawn by chance.

``count`` is a server that counts.  The tests are for pytest with pytest-trio;
the last needs no virtual clock, since it is for real.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionLost,
    HandshakeError,
    Heartbeat,
    HeartbeatTimeout,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket,
    serve_websocket,
)
from trio_ws.testing import Chaos, Fault, MemoryNetwork, open_fault_proxy

URL = "wss://api.example/"


async def count(ws: WebSocket) -> None:
    """Count upwards, once a second."""
    number = 0
    while True:
        await ws.send(str(number))
        number += 1
        await trio.sleep(1)


async def test_a_slow_line(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """Latency is there in each direction: a handshake with TLS is three round trips."""
    async with memory_network as network:
        await network.serve(URL, count)
        network.link("api.example", latency=0.25)
        async with open_websocket(URL) as ws:
            assert trio.current_time() == 3 * 0.5
            await ws.receive()


async def test_a_dead_line(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """A black hole swallows bytes, and tells neither side: heartbeats find it."""
    async with memory_network as network:
        await network.serve(URL, count, heartbeat=Heartbeat(interval=10, timeout=5))
        with pytest.raises(HeartbeatTimeout):
            async with open_websocket(URL, heartbeat=Heartbeat(interval=10, timeout=5)) as ws:
                network.inject("api.example", Fault.black_hole(at=60))
                async for _ in ws:
                    pass
        assert 70 <= trio.current_time() <= 76


async def test_a_cut_in_the_middle_of_a_message(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """Exactly so many bytes arrive, and then the end."""

    async def send_much(ws: WebSocket) -> None:
        await ws.send("x" * 100_000)

    async with memory_network as network:
        await network.serve(URL, send_much)
        network.inject("api.example", Fault.cut(after_bytes=50_000, toward="client"))
        with pytest.raises(ConnectionLost):
            async with open_websocket(URL) as ws:
                await ws.receive()


async def test_a_telephone(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """Code runs on a host; one that gets another address loses its connections unawares."""
    async with memory_network as network:
        await network.serve(URL, count)
        with network.on("telephone"):
            async with open_reconnecting_websocket(URL) as feed:
                assert await feed.receive() == "0"
                network.move("telephone")
                while await feed.receive() != "0":
                    pass  # what arrives again from 0 on comes over another connection


async def test_an_hour_on_a_train(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """A profile draws the faults of a kind of network, from the seed."""
    numbers = connections = 0
    async with memory_network as network:
        await network.serve(URL, count)
        network.chaos("api.example", Chaos.mobile())
        async with open_reconnecting_websocket(URL) as feed:
            with trio.move_on_after(3600):
                async for number in feed:
                    numbers += 1
                    connections += number == "0"
            network.heal("api.example")
    assert numbers > 1000
    assert connections > 3


async def test_over_real_sockets() -> None:
    """The same faults through a proxy, for what is not simulated: other programs, browsers."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, count, "127.0.0.1", 0)
        async with open_fault_proxy("127.0.0.1", server.port) as proxy:
            url = f"ws://127.0.0.1:{proxy.port}/"
            with pytest.raises(ConnectionLost):
                async with open_websocket(url) as ws:
                    proxy.inject(Fault.reset())
                    await ws.receive()
                    await ws.receive()
            proxy.inject(Fault.refuse())
            with pytest.raises(HandshakeError):
                async with open_websocket(url):
                    pass
        nursery.cancel_scope.cancel()
