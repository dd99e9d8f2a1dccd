"""A network of scripts over memory: each place has one, and connections are written down."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import trio
import trio.testing

from trio_ws._transport.network import TCPNetwork, use_network
from trio_ws.testing import RawPeer

from .servers import Script, Spy, accept_and_close, quietly

Place = tuple[str, int]
PROXY: Place = ("proxy.example", 3128)


class ScriptedNetwork(TCPNetwork):
    """Knows places and their scripts, and no others; nothing else is looked up or connected to.

    Attributes:
        connected: the places that were connected to.
        streams: our ends, which know whether they are closed.
    """

    def __init__(self, places: Mapping[Place, Script], nursery: trio.Nursery) -> None:
        self.connected: list[Place] = []
        self.streams: list[Spy] = []
        self._places = places
        self._nursery = nursery

    async def connect(self, host: str, port: int) -> Spy:  # type: ignore[override]
        """Connect to a script."""
        await trio.lowlevel.checkpoint()
        self.connected.append((host, port))
        if (host, port) not in self._places:
            raise socket.gaierror(socket.EAI_NONAME, f"no such name: {host}")
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._play, self._places[host, port], theirs)
        self.streams.append(Spy(ours))
        return self.streams[-1]

    async def _play(self, script: Script, stream: trio.abc.Stream) -> None:
        async with RawPeer(stream, client=False) as peer:
            await quietly(script, peer)

    @property
    def all_closed(self) -> bool:
        """Return True if none of our streams is left open."""
        return all(stream.closed for stream in self.streams)


@asynccontextmanager
async def scripted(places: Mapping[Place, Script]) -> AsyncGenerator[ScriptedNetwork]:
    """Let everything in the block connect to these places."""
    async with trio.open_nursery() as nursery:
        network = ScriptedNetwork(places, nursery)
        with use_network(network):
            yield network
        nursery.cancel_scope.cancel()


class Heads:
    """A script's notes: the heads that it was sent."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def note(self, head: bytes) -> None:
        """Write one down."""
        self.seen.append(head.decode("latin-1"))

    @property
    def lines(self) -> list[str]:
        """Return the lines of the last head, without the blank ones."""
        return [line for line in self.seen[-1].split("\r\n") if line]


def tunnel(
    server: Script = accept_and_close,
    heads: Heads | None = None,
    context: ssl.SSLContext | None = None,
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n",
) -> Script:
    """A proxy that opens a tunnel, and plays the server behind it, too, over TLS perhaps."""

    async def script(peer: RawPeer) -> None:
        head = await peer.receive_head()
        if heads is not None:
            heads.note(head)
        await peer.send_bytes(answer)
        secure = context and trio.SSLStream(peer.stream, context, server_side=True)
        await quietly(server, RawPeer(secure or peer.stream, client=False))

    return script


def noting(heads: Heads, script: Script = accept_and_close) -> Script:
    """A server that notes the head of its request, and goes on as another."""

    async def noted(peer: RawPeer) -> None:
        receive_head = peer.receive_head

        async def receive_and_note() -> bytes:
            head = await receive_head()
            heads.note(head)
            return head

        peer.receive_head = receive_and_note  # type: ignore[method-assign]
        await script(peer)

    return noted


def redirect(location: str | None, status: int = 302, *more: str) -> Script:
    """A server that answers with a redirect, and keeps the connection open."""
    lines = [f"HTTP/1.1 {status} Elsewhere", *more]
    if location is not None:
        lines.append(f"Location: {location}")
    answer = "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(answer)
        await trio.sleep_forever()

    return script
