"""The page about the command line shows what the commands print.

``python -m tests.cli.test_pages`` writes the outputs anew.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_ws import WebSocket, serve_websocket
from trio_ws._cli.exits import EPILOG
from trio_ws._cli.feed import WAYS
from trio_ws._cli.handshake import View, shake_hands
from trio_ws._cli.main import main
from trio_ws._cli.table import table
from trio_ws._cli.target import read_target

from .commands import Screen, parse, timeless

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
    return re.sub(r" +", " ", text)


async def test_the_handshake_that_is_shown_is_one() -> None:
    """Keys and times aside."""
    shown = (OUTPUT / "handshake.txt").read_text(encoding="utf-8")
    assert lasting(shown) == lasting(await shaken())


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
    (OUTPUT / "handshake.txt").write_text(trio.run(shaken), encoding="utf-8")
    (OUTPUT / "exit_codes.txt").write_text(EPILOG.removeprefix("exit codes:\n"), encoding="utf-8")
    sys.exit(0)
