"""`trio_ws.testing.MemoryNetwork`: the block, what it is strict about, and what it repeats."""

from __future__ import annotations

import os
import ssl
import traceback

import pytest
import trio
import trio.testing

from trio_ws import (
    WebSocket,
    open_reconnecting_websocket,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_on,
)
from trio_ws._transport.network import current_network
from trio_ws.testing import Fault, LeftBehind, MemoryNetwork, ScriptedPeer, Text, record
from trio_ws.testing._determinism import VARIABLE, drawn_seeds
from trio_ws.testing._listener import MemoryListener

from ..cpu import cpu_seconds
from ..halls import echo
from ..streams import PassingStream

Clock = trio.testing.MockClock


async def ticks(ws: WebSocket) -> None:
    while True:
        await ws.send("tick")
        await trio.sleep(1)


async def test_what_the_issue_wants(autojump_clock: Clock) -> None:
    """A feed survives a minute without a network."""
    async with MemoryNetwork(seed=7) as network:
        await network.serve("wss://api.example/feed", ticks)
        network.link("api.example", latency=0.03, jitter=0.02, bandwidth=1_000_000)
        async with open_reconnecting_websocket("wss://api.example/feed") as feed:
            network.cut("api.example", for_=60)
            assert await feed.receive() == "tick"
            assert trio.current_time() > 60


async def test_it_is_the_network_of_the_run_for_the_block(autojump_clock: Clock) -> None:
    """Behind the block there is the real one again."""
    outside = current_network()
    async with MemoryNetwork(seed=1) as network:
        assert current_network() is network
    assert current_network() is outside


async def test_entered_twice(autojump_clock: Clock) -> None:
    """A network lasts for one block, and there is one at a time."""
    network = MemoryNetwork(seed=1)
    async with network:
        with pytest.raises(RuntimeError, match="can be entered once"):
            await network.__aenter__()
        with pytest.raises(RuntimeError, match="inside another MemoryNetwork"):
            async with MemoryNetwork():
                pass
    with pytest.raises(RuntimeError, match="can be entered once"):
        async with network:
            pass


async def test_used_outside_of_the_block(autojump_clock: Clock) -> None:
    """It says so."""
    network = MemoryNetwork(seed=1)
    with pytest.raises(RuntimeError, match="not running: use it in its async with block"):
        await network.serve("ws://api.example/", echo)
    async with network:
        pass
    with pytest.raises(RuntimeError, match="not running"):
        await network.connect("api.example", 80)


# The real network


async def test_real_sockets_if_allowed() -> None:
    """Hosts that this network does not have are then looked for in the real one."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, echo, "127.0.0.2", 0)
        async with MemoryNetwork(seed=1, allow_real_sockets=True, any_clock=True) as network:
            await network.serve("ws://api.example/", echo)
            for url in (f"ws://127.0.0.2:{server.port}/", "ws://api.example/"):
                async with open_websocket(url) as ws:
                    await ws.send(url)
                    assert await ws.receive() == url
        nursery.cancel_scope.cancel()


# The seed


def notes_of(error: BaseException) -> str:
    """Return what a traceback shows."""
    return "".join(traceback.format_exception(error))


async def test_a_failure_tells_its_seed(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the command that repeats it; with a seed in the code the command needs none."""
    monkeypatch.setitem(os.environ, "PYTEST_CURRENT_TEST", "tests/test_x.py::test_y (call)")
    with pytest.raises(ZeroDivisionError) as caught:
        async with MemoryNetwork(seed=7):
            raise ZeroDivisionError
    assert "MemoryNetwork(seed=7). Repeat it with: pytest tests/test_x.py::test_y\n" in notes_of(
        caught.value
    )
    with pytest.raises(ZeroDivisionError) as caught:
        async with MemoryNetwork() as network:
            raise ZeroDivisionError
    repeat = f"pytest tests/test_x.py::test_y --trio-ws-seed={network.seed}"
    assert repeat in notes_of(caught.value)
    assert drawn_seeds[-1] == network.seed


async def test_the_seed_of_the_environment(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network without a seed takes that one."""
    monkeypatch.setenv(VARIABLE, "99")
    assert MemoryNetwork().seed == 99
    assert MemoryNetwork(seed=3).seed == 3


def busy_hour(seed: int) -> str:
    """Return what was said in an hour with many tasks, jitter and faults."""
    said: list[str] = []

    async def chatter(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(repeat, ws, f"{number}")
            async for message in ws:
                await ws.send(f"you said {message!s}")
            nursery.cancel_scope.cancel()

    async def repeat(ws: WebSocket, text: str) -> None:
        while True:
            await ws.send(text)
            await trio.sleep(300)

    async def main() -> None:
        async with MemoryNetwork(seed=seed) as network:
            await network.serve("wss://api.example/", chatter)
            network.link("api.example", latency=0.02, jitter=0.3, bandwidth=5000)
            network.inject("api.example", Fault.slice(20, at=10, for_=60))
            async with open_websocket("wss://api.example/") as ws:
                transcript = record(ws)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(repeat, ws, "hello")
                    await trio.sleep(3600)
                    nursery.cancel_scope.cancel()
                await ws.close()
            said.append(str(transcript))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return said[0]


def test_the_same_seed_says_the_same() -> None:
    """Byte for byte, however often; another seed says something else."""
    first = busy_hour(1)
    assert [busy_hour(1) for _ in range(4)] == [first] * 4
    assert busy_hour(2) != first


@pytest.mark.slow
def test_the_same_seed_says_the_same_a_hundred_times() -> None:
    """A hundred of a hundred."""
    assert len({busy_hour(3) for _ in range(100)}) == 1


class Tapped(PassingStream):
    """A stream that keeps what is written to it."""

    written = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        await super().send_all(data)


async def written_by_clients(seed: int) -> tuple[bytes, bytes]:
    """Return what two clients write: one of a simulated network, and one over another stream."""
    async with MemoryNetwork(seed=seed) as network:
        await network.serve("ws://api.example/", echo)
        async with open_websocket("ws://api.example/") as ws:
            stream = network._stream_of(ws)
            await ws.send("hello")
            await ws.ping(b"x")
        assert stream is not None
        simulated = b"".join(seen.data for seen in stream.log.entries if seen.sent)
        ours, theirs = trio.testing.memory_stream_pair()
        tapped = Tapped(ours)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_websocket_on, echo, theirs)
            async with open_websocket_on(tapped, "ws://api.example/") as ws:
                await ws.send("hello")
                await ws.ping(b"x")
    return simulated, tapped.written


async def test_masks_and_keys_come_from_the_seed(autojump_clock: Clock) -> None:
    """All that a client of a simulated network writes is the same again, byte for byte."""
    first, _ = await written_by_clients(1)
    again, _ = await written_by_clients(1)
    other, _ = await written_by_clients(2)
    assert first == again
    assert first != other
    assert len(first) == len(other)


async def test_masks_and_keys_are_the_system_s_elsewhere(autojump_clock: Clock) -> None:
    """A connection over any other stream draws them from entropy, also within the block."""
    everywhere = [(await written_by_clients(1))[1] for _ in range(5)]
    assert len({data.partition(b"Sec-WebSocket-Key: ")[2][:24] for data in everywhere}) == 5
    frames = [data.partition(b"\r\n\r\n")[2] for data in everywhere]
    assert len({data[2:6] for data in frames}) == 5
    assert len({data[13:17] for data in frames}) == 5


# Scripts, hosts, and the seam


async def test_peers_on_hosts(autojump_clock: Clock) -> None:
    """A script in each role, and code on a host; ``wss`` included."""
    async with MemoryNetwork(seed=1) as network:

        @network.peer("wss://api.example/")
        async def script(peer: ScriptedPeer) -> None:
            await peer.accept()
            await peer.expect(Text("hello"))

        with network.on("phone"):
            async with network.open_peer("wss://api.example/") as peer:
                await peer.request()
                await peer.send(Text("hello"))
                await peer.expect_end()
        await network.serve("ws://echo.example/", echo)
        async with network.open_peer("ws://echo.example/") as peer:
            await peer.request()
        (listener,) = await network.listen("phone", 0)
        assert isinstance(listener, MemoryListener)
        assert listener.address[0] == "phone"


async def test_what_is_left_is_raised(autojump_clock: Clock) -> None:
    """With the seed, as every failure."""
    with pytest.raises(LeftBehind, match="a fault that never fired") as caught:
        async with MemoryNetwork(seed=5) as network:
            network.inject("client", Fault.reset(at=5))
    assert "MemoryNetwork(seed=5)" in notes_of(caught.value)


async def test_contexts_for_real_tls(autojump_clock: Clock) -> None:
    """One for the server, one for its clients."""
    server, client = MemoryNetwork(seed=1).tls_contexts("api.example")
    assert server.verify_mode is ssl.CERT_NONE
    assert client.verify_mode is ssl.CERT_REQUIRED


# Speed


async def heartbeats(connections: int, seconds: float) -> float:
    """Return the CPU seconds that it takes to keep so many connections for so long."""

    async def idle() -> None:
        async with open_websocket("wss://api.example/"):
            await trio.sleep(seconds)

    async with MemoryNetwork(seed=1) as network:
        await network.serve("wss://api.example/", echo)
        network.link("api.example", latency=0.03)
        with cpu_seconds() as spent:
            async with trio.open_nursery() as nursery:
                for _ in range(connections):
                    nursery.start_soon(idle)
    return spent[0]


def slowness() -> float:
    """Return how many times as long this machine takes as one at rest: half of it may be others'.

    One at rest adds up ten million numbers in 0.3 s.
    """
    with cpu_seconds() as spent:
        sum(number for number in range(10_000_000))
    return max(1.0, spent[0] / 0.3)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_day_of_heartbeats(autojump_clock: Clock) -> None:
    """Two seconds for one connection, six for an hour of a hundred, on a machine at rest.

    The figures are for a quiet machine; no test run is one, so three times as much passes.
    """
    for count, seconds, most in [(1, 86400, 3 * 2), (100, 3600, 3 * 6)]:
        took = [await heartbeats(count, seconds) / slowness()]
        while min(took) > most and len(took) < 3:
            took.append(await heartbeats(count, seconds) / slowness())
        assert min(took) <= most
