"""Servers to be a client of, over memory and over TCP, with and without TLS."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
import trio.testing
import trustme

from trio_ws.testing import RawPeer

Script = Callable[[RawPeer], Awaitable[object]]


CA = trustme.CA()


async def echo_once(peer: RawPeer) -> None:
    """Accept, send one text back, close."""
    await peer.accept()
    frame = await peer.expect_frame(1)
    await peer.send_frame(1, frame.payload)
    await peer.close_politely()


async def accept_and_close(peer: RawPeer) -> None:
    await peer.accept()
    await peer.close_politely()


async def silence(peer: RawPeer) -> None:
    await trio.sleep_forever()


async def quietly(script: Script, peer: RawPeer) -> None:
    """Run a script to the end of its stream."""
    with contextlib.suppress(trio.BrokenResourceError, EOFError):
        await script(peer)


@asynccontextmanager
async def memory(script: Script) -> AsyncGenerator[trio.abc.Stream]:
    """A stream whose other end a script holds."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with RawPeer(theirs, client=False) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(quietly, script, peer)
        yield ours
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def tcp(
    script: Script, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """A port where each connection is handled by a script."""

    async def handle(stream: trio.SocketStream) -> None:
        secure = context and trio.SSLStream(stream, context, server_side=True)
        async with RawPeer(secure or stream, client=False) as peer:
            await quietly(script, peer)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=host)
        await nursery.start(trio.serve_listeners, handle, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def server_context(*names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(*names).configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def raw(answer: bytes) -> Script:
    """A script that reads a request, answers with these bytes, and ends the stream."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(answer)
        await peer.send_eof()

    return script


class Spy(trio.abc.Stream):
    """A stream that knows whether it was closed."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.closed = True
        await self.stream.aclose()
