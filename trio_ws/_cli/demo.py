"""Show what a nursery, a cancel scope and a supervisor do while you cut the cable.

A page shows the tasks of a server, a supervised client and a bad network, live: see docs.
Without a terminal, or with --plain, the story is printed instead, and the command ends by itself.
The page is served to this machine only.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import webbrowser
from functools import partial

import trio
from trio.testing import MockClock

from trio_ws._demo.live import show
from trio_ws._demo.plain import tell_all

from .console import Console
from .exits import CommandError, Exit
from .running import iter_leaves, run_async
from .serve import cannot_listen, port

EXAMPLES = """\
examples:
  trio-ws demo
  trio-ws demo --plain
  trio-ws demo --port 0 --no-browser
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--plain", action="store_true", help="print the story, and end")
    how.add_argument("--page", action="store_true", help="serve the page, terminal or not")
    parser.add_argument("--port", type=port, default=8766, help="0: a free one; default: 8766")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def run(options: argparse.Namespace, console: Console) -> int:
    """Show the page until a signal ends it, or print the story."""
    quiet = logging.NullHandler()  # what goes wrong here is meant to, and shown elsewhere
    logging.getLogger("trio_ws").addHandler(quiet)
    try:
        if options.plain or not (options.page or console.out.isatty()):
            return run_async(partial(_tell, console), clock=MockClock(autojump_threshold=0))
        return run_async(partial(_show, options.port, console, browser=not options.no_browser))
    finally:
        logging.getLogger("trio_ws").removeHandler(quiet)


async def _tell(console: Console) -> int:
    await tell_all(console.line)
    return Exit.OK


async def _show(number: int, console: Console, *, browser: bool) -> int:
    """Show the page.

    Raises:
        CommandError: the port is taken.
    """

    async def announce(url: str) -> None:
        console.line(f"the demo is at {url}  (Ctrl-C ends it)")
        console.out.flush()
        if browser:
            await trio.to_thread.run_sync(_open_browser, url, console, abandon_on_cancel=True)

    try:
        await show(number, announce)
    except* OSError as group:
        why = cannot_listen(f"127.0.0.1 port {number}", next(iter_leaves(group)))
        raise CommandError(f"{why}; --port takes another, 0 a free one", why.code) from group
    return Exit.OK


def _open_browser(url: str, console: Console) -> None:
    """Open the page in a browser with windows; a text browser would take the terminal."""
    windows = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not windows or not webbrowser.open(url):
        console.line("no browser was found; open that address in one")
        console.out.flush()
