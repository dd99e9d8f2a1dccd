"""Servers in a simulated network: several URLs on a port, restarts, scripts."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionLost,
    HandshakeError,
    Rejected,
    Request,
    Response,
    Server,
    WebSocket,
    open_websocket,
    serve_websocket,
)
from trio_ws.testing import MemoryNetwork, ScriptedPeer, ScriptMismatch, Text

from ..halls import echo

Clock = trio.testing.MockClock


async def say_path(ws: WebSocket) -> None:
    await ws.send(ws.request.path)


async def test_urls_share_a_port(autojump_clock: Clock) -> None:
    """Paths have handlers of their own; ``/`` takes what is left, and without it that is 404."""
    async with MemoryNetwork(seed=1) as network:
        first = await network.serve("ws://api.example/echo", echo, subprotocols=["v1"])
        assert await network.serve("ws://API.example:80/path?a=b", say_path) is first
        assert first.port == 80
        async with open_websocket("ws://api.example/echo", subprotocols=["v1"]) as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
            assert ws.subprotocol == "v1"
        async with open_websocket("ws://api.example/path?c=d") as ws:
            assert await ws.receive() == "/path"
        with pytest.raises(Rejected) as caught:
            async with open_websocket("ws://api.example/other"):
                pass
        assert caught.value.response.status == 404
        await network.serve("ws://api.example/", say_path)
        async with open_websocket("ws://api.example/other") as ws:
            assert await ws.receive() == "/other"


async def test_one_url_has_one_server(autojump_clock: Clock) -> None:
    """A second one is a mistake, and so are options of a port that has a server."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/a", echo)
        with pytest.raises(ValueError, match=r"ws://api.example:80/a is served already, as ws://"):
            await network.serve("ws://api.example:80/a", echo)
        with pytest.raises(ValueError, match=r"port 80 of api.example has a server: give its"):
            await network.serve("ws://api.example/b", echo, heartbeat=None)
        with pytest.raises(ValueError, match="one URL has one server"):
            network.peer("ws://api.example/c")
        network.peer("ws://script.example/")
        with pytest.raises(ValueError, match=r"ws://script.example/a is served already"):
            await network.serve("ws://script.example/a", echo)


@pytest.mark.parametrize("is_async", [True, False])
async def test_on_request(is_async: bool, autojump_clock: Clock) -> None:
    """The server's own function is asked first; what it does not answer is found or is not."""

    def answer(request: Request) -> Response | None:
        return Response(204) if request.path == "/health" else None

    async def answer_later(request: Request) -> Response | None:
        return answer(request)

    async with MemoryNetwork(seed=1) as network:
        hook = answer_later if is_async else answer
        await network.serve("ws://api.example/a", echo, on_request=hook)
        for path, status in (("health", 204), ("nowhere", 404)):
            with pytest.raises(Rejected) as caught:
                async with open_websocket(f"ws://api.example/{path}"):
                    pass
            assert caught.value.response.status == status
        async with open_websocket("ws://api.example/a"):
            pass


async def test_a_restart(autojump_clock: Clock) -> None:
    """Connections are lost, handlers cancelled, nothing listens; then there is a new server."""
    cancelled_at = []

    async def handler(ws: WebSocket) -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled_at.append(trio.current_time())

    async with MemoryNetwork(seed=1) as network:
        first = await network.serve("ws://api.example/", handler)
        start = trio.current_time()
        with pytest.raises(ConnectionLost, match="reset"):
            async with open_websocket("ws://api.example/") as ws:
                await trio.sleep(5)
                network.restart("api.example", for_=10)
                await ws.receive()
        assert trio.current_time() == start + 5
        await trio.sleep(1)
        assert cancelled_at == [start + 5]
        with pytest.raises(HandshakeError) as caught:
            async with open_websocket("ws://api.example/"):
                pass
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)
        await trio.sleep(10)
        async with open_websocket("ws://api.example/"):
            assert not first.connections
            network.cut("api.example")
            with pytest.raises(ConnectionLost):
                await ws.receive()


async def test_options_that_make_no_sense(autojump_clock: Clock) -> None:
    """They are refused by `serve` itself, and the URL can be served afterwards."""
    async with MemoryNetwork(seed=1) as network:
        with pytest.raises(ValueError, match="max_connections"):
            await network.serve("ws://api.example/", echo, max_connections=0)
        await network.serve("ws://api.example/", echo)


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


async def test_a_server_that_is_drained_ends(autojump_clock: Clock) -> None:
    """It is not started again; its port is free then."""
    async with MemoryNetwork(seed=1) as network:
        server = await network.serve("ws://api.example/", echo)
        await server.drain()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(HandshakeError):
            async with open_websocket("ws://api.example/"):
                pass
        assert await network.serve("ws://api.example/", echo) is not server
        async with open_websocket("ws://api.example/"):
            pass


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


async def test_connections_that_nobody_accepted(autojump_clock: Clock) -> None:
    """They are reset when the listener is closed."""
    async with MemoryNetwork(seed=1) as network:
        (listener,) = await network.listen("api.example", 1)
        stream = await network.connect("api.example", 1)
        await listener.aclose()
        await listener.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()
        await stream.aclose()


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
