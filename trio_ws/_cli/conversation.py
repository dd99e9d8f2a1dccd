"""A conversation of ``trio-ws connect``: with a program in a pipe, or a person at a terminal.

Both connect, talk, and tell how it ended by the exit code.
A program wants bare messages and no news; a person wants to know what happens,
and may give commands between the messages.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any

import trio

from trio_ws import (
    ConnectionClosed,
    Ending,
    LocalProtocolError,
    Transition,
    WebSocket,
    open_reconnecting_websocket,
)

from .codec import make_codec
from .console import Console, escape
from .exits import Exit
from .lines import Outlet
from .talk import Channel, Talk
from .target import Target

COMMANDS = "commands: /ping, /close [CODE [REASON]], /help; //text sends /text"


class InPipe:
    """A conversation whose lines come from a pipe and go to one: bare messages, no news."""

    indent = False
    default_wait = 0.5

    def __init__(
        self,
        target: Target,
        options: argparse.Namespace,
        lines: AsyncIterator[bytes],
        console: Console,
        outlet: Outlet | None = None,
    ) -> None:
        self._target = target
        self._options = options
        self._lines = lines
        self._console = console
        self._outlet = outlet
        self._talk: Talk | None = None

    async def run(self) -> int:
        """Connect, talk, and return the exit code."""
        ending = None
        try:
            if self._options.reconnect:
                await self._talk_across_connections()
            else:
                async with self._target.open() as ws:
                    self.opened(ws)
                    await self.talk(ws)
                ending = ws.ending
        except ConnectionClosed as error:
            ending = error.ending
        return self._verdict(ending)

    async def _talk_across_connections(self) -> None:
        options: dict[str, Any] = self._target.options
        async with open_reconnecting_websocket(
            self._target.url,
            connect=self._target.connect,
            on_transition=self.changed,
            **options,
        ) as channel:
            await self.talk(channel)

    def _verdict(self, ending: Ending | None) -> int:
        """Return the exit code, and say why it is not 0."""
        if ending is not None and not ending.normal:
            self._console.say(f"{'closed' if ending.clean else 'lost'}: {escape(str(ending))}")
            return Exit.LOST
        if self._talk is not None and not self._talk.satisfied:
            expected, got = self._options.expect, self._talk.received
            self._console.say(f"{expected} messages were expected, and {got} came")
            return Exit.UNEXPECTED
        self.ended(ending)
        return Exit.OK

    async def talk(self, channel: Channel) -> None:
        """Talk until there is an end."""
        self._talk = self.make_talk(channel)
        await self._talk.run(self._lines)

    def make_talk(self, channel: Channel) -> Talk:
        """Make a conversation of the options."""
        options, wait = self._options, self._options.wait
        if wait is None:
            wait = self.default_wait if options.expect is None else math.inf
        codec = make_codec(options.form, raw=options.raw, indent=self.indent)
        return Talk(channel, codec, self.show, expect=options.expect, wait=wait)

    def stamped(self, line: bytes) -> bytes:
        """Put the time before a line, if it is wanted."""
        if not self._options.timestamps:
            return line
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        return f"{now} ".encode() + line

    async def show(self, line: bytes) -> None:
        """Write a message to the output."""
        assert self._outlet is not None
        await self._outlet.put(self.stamped(line))

    def opened(self, ws: WebSocket) -> None:
        """Say nothing: news would be in the way."""

    def ended(self, ending: Ending | None) -> None:
        """Say nothing."""

    def changed(self, transition: Transition) -> None:
        """Say what the supervisor does, if it is about a failure."""
        if transition.cause is not None:
            self._console.say(escape(str(transition)))


class AtTerminal(InPipe):
    """A conversation with a person, who wants to know what happens and may give commands."""

    indent = True
    default_wait = 0.0

    async def talk(self, channel: Channel) -> None:
        """Talk until there is an end."""
        self._talk = self.make_talk(channel)
        commands = partial(run_command, channel, self._console)
        await self._talk.run(self._lines, self._console.say, commands)

    async def show(self, line: bytes) -> None:
        """Write a message above the prompt."""
        await trio.lowlevel.checkpoint()
        text = self.stamped(line).decode("utf-8", "backslashreplace")
        self._console.line(f"{self._console.paint('<', 'cyan')} {text}")
        self._console.out.flush()

    def opened(self, ws: WebSocket) -> None:
        """Say that it is open, and how to leave."""
        spoken = f", subprotocol {ws.subprotocol}" if ws.subprotocol else ""
        self._console.say(f"connected to {escape(self._target.url)}{spoken}; Ctrl-D closes")

    def ended(self, ending: Ending | None) -> None:
        """Say how it ended."""
        self._console.say(f"closed: {escape(str(ending))}" if ending else "closed")

    def changed(self, transition: Transition) -> None:
        """Say what the supervisor does."""
        self._console.say(escape(str(transition)))


async def run_command(channel: Channel, console: Console, line: bytes) -> bytes | None:
    """Run a line that is a command; return what is to be sent, or None."""
    if not line.startswith(b"/"):
        return line
    if line.startswith(b"//"):
        return line[1:]
    name, *words = line.decode("utf-8", "backslashreplace").split(maxsplit=2)
    match name, words:
        case "/ping", [] if isinstance(channel, WebSocket):
            console.say(f"pong after {await channel.ping() * 1000:.1f} ms")
        case "/close", []:
            await channel.close()
        case "/close", [code, *reason] if code.isdecimal():
            try:
                await channel.close(int(code), " ".join(reason))
            except (LocalProtocolError, ValueError) as error:
                console.say(f"not closed: {escape(str(error))}")
        case _:
            console.say(COMMANDS)
    return None
