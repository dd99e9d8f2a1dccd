"""``trio-ws connect``: through pipes and at real terminals, in processes of its own."""

from __future__ import annotations

import math
import os
import pty
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from trio_ws import Close, CloseCode, ConnectionClosed, Ending, WebSocket, serve_websocket
from trio_ws._cli import connect, prompt
from trio_ws._cli.connect import converse, silence
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.target import read_target

from .commands import Screen, parse
from .terminals import BOUND, Piped, in_pipe, on_terminal

Handler = Callable[[WebSocket], Awaitable[object]]


async def echo(ws: WebSocket) -> None:
    """Send everything back."""
    with suppress(ConnectionClosed):
        async for message in ws:
            await ws.send(message)


class Service:
    """A server on a free port that remembers how its connections ended."""

    def __init__(self, handler: Handler) -> None:
        self.url = ""
        self.endings: list[Ending] = []
        self.opened = trio.Event()
        self._handler = handler
        self._ended = trio.Event()

    async def handle(self, ws: WebSocket) -> None:
        """Serve one connection."""
        self.opened.set()
        try:
            await self._handler(ws)
        finally:
            with trio.move_on_after(BOUND, shield=True):
                self.endings.append(await ws.wait_closed())
            self._ended.set()

    async def code(self) -> int:
        """Wait until a connection has ended; return the close code that we received."""
        with trio.fail_after(BOUND):
            await self._ended.wait()
        return self.endings[0].code


@asynccontextmanager
async def serving(handler: Handler = echo) -> AsyncGenerator[Service]:
    """Serve for the length of a block."""
    service = Service(handler)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, service.handle, "127.0.0.1", 0)
        service.url = f"ws://127.0.0.1:{server.port}/"
        yield service
        nursery.cancel_scope.cancel()


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """Two pipes: what is read as input and what feeds it; what takes the output, and reads it."""
    stdin, feed = os.pipe()
    out, stdout = os.pipe()
    yield stdin, feed, out, stdout
    for end in (stdin, feed, out, stdout):
        with suppress(OSError):
            os.close(end)


async def conversed(url: str, *words: str, stdin: int, stdout: int) -> tuple[int, Screen]:
    """Run the command in this process, on descriptors of the test."""
    options, screen = parse("connect", url, *words), Screen()
    code = await converse(read_target(options), options, screen, stdin=stdin, stdout=stdout)
    return code, screen


# In this process


async def test_lines_go_from_a_pipe_to_a_pipe(pipes: tuple[int, int, int, int]) -> None:
    """Each line is echoed, and nothing else is written."""
    stdin, feed, out, stdout = pipes
    os.write(feed, b"one\ntwo\n")
    os.close(feed)
    async with serving() as service:
        code, screen = await conversed(service.url, "--expect", "2", stdin=stdin, stdout=stdout)
    assert (code, screen.said) == (Exit.OK, "")
    assert os.read(out, 100) == b"one\ntwo\n"


async def test_what_is_given_is_sent_instead_of_the_input(
    pipes: tuple[int, int, int, int],
) -> None:
    """The input is not read, so it may go on for ever."""
    stdin, _, out, stdout = pipes
    words = ("--send", "one", "--send", "grüße", "--expect", "2")
    async with serving() as service:
        code, _ = await conversed(service.url, *words, stdin=stdin, stdout=stdout)
    assert code == Exit.OK
    assert os.read(out, 100).decode() == "one\ngrüße\n"


async def test_a_person_types_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """With prompt_toolkit, if it is there."""
    master, slave = pty.openpty()
    with create_pipe_input() as keys:
        opened = partial(prompt.open_prompt, source=keys, screen=DummyOutput())
        monkeypatch.setattr(prompt, "open_prompt", opened)
        keys.send_text("hello\r")
        async with serving() as service:
            words = (service.url, "--expect", "1")
            code, screen = await conversed(*words, stdin=slave, stdout=slave)
    os.close(master)
    os.close(slave)
    assert code == Exit.OK
    assert screen.said == ""  # the prompt has a console of its own


async def test_without_prompt_toolkit_the_terminal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own editing is enough; where to get more is told."""
    monkeypatch.setitem(sys.modules, "trio_ws._cli.prompt", None)
    master, slave = pty.openpty()
    os.write(master, b"hello\n")
    async with serving() as service:
        words = (service.url, "--expect", "1")
        code, screen = await conversed(*words, stdin=slave, stdout=slave)
    os.close(master)
    os.close(slave)
    assert code == Exit.OK
    assert screen.shown == "< hello\n"
    assert screen.said.startswith(
        "(for editing and history: pip install 'trio-ws[cli]')\nconnected"
    )


def test_a_silence_may_be_none_or_for_ever() -> None:
    """`inf` is for feeds that pause."""
    assert [silence(text) for text in ("0", "inf", "forever", "2.5")] == [
        0,
        math.inf,
        math.inf,
        2.5,
    ]


def test_a_command_that_cannot_connect_fails() -> None:
    """In a run of its own; its options are those of the connection."""
    words = ("ws://127.0.0.1:1/", "--ping", "5", "--max-size", "2", "--send", "x")
    with pytest.raises(CommandError, match="no connection to ws://127") as caught:
        connect.run(parse("connect", *words), Screen())
    assert caught.value.code == Exit.NO_CONNECTION


@pytest.mark.parametrize("words", [["--expect", "0"], ["--expect", "x"], ["--json", "--hex"]])
def test_options_that_make_no_sense_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """By the parser, which names them."""
    with pytest.raises(SystemExit):
        parse("connect", "ws://x/", *words)
    assert words[-1].lstrip("-") in capsys.readouterr().err


# In pipes of its own


async def test_the_end_of_the_input_closes_politely() -> None:
    """After what was answered; the peer sees 1000."""
    async with serving() as service, in_pipe("connect", service.url) as program:
        await program.feed(b"one\n")
        assert await program.stdout.receive_some() == b"one\n"
        assert await program.end() == (Exit.OK, "")
        assert await service.code() == CloseCode.NORMAL_CLOSURE


async def test_an_input_that_is_closed_is_at_its_end() -> None:
    """As from cron; what the server sends is shown."""

    async def handler(ws: WebSocket) -> None:
        await ws.send("hello")
        await ws.wait_closed()

    nothing = subprocess.DEVNULL
    async with (
        serving(handler) as service,
        in_pipe("connect", service.url, stdin=nothing) as program,
    ):
        assert await program.stdout.receive_some() == b"hello\n"
        assert await program.end() == (Exit.OK, "")


async def test_a_reader_that_goes_away_ends_it_politely() -> None:
    """As `head` does: the peer is told that we leave."""

    async def handler(ws: WebSocket) -> None:
        with suppress(ConnectionClosed):
            while True:
                await ws.send("x" * 1000)

    async with serving(handler) as service, in_pipe("connect", service.url) as program:
        assert await program.stdout.receive_some(4) == b"xxxx"
        await program.stdout.aclose()
        assert await program.end() == (Exit.BROKEN_PIPE, "")
        assert await service.code() == CloseCode.GOING_AWAY


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_politely(number: int) -> None:
    """The peer is told that we leave; the exit code is that of the signal."""
    async with serving() as service, in_pipe("connect", service.url) as program:
        with trio.fail_after(BOUND):
            await service.opened.wait()
        program.process.send_signal(number)
        assert await program.end() == (128 + number, "")
        assert await service.code() == CloseCode.GOING_AWAY


async def ended(*words: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it complained of."""
    async with in_pipe("connect", *words) as program:
        return await program.end()


async def test_the_exit_code_tells_how_it_ended() -> None:
    """No server, a bad end, an answer that is missing, a URL that is none."""
    code, said = await ended("ws://127.0.0.1:1/")
    assert code == Exit.NO_CONNECTION
    assert said.startswith("trio-ws connect: no connection to ws://127.0.0.1:1/")
    assert "Traceback" not in said
    async with serving(lambda ws: ws.close(1011, "broken")) as service:
        code, said = await ended(service.url)
    assert (code, said) == (
        Exit.LOST,
        "closed: received 1011 (internal error) 'broken'; then sent 1011 (internal error)\n",
    )
    async with serving(lambda ws: ws.close()) as service:
        code, said = await ended(service.url, "--expect", "1")
    assert (code, said) == (Exit.UNEXPECTED, "1 messages were expected, and 0 came\n")
    code, said = await ended("http://x/")
    assert (code, "its scheme is 'http'" in said) == (Exit.USAGE, True)


@pytest.mark.parametrize("lines", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(180)
async def test_many_lines_pass_in_flat_memory(lines: int) -> None:
    """A million a minute, there and back, and no more memory than for a few."""
    began = trio.current_time()
    received, peak = bytearray(), 0

    async def feed(program: Piped) -> None:
        for first in range(0, lines, 1000):
            numbers = range(first, first + 1000)
            await program.feed(b"".join(b"%d\n" % n for n in numbers), close=False)
        await program.feed(b"")

    words = ("connect", "--expect", str(lines))
    async with serving() as service, in_pipe(*words, service.url) as program:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed, program)
            async for data in program.stdout:
                received += data
                peak = max(peak, memory_of(program.process.pid))
        assert await program.end() == (Exit.OK, "")
    assert received == b"".join(b"%d\n" % n for n in range(lines))
    assert peak < 100 * 1024
    assert trio.current_time() - began < 60


def memory_of(pid: int) -> int:
    """Return the memory of a process in KiB, if the system tells."""
    with suppress(OSError), open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024
    return 0


# At a terminal of its own


async def test_a_conversation_at_a_terminal() -> None:
    """Lines are sent, messages shown above the prompt; Ctrl-D closes."""
    async with serving() as service, on_terminal("connect", service.url) as terminal:
        await terminal.see("connected to ws://127.0.0.1", "Ctrl-D closes")
        await terminal.type("hellp\x7fo\r")
        await terminal.see("< hello")
        await terminal.type("/ping\r")
        await terminal.see("pong after")
        await terminal.type("\x04")
        assert await terminal.end() == Exit.OK
        assert "closed: sent 1000 (normal closure)" in terminal.screen
        assert terminal.echoes()
        assert await service.code() == CloseCode.NORMAL_CLOSURE


async def test_ctrl_c_at_a_terminal() -> None:
    """Whatever has been typed; the peer is told, and the terminal is in order."""
    async with serving() as service, on_terminal("connect", service.url) as terminal:
        await terminal.see("connected")
        await terminal.type("half a li\x03")
        assert await terminal.end() == Exit.INTERRUPTED
        assert "Traceback" not in terminal.screen
        assert terminal.echoes()
        assert await service.code() == CloseCode.GOING_AWAY


async def test_a_peer_that_closes_ends_the_prompt() -> None:
    """While a line is being typed; who closed is told, and the terminal is in order."""
    leave = trio.Event()

    async def handler(ws: WebSocket) -> None:
        await leave.wait()
        await ws.close(4001, "enough")

    async with serving(handler) as service, on_terminal("connect", service.url) as terminal:
        await terminal.see("connected")
        await terminal.type("half a li")
        await terminal.see("half a li")
        leave.set()
        assert await terminal.end() == Exit.LOST
        assert "closed: received 4001 'enough'; then sent 4001" in terminal.screen
        assert terminal.echoes()


async def test_a_terminal_that_hangs_up() -> None:
    """Its window is closed: the peer is told that we leave."""
    async with serving() as service, on_terminal("connect", service.url) as terminal:
        await terminal.see("connected")
        assert await terminal.hang_up() in (128 + signal.SIGHUP, Exit.BROKEN_PIPE)
        assert await service.code() == CloseCode.GOING_AWAY


async def test_a_dumb_terminal_will_do() -> None:
    """Without a cursor that can be moved; nothing is drawn then."""
    async with serving() as service, on_terminal("connect", service.url, TERM="dumb") as terminal:
        await terminal.see("connected")
        await terminal.type("hi\r")
        await terminal.see("< hi")
        await terminal.type("\x04")
        assert await terminal.end() == Exit.OK
        assert "\x1b" not in terminal.screen


async def test_a_small_terminal_will_do() -> None:
    """Two lines of ten columns are enough to talk."""
    small = partial(on_terminal, rows=2, columns=10)
    async with serving() as service, small("connect", service.url) as terminal:
        await terminal.see("connected")
        await terminal.type("hi\r")
        await terminal.see("< hi")
        await terminal.type("\x04")
        assert await terminal.end() == Exit.OK
        assert "Traceback" not in terminal.screen


async def test_a_lost_server_is_found_again_and_the_history_is_kept() -> None:
    """The prompt outlives its connections."""
    connections = 0

    async def handler(ws: WebSocket) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await ws.receive()
            await ws.close(Close(1012).code)
        await echo(ws)

    words = ("connect", "--reconnect", "--json")
    async with serving(handler) as service, on_terminal(*words, service.url) as terminal:
        await terminal.see("open: ws://127.0.0.1")
        await terminal.type('"first"\r')
        await terminal.see("was lost; because of ConnectionClosed: received 1012")
        await terminal.type("\x03")
        assert await terminal.end() == Exit.INTERRUPTED
        assert terminal.echoes()
