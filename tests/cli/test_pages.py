"""The page about the command line shows what the commands print.

``python -m tests.cli.test_pages`` writes the outputs anew.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_ws import ConnectionClosed, WebSocket, serve_websocket
from trio_ws._cli.bench import Load, bench
from trio_ws._cli.conversation import AtTerminal
from trio_ws._cli.exits import EPILOG
from trio_ws._cli.feed import WAYS
from trio_ws._cli.handshake import View, shake_hands
from trio_ws._cli.main import main
from trio_ws._cli.table import table
from trio_ws._cli.target import read_target

from .commands import Screen, parse, timeless
from .terminals import in_pipe

OUTPUT = Path(__file__).resolve().parent.parent.parent / "docs" / "output"

SHOWN = {
    "explain.txt": "trio-ws explain 81 85 37 fa 21 3d 7f 9f 4d 51 58",
    "explain_brief.txt": "trio-ws explain --brief 01 03 48 65 6c 89 00 80 02 6c 6f 88 02 03 ee",
}
"""Commands whose output does not depend on the day."""


def printed(line: str) -> str:
    """Return what a terminal shows."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(out):
        main(shlex.split(line)[1:])
    out.seek(0)
    return f"$ {line}\n{out.read()}"


async def shaken() -> str:
    """Return what ``trio-ws handshake`` shows, of a server on port 8765."""
    screen = Screen()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, WebSocket.wait_closed, "127.0.0.1", 0)
        server = await nursery.start(partial(serve, subprotocols=["chat"]))
        url = f"ws://127.0.0.1:{server.port}/room"
        target = read_target(parse("handshake", url, "--subprotocol", "chat"))
        await shake_hands(target, View(screen), None)
        nursery.cancel_scope.cancel()
    line = "trio-ws handshake ws://127.0.0.1:8765/room --subprotocol chat"
    return f"$ {line}\n{screen.shown}".replace(str(server.port), "8765")


def lasting(text: str) -> str:
    """Reduce times, keys and what is computed from them to what stays the same."""
    text = re.sub(r"[A-Za-z0-9+/]{22,27}==?|(?:[0-9a-f]{2} ){19}[0-9a-f]{2}", "…", timeless(text))
    text = re.sub(r"[\d.,e+]+ (ms|s|MB/s|messages/s|of a core)", r"… \1", text)
    lines = [line for line in text.splitlines() if "may be what limits the rate" not in line]
    return re.sub(r" +", " ", "\n".join(lines))


class Typist(AsyncIterator[bytes]):
    """A person whose lines show on the screen, each when what came before has been answered."""

    def __init__(self, screen: Screen, *lines: str) -> None:
        self._screen = screen
        self._lines = iter(lines)

    async def __anext__(self) -> bytes:
        """Type the next line."""
        await trio.sleep(0.1)
        for line in self._lines:
            self._screen.line(f"> {line}")
            return line.encode()
        raise StopAsyncIteration


class OneScreen(Screen):
    """A terminal, on which results and news come in their order."""

    def say(self, text: str) -> None:
        """Write a line of news."""
        self.line(text)


async def echo(ws: WebSocket) -> None:
    """Send everything back."""
    with suppress(ConnectionClosed):
        async for message in ws:
            await ws.send(message)


@asynccontextmanager
async def echoing() -> AsyncGenerator[str]:
    """Serve an echo; the URL."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0)
        yield f"ws://127.0.0.1:{server.port}/"
        nursery.cancel_scope.cancel()


def as_shown(line: str, url: str, screen: Screen) -> str:
    """Return what a terminal shows, of a server on port 8765."""
    return f"$ {line}\n{screen.shown}".replace(url, "ws://127.0.0.1:8765/")


async def talked() -> str:
    """Return a conversation at a terminal."""
    screen = OneScreen()
    typist = Typist(screen, "hello", "/ping", "/close 1001 enough for today")
    async with echoing() as url:
        options = parse("connect", url)
        await AtTerminal(read_target(options), options, typist, screen).run()
        return as_shown(f"trio-ws connect {url}", url, screen)


async def piped() -> str:
    """Return conversations in pipes."""
    shown = ""
    async with echoing() as url:
        for before, words, given in (
            ("seq 3 | ", "", b"1\n2\n3\n"),
            ("", " --send ping --expect 1", b""),
            ("", " --send 6x --hex", b""),
        ):
            async with in_pipe("connect", url, *shlex.split(words)) as program:
                await program.feed(given)
                out = b"".join([data async for data in program.stdout])
                code, said = await program.end()
            shown += f"$ {before}trio-ws connect {url}{words}\n{out.decode()}{said}"
            shown += f"$ echo $?\n{code}\n" if code else ""
        return shown.replace(url, "ws://127.0.0.1:8765/")


async def measured() -> str:
    """Return a short measurement."""
    screen = Screen()
    words = ("--connections", "4", "--in-flight", "64")
    load = Load(connections=4, in_flight=64, payload="x" * 32, seconds=0.5, warm_up=0.1)
    async with in_pipe("serve", "--quiet", "--port", "0") as server:
        told = await server.stdout.receive_some()
        url = told.decode().partition(" on ")[2].partition(";")[0]
        await bench(read_target(parse("bench", url, *words)), load, screen)
        return as_shown(f"trio-ws bench {url} {' '.join(words)}", url, screen)


MADE: dict[str, Callable[[], Awaitable[str]]] = {
    "handshake.txt": shaken,
    "connect.txt": talked,
    "connect_pipe.txt": piped,
    "bench.txt": measured,
}
"""What is shown of commands whose output depends on the day: keys, times, figures."""


@pytest.mark.parametrize("name", MADE)
async def test_what_is_shown_of_conversations_is_made(name: str) -> None:
    """Keys, times and figures aside."""
    shown = (OUTPUT / name).read_text(encoding="utf-8")
    assert lasting(shown) == lasting(await MADE[name]())


def write_comparison() -> None:
    """Compare for some seconds; write what is shown, and the plot."""
    option = f" --plot {OUTPUT / 'compare.svg'}"
    shown = printed(f"trio-ws compare{option}").replace(option, "")
    (OUTPUT / "compare.txt").write_text(shown, encoding="utf-8")


def test_the_comparison_that_is_shown_is_one() -> None:
    """Its columns and ways are those of today; its figures are of their day."""
    shown = (OUTPUT / "compare.txt").read_text(encoding="utf-8").splitlines()
    assert shown[:2] == ["$ trio-ws compare", table([])[0]]
    assert [line[:20].strip() for line in shown[2:]] == list(WAYS)
    picture = (OUTPUT / "compare.svg").read_text(encoding="utf-8")
    assert all(f">{way}</text>" in picture for way in WAYS)


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_printed(name: str) -> None:
    """Each output in the documentation is that of its command."""
    assert (OUTPUT / name).read_text(encoding="utf-8") == printed(SHOWN[name])


def test_the_exit_codes_are_those_of_the_help() -> None:
    """The page includes them from a file, and so does the help."""
    shown = (OUTPUT / "exit_codes.txt").read_text(encoding="utf-8")
    assert shown == EPILOG.removeprefix("exit codes:\n")


if __name__ == "__main__":
    for file, command in SHOWN.items():
        (OUTPUT / file).write_text(printed(command), encoding="utf-8")
    write_comparison()
    for file, make in MADE.items():
        (OUTPUT / file).write_text(trio.run(make), encoding="utf-8")
    (OUTPUT / "exit_codes.txt").write_text(EPILOG.removeprefix("exit codes:\n"), encoding="utf-8")
    sys.exit(0)
