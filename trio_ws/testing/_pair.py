"""Connections over memory, without an opening handshake."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Unpack

import trio
import trio.testing

from .._connection.block import ConnectionBlock
from .._connection.websocket import WebSocket
from .._handshake.opening import Opening
from .._http import Headers, Request, Response
from .._options import ConnectionOptions, PolicyOptions
from ._peer import RawPeer


def _opening(subprotocol: str | None) -> Opening:
    request = Request(method="GET", target="/", headers=Headers([("Host", "testserver")]))
    return Opening(request=request, response=Response(101), subprotocol=subprotocol)


@asynccontextmanager
async def open_websocket_pair(
    *,
    subprotocol: str | None = None,
    **options: Unpack[PolicyOptions],
) -> AsyncGenerator[tuple[WebSocket, WebSocket], None]:
    """Open a client and a server that are connected to each other: ``as (client, server)``.

    Both get the same policies: ``heartbeat``, ``timeouts``, ``limits``.
    The connection was not negotiated:
    `WebSocket.request` and `WebSocket.response` are placeholders.
    When the block is left the client closes first.
    """
    values = ConnectionOptions(**options)
    ours, theirs = trio.testing.memory_stream_pair()
    opening = _opening(subprotocol)
    server = WebSocket(theirs, opening, client=False, options=values, name="server")
    client = WebSocket(ours, opening, client=True, options=values, name="client")
    async with ConnectionBlock(server), ConnectionBlock(client):
        yield client, server


@asynccontextmanager
async def open_websocket_to_peer(
    *,
    client: bool,
    stream: trio.abc.Stream | None = None,
    peer_stream: trio.abc.Stream | None = None,
    subprotocol: str | None = None,
    **options: Unpack[PolicyOptions],
) -> AsyncGenerator[tuple[WebSocket, RawPeer], None]:
    """A WebSocket in the given role, and a `RawPeer` in the other: ``as (ws, peer)``.

    Unlike elsewhere there is no heartbeat unless you ask for one.
    Without streams of your own (give both, or none) they talk over memory.
    The connection was not negotiated.
    When the block is left while the connection is open, nobody answers the goodbye
    unless the script of the peer did: call `RawPeer.close_politely`, or use a virtual clock.
    """
    if (stream is None) != (peer_stream is None):
        raise ValueError("give both streams, or none")
    if stream is None or peer_stream is None:
        stream, peer_stream = trio.testing.memory_stream_pair()
    policies: PolicyOptions = {"heartbeat": None, **options}
    values = ConnectionOptions(**policies)
    ws = WebSocket(stream, _opening(subprotocol), client=client, options=values, name="tested")
    peer = RawPeer(peer_stream, client=not client)
    try:
        async with ConnectionBlock(ws):
            yield ws, peer
    finally:
        # Shielded, so that a cancellation does not take the place of what leaves the block.
        with trio.move_on_after(1, shield=True):
            await trio.aclose_forcefully(peer)
