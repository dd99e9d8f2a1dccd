"""Which handler answers for which path of a simulated server."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import Rejected, Request, Response, Router, WebSocket, open_websocket
from trio_ws.testing import LeftBehind, MemoryNetwork

from ..halls import echo

Clock = trio.testing.MockClock


async def say_path(ws: WebSocket) -> None:
    await ws.send(ws.request.path)


async def say_room(ws: WebSocket) -> None:
    await ws.send(ws.path_params["room"])
    await ws.wait_closed()


def a_router() -> Router:
    """Return a router with rooms, each for one connection, and a page."""
    router = Router()
    router.websocket("/rooms/{room}", max_connections=1)(say_room)
    router.get("/health")(lambda request: Response.from_text("fine"))
    return router


async def status_of(url: str) -> int:
    with pytest.raises(Rejected) as caught:
        async with open_websocket(url):
            pass
    return caught.value.response.status


async def heard_at(url: str) -> str | bytes:
    async with open_websocket(url) as ws:
        return await ws.receive()


async def test_paths(autojump_clock: Clock) -> None:
    """The handler of the path is chosen, then that of ``/``; without it nothing is there."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/echo", echo)
        assert await status_of("ws://api.example/other") == 404
        await network.serve("ws://api.example", say_path)
        assert await heard_at("ws://api.example/other") == "/other"
        with pytest.raises(
            ValueError, match=r"/echo\?x is served already, as ws://api.example/echo"
        ):
            await network.serve("ws://api.example/echo?x", echo)


@pytest.mark.parametrize("url", ["ws://api.example", "wss://api.example/"])
async def test_a_router(url: str, autojump_clock: Clock) -> None:
    """It routes below its host and port, with the options of its routes, as elsewhere."""
    router = a_router()
    async with MemoryNetwork(seed=1) as network:
        await network.serve(url, router, max_connections=5)
        top = url.rstrip("/")
        assert await heard_at(f"{top}/rooms/lobby") == "lobby"
        assert await status_of(f"{top}/") == 404
        assert await status_of(f"{top}/health") == 404
        async with open_websocket(f"{top}/rooms/a"):
            assert await status_of(f"{top}/rooms/b") == 503
        network.restart("api.example")
        await trio.sleep(1)
        assert await heard_at(f"{top}/rooms/lobby") == "lobby"


async def test_a_page_of_a_router(autojump_clock: Clock) -> None:
    """A plain request gets it."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example", a_router())
        stream = await network.connect("api.example", 80)
        await stream.send_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join([chunk async for chunk in stream])
        await stream.aclose()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nfine")


async def test_handlers_beside_a_router(autojump_clock: Clock) -> None:
    """A URL of its own goes before the router."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example", a_router())
        await network.serve("ws://api.example/rooms/echo", say_path)
        assert await heard_at("ws://api.example/rooms/echo") == "/rooms/echo"
        assert await heard_at("ws://api.example/rooms/x") == "x"


async def test_handlers_of_a_router_are_watched(autojump_clock: Clock) -> None:
    """One that stays is left, and named by its route."""
    router = Router()

    @router.websocket("/rooms/{room}")
    async def stays(ws: WebSocket) -> None:
        await trio.sleep_forever()

    with pytest.raises(LeftBehind) as caught:
        async with MemoryNetwork(seed=1) as network:
            await network.serve("ws://api.example/", router)
            async with open_websocket("ws://api.example/rooms/7"):
                pass
    assert caught.value.left == [
        "a task: the handler of ws://api.example/ at /rooms/{room} still runs"
    ]


async def test_the_function_for_all_requests_is_asked_first(autojump_clock: Clock) -> None:
    """``on_request`` of the server answers before a router does."""

    def on_request(request: Request) -> Response:
        return Response(418)

    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example", a_router(), on_request=on_request)
        assert await status_of("ws://api.example/rooms/x") == 418
