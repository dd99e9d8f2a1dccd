"""``trio-ws demo``: a page or a text, a browser or none, a port that is free or taken."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_ws._cli import demo as module
from trio_ws._cli.demo import run
from trio_ws._cli.exits import CommandError, Exit

from .commands import Screen, parse
from .terminals import on_terminal


class Terminal(Screen):
    """A console that is a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.out.isatty = lambda: True  # type: ignore[method-assign]


def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Put something in the place of the page that ends at once; the ports it was asked for."""
    ports: list[int] = []

    async def show(port: int, announce: Any) -> None:
        ports.append(port)
        await announce(f"http://127.0.0.1:{port}/")

    monkeypatch.setattr(module, "show", show)
    return ports


def test_plain_prints_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """In virtual time, and ends with 0; what goes wrong in the world is not logged meanwhile."""

    async def tell_all(line: Callable[[str], None]) -> None:
        logging.getLogger("trio_ws").error("as the button wants it")
        await trio.sleep(1000)
        line("That was all.")

    monkeypatch.setattr(module, "tell_all", tell_all)
    screen = Screen()
    handlers = list(logging.getLogger("trio_ws").handlers)
    assert run(parse("demo", "--plain"), screen) == Exit.OK
    assert (screen.shown, screen.said) == ("That was all.\n", "")
    assert logging.getLogger("trio_ws").handlers == handlers


def test_without_a_terminal_it_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """And with one it is the page; --page asks for it in any case."""
    ports = stand_in(monkeypatch)
    told: list[object] = []

    async def tell_all(line: object) -> None:
        told.append(line)

    monkeypatch.setattr(module, "tell_all", tell_all)
    assert run(parse("demo"), Screen()) == Exit.OK
    assert (len(told), ports) == (1, [])
    assert run(parse("demo", "--no-browser"), Terminal()) == Exit.OK
    assert run(parse("demo", "--page", "--no-browser", "--port", "9"), Screen()) == Exit.OK
    assert (len(told), ports) == (1, [8766, 9])


@pytest.mark.parametrize(
    ("platform", "display", "opens", "says"),
    [
        ("linux", ":0", True, False),
        ("linux", ":0", False, True),
        ("linux", "", True, True),
        ("darwin", "", True, False),
    ],
)
def test_a_browser_is_opened_if_there_is_one(
    monkeypatch: pytest.MonkeyPatch, platform: str, display: str, opens: bool, says: bool
) -> None:
    """Where there are windows; else the address is enough, and it is said so."""
    stand_in(monkeypatch)
    opened: list[str] = []

    def open_browser(url: str) -> bool:
        opened.append(url)
        return opens

    monkeypatch.setattr(webbrowser, "open", open_browser)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    screen = Screen()
    assert run(parse("demo", "--page"), screen) == Exit.OK
    assert "the demo is at http://127.0.0.1:8766/" in screen.shown
    assert ("no browser was found" in screen.shown) is says
    assert opened == ([] if platform == "linux" and not display else ["http://127.0.0.1:8766/"])


def test_a_port_that_is_taken() -> None:
    """A sentence says so, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        words = "is taken; choose another; --port takes another, 0 a free one"
        with pytest.raises(CommandError, match=words) as caught:
            run(parse("demo", "--page", "--no-browser", "--port", port), Screen())
    assert caught.value.code == Exit.USAGE


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interpreter_that_is_stopped_and_continued() -> None:
    """The page is served again, and Ctrl-C ends it with 130, without a word."""
    command = [sys.executable, "-m", "trio_ws", "demo", "--page", "--no-browser", "--port", "0"]
    top = Path(__file__).parents[2]
    with subprocess.Popen(
        command, cwd=top, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as demo:
        assert demo.stdout is not None
        port = int(demo.stdout.readline().split()[4].rpartition(":")[2].strip("/"))
        for _ in range(2):
            time.sleep(1)
            demo.send_signal(signal.SIGSTOP)
            time.sleep(8)  # longer than the leases
            demo.send_signal(signal.SIGCONT)
            with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200")
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=20)
    assert (demo.returncode, out, err) == (Exit.INTERRUPTED, "", "")


@pytest.mark.slow
async def test_on_a_terminal() -> None:
    """The page's address is shown, and Ctrl-C ends it."""
    async with on_terminal("demo", "--no-browser", "--port", "0") as terminal:
        await terminal.see("the demo is at http://127.0.0.1:")
        await terminal.type("\x03")
        assert await terminal.end() == Exit.INTERRUPTED
