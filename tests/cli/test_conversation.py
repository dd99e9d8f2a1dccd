"""A conversation with a program, and one with a person."""

from __future__ import annotations

import argparse
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    Limits,
    Request,
    Response,
    WebSocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_on,
)
from trio_ws._cli.conversation import AtTerminal, InPipe, run_command
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.lines import Outlet
from trio_ws._cli.target import Target, read_target
from trio_ws.testing import open_websocket_pair

from .commands import Screen, parse

Handler = Callable[[WebSocket], Awaitable[object]]


async def echo(ws: WebSocket) -> None:
    """Send everything back."""
    with suppress(ConnectionClosed):
        async for message in ws:
            await ws.send(message)


@asynccontextmanager
async def serving(handler: Handler, **options: object) -> AsyncGenerator[str]:
    """Serve on a free port; the URL."""
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, handler, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
        server = await nursery.start(serve)
        yield f"ws://127.0.0.1:{server.port}/"
        nursery.cancel_scope.cancel()


class Given(AsyncIterator[bytes]):
    """Lines of the test."""

    def __init__(self, *lines: bytes) -> None:
        self._lines = iter(lines)

    async def __anext__(self) -> bytes:
        """Return the next."""
        await trio.lowlevel.checkpoint()
        for line in self._lines:
            return line
        raise StopAsyncIteration


class Run:
    """One conversation, and what it wrote."""

    def __init__(self, kind: type[InPipe], *words: str) -> None:
        self.screen = Screen()
        self.written = bytearray()
        self._kind = kind
        self._options: argparse.Namespace = parse("connect", *words)

    async def __call__(
        self, *typed: bytes, lines: Given | None = None, target: Target | None = None
    ) -> int:
        """Talk; return the exit code."""

        async def write(data: bytes) -> None:
            await trio.lowlevel.checkpoint()
            self.written += data

        outlet = Outlet(write)
        target = target or read_target(self._options)
        lines = lines or Given(*typed)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outlet.run)
            talk = self._kind(target, self._options, lines, self.screen, outlet)
            code = await talk.run()
            await outlet.flush()
            nursery.cancel_scope.cancel()
        return code


# In a pipe


async def test_each_line_is_a_message_and_each_message_a_line() -> None:
    """There is no news."""
    async with serving(echo) as url:
        run = Run(InPipe, url, "--expect", "2")
        assert await run(b"one", b"two\x1b") == Exit.OK
    assert run.written == b"one\ntwo\\x1b\n"
    assert (run.screen.shown, run.screen.said) == ("", "")


async def test_without_an_expectation_silence_is_the_end() -> None:
    """After half a second, or as long as is said."""
    async with serving(echo) as url:
        run = Run(InPipe, url, "--wait", "0.05")
        assert await run(b"one") == Exit.OK
    assert run.written == b"one\n"
    assert Run(InPipe, url)._kind.default_wait == 0.5


async def test_an_expectation_that_is_not_met_is_told() -> None:
    """With an exit code of its own."""
    async with serving(lambda ws: ws.send("only one")) as url:
        run = Run(InPipe, url, "--expect", "2")
        assert await run() == Exit.UNEXPECTED
    assert run.screen.said == "2 messages were expected, and 1 came\n"


async def test_an_end_that_is_not_normal_is_told() -> None:
    """By whom, and with what; what came before is written."""

    async def handler(ws: WebSocket) -> None:
        await ws.send("a")
        await ws.close(1008, "enough \x1b")

    async with serving(handler) as url:
        run = Run(InPipe, url, "--expect", "2")
        assert await run() == Exit.LOST
    assert run.written == b"a\n"
    assert run.screen.said == (
        "closed: received 1008 (policy violation) 'enough \\x1b'; "
        "then sent 1008 (policy violation)\n"
    )


async def test_a_connection_that_is_lost_is_told() -> None:
    """A message over our limit is one way."""
    async with serving(echo) as url:
        run = Run(InPipe, url, "--expect", "2")
        target = read_target(parse("connect", url), limits=Limits(max_message_size=10))
        assert await run(b"x" * 11, target=target) == Exit.LOST
    assert run.screen.said.startswith("lost: ")
    assert "1009" in run.screen.said


async def test_a_connection_that_does_not_come_about_is_an_error() -> None:
    """The caller tells of it."""
    with pytest.RaisesGroup(HandshakeError):
        await Run(InPipe, "ws://127.0.0.1:1/")()


async def test_times_are_put_before_messages() -> None:
    """In local time, to the millisecond, with its offset."""
    async with serving(echo) as url:
        run = Run(InPipe, url, "--expect", "1", "--timestamps")
        assert await run(b"one") == Exit.OK
    stamp = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d one\n"
    assert re.fullmatch(stamp, bytes(run.written))


async def test_messages_have_the_form_that_was_asked_for() -> None:
    """In both directions."""
    async with serving(echo) as url:
        for words, line, shown in [
            (["--hex"], b"6869", b"68 69\n"),
            (["--base64"], b"aGk=", b"aGk=\n"),
            (["--json"], b'{"a": 1}', b'{"a":1}\n'),
            (["--raw"], b"a\x1b", b"a\x1b\n"),
        ]:
            run = Run(InPipe, url, "--expect", "1", *words)
            assert await run(line) == Exit.OK
            assert run.written == shown


async def test_a_line_that_cannot_be_sent_is_an_error() -> None:
    """The command line, or the program before the pipe, is to be mended."""
    async with serving(echo) as url:
        with pytest.RaisesGroup(pytest.RaisesExc(CommandError, match="line 1 cannot be sent")):
            await Run(InPipe, url, "--json")(b"{")


# Across connections


@dataclass(frozen=True, kw_only=True)
class InMemory(Target):
    """A server in this process, reached without a network, in virtual time."""

    handler: Handler
    nursery: trio.Nursery
    attempts: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self, url: str, **options: Any) -> AsyncGenerator[WebSocket]:
        """Connect, and note when; a supervisor only calls this once more, for a check."""
        self.attempts.append(trio.current_time())
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(serve_websocket_on, self.handler, theirs)
        async with open_websocket_on(ours, url, **options) as ws:
            yield ws


async def test_a_server_that_flaps_is_not_hammered(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """However it goes away, there are at most three handshakes in any three seconds."""
    url = "ws://memory/"
    target = InMemory(url=url, handler=lambda ws: ws.close(1001), nursery=nursery)
    run = Run(InPipe, "ws://memory/", "--reconnect", "--wait", "inf")
    with trio.move_on_after(120):
        await run(target=target)
    assert 5 <= len(target.attempts) < 60
    assert all(
        later - early > 3
        for early, later in zip(target.attempts, target.attempts[3:], strict=False)
    )
    assert "was lost" in run.screen.said


async def test_messages_arrive_across_connections(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """What the first connection did not answer, a later one does."""

    async def handler(ws: WebSocket) -> None:
        if len(target.attempts) == 1:
            await ws.close(1001)
        await echo(ws)

    target = InMemory(url="ws://memory/", handler=handler, nursery=nursery)

    class Late(Given):
        async def __anext__(self) -> bytes:
            await trio.sleep(30)
            return await super().__anext__()

    run = Run(InPipe, "ws://memory/", "--reconnect", "--expect", "1")
    assert await run(lines=Late(b"one"), target=target) == Exit.OK
    assert run.written == b"one\n"
    assert len(target.attempts) == 2


async def test_across_connections_the_news_are_failures() -> None:
    """In a pipe; and what cannot be mended is an error."""

    def on_request(request: Request) -> Response:
        return Response(404)

    async with serving(echo, on_request=on_request) as url:
        run = Run(InPipe, url, "--reconnect")
        failure = pytest.RaisesExc(HandshakeError, match="404")
        with pytest.RaisesGroup(failure, flatten_subgroups=True):
            await run()
    assert "404" in run.screen.said
    assert "connecting" not in run.screen.said


# At a terminal


async def test_a_person_is_told_what_happens() -> None:
    """That it is open and how to leave, each message, and how it ended."""
    async with serving(echo, subprotocols=["chat"]) as url:
        run = Run(AtTerminal, url, "--subprotocol", "chat", "--expect", "1")
        assert await run(b"hi") == Exit.OK
    assert run.screen.shown == "< hi\n"
    assert run.screen.said == (
        f"connected to {url}, subprotocol chat; Ctrl-D closes\n"
        "closed: sent 1000 (normal closure); then received 1000 (normal closure)\n"
    )


async def test_a_person_may_mistype() -> None:
    """The line is refused, and the connection stays."""
    async with serving(echo) as url:
        run = Run(AtTerminal, url, "--json", "--expect", "1")
        assert await run(b"{", b'{"a":[1]}') == Exit.OK
    assert run.screen.shown == '< {\n  "a": [\n    1\n  ]\n}\n'
    assert "not sent: it is not JSON" in run.screen.said


async def test_a_person_leaves_at_once() -> None:
    """Ctrl-D does not wait for answers."""
    async with serving(echo) as url:
        run = Run(AtTerminal, url)
        assert await run() == Exit.OK
    assert "closed: sent 1000" in run.screen.said


async def test_a_person_is_told_of_each_connection() -> None:
    """While it connects again and again."""
    async with serving(echo) as url:
        run = Run(AtTerminal, url, "--reconnect", "--expect", "1")
        assert await run(b"hi") == Exit.OK
    assert "connecting to ws://127.0.0.1" in run.screen.said
    assert "open: ws://127.0.0.1" in run.screen.said
    assert run.screen.said.endswith("closed\n")


# Commands


async def test_commands_stand_between_messages() -> None:
    """A text that begins with a slash has two."""
    screen = Screen()
    async with open_websocket_pair() as (client, server):
        run = partial(run_command, client, screen)
        assert await run(b"text") == b"text"
        assert await run(b"//text") == b"/text"
        assert await run(b"/ping") is None
        assert re.fullmatch(r"pong after \d+\.\d ms\n", screen.said)
        for line in (b"/help", b"/ping twice", b"/close soon", b"/\xff"):
            assert await run(line) is None
        assert screen.said.count("commands: /ping, /close") == 4
        assert await run(b"/close 1005") is None
        assert "not closed: close code 1005 may not be sent" in screen.said
        assert await run(b"/close 4000 that is all") is None
    assert server.ending is not None
    assert server.ending.received is not None
    assert str(server.ending.received) == "4000 'that is all'"


async def test_a_close_without_a_code_is_normal() -> None:
    """As Ctrl-D is."""
    async with open_websocket_pair() as (client, _):
        assert await run_command(client, Screen(), b"/close") is None
    assert client.ending is not None
    assert client.ending.normal
