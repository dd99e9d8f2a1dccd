"""The client's door: `open_websocket`, from a URL to an open connection.

The door checks what it was given and hands it to one `ConnectAttempt` (see `attempt`).
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Unpack

import trio

from .._concurrency.blocks import Block
from .._connection.block import ConnectionBlock
from .._connection.websocket import WebSocket
from .._http import HeaderSource
from .._instrument import Instrument
from .._options import config_from
from .._policies import Heartbeat, HeartbeatOption, Limits, Timeouts
from .._protocol.extensions.base import Extension
from .._protocol.extensions.deflate import Deflate
from .._url import parse_url
from .._validation import check_instance
from .attempt import ConnectAttempt
from .options import USER_AGENT, ClientConfig, ClientOptions


def open_websocket(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: HeaderSource = (),
    ssl_context: ssl.SSLContext | None = None,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
    compression: Deflate | None = None,
    extensions: Sequence[Extension] = (),
    instruments: Sequence[Instrument] = (),
    origin: str | None = None,
    user_agent: str | None = USER_AGENT,
) -> AbstractAsyncContextManager[WebSocket]:
    """Connect to a WebSocket server for the length of a block (RFC 6455 §4.1)::

        async with open_websocket("wss://example.com/feed") as ws:
            async for message in ws:
                ...

    Cancelling while it connects closes whatever was opened.
    Leaving the block closes the connection, whatever the reason:
    normally with 1000, with an exception with 1011, when cancelled with 1001 and at once.
    When the connection is lost meanwhile, the block is cancelled and raises `ConnectionLost`.
    Exactly one exception leaves, and never in a group of our making.

    Args:
        url: ``ws://`` or ``wss://``; user and password in it become Basic authorization.
        subprotocols: offered to the server, in order of preference (RFC 6455 §1.9).
        headers: more headers of the request; they replace ones that we would send,
            but cannot be ones that make up the handshake.
        ssl_context: for ``wss`` only; by default the certificate is verified against the system's
            trust store.
        heartbeat: how the connection's liveness is checked; None disables the checks.
        timeouts: `Timeouts.connect` bounds DNS, TCP, TLS and HTTP together.
        limits: the sizes and counts that bound memory.
        compression: `Deflate()` offers to compress messages (RFC 7692); None: they are not.
        extensions: offered to the server beside compression (RFC 6455 §9).
        instruments: told what happens to the connection (`Instrument`).
        origin: the ``Origin`` header; a browser sends one, others need not.
        user_agent: the ``User-Agent`` header; None: no such header.

    Raises:
        InvalidURL: the URL is not a WebSocket URL.
        LocalProtocolError: a header or a subprotocol cannot be sent.
        ValueError, TypeError: another option is invalid.
        HandshakeTimeout: it took longer than `Timeouts.connect`.
        Rejected: the server answered with another status than 101.
        InvalidHandshake: the server does not speak WebSocket properly.
        TLSError: TLS failed; an untrusted certificate, for instance.
        HandshakeError: no connection was opened; the `OSError` is chained.
    """
    config = ClientConfig(
        subprotocols=subprotocols,
        headers=headers,
        ssl_context=ssl_context,
        heartbeat=heartbeat,
        timeouts=timeouts,
        limits=limits,
        compression=compression,
        extensions=extensions,
        instruments=instruments,
        origin=origin,
        user_agent=user_agent,
    )
    return _block("open_websocket(…)", url, config)


def open_websocket_on(
    stream: trio.abc.Stream, url: str, **options: Unpack[ClientOptions]
) -> AbstractAsyncContextManager[WebSocket]:
    """Open a connection over a stream of your own, as `open_websocket` does: a tunnel, a pipe.

    The stream belongs to the connection from the beginning of the block on,
    and is closed with it, also when connecting fails.
    `url` fills in the request (host, target, authorization); nothing is looked up.
    For ``wss`` TLS is begun on the stream, unless it is a `trio.SSLStream` already.
    For a Unix socket, give ``await trio.open_unix_socket(path)``.
    """
    check_instance("stream", stream, trio.abc.Stream, "a trio.abc.Stream")
    config = config_from(ClientConfig, options, "open_websocket_on")
    return _block("open_websocket_on(…)", url, config, stream)


def _block(
    call: str, text: str, config: ClientConfig, stream: trio.abc.Stream | None = None
) -> AbstractAsyncContextManager[WebSocket]:
    url = parse_url(text)
    config.check_url(url)
    return Block(call, ConnectionBlock(ConnectAttempt(url, config, stream).connect))
