"""`trio_ws._server.selection`: a handler that the request selects, before the 101."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
import trio

from trio_ws import Rejected, Request, Response, WebSocket
from trio_ws._handshake.server import Refusal
from trio_ws._server.selection import FixedHandler, HandlerSelector, Route, Selected, Selection

from ..halls import echo, serving

REQUEST: Any = None


class ToyRouter(HandlerSelector):
    """A toy: a table of paths; a path leads to a handler, to a page, or nowhere."""

    def __init__(self, **table: Any) -> None:
        self.table = table

    def select(self, request: Request) -> Selection | Awaitable[Selection]:
        """Look the path up; what is async looks it up in its own time."""
        name = request.path.strip("/")
        if name == "later":
            return self._select_later(request)
        if name not in self.table:
            raise Refusal(404, "There is nothing here.")
        found = self.table[name]
        return found if isinstance(found, Response) else Selected(found, request)

    async def _select_later(self, request: Request) -> Selection:
        await trio.sleep(1)
        return Selected(echo, request)


async def greet(ws: WebSocket) -> None:
    """Say hello, once."""
    await ws.send("hello")


ROUTER = ToyRouter(echo=echo, greet=greet, page=Response(200, body="a page"))


async def test_each_path_has_its_handler(autojump_clock: trio.testing.MockClock) -> None:
    """The handler that was selected runs, and travels with its own connection only."""
    async with serving(ROUTER) as hall, hall.open("/echo") as one, hall.open("/greet") as two:
        await one.send("a")
        assert await one.receive() == "a"
        assert [message async for message in two] == ["hello"]
        async with hall.open("/later") as three:
            assert trio.current_time() == 1
            await three.send("b")
            assert await three.receive() == "b"


@pytest.mark.parametrize(("path", "status", "refused"), [("/else", 404, 1), ("/page", 200, 0)])
async def test_before_the_101(
    path: str, status: int, refused: int, autojump_clock: trio.testing.MockClock
) -> None:
    """A path that leads to no handler is answered, not accepted; a refusal counts as one."""
    async with serving(ROUTER) as hall:
        with pytest.raises(Rejected) as caught:
            async with hall.open(path):
                pass
        assert caught.value.response.status == status
        assert hall.server.statistics().refused == refused
        assert hall.server.statistics().opened == 0


async def test_plain_requests(autojump_clock: trio.testing.MockClock) -> None:
    """A plain request on the path of a handler is a 426, on that of a page gets the page."""
    async with serving(ROUTER) as hall, hall.raw() as peer:
        await peer.send_bytes(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await peer.receive_head()).startswith(b"HTTP/1.1 200 ")
        await peer.send_bytes(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP/1.1 426 " in await peer.receive_head()


async def test_a_selector_that_fails(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the application's mistake: 500, counted and logged."""

    class Broken(HandlerSelector):
        def select(self, request: Request) -> Selection:
            raise ZeroDivisionError

    async with serving(Broken()) as hall:
        with pytest.raises(Rejected, match="status 500"):
            async with hall.open():
                pass
        assert hall.server.statistics().refused == 1
    assert "answering GET / failed" in caplog.text


def test_one_handler() -> None:
    """A function is selected always, and has no routes."""
    fixed = FixedHandler(echo)
    assert fixed.select(REQUEST) == Selected(echo, REQUEST, None)
    assert fixed.complete() == ()


def test_a_route() -> None:
    """A route replaces nothing, bounds nothing and asks nothing unless it says so."""
    route = Route(echo, {})
    assert (route.handler, route.options) == (echo, {})
    assert (route.max_connections, route.on_request) == (None, None)


@pytest.mark.parametrize("handler", [3, None, "echo"])
def test_no_handler(handler: Any) -> None:
    """What is none is refused."""
    with pytest.raises(TypeError, match="handler must be a function, not"):
        FixedHandler(handler)
