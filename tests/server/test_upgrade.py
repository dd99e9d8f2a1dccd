"""`trio_ws._server.upgrade`: what a newcomer hears before it is a WebSocket, or instead."""

from __future__ import annotations

import contextlib
import logging
import re
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import h11
import pytest
import trio
import trio.testing
import trustme

from trio_ws import (
    Accept,
    Limits,
    LocalProtocolError,
    Request,
    Response,
    Server,
    Timeouts,
    WebSocket,
)
from trio_ws._server.http_connection import LINGER
from trio_ws._server.options import ServerConfig, ServerOptions
from trio_ws._server.selection import HandlerSelector, Route, Selected
from trio_ws._server.serve import serve_websocket_on
from trio_ws._server.server import serve_stream
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import encode

from ..streams import UnwritableStream, socket_pair
from ..wires import Own

CA = trustme.CA()
PLAIN = b"GET /health HTTP/1.1\r\nHost: testserver\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: testserver\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
BODY = b"Content-Length: 5\r\n\r\nabcde"


async def say_hello(ws: WebSocket) -> None:
    await ws.send(f"hello, {ws.subprotocol}")


@asynccontextmanager
async def visit(
    wrap: Callable[[trio.abc.Stream], trio.abc.Stream] = lambda stream: stream,
    **options: Unpack[ServerOptions],
) -> AsyncGenerator[RawPeer]:
    """A peer at the other end of a server's connection; the server must end by itself."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, RawPeer(wrap(theirs), client=True) as peer:
        nursery.start_soon(lambda: serve_websocket_on(say_hello, ours, **options))
        yield peer


async def receive_response(peer: RawPeer, method: bytes = b"GET") -> tuple[int, str, bytes]:
    """The next HTTP response: status, ``Connection`` header, body."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(await peer.receive_head())
    head = client.next_event()
    assert isinstance(head, h11.Response)
    headers = dict(head.headers)
    assert b"date" in headers
    body = b""
    length = 0 if method == b"HEAD" else int(headers.get(b"content-length", 0))
    while len(body) < length:
        rest = bytes(peer._received) or bytes(await peer.stream.receive_some())
        peer._received.clear()
        body += rest
    peer._received += body[length:]
    connection = b", ".join(value for name, value in head.headers if name == b"connection")
    return head.status_code, connection.decode(), body[:length]


# Upgrades


@pytest.mark.parametrize(
    ("offered", "spoken", "chosen"),
    [
        ("a, b", ["b", "a"], "b"),
        ("a", ["b", "a"], "a"),
        ("a", ["b"], None),
        ("a", [], None),
        ("a, b", lambda request, offers: f"{offers[-1]}", "b"),
        ("a, b", lambda request, offers: request.headers["X-Choice"], "a"),
        ("a, b", lambda request, offers: None, None),
    ],
)
async def test_subprotocols(
    offered: str, spoken: Any, chosen: str | None, autojump_clock: object
) -> None:
    """The server's preference decides, or a function does."""
    async with visit(subprotocols=spoken) as peer:
        head = await peer.request("/", f"Sec-WebSocket-Protocol: {offered}", "X-Choice: a")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert (f"\r\nSec-WebSocket-Protocol: {chosen}\r\n".encode() in head) is bool(chosen)
        await peer.expect_frame(1, f"hello, {chosen}".encode())
        await peer.close_politely()


def raise_it(request: Request, offers: Sequence[str] = ()) -> Any:
    raise ZeroDivisionError("no luck")


def raise_own(request: Request) -> Response:
    raise Own


@pytest.mark.parametrize("choose", [raise_it, lambda request, offers: "x"])
async def test_bad_choice(
    choose: Any, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A function that fails, or chooses what was not offered, is logged and answered 500."""
    async with visit(subprotocols=choose) as peer:
        head = await peer.request("/", "Sec-WebSocket-Protocol: a")
        assert head.startswith(b"HTTP/1.1 500 ")
    assert caplog.records[0].exc_info


async def test_trailing(autojump_clock: object) -> None:
    """A frame that comes together with the request is not lost (hazard A12)."""

    async def handler(ws: WebSocket) -> None:
        assert await ws.receive() == "early"
        await ws.send("heard")

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, RawPeer(theirs, client=True) as peer:
        nursery.start_soon(serve_websocket_on, handler, ours)
        await peer.send_bytes(UPGRADE + encode(Frame(1, b"early", masked=True)))
        await peer.receive_head()
        await peer.expect_frame(1, b"heard")
        await peer.close_politely()


# Origins (hazard D8); the whole matrix is in tests/sansio/test_origins.py


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 101),
        (["Origin: https://testserver"], 101),
        (["Origin: https://testserver.evil.example"], 403),
        (["Origin: null"], 403),
        (["Origin: https://a.example", "Origin: https://testserver"], 403),
    ],
)
async def test_same_origin(lines: list[str], status: int, autojump_clock: object) -> None:
    """Pages of other hosts are answered 403 unless they are asked in."""
    async with visit() as peer:
        assert (await peer.request("/", *lines)).startswith(b"HTTP/1.1 %d " % status)


async def test_other_origins(autojump_clock: object) -> None:
    """The option says which other pages may connect."""
    async with visit(origins=["https://a.example", re.compile("null")]) as peer:
        head = await peer.request("/", "Origin: https://a.example")
        assert head.startswith(b"HTTP/1.1 101 ")


# Plain HTTP


def health(request: Request) -> Response | None:
    """Answer on one path, and let everything else go on."""
    if request.path == "/health":
        return Response(200, {"Content-Type": "text/plain"}, "fine")
    return None


async def slow_health(request: Request) -> Response | None:
    await trio.sleep(1)
    return health(request)


@pytest.mark.parametrize("hook", [health, slow_health])
async def test_on_request(hook: Any, autojump_clock: object) -> None:
    """Requests may be answered in plain HTTP before the one that upgrades, pipelined too."""
    async with visit(on_request=hook) as peer:
        await peer.send_bytes(PLAIN + PLAIN)
        for _ in range(2):
            assert await receive_response(peer) == (200, "keep-alive", b"fine")
        head = PLAIN.replace(b"GET", b"HEAD")
        await peer.send_bytes(head)
        assert await receive_response(peer, b"HEAD") == (200, "keep-alive", b"")
        await peer.send_bytes(PLAIN.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\n" + BODY))
        assert await receive_response(peer) == (200, "keep-alive", b"fine")
        assert (await peer.request("/chat")).startswith(b"HTTP/1.1 101 ")
        await peer.expect_frame(1)
        await peer.close_politely()


async def test_on_request_sees_everything(autojump_clock: object) -> None:
    """The hook sees requests that would be refused, and the address they come from."""
    seen = []

    def hook(request: Request) -> Response:
        seen.append((request.method, request.target, request.remote_address))
        return Response(401, {"WWW-Authenticate": "Basic"})

    async with visit(on_request=hook) as peer:
        await peer.send_bytes(b"DELETE /x?y HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await receive_response(peer))[0] == 401
        head = await peer.request("/?z", "Origin: https://evil.example")
        assert b"\r\nConnection: close\r\n" in head
    assert seen == [("DELETE", "/x?y", None), ("GET", "/?z", None)]


@pytest.mark.parametrize(
    "hook",
    [
        raise_it,
        raise_own,
        lambda request: "fine",
        lambda request: Response(101),
        lambda request: Response(200, {"Transfer-Encoding": "chunked"}),
        lambda request: Response(200, {"X": "a\r\nb"}),
    ],
)
async def test_on_request_fails(
    hook: Any, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A hook that fails, or answers what cannot be sent, is logged and answered 500."""
    async with visit(on_request=hook) as peer:
        await peer.send_bytes(PLAIN)
        assert await receive_response(peer) == (500, "keep-alive", b"The server failed.\n")
        await peer.aclose()
    assert caplog.records[0].exc_info
    assert caplog.records[0].getMessage().startswith("[server-")


# Acceptance with headers


async def accept_later(request: Request) -> Accept:
    await trio.sleep(1)
    request.state["user"] = "ada"
    return Accept([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Late", "ü")])


async def test_accept(autojump_clock: object) -> None:
    """An acceptance adds its headers to the 101, and to the response that the handler sees."""

    async def handler(ws: WebSocket) -> None:
        await ws.send_json([ws.state, ws.response.headers.get_all("Set-Cookie")])

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, RawPeer(theirs, client=True) as peer:
        serve = partial(serve_websocket_on, on_request=accept_later, subprotocols=["a"])
        nursery.start_soon(serve, handler, ours)
        head = await peer.request("/", "Sec-WebSocket-Protocol: a")
        cookies = b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        assert head.endswith(b"Protocol: a\r\n" + cookies + b"X-Late: \xfc\r\n\r\n")
        await peer.expect_frame(1, b'[{"user":"ada"},["a=1","b=2"]]')
        await peer.close_politely()


async def test_what_is_accepted_may_be_refused(autojump_clock: object) -> None:
    """To accept does not pass the other checks; a refusal comes without the headers."""
    async with visit(on_request=accept_later) as peer:
        head = await peer.request("/", "Origin: https://evil.example")
        assert head.startswith(b"HTTP/1.1 403 ")
        assert b"Cookie" not in head


async def test_accept_for_no_upgrade(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """To accept what is no upgrade is a mistake of the application: 500."""
    async with visit(on_request=lambda request: Accept()) as peer:
        await peer.send_bytes(PLAIN)
        assert (await receive_response(peer))[0] == 500
        assert (await peer.request()).startswith(b"HTTP/1.1 101 ")
    assert "Accept for a request that is no upgrade" in caplog.text


async def test_a_selector_may_answer(autojump_clock: object) -> None:
    """What selects the handler may have an answer instead, sent as if `on_request` had given it."""

    class Page(HandlerSelector):
        def select(self, request: Request) -> Response:
            return Response(200, body="page")

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, RawPeer(theirs, client=True) as peer:
        nursery.start_soon(serve_stream, Server(Page(), (), ServerConfig()), ours)
        await peer.send_bytes(PLAIN)
        assert await receive_response(peer) == (200, "keep-alive", b"page")


class OneRoute(HandlerSelector):
    """A selector with a route, which sees the request in another way."""

    def __init__(self, **options: Any) -> None:
        self.route = Route(say_hello, {"subprotocols": ("b",)}, **options)

    def complete(self) -> Sequence[Route]:
        return [self.route]

    def select(self, request: Request) -> Selected:
        return Selected(say_hello, replace(request, route="/all"), self.route)


@pytest.mark.parametrize("answer", [None, Accept({"X": "y"}), Response(401)])
async def test_a_route_decides(answer: Any, autojump_clock: object) -> None:
    """The options of a route hold, and what it asks about the request that it has made of it."""
    asked = []

    def hook(request: Request) -> Any:
        asked.append(request.route)
        return answer

    ours, theirs = trio.testing.memory_stream_pair()
    server = Server(OneRoute(on_request=hook), (), ServerConfig(subprotocols=("a",)))
    async with trio.open_nursery() as nursery, RawPeer(theirs, client=True) as peer:
        nursery.start_soon(serve_stream, server, ours)
        head = await peer.request("/", "Sec-WebSocket-Protocol: a, b")
        if isinstance(answer, Response):
            assert head.startswith(b"HTTP/1.1 401 ")
        else:
            assert (b"\r\nX: y\r\n" in head) is (answer is not None)
            await peer.expect_frame(1, b"hello, b")
            await peer.close_politely()
    assert asked == ["/all"]


async def test_own_date(autojump_clock: object) -> None:
    """A Date that the application gives is left alone."""
    async with visit(on_request=lambda request: Response(200, {"Date": "today"})) as peer:
        await peer.send_bytes(PLAIN)
        assert (await peer.receive_head()).count(b"Date: today\r\n") == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/1.0\r\n\r\n", 426),
        (b"GET /" + b"x" * 2000, 431),
        (b"\x16\x03\x01\x02", 400),
    ],
)
async def test_refused(request_bytes: bytes, status: int, autojump_clock: object) -> None:
    """What is no upgrade is told so, and the connection ends."""
    async with visit(limits=Limits(max_handshake_size=1000)) as peer:
        await peer.send_bytes(request_bytes)
        answered, connection, body = await receive_response(peer)
        assert answered == status
        assert "close" in connection
        assert body
        await peer.expect_eof()


async def test_refusal_may_be_followed(autojump_clock: object) -> None:
    """A plain request that is refused does not end the connection."""
    async with visit() as peer:
        await peer.send_bytes(PLAIN)
        assert (await receive_response(peer))[0] == 426
        assert (await peer.request()).startswith(b"HTTP/1.1 101 ")


async def test_log(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what was asked and answered, without the query."""
    caplog.set_level(logging.DEBUG, "trio_ws.server")
    async with visit() as peer:
        await peer.send_bytes(b"GET /a?token=hunter2 HTTP/1.1\r\nHost: a\r\n\r\n\xff")
        await receive_response(peer)
        await receive_response(peer)
    ident = r"\[server-\d+\] "
    first, second, third = caplog.messages[:3]
    assert re.fullmatch(ident + "connection from None", first)
    assert re.fullmatch(ident + r"GET /a: answered 426 \(.+\.\)", second)
    assert re.fullmatch(ident + r"what is no request: answered 400 \(.+\)", third)


async def test_log_of_an_origin(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """The log names an origin that is refused, cut, and the option; the peer is not told."""
    caplog.set_level(logging.DEBUG, "trio_ws.server")
    async with visit() as peer:
        head = await peer.request("/", "Origin: https://evil.example" + "x" * 1000)
        assert head.startswith(b"HTTP/1.1 403 ")
        assert b"evil" not in head + peer._received
    (_, line) = [line for line in caplog.messages if "answered 403" in line]
    assert "The option origins= does not allow 'https://evil.examplexxx" in line
    assert len(line) < 400


# Ends


@pytest.mark.parametrize("sent", [b"", b"GET / HT", PLAIN])
async def test_peer_leaves(sent: bytes, autojump_clock: object) -> None:
    """A peer that leaves before it upgrades leaves nothing behind."""
    async with visit() as peer:
        await peer.send_bytes(sent)
        await trio.testing.wait_all_tasks_blocked()
        await peer.aclose()
    assert trio.current_time() == 0


async def test_linger(autojump_clock: object) -> None:
    """After an answer that ends the connection we read on, but not for ever (law 10)."""
    async with visit() as peer:
        await peer.send_bytes(b"\xff")
        await receive_response(peer)
        await peer.expect_eof()
        for _ in range(9):
            await trio.sleep(0.1)
            await peer.send_bytes(b"more")
        await trio.sleep(LINGER)
        with pytest.raises(trio.BrokenResourceError):
            await peer.send_bytes(b"more")


async def drip(peer: RawPeer) -> None:
    with contextlib.suppress(trio.BrokenResourceError):
        while True:
            await peer.send_bytes(b"G")
            await trio.sleep(0.3)


@pytest.mark.parametrize(("before", "end"), [(b"", 10), (PLAIN, 15)])
async def test_one_deadline(before: bytes, end: float, autojump_clock: object) -> None:
    """A head that drips is dropped at the deadline; an answered request begins a new one."""
    async with visit() as peer:
        if before:
            await trio.sleep(5)
            await peer.send_bytes(before)
            await receive_response(peer)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip, peer)
            await peer.expect_eof()
            nursery.cancel_scope.cancel()
        assert trio.current_time() == end


async def test_slow_hook(autojump_clock: object) -> None:
    """The deadline lies over `on_request` too; what takes longer is answered 503."""
    async with visit(on_request=slow_health, timeouts=Timeouts(connect=0.5)) as peer:
        await peer.send_bytes(PLAIN)
        assert await receive_response(peer) == (503, "keep-alive", b"The server took too long.\n")
        await peer.aclose()
        assert trio.current_time() == 0.5


@pytest.mark.parametrize("upgrade", [False, True])
async def test_gone_before_the_answer(
    upgrade: bool, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A peer that is gone before its answer is no failure of anybody."""
    caplog.set_level(logging.DEBUG, "trio_ws.server")
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, RawPeer(theirs, client=True) as peer:
        nursery.start_soon(serve_websocket_on, say_hello, UnwritableStream(ours))
        with pytest.raises(EOFError):
            if upgrade:
                await peer.request()
            else:
                await peer.send_bytes(PLAIN)
                await peer.receive_head()
    assert "gone" in caplog.messages[-1]
    assert all(record.levelno == logging.DEBUG for record in caplog.records)


# TLS


def server_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("testserver").configure_cert(context)
    return context


def secure(stream: trio.abc.Stream) -> trio.abc.Stream:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return trio.SSLStream(stream, context, server_hostname="testserver", https_compatible=True)


async def test_tls(autojump_clock: object) -> None:
    """With a context TLS comes first, for errors as for upgrades; a request tells of it."""
    seen = []

    def hook(request: Request) -> None:
        assert request.tls is not None
        seen.append(request.tls.version)

    async with visit(secure, ssl_context=server_context(), on_request=hook) as peer:
        await peer.send_bytes(PLAIN)
        assert (await receive_response(peer))[0] == 426
        assert seen == ["TLSv1.3"]
        assert (await peer.request()).startswith(b"HTTP/1.1 101 ")
        await peer.expect_frame(1)
        await peer.close_politely()


@pytest.mark.parametrize("data", [PLAIN, b"\x16\x03\x01\x00\x01x"])
async def test_no_tls(
    data: bytes, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A peer that does not speak TLS is dropped quietly."""
    async with visit(ssl_context=server_context()) as peer:
        await peer.send_bytes(data)
        while await peer.stream.receive_some():
            pass
    assert not caplog.records


async def test_stalling_tls(autojump_clock: object) -> None:
    """A peer that does not get on with TLS is dropped in time (hazard C1)."""
    async with visit(ssl_context=server_context()) as peer:
        await peer.expect_eof()
        assert trio.current_time() == 10


async def test_tls_counts(autojump_clock: object) -> None:
    """TLS and the first request share one deadline (hazard C1)."""
    async with visit(secure, ssl_context=server_context()) as peer:
        assert isinstance(peer.stream, trio.SSLStream)
        await trio.sleep(6)
        await peer.stream.do_handshake()
        await peer.expect_eof()
        assert trio.current_time() == 10


# Options


async def test_failure_is_logged(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """By default a failed handler is logged, with its traceback and its connection."""

    async def fail(ws: WebSocket) -> None:
        raise ZeroDivisionError("no luck")

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery, RawPeer(theirs, client=True) as peer:
        nursery.start_soon(serve_websocket_on, fail, ours)
        await peer.request("/chat")
        await peer.close_politely()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("trio_ws.server", logging.ERROR)
    assert re.fullmatch(r"\[server-\d+\] the handler failed: /chat for None", record.getMessage())
    assert record.exc_info
    assert isinstance(record.exc_info[1], ZeroDivisionError)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"subprotocols": "chat"}, TypeError),
        ({"subprotocols": ["a b"]}, LocalProtocolError),
        ({"origins": "https://a"}, TypeError),
        ({"origins": ["a"]}, ValueError),
        ({"max_connections": 0}, ValueError),
        ({"heartbeat": 20}, TypeError),
    ],
)
async def test_wrong_options(options: Any, error: type) -> None:
    """An option that makes no sense is refused before anybody is served."""
    stream, _ = trio.testing.memory_stream_pair()
    with pytest.raises(error):
        await serve_websocket_on(say_hello, stream, **options)


async def test_others_run_between_requests() -> None:
    """However many requests come at once, each answer is followed by a turn for others."""
    ours, theirs = socket_pair()
    turns = 0
    seen: list[int] = []

    def answer(request: Request) -> Response:
        seen.append(turns)
        return Response(404)

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def take_turns() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        await theirs.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 19)
        await theirs.send_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await serve_websocket_on(say_hello, ours, on_request=answer)
        nursery.cancel_scope.cancel()
    await theirs.aclose()
    assert len(seen) == 20
    assert max(map(seen.count, seen)) <= 2  # Trio shuffles who comes first in a turn
