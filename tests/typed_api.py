"""The public names as a type checker sees them; this file is checked by mypy and never run.

Each function uses a part of the library as an application would.
`assert_type` states what comes out, and an ``ignore`` with a code states what must be refused:
mypy complains about an ignore that is not needed.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Unpack, assert_type

import trio

from trio_ws import (
    ANY_ORIGIN,
    SAME_ORIGIN,
    Accept,
    BytesLike,
    Classify,
    ClientHeaders,
    ClientOptions,
    Close,
    CloseCode,
    Connect,
    ConnectionClosed,
    ConnectionStatistics,
    ConnectTo,
    Ending,
    Endpoint,
    Failure,
    Fragments,
    Handler,
    HandlerErrorHook,
    Headers,
    HeadersFunction,
    HeaderSource,
    Heartbeat,
    HeartbeatOption,
    HeartbeatPolicy,
    Instrument,
    Limits,
    Listener,
    Loss,
    Message,
    MessageHeartbeat,
    MessageKind,
    MessageReply,
    MessageTooBig,
    OnConnect,
    Origins,
    PolicyOptions,
    ProtocolViolation,
    ProxyError,
    ProxyOption,
    Rejected,
    Remedy,
    Request,
    RequestHook,
    Response,
    Router,
    Server,
    ServerOptions,
    ServerStatistics,
    Session,
    Subprotocols,
    SupervisorOptions,
    Timeouts,
    TLSInfo,
    TooManyRedirects,
    Transition,
    TransitionHook,
    Watchdog,
    WebSocket,
    WhenDown,
    __version__,
    basic_auth,
    inherited_listeners,
    open_listeners,
    open_reconnecting_websocket,
    open_supervisor,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_listeners,
    serve_websocket_on,
    supervise,
)
from trio_ws.testing import Frame, RawPeer, open_websocket_pair, open_websocket_to_peer


async def converse(ws: WebSocket) -> None:
    """Messages, control frames, facts."""
    await ws.send("text")
    await ws.send(b"binary")
    await ws.send(bytearray(b"binary"))
    await ws.send(memoryview(b"binary"))
    await ws.send(["a", "b"])
    await ws.send(fragments())
    await ws.send(3)  # type: ignore[arg-type]
    assert_type(await ws.receive(), str | bytes)
    async for message in ws:
        assert_type(message, str | bytes)
    async with ws.receive_stream() as chunks:
        async for chunk in chunks:
            assert_type(chunk, str | bytes)
    await ws.send_json({"any": ["thing"]})
    await ws.receive_json()
    assert_type(await ws.ping(), float)
    await ws.pong(b"")
    await ws.flush()
    await ws.close(CloseCode.GOING_AWAY, "bye")
    assert_type(await ws.wait_closed(), Ending)
    assert_type(ws.ending, Ending | None)
    assert_type(ws.request, Request)
    assert_type(ws.response, Response)
    assert_type(ws.subprotocol, str | None)
    assert_type(ws.latency, float | None)
    assert_type(ws.statistics(), ConnectionStatistics)


async def fragments() -> AsyncIterator[bytes]:  # noqa: ASYNC900 - what users write
    """Fragments that come one by one."""
    yield b"fragment"


async def fresh_headers() -> dict[str, str]:
    """Headers for one attempt."""
    return {"Authorization": "Bearer fresh"}


headers_function: HeadersFunction = fresh_headers
client_headers: ClientHeaders = [("X-Name", "value")]
way_out: ProxyOption = True
place: ConnectTo = ("::1", 80)


async def clients(stream: trio.abc.Stream) -> None:
    """The client's doors and what they raise."""
    async with open_websocket(
        "wss://example.com",
        subprotocols=["chat"],
        headers={"X-Name": "value"},
        ssl_context=ssl.create_default_context(),
        heartbeat=[Heartbeat(interval=5, timeout=5), Watchdog(timeout=30)],
        timeouts=Timeouts(connect=3),
        limits=Limits(max_message_size=1 << 24),
        origin="https://example.com",
        proxy="socks5h://proxy.example",
        max_redirects=3,
        connect_to=("127.0.0.1", 8080),
    ) as ws:
        assert_type(ws, WebSocket)
        assert_type(ws.tls, TLSInfo | None)
        assert_type(ws.name, str)
        ws.state["user"] = "ada"
    async with open_websocket("ws://localhost/", headers=fresh_headers, proxy=None) as ws:
        assert_type(ws, WebSocket)
    async with open_websocket("ws://localhost/", headers=dict, connect_to=Path("socket")) as ws:
        assert_type(ws, WebSocket)
    async with open_websocket_on(stream, "ws://localhost/", heartbeat=None) as ws:
        assert_type(ws, WebSocket)
    try:
        open_websocket("ws://localhost/", colour="red")  # type: ignore[call-arg]
    except TooManyRedirects as error:
        assert_type(error.chain, tuple[str, ...])
    except ProxyError as error:
        assert_type(error.response, Response | None)
    except Rejected as error:
        assert_type(error.response, Response)
        assert_type(error.retry_after, float | None)
        assert_type(error.response.headers, Headers)
    except ProtocolViolation as error:
        assert_type(error.code, int)
    except MessageTooBig as error:
        assert_type(error.code, int)
    except ConnectionClosed as error:
        assert_type(error.ending.sent, Close | None)
        assert_type(error.ending.loss, Loss | None)
        assert_type(error.ending.code, int)


async def handler(ws: WebSocket) -> None:
    """What a server calls."""


def health(request: Request) -> Response | None:
    """A hook that answers some requests."""
    assert_type(request.query, dict[str, list[str]])
    return Response(200, {"Content-Type": "text/plain"}, "fine") if request.path == "/" else None


async def hook(request: Request) -> Response | None:
    """The same, async."""
    return health(request)


async def servers(listener: trio.SocketListener, stream: trio.abc.Stream) -> None:
    """The server's doors."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(
                serve_websocket,
                handler,
                "localhost",
                0,
                origins=[SAME_ORIGIN, "https://example.com", re.compile(r"https://.*\.example")],
                on_request=hook,
                subprotocols=["chat", "echo"],
                max_connections=100,
            )
        )
        assert isinstance(server, Server)
        assert_type(server.port, int)
        assert_type(server.connections, frozenset[WebSocket])
        assert_type(server.statistics(), ServerStatistics)
        assert_type(server.statistics().refused, int)
        await server.drain(timeout=5, spread=1, code=CloseCode.SERVICE_RESTART)
    await serve_websocket_listeners(handler, [listener], origins=ANY_ORIGIN, on_request=health)
    await serve_websocket_on(handler, stream)
    await serve_websocket(health, "localhost", 0)  # type: ignore[arg-type]


async def routes(ws: WebSocket, request: Request, listeners: list[trio.SocketListener]) -> None:
    """A router in the place of a handler; what it decorates stays what it is."""
    router = Router()
    counts = router.websocket("/{name}/{number:int}", origins=ANY_ORIGIN)(count)
    assert_type(await counts(ws), int)
    shows = router.get("/page", on_request=basic_auth(check_password))(page)
    assert_type(shows(request), Response)
    router.get("/bad")(lambda request: "text")  # type: ignore[type-var]
    router.websocket("/bad", heartbeat=None)  # type: ignore[call-arg]
    await serve_websocket(router, None, 8765, on_request=accept)
    await serve_websocket_listeners(router, await open_listeners(None, 0, reuse_port=True))
    await serve_websocket_listeners(router, inherited_listeners() or listeners)


def check_password(name: str, password: str) -> bool:
    """A plain function, or an async one."""
    return name == password


def accept(request: Request) -> Response | Accept | None:
    """All that may be decided about a request."""
    assert_type(request.route, str | None)
    assert_type(request.cookies, dict[str, str])
    request.state["user"] = request.path_params["name"]
    if request.path == "/old":
        return Response.redirect("/new", status=308)
    return Accept({"Set-Cookie": "a=b"}) if request.tls else Response.from_json({"a": [1]})


def page(request: Request) -> Response:
    """What a router shows."""
    return Response.from_html("<p>", status=404, headers=[("X", "y")])


async def count(ws: WebSocket) -> int:
    """A session with a result."""
    return len([message async for message in ws])


async def endpoint() -> str:
    """A fresh endpoint for each attempt."""
    return "wss://example.com/?token=fresh"


async def supervisors() -> None:
    """Supervision and the reconnecting channel."""
    assert_type(await supervise(count, "wss://example.com"), int | None)
    assert_type(await supervise(count, ["wss://a", "wss://b"]), int | None)
    assert_type(await supervise(count, endpoint, heartbeat=Heartbeat()), int | None)
    async with open_supervisor("wss://example.com") as supervisor:
        assert_type(await supervisor.run(count), int | None)
    async with open_reconnecting_websocket("wss://example.com") as channel:
        await channel.send("text")
        assert_type(await channel.receive(), str | bytes)


def policies() -> None:
    """What heartbeats are made of."""
    MessageHeartbeat(message="ping", is_reply=lambda message: message == "pong")
    MessageHeartbeat(message=lambda: b"ping")
    MessageReply(is_ping=lambda message: message == "ping", reply="pong")
    Heartbeat(5, 5)  # type: ignore[call-arg]


async def tests() -> None:
    """The testing kit."""
    async with open_websocket_pair(subprotocol="chat") as (client, server):
        assert_type(client, WebSocket)
        assert_type(server, WebSocket)
    async with open_websocket_to_peer(client=True) as (ws, peer):
        assert_type(ws, WebSocket)
        assert_type(peer, RawPeer)
        assert_type(await peer.receive_frame(), Frame)


# What users write who wrap the doors


async def connect_and_send(url: str, message: Message, **options: Unpack[ClientOptions]) -> None:
    """Pass options on."""
    async with open_websocket(url, **options) as ws:
        await ws.send(message)
    await connect_and_send(url, message, limits=Limits(), origin=None)
    await connect_and_send(url, message, limit=3)  # type: ignore[call-arg]


async def serve_twice(
    work: Handler, listeners: list[Listener], **options: Unpack[ServerOptions]
) -> None:
    """Pass a server's options on."""
    await serve_websocket_listeners(work, listeners, **options)


async def supervise_twice(
    session: Session[int], where: Endpoint, **options: Unpack[SupervisorOptions]
) -> int | None:
    """Pass a supervisor's options on."""
    return await supervise(session, where, **options)


class Settings:
    """A configuration with a field for each type."""

    version: str = __version__
    heartbeat: HeartbeatOption = Heartbeat()
    heartbeats: list[HeartbeatPolicy]
    policies: PolicyOptions
    headers: HeaderSource
    origins: Origins = SAME_ORIGIN
    subprotocols: Subprotocols = ("chat",)
    on_request: RequestHook = hook
    on_handler_error: HandlerErrorHook = lambda ws, error: None
    on_transition: TransitionHook = print
    on_connect: OnConnect = handler
    connect: Connect = open_websocket
    when_down: WhenDown = "fail"
    payload: BytesLike = b""
    fragments: Fragments = ("a", "b")


def retry(failure: Failure) -> Remedy | None:
    """Overrule the table."""
    return None


def show(transition: Transition) -> None:
    """Look at a transition."""


RULE: Classify = retry
SHOW: TransitionHook = show


class CountingInstrument(Instrument):
    """An instrument writes the types of what it is told, which the base leaves open."""

    count = 0

    def message_sent(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        """Count."""
        self.count += size

    def connection_closed(self, ws: WebSocket, ending: Ending) -> None:
        """Count."""
        assert_type(ending.code, int)


async def observed() -> None:
    """Instruments are an option of both doors."""
    async with open_websocket("ws://a", instruments=[CountingInstrument()]):
        pass
    await serve_websocket(print, None, 0, instruments=["no"])  # type: ignore[arg-type, list-item]
