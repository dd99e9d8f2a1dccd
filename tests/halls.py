"""Servers over memory, and ways to reach them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Unpack, cast

import trio
import trio.testing

from trio_ws import (
    Handler,
    Headers,
    Router,
    Server,
    WebSocket,
    open_websocket_on,
    serve_websocket_listeners,
)
from trio_ws._server.options import ServerOptions
from trio_ws._server.selection import HandlerSelector
from trio_ws.testing import RawPeer

from .secrecy import QUERY, USERINFO


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def returns(ws: WebSocket) -> None:
    pass


async def forever(ws: WebSocket) -> None:
    await trio.sleep_forever()


class MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    """A listener without a network."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[trio.abc.Stream](10_000)
        self.closed = False

    async def accept(self) -> trio.abc.Stream:
        return await self._receive.receive()

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()

    def connect(self) -> trio.abc.Stream:
        """Return a stream whose other end is about to be accepted."""
        ours, theirs = trio.testing.memory_stream_pair()
        self.offer(theirs)
        return ours

    def offer(self, stream: trio.abc.Stream) -> None:
        """Let a stream be accepted."""
        self._send.send_nowait(stream)


class Hall:
    """A server over memory, and how to reach it."""

    def __init__(self, server: Server, listener: MemoryListener) -> None:
        self.server = server
        self.listener = listener

    def open(self, path: str = "/", **options: Any) -> Any:
        """Connect as a client."""
        url = f"ws://{USERINFO}testserver{path}{'' if '?' in path else QUERY}"
        return open_websocket_on(self.listener.connect(), url, **options)

    async def ask(self, method: str, path: str, *lines: str) -> tuple[int, Headers, bytes]:
        """Ask in plain HTTP; return status, headers and body."""
        head = [f"{method} {path} HTTP/1.1", "Host: testserver", "Connection: close", *lines]
        async with self.listener.connect() as stream:
            await stream.send_all("\r\n".join([*head, "", ""]).encode("latin-1"))
            start, _, body = b"".join([data async for data in stream]).partition(b"\r\n\r\n")
        status, *found = start.decode("latin-1").split("\r\n")
        fields = [(name, value) for name, _, value in (line.partition(": ") for line in found)]
        return int(status.split()[1]), Headers(fields), body

    def raw(self) -> RawPeer:
        """Connect as somebody who does what a script says."""
        return RawPeer(self.listener.connect(), client=True)


@asynccontextmanager
async def serving(
    handler: Handler | Router | HandlerSelector = echo, **options: Unpack[ServerOptions]
) -> AsyncGenerator[Hall]:
    """A server over memory, cancelled at the end."""
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket_listeners, cast(Handler, handler), [listener], **options)
        server: Server = await nursery.start(serve)
        yield Hall(server, listener)
        nursery.cancel_scope.cancel()
