"""What ``trio-ws serve`` does with a connection: echo, chat, or a program of its own.

A chat has a room for each path.  A message goes to each member's own short queue,
and a task of each member sends what is in it: so a slow member delays only itself,
and is sent away when its queue is full.

A program gets each message as a line of its input, and each line of its output is a message::

    ws ──▶ feeder ──▶ stdin   program   stdout ──▶ reader ──▶ ws
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import trio

from trio_ws import CloseCode, ConnectionClosed, WebSocket

from .console import Console, escape
from .lines import Lines

Handler = Callable[[WebSocket], Awaitable[object]]

QUEUE = 100
"""Messages that may wait for a member of a chat."""

MAX_NAME = 30

GRACE = 2.0
"""Seconds that a program has after the end of its input, before it is terminated."""


async def echo(ws: WebSocket) -> None:
    """Send every message back."""
    async for message in ws:
        await ws.send(message)


class Logged:
    """A handler that tells who comes and goes."""

    def __init__(self, handler: Handler, console: Console) -> None:
        self._handler = handler
        self._console = console
        self._numbers = itertools.count(1)

    async def __call__(self, ws: WebSocket) -> None:
        """Handle a connection."""
        number = next(self._numbers)
        path = escape(ws.request.path)
        self._console.say(f"[{number}] {place(ws.remote_address)} opened {path}")
        try:
            await self._handler(ws)
        finally:
            how = f"ended: {escape(str(ws.ending))}" if ws.ending else "is closed by us"
            self._console.say(f"[{number}] {how}")


def place(address: object) -> str:
    """Return an address as "host:port"; a Unix socket has none."""
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return "a client"


# Chat


class Chat:
    """A chat with rooms, by path; the members of a room hear each other."""

    def __init__(self) -> None:
        self._rooms: dict[str, set[_Member]] = {}
        self._numbers = itertools.count(1)

    async def __call__(self, ws: WebSocket) -> None:
        """Let a member in, until it leaves."""
        room = self._rooms.setdefault(ws.request.path, set())
        async with trio.open_nursery() as nursery:
            member = _Member(ws, self._name(ws), nursery)
            nursery.start_soon(member.deliver)
            room.add(member)
            _tell(room, f"* {member.name} has come; here: {len(room)}")
            try:
                await _listen(ws, room, member)
            finally:
                room.discard(member)
                _tell(room, f"* {member.name} has left; here: {len(room)}")
                if not room and self._rooms.get(ws.request.path) is room:
                    del self._rooms[ws.request.path]
            nursery.cancel_scope.cancel(reason="the member has left")

    def _name(self, ws: WebSocket) -> str:
        """Return the name that a member gives itself (``?name=``), or a number."""
        number = next(self._numbers)
        (given, *_) = ws.request.query.get("name", [""])
        return escape(given.strip()[:MAX_NAME]) or f"guest {number}"


async def _listen(ws: WebSocket, room: set[_Member], member: _Member) -> None:
    async for message in ws:
        if isinstance(message, bytes):
            await ws.close(CloseCode.UNSUPPORTED_DATA, "a chat is text")
            return
        _tell(room, f"{member.name}: {message}")


def _tell(room: set[_Member], text: str) -> None:
    for member in list(room):
        member.put(text)


class _Member:
    """A member of a chat, with what waits for it."""

    def __init__(self, ws: WebSocket, name: str, nursery: trio.Nursery) -> None:
        self.name = name
        self._ws = ws
        self._nursery = nursery
        self._queue: deque[str] = deque()
        self._filled = trio.Event()
        self._late = False

    def put(self, text: str) -> None:
        """Queue a text; if there is no room, the member is too slow, and has to leave."""
        if len(self._queue) < QUEUE:
            self._queue.append(text)
            self._filled.set()
        elif not self._late:
            self._late = True
            close = partial(self._ws.close, CloseCode.POLICY_VIOLATION, "too slow")
            self._nursery.start_soon(close)

    async def deliver(self) -> None:
        """Send what is queued, until cancelled, or until the end that others see as well."""
        with suppress(ConnectionClosed):
            while True:
                await self._filled.wait()
                self._filled = trio.Event()
                while self._queue:
                    await self._ws.send(self._queue.popleft())


# A program


class Program:
    """A handler that runs a program for each connection.

    Its environment has what a CGI program would look for (RFC 3875),
    as far as it cannot be mistaken for something else.
    """

    def __init__(self, command: Sequence[str], on_failure: Callable[[str], None]) -> None:
        self._command = list(command)
        self._on_failure = on_failure

    async def __call__(self, ws: WebSocket) -> None:
        """Run the program until it ends, or the connection does."""
        run = partial(
            trio.run_process,
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            check=False,
            env=environment(ws),
            start_new_session=True,  # a Ctrl-C is for us, who then terminate it
        )
        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(run)
            nursery.start_soon(_feed, ws, process, nursery.cancel_scope)
            await _read(ws, process)
            code = await process.wait()
            await self._close(ws, code)  # with which the feeder ends

    async def _close(self, ws: WebSocket, code: int) -> None:
        """Tell the peer whether the program was content."""
        if code == 0:
            await ws.close()
        else:
            ended = f"exit code {code}" if code > 0 else f"signal {-code}"
            self._on_failure(f"{escape(self._command[0])}: {ended}")
            await ws.close(CloseCode.INTERNAL_ERROR, f"the program ended with {ended}")


def environment(ws: WebSocket) -> dict[str, str]:
    """Return our environment, and what is known of the request."""
    request = ws.request
    return {
        **os.environ,
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": request.target,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.target.partition("?")[2],
        "REMOTE_ADDR": place(ws.remote_address),
        "WEBSOCKET_SUBPROTOCOL": ws.subprotocol or "",
    }


async def _feed(ws: WebSocket, process: trio.Process, scope: trio.CancelScope) -> None:
    """Write each message as a line; at the end give the program time to end, too."""
    assert process.stdin is not None
    listens = True
    try:
        async for message in ws:
            data = message.encode() if isinstance(message, str) else message
            listens = listens and await _write(process.stdin, data + b"\n")
    finally:
        with trio.move_on_after(GRACE, shield=True):
            await process.stdin.aclose()
            await process.wait()
        scope.cancel(reason="the connection has ended")


async def _write(stdin: trio.abc.SendStream, data: bytes) -> bool:
    """Write to a program; return False if it does not listen any more."""
    try:
        await stdin.send_all(data)
    except trio.BrokenResourceError:
        return False
    return True


async def _read(ws: WebSocket, process: trio.Process) -> None:
    """Send each line of the output: as text if it is UTF-8, and as binary if it is not."""
    assert process.stdout is not None
    async for line in Lines(process.stdout.receive_some):
        try:
            message: str | bytes = line.decode()
        except UnicodeDecodeError:
            message = line
        try:
            await ws.send(message)
        except ConnectionClosed:
            await trio.sleep_forever()  # the feeder sees the end, too, and gives it time
