"""`Router`: handlers and pages on one port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    Accept,
    ConnectionClosed,
    Deflate,
    Instrument,
    Limits,
    LocalProtocolError,
    Rejected,
    Request,
    Response,
    Router,
    WebSocket,
    serve_websocket_on,
)
from trio_ws._server.router import selector_for
from trio_ws._server.selection import FixedHandler

from ..halls import Hall, echo, serving


async def tell(ws: WebSocket) -> None:
    """Send what is known of the connection."""
    await ws.send_json([ws.request.route, dict(ws.path_params), ws.subprotocol, ws.state])


def fine(request: Request) -> Response:
    return Response.from_text("fine\n")


def router() -> Router:
    """Make one with a bit of everything."""
    made = Router()
    made.websocket("/rooms/{room}/{seat:int}")(tell)
    made.websocket("/files/{rest:path}", subprotocols=["b", "a"])(tell)
    made.websocket("/foreign", origins=["https://a.example"])(echo)
    made.websocket("/small", limits=Limits(max_message_size=10))(echo)
    made.websocket("/packed", compression=Deflate(threshold=0))(echo)
    made.websocket("/few", max_connections=1)(echo)
    made.websocket("/")(echo)
    made.get("/health")(fine)
    made.get("/")(fine)
    return made


@pytest.mark.parametrize(
    ("path", "heard"),
    [
        (
            "/rooms/lobby/5?x=1",
            ["/rooms/{room}/{seat:int}", {"room": "lobby", "seat": 5}, None, {}],
        ),
        (
            "/rooms/gr%C3%BCn%20%252e/0",
            ["/rooms/{room}/{seat:int}", {"room": "grün %2e", "seat": 0}, None, {}],
        ),
        ("/files/a/b.txt", ["/files/{rest:path}", {"rest": "a/b.txt"}, "b", {}]),
    ],
)
async def test_parameters(
    path: str, heard: list[Any], autojump_clock: trio.testing.MockClock
) -> None:
    """A handler is given the parameters of its path, decoded once, an int as one."""
    subprotocols = ["a", "b"] if heard[2] else []
    async with serving(router()) as hall, hall.open(path, subprotocols=subprotocols) as ws:
        assert await ws.receive_json() == heard
        assert ws.path_params == {}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/health", 200, None),
        ("HEAD", "/health", 200, None),
        ("GET", "/", 200, None),
        ("POST", "/health", 405, "GET, HEAD"),
        ("DELETE", "/", 405, "GET, HEAD"),
        ("GET", "/few", 426, None),
        ("HEAD", "/few", 405, "GET"),
        ("POST", "/few", 405, "GET"),
        ("GET", "/nothing", 404, None),
        ("GET", "/rooms/lobby/x", 404, None),
        ("GET", "/health/", 404, None),
        ("GET", "/%68ealth", 400, None),
        ("GET", "/a/..%2fhealth", 404, None),
        ("GET", "/%zz", 400, None),
        ("OPTIONS", "*", 404, None),
        ("TRACE", "/health", 405, "GET, HEAD"),
    ],
)
async def test_plain_requests(
    method: str, path: str, status: int, allow: str | None, autojump_clock: object
) -> None:
    """What is no upgrade gets a page, or a status that says why not."""
    async with serving(router()) as hall:
        answer, headers, body = await hall.ask(method, path)
        assert (answer, headers.get("Allow")) == (status, allow)
        assert (body == b"") is (method == "HEAD")
        assert hall.server.statistics().refused == (0 if status == 200 else 1)


@pytest.mark.parametrize("path", ["/health", "/nothing", "/rooms/a", "/rooms/a/b", "/rooms/a/5/"])
async def test_no_upgrade_here(path: str, autojump_clock: object) -> None:
    """An upgrade that leads to no handler is a 404, on a page too, and ends the connection."""
    async with serving(router()) as hall:
        with pytest.raises(Rejected, match="404") as caught:
            async with hall.open(path):
                pass
        assert caught.value.response.headers["Connection"] == "close"


async def test_origins(autojump_clock: object) -> None:
    """A route's origins take the place of the server's, in both directions."""
    async with serving(router(), origins=["https://b.example"]) as hall:
        async with hall.open("/foreign", origin="https://a.example") as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
        for path, origin in (("/foreign", "https://b.example"), ("/", "https://a.example")):
            with pytest.raises(Rejected, match="403"):
                async with hall.open(path, origin=origin):
                    pass


async def test_limits(autojump_clock: object) -> None:
    """A route's limits hold for its connections, and for no others."""
    async with serving(router()) as hall, hall.open("/") as free:
        with pytest.raises(ConnectionClosed, match="1009"):
            async with hall.open("/small") as ws:
                await ws.send("x" * 11)
                await ws.receive()
        await free.send("x" * 11)
        assert await free.receive() == "x" * 11


async def test_compression(autojump_clock: object) -> None:
    """A route may compress where the server does not, and the other way round."""
    offer = {"compression": Deflate()}
    async with (
        serving(router()) as hall,
        hall.open("/packed", **offer) as packed,
        hall.open("/", **offer) as plain,
    ):
        assert [each.partition(";")[0] for each in packed.extensions] == ["permessage-deflate"]
        assert plain.extensions == ()
    plainly = Router()
    plainly.websocket("/", compression=None)(echo)
    async with serving(plainly, compression=Deflate()) as hall, hall.open("/", **offer) as ws:
        assert ws.extensions == ()


async def test_max_connections(autojump_clock: object) -> None:
    """A route may have so many connections; they count among those of the server, too."""
    async with serving(router(), max_connections=2) as hall:
        async with hall.open("/few"):
            assert await refusal(hall, "/few") == b"There is no room left here.\n"
            async with hall.open("/"):
                assert await refusal(hall, "/") == b"The server is full.\n"
        await trio.testing.wait_all_tasks_blocked()
        async with hall.open("/few"):  # the slot has been given back
            pass


async def refusal(hall: Hall, path: str) -> bytes:
    """Be refused, and asked to come back; return why."""
    with pytest.raises(Rejected, match="503") as caught:
        async with hall.open(path):
            pass
    assert caught.value.retry_after is not None
    return caught.value.response.body


class Recorder(Instrument):
    """Notes which routes are opened, and which requests are refused."""

    def __init__(self) -> None:
        self.noted: list[object] = []

    def connection_opened(self, ws: WebSocket) -> None:
        self.noted.append(ws.request.route)

    def connection_refused(self, request: Request | None, response: Response) -> None:
        self.noted.append(response.status)


async def test_instruments(autojump_clock: object) -> None:
    """Those of the server see the connections of each route, whatever its options are."""
    recorder = Recorder()
    async with serving(router(), instruments=[recorder]) as hall:
        for path in ("/small", "/few", "/"):
            async with hall.open(path):
                pass
        await hall.ask("GET", "/nothing")
        await hall.ask("GET", "/health")
    assert recorder.noted == ["/small", "/few", "/", 404]


async def test_two_servers(autojump_clock: object) -> None:
    """A router serves several servers, each with connections of its own to count."""
    shared = router()
    async with (
        serving(shared) as one,
        serving(shared) as other,
        one.open("/few"),
        other.open("/few"),
    ):
        pass


async def test_on_request_is_asked_first(autojump_clock: object) -> None:
    """What it finds out reaches handler and page, with the path undecided yet."""
    seen = []

    def on_request(request: Request) -> None:
        seen.append((request.path, request.route, dict(request.path_params)))
        request.state["user"] = "ada"

    async def show(request: Request) -> Response:
        return Response.from_json(request.state)

    routes = router()
    routes.get("/me")(show)
    async with serving(routes, on_request=on_request) as hall:
        async with hall.open("/rooms/a/1") as ws:
            assert (await ws.receive_json())[3] == {"user": "ada"}
        assert (await hall.ask("GET", "/me"))[2] == b'{"user":"ada"}'
    assert seen == [("/rooms/a/1", None, {}), ("/me", None, {})]


# A guard for one route


def guard(request: Request) -> Response | Accept:
    """Let in who asks for the room that is theirs; tell the handler."""
    if request.path_params["room"] != request.headers.get("X-Room"):
        return Response(403, body="not yours")
    request.state["guarded"] = True
    return Accept({"Set-Cookie": "route=1"})


def guarded() -> Router:
    made = Router()
    made.websocket("/rooms/{room}", on_request=guard)(tell)
    made.get("/rooms/{room}/page", on_request=lambda request: Response(401))(fine)
    made.get("/health")(fine)
    return made


async def test_a_guard_of_a_route(autojump_clock: object) -> None:
    """It is asked after that of the server, and about its own route only; both add headers."""

    def on_request(request: Request) -> Accept | None:
        request.state["server"] = True
        return Accept({"Set-Cookie": "server=1"}) if "Upgrade" in request.headers else None

    async with serving(guarded(), on_request=on_request) as hall:
        async with hall.open("/rooms/a", headers={"X-Room": "a"}) as ws:
            assert (await ws.receive_json())[3] == {"server": True, "guarded": True}
            assert ws.response.headers.get_all("Set-Cookie") == ["server=1", "route=1"]
        for path in ("/rooms/a", "/rooms/b%21"):
            with pytest.raises(Rejected, match="403") as caught:
                async with hall.open(path, headers={"X-Room": "b"}):
                    pass
            assert "Set-Cookie" not in caught.value.response.headers
        assert (await hall.ask("GET", "/rooms/a/page"))[0] == 401
        assert (await hall.ask("HEAD", "/rooms/a/page"))[0] == 401
        assert (await hall.ask("GET", "/health"))[0] == 200


async def test_a_guard_sees_proper_upgrades_only(autojump_clock: object) -> None:
    """What is no upgrade, or comes from a strange page, is refused before."""
    asked = []

    def note(request: Request) -> None:
        asked.append(request.path)

    made = Router()
    made.websocket("/", on_request=note)(echo)
    async with serving(made) as hall:
        assert (await hall.ask("GET", "/"))[0] == 426
        assert (await hall.ask("POST", "/"))[0] == 405
        assert (await hall.ask("GET", "/", "Upgrade: websocket"))[0] == 400
        with pytest.raises(Rejected, match="403"):
            async with hall.open(origin="https://evil.example"):
                pass
        assert asked == []
        async with hall.open():
            assert asked == ["/"]


async def slow(request: Request) -> Response:
    await trio.sleep(60)
    raise AssertionError


def broken(request: Request) -> Response:
    raise ZeroDivisionError("no luck")


@pytest.mark.parametrize(("page", "status", "time"), [(slow, 503, 10), (broken, 500, 0)])
async def test_a_page_that_fails(
    page: Callable[[Request], Response | Awaitable[Response]],
    status: int,
    time: float,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A page that raises is a 500 and logged, one that takes too long a 503."""
    routes = Router()
    routes.get("/")(page)
    async with serving(routes) as hall:
        assert (await hall.ask("GET", "/"))[0] == status
        assert trio.current_time() == time
        assert hall.server.statistics().refused == 1
    assert ("no luck" in caplog.text) is (page is broken)


async def test_on_one_stream(autojump_clock: object) -> None:
    """A router goes wherever a handler does."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_websocket_on, router(), theirs)
        await ours.send_all(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await ours.receive_some()).startswith(b"HTTP/1.1 200 ")
        await ours.aclose()


# What is refused when routes are made


def test_a_decorator_returns_what_it_decorates() -> None:
    """A function keeps its name, and may be given several routes."""
    made = Router()

    @made.get("/a")
    @made.get("/b")
    def page(request: Request) -> Response:
        return Response(200)

    @made.websocket("/a")
    async def handler(ws: WebSocket) -> None: ...

    assert page(None) == Response(200)  # type: ignore[arg-type]
    assert handler.__name__ == "handler"
    assert repr(made) == "<Router of /b, /a>"
    assert repr(Router()) == "<Router of nothing yet>"


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"origins": "https://a"}, TypeError, "origins is a list"),
        ({"subprotocols": ["a b"]}, LocalProtocolError, "cannot name a subprotocol"),
        ({"compression": True}, TypeError, "compression must be"),
        ({"limits": 5}, TypeError, "limits must be"),
        ({"on_request": 5}, TypeError, "on_request must be a function or None"),
        ({"max_connections": 0}, ValueError, "max_connections must be"),
        ({"heartbeat": None}, TypeError, r"Router.websocket\(\) has no option 'heartbeat'"),
        ({"origin": ()}, TypeError, "did you mean 'origins'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], error: type[Exception], why: str) -> None:
    """An option that makes no sense is refused where the route is made."""
    with pytest.raises(error, match=why):
        Router().websocket("/", **options)


@pytest.mark.parametrize("add", [Router.websocket, Router.get])
def test_dead_and_conflicting_routes(add: Callable[..., Any]) -> None:
    """A route that no request can reach is refused, one that another has, and no function."""
    made = Router()
    with pytest.raises(ValueError, match="is dead"):
        add(made, "/a/../b")
    add(made, "/{a}")(fine)
    with pytest.raises(ValueError, match="conflicts with"):
        add(made, "/{b}")(fine)
    with pytest.raises(ValueError, match="already"):
        add(made, "/{a}")(fine)
    with pytest.raises(TypeError, match="must be a function, not"):
        add(made, "/b")(5)
    with pytest.raises(TypeError, match="on_request must be a function or None"):
        add(made, "/b", on_request=5)
    assert repr(made) == "<Router of /{a}>"


@pytest.mark.parametrize("add", [Router.websocket, Router.get])
async def test_no_route_under_a_server(add: Callable[..., Any], autojump_clock: object) -> None:
    """What a server has begun with is not changed any more."""
    made = router()
    late = add(made, "/late")
    async with serving(made):
        with pytest.raises(RuntimeError, match="a server has begun"):
            add(made, "/later")
        with pytest.raises(RuntimeError, match="a server has begun"):
            late(fine)


async def test_options_that_do_not_go_together(autojump_clock: object) -> None:
    """What a route and its server cannot both have is refused when the server begins."""
    made = Router()
    made.websocket("/", compression=Deflate())(echo)
    stream, _ = trio.testing.memory_stream_pair()
    with pytest.raises(LocalProtocolError, match="named twice"):
        await serve_websocket_on(made, stream, extensions=[Deflate()])


def test_selectors() -> None:
    """A function is a handler for all paths; a selector stays what it is."""
    selector = selector_for(Router())
    assert selector_for(selector) is selector
    assert isinstance(selector_for(echo), FixedHandler)
