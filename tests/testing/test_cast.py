"""Who plays the servers of a simulated network."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Router, Server, WebSocket, open_websocket, serve_websocket
from trio_ws.testing import MemoryNetwork, ScriptedPeer, ScriptMismatch, Text

from ..halls import echo

Clock = trio.testing.MockClock


async def say_path(ws: WebSocket) -> None:
    await ws.send(ws.request.path)


async def test_one_url_has_one_server(autojump_clock: Clock) -> None:
    """A second one is a mistake, and so are options of a port that has a server."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/a", echo)
        with pytest.raises(ValueError, match=r"ws://api.example:80/a is served already, as ws://"):
            await network.serve("ws://api.example:80/a", echo)
        with pytest.raises(ValueError, match=r"port 80 of api.example has a server: give its"):
            await network.serve("ws://api.example/b", echo, heartbeat=None)
        with pytest.raises(ValueError, match=r"/c cannot be served: port 80 of api.example has a"):
            network.peer("ws://api.example/c")
        network.peer("ws://script.example/")
        with pytest.raises(ValueError, match=r"a script has its port for itself"):
            await network.serve("ws://script.example/a", echo)


async def test_where_a_router_cannot_be(autojump_clock: Clock) -> None:
    """Below a path, or on a port whose server has begun; the ports stay as they were."""
    router = Router()
    router.websocket("/echo")(echo)
    async with MemoryNetwork(seed=1) as network:
        with pytest.raises(ValueError, match=r"a router must have no path, not '/rooms': its rou"):
            await network.serve("ws://api.example/rooms", router)
        await network.serve("ws://api.example/path", say_path)
        with pytest.raises(
            ValueError, match=r"port 80 of api.example has a server: give .* router"
        ):
            await network.serve("ws://api.example", router)
        await network.serve("ws://other.example?a=b", router)
        async with open_websocket("ws://other.example/echo"):
            pass


async def test_options_that_make_no_sense(autojump_clock: Clock) -> None:
    """They are refused by `serve` itself, and the URL can be served afterwards."""
    async with MemoryNetwork(seed=1) as network:
        with pytest.raises(ValueError, match="max_connections"):
            await network.serve("ws://api.example/", echo, max_connections=0)
        await network.serve("ws://api.example/", echo)


async def test_serving_is_cancelled(autojump_clock: Clock) -> None:
    """A server that did not start leaves its port, and the URL can be served afterwards."""
    async with MemoryNetwork(seed=1) as network:
        with trio.CancelScope() as scope:
            scope.cancel()
            await network.serve("ws://api.example/", echo)
        assert scope.cancelled_caught
        await network.serve("ws://api.example/", echo)


async def test_what_cannot_serve(autojump_clock: Clock) -> None:
    """What is no function is refused where it is given, an option that there is not by its name."""
    nothing: Any = 5
    async with MemoryNetwork(seed=1) as network:
        with pytest.raises(TypeError, match="handler must be a function, not a value of type int"):
            await network.serve("ws://api.example/", nothing)
        with pytest.raises(TypeError, match=r"a script must be a function, not a value of type"):
            network.peer("ws://script.example/")(nothing)
        wrong: Any = {"max_conections": 5}
        with pytest.raises(TypeError, match=r"serve\(\) has no option 'max_conections'; did you"):
            await network.serve("ws://api.example/", echo, **wrong)


async def test_a_script_that_is_not_async(autojump_clock: Clock) -> None:
    """It is called by its name when it is played, since that shows only then."""

    def script(peer: ScriptedPeer) -> None:
        pass

    play: Any = script
    with pytest.raises(TypeError, match="a script must be an async function; this one returned"):
        async with MemoryNetwork(seed=1) as network:
            network.peer("ws://api.example/")(play)
            async with open_websocket("ws://api.example/"):
                await trio.sleep_forever()


async def test_a_url_is_added_during_a_restart(autojump_clock: Clock) -> None:
    """It is served when the server is back."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/a", echo)
        network.restart("api.example", for_=5)
        start = trio.current_time()
        await network.serve("ws://api.example/b", echo)
        assert trio.current_time() == start + 5
        async with open_websocket("ws://api.example/b"):
            pass


async def test_a_script_for_each_connection(autojump_clock: Clock) -> None:
    """The script is played anew, at the same time if need be."""
    async with MemoryNetwork(seed=1) as network:

        @network.peer("ws://api.example/")
        async def script(peer: ScriptedPeer) -> None:
            await peer.accept()
            await peer.expect(Text("hello"))
            await peer.send(Text("who?"))
            await peer.expect_close()
            await peer.send_close()

        async def visit() -> None:
            async with open_websocket("ws://api.example/") as ws:
                await ws.send("hello")
                assert await ws.receive() == "who?"

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(visit)


async def test_a_script_that_is_not_followed(autojump_clock: Clock) -> None:
    """Its `ScriptMismatch` leaves the block of the network, bare, and cancels what is in it."""
    with pytest.raises(ScriptMismatch) as caught:
        async with MemoryNetwork(seed=1) as network:

            @network.peer("ws://api.example/")
            async def script(peer: ScriptedPeer) -> None:
                await peer.accept()
                await peer.expect(Text("hello"))

            async with open_websocket("ws://api.example/") as ws:
                await ws.send("hallo")
                await trio.sleep_forever()
    assert caught.value.got == "Text 'hallo'"


async def test_a_program_may_listen_itself(autojump_clock: Clock) -> None:
    """`serve_websocket` listens on the host that its code is on, by any name for that."""
    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as nursery:
        with network.on("api.example"):
            server: Server = await nursery.start(serve_websocket, echo, None, 80)
            other: Server = await nursery.start(serve_websocket, say_path, "localhost", 0)
            assert other.port >= 49152
            async with open_websocket(f"ws://127.0.0.1:{other.port}/me") as ws:
                assert await ws.receive() == "/me"
        assert server.port == 80
        with pytest.raises(OSError, match="Address already in use"):
            await serve_websocket(echo, "api.example", 80)
        async with open_websocket("ws://api.example/") as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
            network.restart("api.example")
            with pytest.raises(ConnectionLost):
                await ws.receive()
        nursery.cancel_scope.cancel()


async def test_only_the_servers_of_a_host_restart(autojump_clock: Clock) -> None:
    """Another host's server goes on."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://a.example/", echo)
        await network.serve("ws://b.example/", echo)
        async with open_websocket("ws://b.example/") as ws:
            network.restart("a.example")
            await ws.send("x")
            assert await ws.receive() == "x"
