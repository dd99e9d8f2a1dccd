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
    WebSocket,
    open_websocket,
)
from trio_ws.testing import MemoryNetwork

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


async def test_a_path_has_one_handler(autojump_clock: Clock) -> None:
    """A second one is a mistake."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/a", echo)
        with pytest.raises(ValueError, match=r"ws://api.example:80/a is served already, as ws://"):
            await network.serve("ws://api.example:80/a", echo)


async def test_messages_that_a_handler_leaves(autojump_clock: Clock) -> None:
    """They are counted when it returns."""

    async def returns(ws: WebSocket) -> None:
        await trio.sleep(1)

    async with MemoryNetwork(seed=1, strict=False) as network:
        await network.serve("ws://api.example/", returns)
        async with open_websocket("ws://api.example/") as ws:
            await ws.send("unread")
            await ws.wait_closed()
        (site,) = network._cast.sites
        assert [url for url, _ in site.unread] == ["ws://api.example/"]
        assert site.running == {}
