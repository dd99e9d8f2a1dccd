"""Echo, chat, and a program for each connection."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import (
    Close,
    ConnectionLost,
    Limits,
    WebSocket,
    open_websocket_on,
    serve_websocket_on,
)
from trio_ws._cli import handlers
from trio_ws._cli.handlers import Chat, Handler, Logged, Program, echo, environment, place
from trio_ws.testing import open_websocket_pair

from .commands import Screen


@asynccontextmanager
async def connected(
    handler: Handler, target: str = "/", **options: object
) -> AsyncGenerator[WebSocket]:
    """Connect to a handler over memory."""
    ours, theirs = trio.testing.lockstep_stream_pair()  # so that who does not read slows down
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_websocket_on, handler, theirs, subprotocols=["chat"]))
        url = f"ws://memory{target}"
        async with open_websocket_on(ours, url, subprotocols=["chat"], **options) as ws:  # type: ignore[arg-type]
            yield ws


async def heard(ws: WebSocket, number: int) -> list[str | bytes]:
    """Return the next messages."""
    with trio.fail_after(20):
        await trio.lowlevel.checkpoint()
        return [await ws.receive() for _ in range(number)]


async def test_an_echo_sends_everything_back() -> None:
    """Text as text, binary as binary."""
    async with connected(echo) as ws:
        await ws.send("a")
        await ws.send(b"b")
        assert await heard(ws, 2) == ["a", b"b"]


async def test_who_comes_and_goes_is_told() -> None:
    """By number; how it ended, if it has."""
    screen = Screen()
    handler = Logged(echo, screen)
    async with connected(handler, "/a%20b") as ws:
        await ws.close(4000, "enough")

    async def leave(ws: WebSocket) -> None:
        await trio.lowlevel.checkpoint()

    async with connected(Logged(leave, screen)) as ws:
        await ws.wait_closed()
    assert screen.said.splitlines() == [
        "[1] a client opened /a%20b",
        "[1] ended: received 4000 'enough'; then sent 4000",
        "[1] a client opened /",
        "[1] is closed by us",
    ]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (("127.0.0.1", 80), "127.0.0.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
        ("", "a client"),
        (None, "a client"),
    ],
)
def test_an_address_is_shown_as_in_a_url(address: object, shown: str) -> None:
    """A Unix socket has none."""
    assert place(address) == shown


# Chat


async def test_members_of_a_room_hear_each_other() -> None:
    """Who comes, what is said, who leaves; other rooms hear nothing."""
    chat = Chat()
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(connected(chat, "/tea?name=Ada"))
        assert await heard(ada, 1) == ["* Ada has come; here: 1"]
        other = await stack.enter_async_context(connected(chat, "/coffee"))
        assert await heard(other, 1) == ["* guest 2 has come; here: 1"]
        async with connected(chat, "/tea?name=%1b[2J" + "x" * 40) as bob:
            name = r"\x1b[2J" + "x" * 26
            assert await heard(bob, 1) == [f"* {name} has come; here: 2"]
            await bob.send("hello")
            assert await heard(bob, 1) == [f"{name}: hello"]
        assert await heard(ada, 3) == [
            f"* {name} has come; here: 2",
            f"{name}: hello",
            f"* {name} has left; here: 1",
        ]
    assert chat._rooms == {}


async def test_a_chat_is_text() -> None:
    """Binary ends the connection, with 1003."""
    async with connected(Chat()) as ws:
        await ws.send(b"binary")
        assert (await ws.wait_closed()).received == Close(1003, "a chat is text")


async def test_a_member_that_is_too_slow_has_to_leave(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on, and the room stays small in memory."""
    monkeypatch.setattr(handlers, "QUEUE", 3)
    chat = Chat()
    opened = trio.Event()

    async def be_slow() -> None:
        buffer = Limits(receive_buffer=1024)
        # What it was told lies behind what it did not read, so to it the connection is lost.
        with pytest.RaisesGroup(ConnectionLost, flatten_subgroups=True):
            async with connected(chat, "/?name=slow", limits=buffer) as slow:
                await heard(slow, 1)
                opened.set()
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be_slow)
        await opened.wait()
        async with connected(chat, "/?name=quick") as quick:
            assert await heard(quick, 1) == ["* quick has come; here: 2"]
            while "has left" not in str(last := await say_and_hear(quick)):
                pass
        assert last == "* slow has left; here: 1"


async def say_and_hear(ws: WebSocket) -> str | bytes:
    """Say much, each second, and return what comes next; it may be news."""
    await trio.sleep(1)
    await ws.send("x" * 100_000)
    return (await heard(ws, 1))[0]


# A program


def python(code: str) -> Program:
    """Run some Python for each connection; complaints are kept in the program."""
    return Program([sys.executable, "-u", "-c", code], complaints.append)


complaints: list[str] = []


@pytest.fixture(autouse=True)
def _no_complaints() -> None:
    complaints.clear()


async def test_messages_are_lines_of_a_program() -> None:
    """In both directions; what is not UTF-8 is binary."""
    code = "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line.upper())"
    async with connected(python(code)) as ws:
        await ws.send("one")
        await ws.send(b"two\xff")
        assert await heard(ws, 2) == ["ONE", b"TWO\xff"]
    assert complaints == []


@pytest.mark.parametrize(
    ("code", "close", "complaint"),
    [
        ("print('bye')", Close(1000), []),
        (
            "import sys; print('bye'); sys.exit(3)",
            Close(1011, "the program ended with exit code 3"),
            [": exit code 3"],
        ),
        (
            "import os; print('bye', flush=True); os.kill(os.getpid(), 9)",
            Close(1011, "the program ended with signal 9"),
            [": signal 9"],
        ),
    ],
)
async def test_the_end_of_a_program_closes(code: str, close: Close, complaint: list[str]) -> None:
    """Normally, if its exit code is 0; what it said before arrives."""
    async with connected(python(code)) as ws:
        assert await heard(ws, 1) == ["bye"]
        with trio.fail_after(20):
            assert (await ws.wait_closed()).received == close
    assert complaints == [f"{sys.executable}{text}" for text in complaint]


async def test_a_program_sees_the_end_of_the_connection() -> None:
    """As the end of its input; what it still writes goes nowhere."""
    code = (
        "import sys\nprint(sys.stdin.readline(), end='')\nsys.stdin.read()\n"
        "for _ in range(10000): print('x' * 100)"
    )
    async with connected(python(code)) as ws:
        await ws.send("one")
        assert await heard(ws, 1) == ["one"]
        await ws.close()


async def test_a_program_that_does_not_listen_is_no_reason_to_end() -> None:
    """Its input is closed; messages go nowhere, and its output is sent."""
    code = "import os, time\nos.close(0)\nprint('closed')\ntime.sleep(0.2)\nprint('end')"
    async with connected(python(code)) as ws:
        assert await heard(ws, 1) == ["closed"]
        for _ in range(3):
            await ws.send("x" * 100_000)
        assert await heard(ws, 1) == ["end"]


async def test_a_program_that_does_not_end_is_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment of grace."""
    monkeypatch.setattr(handlers, "GRACE", 0.05)
    began = trio.current_time()
    async with connected(python("import time\nprint('on')\ntime.sleep(1000)")) as ws:
        assert await heard(ws, 1) == ["on"]
    assert trio.current_time() - began < 20


async def test_a_program_knows_the_request() -> None:
    """As from CGI, and nothing that a client could make up as a variable."""
    code = (
        "import os\nfor name in ('REQUEST_METHOD', 'REQUEST_URI', 'PATH_INFO', 'QUERY_STRING',"
        " 'REMOTE_ADDR', 'WEBSOCKET_SUBPROTOCOL'): print(os.environ[name])"
    )
    async with connected(python(code), "/a?b=c") as ws:
        assert await heard(ws, 6) == ["GET", "/a?b=c", "/a", "b=c", "a client", "chat"]
    async with open_websocket_pair() as (_, server):
        assert not [name for name in environment(server) if name.startswith("HTTP_")]
        assert environment(server)["WEBSOCKET_SUBPROTOCOL"] == ""
