"""Every public parameter of every public callable refuses what it cannot be, at the call (P10).

`TABLE` has a wrong type and a wrong value for each; a test holds it against the signatures.
`NONE` stands where there is none: any value of the type will do, or nothing is of a wrong type.
"""

from __future__ import annotations

import inspect
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest
import trio
import trio.testing

import trio_ws
from trio_ws import (
    Backoff,
    Deflate,
    Headers,
    Heartbeat,
    Limits,
    MessageHeartbeat,
    MessageReply,
    Response,
    RouteOptions,
    Router,
    SendBuffer,
    Throttle,
    Timeouts,
    Watchdog,
    WebSocket,
    log_handler_error,
    open_reconnecting_websocket,
    open_supervisor,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_listeners,
    serve_websocket_on,
    supervise,
)
from trio_ws._instrument import EVENTS
from trio_ws.testing import open_websocket_pair

from .halls import MemoryListener, echo, serving

NONE = object()


class Wrong(NamedTuple):
    """What a parameter is given: of a wrong type, and of the right one."""

    type: object = NONE
    value: object = NONE


async def an_async_function(*arguments: object) -> None:
    """Be async."""


SERVER_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CLIENT_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
SECONDS = Wrong("1", -1)
COUNT = Wrong("1", 0)

POLICIES = {
    "heartbeat": Wrong(20),
    "timeouts": Wrong(20),
    "limits": Wrong(20),
    "compression": Wrong(True),
    "extensions": Wrong(5, [Deflate(), Deflate()]),
    "instruments": Wrong([trio.abc.Instrument()]),
}
CLIENT = POLICIES | {
    "subprotocols": Wrong("chat", ["a b"]),
    "headers": Wrong({"X": 5}, {"X": "a\r\nb"}),
    "ssl_context": Wrong(True, SERVER_CONTEXT),
    "proxy": Wrong(5, "ftp://p"),
    "max_redirects": Wrong("1", -1),
    "origin": Wrong(5, "a\nb"),
    "user_agent": Wrong(5, "a\nb"),
    "connect_to": Wrong(80, ("h", 0)),
}
SERVER = POLICIES | {
    "ssl_context": Wrong(True, CLIENT_CONTEXT),
    "subprotocols": Wrong("chat", ["a b"]),
    "origins": Wrong("https://a", ["a"]),
    "on_request": Wrong("x"),
    "max_connections": COUNT,
    "on_handler_error": Wrong(None),
}
SUPERVISOR = CLIENT | {
    "backoff": Wrong(5),
    "classify": Wrong(an_async_function),
    "on_transition": Wrong(an_async_function),
    "reconnect_on_normal_close": Wrong("yes"),
    "unknown_host": Wrong(NONE, "perhaps"),
    "throttle": Wrong(5),
    "jitter": Wrong(0.5),
    "connect": Wrong(an_async_function),
}
ENDPOINT = Wrong(5, "http://a")
URL = Wrong(b"ws://a", "http://a")
TASK_STATUS = Wrong()  # Trio gives it
CODE = Wrong(3000.5, 1006)
REASON = Wrong(b"bye", "x" * 124)

RESPONSE = {"status": Wrong("200", 99), "headers": Wrong("text", {"X": "a\nb"})}

FUNCTIONS: dict[str, dict[str, Wrong]] = {
    "open_websocket": {"url": URL, **CLIENT},
    "open_websocket_on": {"stream": Wrong(socket.socket), "url": URL, **CLIENT},
    "serve_websocket": {
        "handler": Wrong(5),
        "host": Wrong(b"localhost", ""),
        "port": Wrong("80", 65536),
        "task_status": TASK_STATUS,
        **SERVER,
    },
    "serve_websocket_listeners": {
        "handler": Wrong(5),
        "listeners": Wrong([socket.socket], []),
        "task_status": TASK_STATUS,
        **SERVER,
    },
    "serve_websocket_on": {"handler": Wrong(5), "stream": Wrong(socket.socket), **SERVER},
    "supervise": {"session": Wrong("ws://a"), "endpoint": ENDPOINT, **SUPERVISOR},
    "open_supervisor": {"endpoint": ENDPOINT, **SUPERVISOR},
    "open_reconnecting_websocket": {
        "endpoint": ENDPOINT,
        "on_connect": Wrong(5),
        "buffer": Wrong(5),
        "when_down": Wrong(NONE, "panic"),
        **SUPERVISOR,
    },
    "open_listeners": {
        "host": Wrong(b"localhost", ""),
        "port": Wrong("80", 65536),
        "reuse_port": Wrong("yes"),
        "backlog": COUNT,
    },
    "inherited_listeners": {"descriptors": Wrong(["3"], [-1])},
    "basic_auth": {
        "check": Wrong(5),
        "credentials": Wrong([], {"a": ""}),
        "realm": Wrong(5, "ü"),
    },
    "log_handler_error": {"ws": Wrong(5), "error": Wrong("x")},
}
VALUES: dict[str, dict[str, Wrong]] = {
    "Heartbeat": {"interval": SECONDS, "timeout": SECONDS},
    "Watchdog": {"timeout": SECONDS, "is_beat": Wrong(an_async_function)},
    "MessageHeartbeat": {
        "message": Wrong(5),
        "interval": SECONDS,
        "timeout": SECONDS,
        "is_reply": Wrong(an_async_function),
        "hide_replies": Wrong("no"),
    },
    "MessageReply": {"is_ping": Wrong(an_async_function), "reply": Wrong(5)},
    "Timeouts": dict.fromkeys(list(inspect.signature(Timeouts).parameters), SECONDS),
    "Limits": dict.fromkeys(list(inspect.signature(Limits).parameters), COUNT),
    "Backoff": {
        **dict.fromkeys(
            [
                "first",
                "cap",
                "stable",
                "overload",
                "longest_retry_after",
                "restart_window",
                "max_elapsed",
                "suspend_after",
            ],
            SECONDS,
        ),
        "restart": Wrong(5, (9, 1)),
        "max_restarts": COUNT,
        "max_attempts": COUNT,
    },
    "SendBuffer": {"max_messages": COUNT, "max_bytes": COUNT, "max_age": SECONDS},
    "Throttle": {"connecting_per_host": COUNT, "retries_per_second": SECONDS},
    "Response": {**RESPONSE, "body": Wrong({}, "\ud800")},
    "Accept": {"headers": Wrong("text", {"Upgrade": "h2c"})},
    "Headers": {"source": Wrong("X: 1")},
    "Deflate": {
        "window_bits": Wrong("12", 8),
        "mem_level": Wrong("5", 10),
        "level": Wrong("1", 10),
        "threshold": Wrong("1", -1),
        "context_takeover": Wrong("yes"),
        "idle_release": SECONDS,
    },
    "Reconnect": {"reason": Wrong(5), "delay": SECONDS},
}
METHODS: dict[str, dict[str, Wrong]] = {
    "WebSocket.send": {"message": Wrong(5, "\ud800"), "compress": Wrong("yes")},
    "WebSocket.send_nowait": {"message": Wrong(["a"], "\ud800"), "compress": Wrong("yes")},
    "WebSocket.send_json": {"value": Wrong({1, 2})},
    "WebSocket.ping": {"payload": Wrong(5, bytes(126))},
    "WebSocket.pong": {"payload": Wrong("x", bytes(126))},
    "WebSocket.close": {"code": CODE, "reason": REASON},
    "ReconnectingWebSocket.send": {"message": Wrong(["a"], "\ud800")},
    "ReconnectingWebSocket.close": {"code": CODE, "reason": REASON},
    "Server.drain": {
        "timeout": SECONDS,
        "spread": SECONDS,
        "code": CODE,
        "keep_listening": SECONDS,
    },
    "Supervisor.run": {"session": Wrong("x")},
    "Supervisor.wait_for": {"states": Wrong("open", ())},
    "Headers.get_all": {"name": Wrong(5)},
    "Response.from_text": {"text": Wrong(b"x", "\ud800"), **RESPONSE},
    "Response.from_html": {"html": Wrong(b"x", "\ud800"), **RESPONSE},
    "Response.from_json": {"value": Wrong({1}, float("nan")), **RESPONSE},
    "Response.redirect": {"location": Wrong(b"/", "/a b"), **RESPONSE},
    "Router.websocket": {
        "path": Wrong(5, "a"),
        **{name: SERVER[name] for name in RouteOptions.__annotations__},
    },
    "Router.get": {"path": Wrong(5, "a"), "on_request": SERVER["on_request"]},
}
TABLE = FUNCTIONS | VALUES | METHODS

UNTOLD = {
    "MessageChannel.close",  # a protocol, which has no code
    "MessageChannel.send",
    *(f"Instrument.{event}" for event in EVENTS),  # only the library calls these, too
    "Deflate.accept_answer",
    "Deflate.accept_offer",
    "Extension.accept_answer",
    "Extension.accept_offer",
    "ExtensionCodec.decode",
    "ExtensionCodec.encode",
    "MessageReply.make",  # only the library calls these
    "ReconnectingWebSocket.is_end",
    "Throttle.slot",
    "Throttle.wait_for_retry",
}
"""Methods that users do not call."""

SAID = {
    "url": "URL",
    "extensions": "extension",
    "source": "headers",
    "message": r"message|send\(\)|text|fragment",
    "value": "JSON",
    "text": "text|body",
    "html": "html|body",
}
"""How a parameter is called in its error, where that is not its name."""

SAID_OF_VALUES = {
    "endpoint": "its scheme",
    "headers": "the header",
    "origin": "the header Origin",
    "origins": "is no origin",
    "subprotocols": "cannot name a subprotocol",
    "url": "its scheme",
    "user_agent": "the header User-Agent",
}
"""The same for wrong values: what is wrong with one entry, or with one part."""


def expected(signature: inspect.Signature) -> set[str]:
    """List the parameters of a function, with those that it passes on."""
    names = {name for name in signature.parameters if name not in ("self", "cls")}
    if "options" in names:
        known = {
            "ServerOptions": SERVER,
            "SupervisorOptions": SUPERVISOR,
            "ClientOptions": CLIENT,
            "RouteOptions": RouteOptions.__annotations__,
        }
        annotation = str(signature.parameters["options"].annotation)
        names |= next(set(known[name]) for name in known if name in annotation)
    if "connection_options" in names:
        names |= set(CLIENT)
    return names - {"options", "connection_options"}


def callables() -> Iterator[tuple[str, inspect.Signature]]:
    """Walk the functions, the values that users make, and the methods of all classes."""
    for name in trio_ws.__all__:
        thing = getattr(trio_ws, name)
        if inspect.isfunction(thing) or name in VALUES:
            yield name, inspect.signature(thing)
        if inspect.isclass(thing):
            for member, method in vars(thing).items():
                method = getattr(method, "__func__", method)  # of a classmethod
                if inspect.isfunction(method) and not member.startswith("_"):
                    signature = inspect.signature(method)
                    if set(signature.parameters) - {"self", "cls"}:
                        yield f"{name}.{member}", signature


def test_the_table_is_complete() -> None:
    """A parameter that is added later has to be in the table, too."""
    found = {name: expected(signature) for name, signature in callables() if name not in UNTOLD}
    assert {name: set(row) for name, row in TABLE.items()} == found


async def call_function(name: str, arguments: dict[str, object]) -> None:
    """Call a door, with what else it needs."""
    stream, _ = trio.testing.memory_stream_pair()
    valid: dict[str, dict[str, object]] = {
        "open_websocket": {"url": "wss://a"},
        "open_websocket_on": {"stream": stream, "url": "wss://a"},
        "serve_websocket": {"handler": echo, "host": None, "port": 0},
        "open_listeners": {"host": None, "port": 0},
        "serve_websocket_listeners": {"handler": echo, "listeners": [MemoryListener()]},
        "serve_websocket_on": {"handler": echo, "stream": stream},
        "supervise": {"session": echo, "endpoint": "wss://a"},
        "open_supervisor": {"endpoint": "wss://a"},
        "open_reconnecting_websocket": {"endpoint": "wss://a"},
    }
    if name == "log_handler_error":
        async with open_websocket_pair() as (ws, _):
            log_handler_error(**{"ws": ws, "error": KeyError(), **arguments})  # type: ignore[arg-type]
    if name == "basic_auth" and "realm" in arguments:
        arguments = {"check": bool, **arguments}
    made = getattr(trio_ws, name)(**(valid.get(name, {}) | arguments))
    if inspect.isawaitable(made):
        await made


async def call_value(name: str, arguments: dict[str, object]) -> None:
    """Make a value, with what else it needs."""
    await trio.lowlevel.checkpoint()
    valid: dict[str, dict[str, object]] = {
        "MessageHeartbeat": {"message": "?"},
        "MessageReply": {"is_ping": bool, "reply": "!"},
        "Response": {"status": 200},
    }
    getattr(trio_ws, name)(**(valid.get(name, {}) | arguments))


@contextmanager
def raised_bare() -> Iterator[None]:
    """Take an error out of the group of a nursery that a test has opened."""
    try:
        yield
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # noqa: ASYNC123 - a test looks at it


async def call_method(name: str, arguments: dict[str, object]) -> None:
    """Call a method of something that is open."""
    owner, _, method = name.partition(".")
    if owner == "Headers":
        getattr(Headers({"A": "b"}), method)(**arguments)
    elif owner == "Response":
        subject = next(iter(METHODS[name]))
        getattr(Response, method)(**{subject: "/"} | arguments)
    elif owner == "Router":
        getattr(Router(), method)(**{"path": "/"} | arguments)
    elif owner == "WebSocket":
        async with open_websocket_pair() as (ws, _):
            needed = {"message": "hello"} if "compress" in arguments else {}
            made = getattr(ws, method)(**needed, **arguments)
            if inspect.isawaitable(made):
                await made
    elif owner == "Server":
        with raised_bare():
            async with serving() as hall:
                await getattr(hall.server, method)(**arguments)
    elif owner == "Supervisor":
        async with open_supervisor("ws://a") as supervisor:
            if "states" in arguments:
                states = arguments["states"]
                await supervisor.wait_for(*(states if isinstance(states, tuple) else [states]))
            await getattr(supervisor, method)(**arguments)
    else:
        async with open_reconnecting_websocket("ws://a", connect=never) as channel:
            await getattr(channel, method)(**arguments)


def never(url: str, **options: Any) -> AbstractAsyncContextManager[WebSocket]:
    """Stand for `open_websocket` where nothing is connected."""
    ours, _ = trio.testing.memory_stream_pair()
    return open_websocket_on(ours, url, **options)


def cases() -> Iterator[Any]:
    """Walk the table."""
    for kind, (table, call) in {
        "function": (FUNCTIONS, call_function),
        "value": (VALUES, call_value),
        "method": (METHODS, call_method),
    }.items():
        for name, row in table.items():
            for parameter, wrong in row.items():
                for error, value in ((TypeError, wrong.type), (ValueError, wrong.value)):
                    if value is not NONE:
                        yield pytest.param(
                            partial(call, name),
                            parameter,
                            value,
                            error,
                            id=f"{kind} {name}({parameter}) {error.__name__}",
                        )


@pytest.mark.parametrize(("call", "parameter", "value", "error"), list(cases()))
async def test_refused_at_the_call(
    call: Callable[[dict[str, object]], Awaitable[None]],
    parameter: str,
    value: object,
    error: type[Exception],
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A wrong type is a `TypeError`, a wrong value a `ValueError`; both name the parameter."""
    said = SAID.get(parameter, parameter)
    if error is ValueError:
        said = SAID_OF_VALUES.get(parameter, said)
    with pytest.raises(error, match=said):
        await call({parameter: value})
    assert trio.current_time() == 0, "it was refused, but not at once"


@pytest.mark.parametrize(
    ("door", "arguments"),
    [
        (open_websocket_on, {"stream": trio.testing.memory_stream_pair()[0], "url": "ws://a"}),
        (serve_websocket_listeners, {"handler": echo, "listeners": [MemoryListener()]}),
        (
            serve_websocket_on,
            {"handler": echo, "stream": trio.testing.memory_stream_pair()[0]},
        ),
        (supervise, {"session": echo, "endpoint": "ws://a"}),
        (open_supervisor, {"endpoint": "ws://a"}),
        (open_reconnecting_websocket, {"endpoint": "ws://a"}),
    ],
)
async def test_unknown_options(door: Any, arguments: dict[str, Any]) -> None:
    """An option that is none is named, with what was meant or what there is (HAZARDS F3.8)."""
    for option, remedy in (
        ("retries", r"'retries': write backoff=Backoff\(max_attempts=…\)"),
        ("ping_interval", r"write heartbeat=Heartbeat\(interval=…\)"),
        ("hartbeat", "did you mean 'heartbeat'?"),
        ("zzz", "no option 'zzz'; there are .*heartbeat, timeouts, limits"),
    ):
        with pytest.raises(TypeError, match=remedy):
            made = door(**arguments, **{option: 5})
            if inspect.isawaitable(made):
                await made


VALID: list[Any] = [Backoff, Heartbeat, Limits, SendBuffer, Throttle, Timeouts, Watchdog]


def test_defaults_are_accepted() -> None:
    """What refuses nonsense still takes what is right."""
    for value in VALID:
        value()
    MessageHeartbeat(message=b"?")
    MessageReply(is_ping=bool, reply=str)
    assert Response(200) == Response(200, Headers(), b"")
    open_websocket("ws://a")
    assert inspect.iscoroutinefunction(serve_websocket)
