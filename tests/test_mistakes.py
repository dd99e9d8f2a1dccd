"""Mistakes that people made, and what they are told: what is wrong, and what to do (F3.8).

Each line is a mistake, the error, and its message as a person reads it.
"""

# mypy: disable-error-code="arg-type, call-arg, list-item, dict-item, no-untyped-call, misc"
# They are mistakes.

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    Backoff,
    ConnectionClosed,
    HandshakeError,
    Headers,
    Heartbeat,
    InvalidURL,
    Limits,
    LocalProtocolError,
    MessageHeartbeat,
    MessageReply,
    Rejected,
    Response,
    SendBuffer,
    Throttle,
    Timeouts,
    Watchdog,
    WebSocket,
    open_reconnecting_websocket,
    open_supervisor,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_listeners,
    serve_websocket_on,
    supervise,
)
from trio_ws.testing import open_websocket_pair

from .halls import echo, serving

ANY: Any = None
"""What a type checker would refuse; people do not always ask it."""


def sync(ws: WebSocket) -> None:
    """Forget ``async``."""


async def two(ws: WebSocket, other: object) -> None:
    """Want one argument too many."""


def client(url: Any = "ws://h", **options: Any) -> Callable[[], object]:
    """Open a connection, or rather not."""
    return lambda: open_websocket(url, **options)


def server(handler: Any = echo, host: Any = "127.0.0.1", port: Any = 0, **options: Any) -> Any:
    """Serve, or rather not."""
    return lambda: serve_websocket(handler, host, port, **options)


def supervised(session: Any = echo, endpoint: Any = "ws://h", **options: Any) -> Any:
    """Supervise, or rather not."""
    return lambda: supervise(session, endpoint, **options)


URLS: list[tuple[Any, type[Exception], str]] = [
    (client("http://localhost/"), InvalidURL, "its scheme is 'http', not 'ws' or 'wss'"),
    (client("localhost:80"), InvalidURL, "it must look like ws://host/path or wss://host/path"),
    (client(""), InvalidURL, "it must look like ws://host/path"),
    (client("ws://"), InvalidURL, "it has no host"),
    (client("ws:/localhost:80/"), InvalidURL, "it must look like ws://host/path"),
    (client("ws://localhost:99999/"), InvalidURL, "its port is not between 1 and 65535"),
    (client("ws://localhost:http/"), InvalidURL, "its authority is not of the form host:port"),
    (client("ws://loc alhost/"), InvalidURL, "blanks and controls must be encoded"),
    (client("ws://localhost/#x"), InvalidURL, "it has a fragment, which a WebSocket URL must not"),
    (client("WS://[::1/"), InvalidURL, "or [IPv6 address]:port"),
    (client("ws://ex%41mple/"), InvalidURL, "its host is not a host name"),
    (client("wss:localhost"), InvalidURL, "it must look like"),
    (client(None), TypeError, "a URL must be a str, not NoneType"),
    (client(b"ws://localhost/"), TypeError, "a URL must be a str, not bytes"),
]
VALUES: list[tuple[Any, type[Exception], str]] = [
    (
        lambda: Limits(max_message_size=0),
        ValueError,
        "Limits.max_message_size must be a whole number, 1 or more; got 0",
    ),
    (
        lambda: Limits(max_message_size=ANY),
        TypeError,
        "must be a whole number, 1 or more; got None",
    ),
    (lambda: Limits(max_message_size="1M"), TypeError, "got '1M'"),
    (lambda: Limits(5), TypeError, "positional argument"),
    (lambda: Limits(max_size=5), TypeError, "unexpected keyword argument 'max_size'"),
    (
        lambda: Timeouts(connect=0),
        ValueError,
        "Timeouts.connect must be a number of seconds, more than zero and at most a day",
    ),
    (lambda: Timeouts(connect=float("nan")), ValueError, "got nan"),
    (
        lambda: Heartbeat(interval=datetime.timedelta(5)),
        TypeError,
        "Heartbeat.interval must be a number of seconds",
    ),
    (lambda: Heartbeat(20), TypeError, "positional argument"),
    (lambda: Watchdog(is_beat="x"), TypeError, "Watchdog.is_beat must be a function or None"),
    (MessageHeartbeat, TypeError, "missing 1 required keyword-only argument: 'message'"),
    (
        lambda: MessageHeartbeat(message={}),
        TypeError,
        "MessageHeartbeat.message must be str, bytes or a function that returns one",
    ),
    (
        lambda: MessageReply(is_ping=two, reply="x"),
        TypeError,
        "MessageReply.is_ping must be a plain function; this one is async",
    ),
    (
        lambda: Backoff(first=-1),
        ValueError,
        "Backoff.first must be a number of seconds, zero or more",
    ),
    (
        lambda: Backoff(restart=5),
        TypeError,
        "Backoff.restart must be two numbers of seconds, the lesser one first",
    ),
    (
        lambda: Throttle(connecting_per_host=0),
        ValueError,
        "connecting_per_host must be a whole number, 1 or more",
    ),
    (
        lambda: SendBuffer(max_messages=0),
        ValueError,
        "SendBuffer.max_messages must be a whole number",
    ),
    (lambda: Response(99), ValueError, "status must have three digits, as 200 has; got 99"),
    (lambda: Response("200"), TypeError, "status must be a whole number"),
    (lambda: Response(200, body={}), TypeError, "body must be str or bytes"),
    (lambda: Response(200, "text"), TypeError, "headers must be a mapping of str to str, or pairs"),
    (
        lambda: Response(200, {"X": "a\nb"}),
        ValueError,
        "the value of the header X has control characters",
    ),
    (lambda: Response(200, {"X": 5}), TypeError, "headers must be a mapping of str to str"),
    (lambda: Headers([(b"a", b"b")]), TypeError, "headers must be a mapping of str to str"),
]
CLIENTS: list[tuple[Any, type[Exception], str]] = [
    (
        client(headers={"Bad Name": "x"}),
        LocalProtocolError,
        "'Bad Name' is not the name of a header",
    ),
    (
        client(headers={"X": "a\r\nb"}),
        LocalProtocolError,
        "the value of the header X has control characters",
    ),
    (client(headers={"X": "ü€"}), LocalProtocolError, "the value of the header X is not Latin-1"),
    (
        client(headers={"Upgrade": "x"}),
        LocalProtocolError,
        "the header Upgrade is the library's own business",
    ),
    (
        client(headers=["X: 1"]),
        TypeError,
        "headers must be a mapping of str to str, or pairs of them",
    ),
    (
        client(headers={"X": None}),
        TypeError,
        "headers must be a mapping of str to str, or pairs of them",
    ),
    (
        client(subprotocols="chat"),
        TypeError,
        "subprotocols are a list of names, not the one text 'chat'",
    ),
    (client(subprotocols=["a b"]), LocalProtocolError, "'a b' cannot name a subprotocol"),
    (client(subprotocols=["a", "a"]), LocalProtocolError, "a subprotocol is named twice"),
    (client(subprotocols=[1]), TypeError, "subprotocols are a list of names, and 1 is none"),
    (
        client(heartbeat=20),
        TypeError,
        "heartbeat must be Heartbeat(), Watchdog(), MessageHeartbeat()",
    ),
    (client(heartbeat=Heartbeat), TypeError, "heartbeat must be Heartbeat()"),
    (client(timeouts=5), TypeError, "timeouts must be Timeouts(…), not a value of type int"),
    (client(limits=1000), TypeError, "limits must be Limits(…), not a value of type int"),
    (client(ssl_context=True), TypeError, "ssl_context must be an ssl.SSLContext or None"),
    (client(ssl_context=ssl.create_default_context()), ValueError, "an ssl_context is for wss://"),
    (client(origin=5), TypeError, "origin must be a str or None"),
]
SERVERS: list[tuple[Any, type[Exception], str]] = [
    (server(None), TypeError, "handler must be a function, not None"),
    (server("x"), TypeError, "handler must be a function"),
    (server(port="8765"), TypeError, "the port must be a whole number"),
    (server(port=99999), ValueError, "the port must be between 0 and 65535"),
    (server(host="203.0.113.1"), OSError, "cannot listen on 203.0.113.1:0: "),
    (
        server(origins="https://x"),
        TypeError,
        "origins is a list of origins, not the one text 'https://x'",
    ),
    (
        server(origins=["x.com"]),
        ValueError,
        "it must look like 'https://example.com', without a path",
    ),
    (server(origins=["*"]), ValueError, "for several at once use a compiled pattern"),
    (
        server(origins=None),
        TypeError,
        "origins must be SAME_ORIGIN, ANY_ORIGIN, a compiled pattern",
    ),
    (server(subprotocols="chat"), TypeError, "subprotocols are a list of names"),
    (server(max_connections=0), ValueError, "max_connections must be a whole number, 1 or more"),
    (server(max_connections="100"), TypeError, "max_connections must be a whole number, 1 or more"),
    (server(on_request="x"), TypeError, "on_request must be a function or None"),
    (server(ssl_context=("a", "b")), TypeError, "ssl_context must be an ssl.SSLContext or None"),
    (
        server(ssl_context=ssl.create_default_context()),
        ValueError,
        "make it with ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)",
    ),
    (lambda: serve_websocket_listeners(echo, []), ValueError, "listeners must be at least one"),
    (lambda: serve_websocket_listeners(echo, [ANY]), TypeError, "as trio.SocketListener(sock) is"),
    (lambda: serve_websocket_on(echo, ANY), TypeError, "stream must be a trio.abc.Stream"),
]
SUPERVISORS: list[tuple[Any, type[Exception], str]] = [
    (supervised("ws://h"), TypeError, "session must be a function"),
    (supervised(endpoint=[]), ValueError, "an empty list of endpoints leads nowhere"),
    (
        supervised(endpoint=5),
        TypeError,
        "the endpoint must be a URL, a list of URLs or an async function",
    ),
    (supervised(endpoint="http://x/"), InvalidURL, "its scheme is 'http'"),
    (supervised(backoff=5), TypeError, "backoff must be Backoff(…), not a value of type int"),
    (supervised(throttle=5), TypeError, "throttle must be Throttle(…) or None"),
    (
        supervised(retries=5),
        TypeError,
        "supervise() has no option 'retries': write backoff=Backoff(max_attempts=…)",
    ),
    (supervised(classify=two), TypeError, "classify must be a plain function; this one is async"),
    (
        supervised(on_transition=two),
        TypeError,
        "this one is async, and could iterate over events()",
    ),
    (
        lambda: open_reconnecting_websocket("ws://h", buffer=ANY or 5),
        TypeError,
        "buffer must be SendBuffer(…) or None",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "error", "told"), URLS + VALUES + CLIENTS + SERVERS + SUPERVISORS
)
async def test_told(mistake: Callable[[], object], error: type[Exception], told: str) -> None:
    """The error comes at the call, and says so."""
    with pytest.raises(error) as caught:
        made = mistake()
        if isinstance(made, Awaitable):
            await made
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


async def test_a_coroutine_instead_of_a_function() -> None:
    """The most natural mistake of all is told by name, once."""
    for call in (
        lambda: serve_websocket(echo(ANY), None, 0),
        lambda: supervise(echo(ANY), "ws://h"),
    ):
        with pytest.raises(TypeError, match="give the function without calling it"):
            await call()


MESSAGES: list[tuple[Callable[[WebSocket], Awaitable[object]], type[Exception], str]] = [
    (lambda ws: ws.send(ANY), TypeError, "send() takes str, bytes or an iterable of them"),
    (lambda ws: ws.send(ANY or 5), TypeError, "for other values use send_json()"),
    (lambda ws: ws.send([]), LocalProtocolError, 'send "" or b""'),
    (lambda ws: ws.send("\ud800"), LocalProtocolError, "text must be valid Unicode to be sent"),
    (lambda ws: ws.send(Path()), TypeError, "send() takes str, bytes or an iterable of them"),
    (lambda ws: ws.send_json({1}), TypeError, "not JSON serializable"),
    (
        lambda ws: ws.ping(bytes(126)),
        LocalProtocolError,
        "the payload of a ping has at most 125 bytes",
    ),
    (lambda ws: ws.ping("x"), TypeError, "payload must be bytes-like"),
    (lambda ws: ws.ping(5), TypeError, "payload must be bytes-like"),
    (
        lambda ws: ws.close(1006),
        LocalProtocolError,
        "close code 1006 may not be sent; use 1000, 1001",
    ),
    (lambda ws: ws.close(2000), LocalProtocolError, "or another registered code, or 3000 to 4999"),
    (lambda ws: ws.close("bye"), TypeError, "code must be a whole number"),
    (lambda ws: ws.close(1000, b"x"), TypeError, "reason must be a str"),
    (
        lambda ws: ws.close(1000, "x" * 124),
        LocalProtocolError,
        "a close reason has at most 123 bytes",
    ),
]


@pytest.mark.parametrize(("mistake", "error", "told"), MESSAGES)
async def test_a_refusal_closes_nothing(
    mistake: Callable[[WebSocket], Awaitable[object]],
    error: type[Exception],
    told: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What is refused closes nothing that was healthy."""
    async with open_websocket_pair() as (client, server):
        with pytest.raises(error) as caught:
            await mistake(client)
        assert told in str(caught.value)
        await client.send("still here")
        assert await server.receive() == "still here"


async def test_after_the_end(autojump_clock: trio.testing.MockClock) -> None:
    """A connection that is over says how it ended, whatever is asked of it."""
    async with open_websocket_pair() as (client, _):
        pass
    for call in (lambda: client.send("x"), client.receive, client.ping):
        with pytest.raises(ConnectionClosed, match=r"sent 1000 \(normal closure\); then received"):
            await call()


BLOCKS = {
    "open_websocket": lambda: open_websocket("ws://h"),
    "open_supervisor": lambda: open_supervisor("ws://h"),
    "open_reconnecting_websocket": lambda: open_reconnecting_websocket("ws://h"),
}


@pytest.mark.parametrize("name", BLOCKS)
async def test_a_block_that_is_not_entered(name: str) -> None:
    """Forgotten ``async with``, ``await`` and ``with`` in its place: each names the remedy."""
    remedy = rf"{name}\(…\).*`async with {name}\(…\) as x:`"
    block: Any = BLOCKS[name]()
    with pytest.raises(AttributeError, match=remedy):
        await block.send("hello")
    with pytest.raises(TypeError, match=remedy):
        await block
    with pytest.raises(TypeError, match=remedy), block:
        pass


def test_outside_trio() -> None:
    """Under asyncio the error says what is missing."""

    async def enter(block: Any) -> None:
        async with block:
            pass

    calls: list[Callable[[], Any]] = [
        *(lambda make=make: enter(make()) for make in BLOCKS.values()),
        lambda: serve_websocket(echo, None, 0),
        lambda: supervise(echo, "ws://h"),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match=r"needs Trio: .*trio\.run"):
            asyncio.run(call())


# Seen only when it happens


async def test_functions_that_are_not_async(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that is no async function is told to its log, a session to its caller (P10)."""
    async with serving(sync) as hall:
        with pytest.raises(ConnectionClosed) as caught:
            async with hall.open() as ws:
                await ws.receive()
    assert caught.value.ending.code == 1011
    assert "the handler must be an async function; this one returned None" in caplog.text


async def test_answers_that_are_none(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that is no `Response` is a 500 to the peer, and a sentence in the log."""
    for answer in ("hello", {"status": 200}, Response(101)):
        async with serving(on_request=lambda request, answer=answer: answer) as hall:
            with pytest.raises(Rejected, match="status 500"):
                async with hall.open():
                    pass
            assert hall.server.statistics().refused == 1
    assert "on_request must return a Response, Accept or None, not 'hello'" in caplog.text
    assert "on_request must return a final response, not a 101" in caplog.text


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-x\r\n", "it does not speak HTTP/1.1, but says b'SSH-2.0'"),
        (b"", "(if it expects TLS, the URL must begin with wss://)"),
        (b"HTTP/1.1 101 x\r\n\r\n", "its Upgrade header is not 'websocket'"),
        (b"HTTP/1.1 503 x\r\nRetry-After: 30\r\n\r\n", "it asks to try again after 30 s"),
        (b"HTTP/1.1 301 x\r\nLocation: wss://e/\r\n\r\n", "it points to wss://e/"),
        (b"HTTP/1.1 401 x\r\nWWW-Authenticate: Bearer\r\n\r\n", "it asks for credentials: Bearer"),
    ],
)
async def test_servers_of_another_kind(
    answer: bytes, told: str, autojump_clock: trio.testing.MockClock
) -> None:
    """What a server is, or wants, is said as far as it can be known."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def play() -> None:
        await theirs.receive_some()
        if answer:
            await theirs.send_all(answer)
        await theirs.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        with pytest.raises(HandshakeError) as caught:
            async with open_websocket_on(ours, "ws://h"):
                pass
    assert told in str(caught.value)
