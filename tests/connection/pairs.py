"""Connections over sockets, with their peers: what the tests of bursts send from and to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from trio_ws import WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws.testing._peer import RawPeer

from .. import streams
from ..wires import opening, settled

Pair = tuple[WebSocket, RawPeer]


@asynccontextmanager
async def on_sockets(
    count: int,
    client: bool = False,
    buffers: int = 1 << 18,
    make: Callable[[], streams.Pair] | None = None,
    **options: Any,
) -> AsyncGenerator[list[Pair]]:
    """Open so many connections over sockets; at the end the peers say goodbye."""
    make = make or partial(streams.socket_pair, buffers)
    async with AsyncExitStack() as stack:
        pairs: list[Pair] = []
        for _ in range(count):
            ours, theirs = make()
            rules = ConnectionOptions(**{"heartbeat": None, **options})
            ws = WebSocket(ours, opening(), client=client, options=rules, name="tested")
            peer = await stack.enter_async_context(RawPeer(theirs, client=not client))
            await stack.enter_async_context(ConnectionBlock(ws))
            pairs.append((ws, peer))
        await settled()
        yield pairs
        for _, peer in pairs:
            await peer.send_close()
            await peer.send_eof()


async def received(peer: RawPeer, count: int) -> list[str]:
    """Receive so many texts."""
    return [(await peer.receive_frame()).payload.decode() for _ in range(count)]
