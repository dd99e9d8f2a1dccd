"""Connections over memory, without an opening handshake."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Unpack

import trio
import trio.testing

from .._connection.block import ConnectionBlock
from .._connection.websocket import WebSocket
from .._handshake.extensions import NegotiatedExtension, agree
from .._handshake.opening import Opening
from .._http import Headers, Request, Response
from .._options import ConnectionOptions, PolicyOptions
from ._peer import RawPeer


def _opening(subprotocol: str | None, extensions: tuple[NegotiatedExtension, ...] = ()) -> Opening:
    request = Request(method="GET", target="/", headers=Headers([("Host", "testserver")]))
    return Opening(
        request=request,
        response=Response(101),
        subprotocol=subprotocol,
        extensions=extensions,
    )


@asynccontextmanager
async def open_websocket_pair(
    *,
    subprotocol: str | None = None,
    **options: Unpack[PolicyOptions],
) -> AsyncGenerator[tuple[WebSocket, WebSocket], None]:
    """Open a client and a server that are connected to each other: ``as (client, server)``.

    Both get the same policies: ``heartbeat``, ``timeouts``, ``limits``,
    and the extensions that two ends with the same ``compression`` and ``extensions`` agree on.
    There was no handshake:
    `WebSocket.request` and `WebSocket.response` are placeholders.
    When the block is left the client closes first.
    """
    values = ConnectionOptions(**options)
    ours, theirs = trio.testing.memory_stream_pair()
    extensions = agree(values.all_extensions)
    client, server = (
        WebSocket(
            stream,
            _opening(subprotocol, agreed),
            client=stream is ours,
            options=values,
            name="client" if stream is ours else "server",
        )
        for stream, agreed in zip((ours, theirs), extensions, strict=True)
    )
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
    """Open a WebSocket in the given role, and a `RawPeer` in the other: ``as (ws, peer)``.

    Unlike elsewhere there is no heartbeat unless you ask for one.
    Without streams of your own (give both, or none) they talk over memory.
    There was no handshake; with ``compression`` or ``extensions`` the WebSocket behaves
    as if the peer had agreed, and the peer sends what it is told to.
    When the block is left while the connection is open, no peer answers the goodbye
    unless the script of the peer did: call `RawPeer.close_politely`, or use a virtual clock.
    """
    if (stream is None) != (peer_stream is None):
        raise ValueError("give both streams, or none")
    if stream is None or peer_stream is None:
        stream, peer_stream = trio.testing.memory_stream_pair()
    policies: PolicyOptions = {"heartbeat": None, **options}
    values = ConnectionOptions(**policies)
    ours, theirs = agree(values.all_extensions)
    opening = _opening(subprotocol, ours if client else theirs)
    ws = WebSocket(stream, opening, client=client, options=values, name="tested")
    peer = RawPeer(peer_stream, client=not client)
    try:
        async with ConnectionBlock(ws):
            yield ws, peer
    finally:
        # Shielded, so that a cancellation does not take the place of what leaves the block.
        with trio.move_on_after(1, shield=True):
            await trio.aclose_forcefully(peer)
