"""No message and no line of the log shows a secret: nor credentials, queries, cookies, tokens.

Secrets are planted wherever one may be: in URLs, headers, cookies, answers, endpoints.
Then everything is made to go wrong that can, with all logs on, and what was said is searched.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    Backoff,
    Request,
    Response,
    Timeouts,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    supervise,
)
from trio_ws._transport.network import use_network
from trio_ws.testing import RawPeer

from .client.places import scripted, tunnel
from .client.servers import Script, raw, silence
from .halls import MemoryListener, echo, serving
from .secrecy import QUERY, SECRET, USERINFO, messages_of

HEADERS = {
    "Authorization": f"Bearer {SECRET}",
    "Cookie": f"session={SECRET}",
    "X-Api-Key": SECRET,
}
URL = f"ws://{USERINFO}h/path{QUERY}"


class Ledger(logging.Handler):
    """Keeps every line of the log, tracebacks of errors included, but not the frames' source."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, and the errors that come with it."""
        self.lines.append(record.getMessage())
        if record.exc_info and record.exc_info[1] is not None:
            self.lines += messages_of(record.exc_info[1])


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """All that is said under ``trio_ws`` while a test runs."""
    ledger, logger = Ledger(), logging.getLogger("trio_ws")
    logger.addHandler(ledger)
    logger.setLevel(logging.DEBUG)
    yield ledger
    logger.removeHandler(ledger)
    logger.setLevel(logging.NOTSET)


async def said_by(call: Callable[[], Awaitable[object]]) -> list[str]:
    """Return what the error of a call says, and what its parts show."""
    try:
        await call()
    except Exception as error:
        shown = [repr(value) for value in vars(error).values() if isinstance(value, str)]
        return messages_of(error) + shown
    return []


class NoNetwork:
    """A network on which nothing answers."""

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        """Refuse."""
        await trio.lowlevel.checkpoint()
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    async def listen(self, host: str | None, port: int, backlog: int | None = None) -> Any:
        """Refuse."""
        await trio.lowlevel.checkpoint()
        raise OSError(errno.EADDRINUSE, "taken")


async def enter(block: Any) -> None:
    """Enter a block and leave it."""
    async with block:
        pass


ANSWERS = [
    b"",
    b"SSH-2.0\r\n",
    b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 503 x\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno",
    f"HTTP/1.1 403 x\r\nSet-Cookie: a={SECRET}\r\nContent-Length: 0\r\n\r\n".encode(),
    f"HTTP/1.1 302 x\r\nLocation: ws://a:{SECRET}@b/{QUERY}\r\nContent-Length: 0\r\n\r\n".encode(),
]


@pytest.mark.parametrize("answer", ANSWERS)
async def test_servers_that_refuse(
    answer: bytes, ledger: Ledger, autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever a server answers, nothing that we sent it is shown."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def play() -> None:
        await theirs.receive_some()
        await theirs.send_all(answer or b"H")
        await theirs.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        block = open_websocket_on(ours, URL, headers=HEADERS)
        said = await said_by(lambda: enter(block))
    assert said
    assert SECRET not in "\n".join([*said, *ledger.lines])


PROXY = ("proxy.example", 3128)


def refusing(status: int, *lines: str) -> Script:
    return raw("\r\n".join([f"HTTP/1.1 {status} x", *lines, "", ""]).encode())


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
@pytest.mark.parametrize(
    "script", [raw(b""), raw(b"nonsense"), refusing(407), tunnel(refusing(403)), silence]
)
async def test_proxies(
    scheme: str, script: Script, ledger: Ledger, autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever a proxy does, its user and password are not shown, nor what the server gets."""
    proxy = f"{scheme}://me:{SECRET}@proxy.example:3128"
    async with scripted({PROXY: script}):
        for call in (
            lambda: enter(open_websocket(URL, headers=HEADERS, proxy=proxy)),
            lambda: supervise(
                echo, URL, headers=HEADERS, proxy=proxy, backoff=Backoff(max_attempts=2)
            ),
        ):
            said = await said_by(call)
            assert said
            assert SECRET not in "\n".join([*said, *ledger.lines])


@pytest.mark.parametrize(
    "proxy", [f"ftp://me:{SECRET}@p", f"http://me:{SECRET}/{SECRET}@p?{SECRET}", f"me:{SECRET}@p:x"]
)
async def test_what_is_no_proxy(
    proxy: str,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nor are they where they are refused, given or found in the environment."""
    monkeypatch.setenv("all_proxy", proxy)
    async with scripted({}):
        for block in (
            lambda: open_websocket("ws://h/"),
            lambda: open_websocket("ws://h/", proxy=proxy),
        ):
            said = await said_by(lambda block=block: enter(block()))  # type: ignore[misc]
            assert said
            assert SECRET not in "\n".join([*said, *ledger.lines])


@pytest.mark.parametrize(
    "location",
    [
        f"ws://b.example/{QUERY}",
        f"/{QUERY}",
        f"ftp://me:{SECRET}@b.example/{QUERY}",
        f"ws://me:{SECRET}@b.example/{QUERY}",
        f"//b.example/{QUERY}#{SECRET}",
    ],
)
async def test_redirects(
    location: str, ledger: Ledger, autojump_clock: trio.testing.MockClock
) -> None:
    """Where a redirect leads is shown without its secrets, in circles, too."""
    server = refusing(302, f"Location: {location}")
    async with scripted({("h", 80): server, ("b.example", 80): server}):
        said = await said_by(lambda: enter(open_websocket(URL, headers=lambda: HEADERS)))
    assert said
    assert SECRET not in "\n".join([*said, *ledger.lines])


@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"http://{USERINFO}h/{QUERY}",
        f"ws://{USERINFO}h:99999/{QUERY}",
        f"ws://{USERINFO}h /{QUERY}",
        f"ws:{USERINFO}h/{QUERY}",
        f"ws://h/{QUERY}#x",
        f"ws://{USERINFO}/",
        f"ws://{USERINFO}a,b/{QUERY}",
    ],
)
async def test_urls(url: str, ledger: Ledger, autojump_clock: trio.testing.MockClock) -> None:
    """A URL that is refused, or leads nowhere, is shown without what is secret in it."""
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: enter(open_websocket(url, headers=HEADERS)),
        lambda: supervise(echo, url, backoff=Backoff(max_attempts=2)),
        lambda: supervise(echo, lambda: given(url), backoff=Backoff(max_attempts=2)),
        lambda: channel(url),
    ]
    with use_network(NoNetwork()):
        for call in calls:
            said = await said_by(call)
            assert said
            assert SECRET not in "\n".join([*said, *ledger.lines])


async def given(url: str) -> str:
    """Be an endpoint that is a function."""
    await trio.lowlevel.checkpoint()
    return url


async def channel(url: str) -> None:
    """Use a channel that never gets a connection."""
    backoff = Backoff(max_attempts=2)
    async with open_reconnecting_websocket(url, backoff=backoff, headers=HEADERS) as ws:
        await ws.send("hello")


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Authorization": f"Bearer {SECRET}\r\n"}},
        {"headers": {"Authorization": f"€{SECRET}"}},
        {"headers": {"Authorization": SECRET.encode()}},
        {"headers": [f"Authorization: {SECRET}"]},
        {"headers": f"Authorization: {SECRET}"},
        {"headers": {"Host": SECRET}},
        {"origin": SECRET.encode()},
        {"proxy": SECRET.encode()},
        {"proxy": f"ftp://{SECRET}:{SECRET}@p"},
        {"headers": partial(dict, Authorization=f"{SECRET}\r\n")},
        {"headers": lambda: SECRET},
        {"ssl_context": (SECRET, SECRET)},
        {"timeouts": {"password": SECRET}},
        {"limits": SECRET},
        {"subprotocols": SECRET.encode()},
    ],
)
async def test_wrong_arguments(options: dict[str, Any], ledger: Ledger) -> None:
    """An argument of a wrong type is told by its type; that is where tokens end up."""
    said = await said_by(lambda: enter(open_websocket("ws://h", **options)))
    assert said
    assert SECRET not in "\n".join([*said, *ledger.lines])


async def test_a_server_and_its_log(ledger: Ledger, autojump_clock: trio.testing.MockClock) -> None:
    """What clients send is shown without query and headers, refused or served, alive or lost."""
    failed: list[str] = []

    async def handler(ws: WebSocket) -> None:
        if ws.request.path == "/fail":
            raise ZeroDivisionError("the handler's own")
        await echo(ws)

    def hook(request: Request) -> Response | None:
        if request.path == "/boom":
            raise ZeroDivisionError
        return Response(401) if request.path == "/401" else None

    lines = [f"{name}: {value}" for name, value in HEADERS.items()]
    async with serving(handler, on_request=hook, max_connections=2) as hall:
        for path in ("/", "/fail", "/boom", "/401", "/lost", "/origin"):
            async with hall.raw() as peer:
                extra = [*lines, "Origin: https://evil.example"] if path == "/origin" else lines
                await peer.request(path + QUERY, *extra)
                if path == "/":
                    await peer.send_text("hello")
                    await peer.close_politely()
        async with hall.raw() as peer:
            await peer.send_bytes(
                f"GET /{QUERY} HTTP/1.1\r\nHost: a\r\nX: {SECRET}\r\n\r\n".encode()
            )
            await peer.receive_head()
        async with hall.raw() as peer:
            await peer.send_bytes(f"G@T /{QUERY} HTTP/1.1\r\nX: {SECRET}\r\n\r\n".encode())
            await peer.receive_head()
        await trio.testing.wait_all_tasks_blocked()
    assert not failed
    assert len(ledger.lines) > 15
    assert SECRET not in "\n".join(ledger.lines)


async def test_a_connection_that_is_lost(
    ledger: Ledger, autojump_clock: trio.testing.MockClock
) -> None:
    """A supervised connection that is lost, again and again, shows nothing of its URL either."""
    listener = MemoryListener()

    class Network(NoNetwork):
        async def connect(self, host: str, port: int) -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            return listener.connect()

    async def play() -> None:
        while True:
            async with RawPeer(await listener.accept(), client=False) as peer:
                await peer.accept()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        with use_network(Network()):
            said = await said_by(
                lambda: supervise(
                    echo,
                    [URL, URL.replace("/path", "/other")],
                    backoff=Backoff(max_attempts=3),
                    headers=HEADERS,
                    timeouts=Timeouts(connect=1),
                )
            )
        nursery.cancel_scope.cancel()
    assert said
    assert any("lost" in line or "ended" in line for line in ledger.lines)
    assert SECRET not in "\n".join([*said, *ledger.lines])


async def test_a_server_that_cannot_start(ledger: Ledger) -> None:
    """Nor does a server that fails say what was given to it."""
    with use_network(NoNetwork()):
        said = await said_by(lambda: serve_websocket(echo, None, 0))
    assert said
