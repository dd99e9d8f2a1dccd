"""What is left when the block of a network ends, and should not be."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, WebSocket, open_websocket
from trio_ws.testing import Fault, LeftBehind, MemoryNetwork, ScriptedPeer, Text
from trio_ws.testing._left import MANY

from ..halls import echo

Clock = trio.testing.MockClock


def what_is_said(error: pytest.ExceptionInfo[LeftBehind]) -> str:
    """Return the message, and check that it holds all there is."""
    text = str(error.value)
    assert text == "\n  - ".join(["the network was left with", *error.value.left])
    return text


async def test_nothing_is_left(autojump_clock: Clock) -> None:
    """What has come to its end within a minute is not left."""

    async def slow(ws: WebSocket) -> None:
        await ws.wait_closed()
        await trio.sleep(59)

    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/", slow)
        async with open_websocket("ws://api.example/"):
            assert network.left() == [
                "a connection 1 from client to api.example:80, not closed by the client and server",
                "a task: the handler of ws://api.example/ still runs",
            ]
    assert network.left() == []


async def test_a_connection(autojump_clock: Clock) -> None:
    """One that a side has not closed is named, with that side."""
    with pytest.raises(LeftBehind) as caught:
        async with MemoryNetwork(seed=1) as network:
            await network.listen("api.example", 7)
            stream = await network.connect("api.example", 7)
            await stream.aclose()
    assert what_is_said(caught) == (
        "the network was left with\n"
        "  - a connection 1 from client to api.example:7, not closed by the server"
    )


async def test_a_task(autojump_clock: Clock) -> None:
    """A handler that does not end when its connection has ended."""

    async def stays(ws: WebSocket) -> None:
        await trio.sleep_forever()

    with pytest.raises(LeftBehind, match=r"a task: the handler of ws://api.example/ still runs"):
        async with MemoryNetwork(seed=1) as network:
            await network.serve("ws://api.example/", stays)
            async with open_websocket("ws://api.example/"):
                pass


async def test_messages_that_nobody_read(autojump_clock: Clock) -> None:
    """A handler that returns before it has read what has come."""

    async def reads_one(ws: WebSocket) -> None:
        await trio.sleep(1)
        await ws.receive()

    with pytest.raises(LeftBehind) as caught:
        async with MemoryNetwork(seed=1) as network:
            await network.serve("ws://api.example/", reads_one)
            async with open_websocket("ws://api.example/") as ws:
                await ws.send("one")
                await ws.send("two")
                with pytest.raises(ConnectionClosed):
                    await ws.receive()
    assert "unread by the handler of ws://api.example/ when it returned" in what_is_said(caught)


async def test_frames_that_a_script_did_not_read(autojump_clock: Clock) -> None:
    """They are shown."""
    with pytest.raises(LeftBehind, match="unread by the script of ws://x/: Text 'two'"):
        async with MemoryNetwork(seed=1) as network:

            @network.peer("ws://x/")
            async def script(peer: ScriptedPeer) -> None:
                await peer.accept()
                await peer.expect(Text("one"))
                await trio.sleep(1)

            async with network.open_peer("ws://x/") as peer:
                await peer.request()
                await peer.send(Text("one"), Text("two"))
                await trio.sleep(2)


async def test_a_script_that_was_never_played(autojump_clock: Clock) -> None:
    """It was served for nothing: no connection came, or none that got through TLS."""
    with pytest.raises(LeftBehind) as caught:
        async with MemoryNetwork(seed=1) as network:
            for url in ("ws://played.example/", "ws://spared.example/", "wss://tls.example/"):

                @network.peer(url)
                async def script(peer: ScriptedPeer) -> None:
                    await peer.expect_end()

            network.inject("tls.example", Fault.tls_failure())
            async with network.open_peer("ws://played.example/"):
                pass
            with pytest.raises(trio.BrokenResourceError):
                async with network.open_peer("wss://tls.example/"):
                    pass
    assert caught.value.left == [
        "a script that was never played: ws://spared.example/ had no connection",
        "a script that was never played: wss://tls.example/ had no connection",
    ]


async def test_a_fault_that_never_fired(autojump_clock: Clock) -> None:
    """It was injected for nothing: too late, or on the wrong host."""
    with pytest.raises(LeftBehind) as caught:
        async with MemoryNetwork(seed=1) as network:
            await network.serve("ws://api.example/", echo)
            network.inject("api.example", Fault.stall(at=3600))
            network.inject("api.example", Fault.latency(1))
            network.cut("client", for_=1)
            network.restart("client")
            await trio.sleep(1)
            async with open_websocket("ws://api.example/"):
                pass
    assert caught.value.left == [
        "a fault that never fired: Fault.unreachable(for_=1) on client",
        "a fault that never fired: Fault.stall(at=3600) on api.example",
    ]


async def test_a_cut_that_broke_a_connection_has_fired(autojump_clock: Clock) -> None:
    """Even if nobody tried to come back."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/", echo)
        async with network.open_peer("ws://api.example/"):
            network.cut("api.example")


async def test_many_things(autojump_clock: Clock) -> None:
    """Ten of a kind are named, the others counted."""
    with pytest.raises(LeftBehind) as caught:
        async with MemoryNetwork(seed=1) as network:
            await network.listen("api.example", 7)
            for _ in range(MANY + 3):
                await network.connect("api.example", 7)
    assert len(caught.value.left) == MANY + 1
    assert caught.value.left[-1] == "and 3 more of these"


async def test_not_strict(autojump_clock: Clock) -> None:
    """Then nothing is raised, and the list can be asked for."""
    async with MemoryNetwork(seed=1, strict=False) as network:
        network.inject("client", Fault.reset(at=5))
    assert network.left() == ["a fault that never fired: Fault.reset(at=5) on client"]


async def test_a_failure_comes_first(autojump_clock: Clock) -> None:
    """If the block fails that is what leaves it, and nobody waits."""
    start = trio.current_time()
    with pytest.raises(ZeroDivisionError):
        async with MemoryNetwork(seed=1) as network:
            await network.listen("api.example", 7)
            await network.connect("api.example", 7)
            raise ZeroDivisionError
    assert trio.current_time() == start
