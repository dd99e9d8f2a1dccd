"""The door of a reconnecting channel."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Unpack

from .._concurrency.blocks import Block
from .._supervision.config import SupervisorOptions
from .._supervision.endpoints import Endpoint
from .._supervision.supervise import Supervisor
from .block import ChannelBlock
from .channel import OnConnect, ReconnectingWebSocket, WhenDown
from .outgoing import SendBuffer


def open_reconnecting_websocket(
    endpoint: Endpoint,
    *,
    on_connect: OnConnect | None = None,
    buffer: SendBuffer | None = None,
    when_down: WhenDown = "wait",
    **options: Unpack[SupervisorOptions],
) -> AbstractAsyncContextManager[ReconnectingWebSocket]:
    """Return a block with one channel across many connections::

        async def subscribe(ws):
            await ws.send_json({"subscribe": "trades"})

        async with open_reconnecting_websocket(url, on_connect=subscribe) as channel:
            async for message in channel:
                ...

    Entering the block does not wait for the first connection.
    A failure that waiting does not help against cancels the block, and leaves it, bare;
    so does whatever ``on_connect`` raises besides the end of its connection.
    Leaving the block closes the connection: normally with 1000, with an exception with 1011,
    when cancelled with 1001 and at once.

    Args:
        endpoint: as `supervise` takes it.
        on_connect: an async function of each new `WebSocket`, called before anything else is sent:
            to log in, to subscribe.  What it receives is not seen by the channel.
            It may take `Timeouts.connect`, once more after connecting;
            then the connection is closed (1001) and counts as one that was lost.
        buffer: lets `ReconnectingWebSocket.send` return at once while there is no connection.
        when_down: what `send` does without a connection and without room in the buffer.
        options: those of `supervise`.
            What ``connect`` opens must be a `WebSocket`, whose frames the channel counts.
            A wrapper goes around the channel: it is a `MessageChannel` like any connection.

    Raises:
        TypeError, ValueError, LocalProtocolError: an option or the endpoint is invalid;
            this function raises it, before the block.
        SupervisorGaveUp, HandshakeError, ConnectionClosed: as `supervise`.
    """
    channel = ReconnectingWebSocket(
        Supervisor(endpoint, **options),
        on_connect=on_connect,
        buffer=buffer,
        when_down=when_down,
    )
    return Block("open_reconnecting_websocket(…)", ChannelBlock(channel))
