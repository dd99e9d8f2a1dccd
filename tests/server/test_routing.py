"""`trio_ws._server.routing`: what a request gets at the place that its path has chosen."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trio_ws import Accept, Headers, Request, Response, WebSocket
from trio_ws._handshake.server import Refusal
from trio_ws._server.routes import parse_pattern
from trio_ws._server.routing import Page, Routing
from trio_ws._server.selection import Route, Selected

UPGRADE = Headers({"Upgrade": "h2c, WebSocket"})
PLAIN = Headers()


async def handler(ws: WebSocket) -> None:
    """Do nothing."""


ROUTE = Route(handler, {})


def page(request: Request) -> Response:
    return Response.from_text(f"{request.route} {dict(request.path_params)}")


async def slow_page(request: Request) -> Response:
    await trio.sleep(1)
    return page(request)


def routing() -> Routing:
    """A handler, a page, and a place with both."""
    routes = Routing()
    routes.add_route(parse_pattern("/ws/{n:int}"), ROUTE)
    routes.add_page(parse_pattern("/page/{name}"), Page(page))
    routes.add_page(parse_pattern("/slow"), Page(slow_page))
    routes.add_route(parse_pattern("/both"), ROUTE)
    routes.add_page(parse_pattern("/both"), Page(page))
    return routes


async def select(method: str, target: str, headers: Headers = PLAIN) -> Any:
    """Select, and wait for what is async."""
    selection = routing().select(Request(method=method, target=target, headers=headers))
    return selection if isinstance(selection, Selected) else await selection  # type: ignore[misc]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("headers", [UPGRADE, PLAIN])
async def test_a_handler(method: str, headers: Headers) -> None:
    """Where only a handler is, it gets everything: what is no upgrade is refused later."""
    selected = await select(method, "/ws/5?x=1", headers)
    assert selected.handler is handler
    assert selected.route is ROUTE
    assert selected.request.target == "/ws/5?x=1"
    assert selected.request.route == "/ws/{n:int}"
    assert selected.request.path_params == {"n": 5}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_page(method: str) -> None:
    """A page is asked with the parameters of the path, whichever of the two methods it is."""
    response = await select(method, "/page/gr%C3%BCn")
    assert response.body.decode() == "/page/{name} {'name': 'grün'}"
    assert (await select(method, "/both")).body == b"/both {}"


async def test_an_async_page(autojump_clock: trio.testing.MockClock) -> None:
    """A page may take its time."""
    assert (await select("GET", "/slow")).body == b"/slow {}"
    assert trio.current_time() == 1


async def test_both() -> None:
    """Where both are, an upgrade gets the handler."""
    assert (await select("GET", "/both", UPGRADE)).handler is handler


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("GET", "/", PLAIN, 404),
        ("GET", "/page/", PLAIN, 404),
        ("GET", "/page/a/../b", PLAIN, 404),
        ("GET", "/page/%ff", PLAIN, 400),
        ("OPTIONS", "*", PLAIN, 404),
        ("GET", "/page/a", UPGRADE, 404),
        ("POST", "/page/a", PLAIN, 405),
        ("OPTIONS", "/page/a", PLAIN, 405),
        ("get", "/page/a", PLAIN, 405),
        ("POST", "/page/a", UPGRADE, 405),
        ("POST", "/both", UPGRADE, 405),
        ("PUT", "/both", PLAIN, 405),
    ],
)
async def test_refused(method: str, target: str, headers: Headers, status: int) -> None:
    """Where nothing fits it is refused; a 405 says what would."""
    with pytest.raises(Refusal) as caught:
        await select(method, target, headers)
    response = caught.value.response
    assert response.status == status
    assert response.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (None, TypeError, "must return a Response, not None"),
        ("text", TypeError, "must return a Response, not a value of type str"),
        (Response(101), ValueError, "must return a final response, not a 101"),
    ],
)
async def test_no_answer(answer: Any, error: type[Exception], why: str) -> None:
    """What a page may not answer is an error that names its function."""

    def bad_page(request: Request) -> Any:
        return answer

    routes = Routing()
    routes.add_page(parse_pattern("/"), Page(bad_page))
    with pytest.raises(error, match=rf"test_no_answer.<locals>.bad_page {why}"):
        await routes.select(Request(method="GET", target="/", headers=Headers()))  # type: ignore[misc]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_guarded_page(method: str, autojump_clock: trio.testing.MockClock) -> None:
    """A page may have something asked before it, which knows the parameters of the path."""

    async def guard(request: Request) -> Response | None:
        await trio.sleep(1)
        return None if request.path_params["name"] == "ada" else Response(401)

    routes = Routing()
    routes.add_page(parse_pattern("/{name}"), Page(page, guard))
    for name, status in (("ada", 200), ("eve", 401)):
        request = Request(method=method, target=f"/{name}", headers=PLAIN)
        assert (await routes.select(request)).status == status  # type: ignore[misc]
    assert trio.current_time() == 2


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (5, TypeError, "on_request must return a Response, Accept or None, not 5"),
        (Accept(), ValueError, "returned Accept for a request that is no upgrade"),
    ],
)
async def test_a_guard_that_errs(answer: Any, error: type[Exception], why: str) -> None:
    """What it may not answer is an error: the page is not shown."""
    routes = Routing()
    routes.add_page(parse_pattern("/"), Page(page, lambda request: answer))
    with pytest.raises(error, match=why):
        await routes.select(Request(method="GET", target="/", headers=PLAIN))  # type: ignore[misc]


def test_twice() -> None:
    """A place has one handler and one page at most."""
    routes = routing()
    with pytest.raises(ValueError, match="'/both' has a WebSocket handler already"):
        routes.add_route(parse_pattern("/both"), ROUTE)
    with pytest.raises(ValueError, match="'/both' has a function for GET already"):
        routes.add_page(parse_pattern("/both"), Page(page))
    assert routes.complete() == [ROUTE, ROUTE]
    assert list(routes.patterns) == ["/ws/{n:int}", "/page/{name}", "/slow", "/both"]


def test_complete() -> None:
    """When a server has begun there are no more routes."""
    routes = routing()
    routes.check_open()
    routes.complete()
    for change in (
        routes.check_open,
        lambda: routes.add_route(parse_pattern("/new"), ROUTE),
        lambda: routes.add_page(parse_pattern("/new"), Page(page)),
    ):
        with pytest.raises(RuntimeError, match="a server has begun with this router"):
            change()
