"""The client's door: `open_websocket`, from a URL to an open connection.

The door checks what it was given and hands it to one `ConnectAttempt` (see `attempt`).
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypedDict, Unpack

import trio

from .._connection.block import ConnectionBlock
from .._connection.websocket import WebSocket
from .._handshake.client import ClientHandshake
from .._http import Headers, HeaderSource
from .._options import ConnectionOptions
from .._policies import Heartbeat, HeartbeatOption, Limits, Timeouts
from .._url import parse_url
from .._validation import check_context
from .attempt import ConnectAttempt

USER_AGENT = "trio_ws"


class ClientOptions(TypedDict, total=False):
    """The options of `open_websocket`, as `open_websocket_on` takes them."""

    subprotocols: Sequence[str]
    headers: HeaderSource
    ssl_context: ssl.SSLContext | None
    heartbeat: HeartbeatOption
    timeouts: Timeouts
    limits: Limits
    origin: str | None
    user_agent: str | None


def open_websocket(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: HeaderSource = (),
    ssl_context: ssl.SSLContext | None = None,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
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
        ssl_context: for ``wss`` only; by default the system's trusted certificates are asked.
        heartbeat: how the peer is kept an eye on; None: not at all.
        timeouts: `Timeouts.connect` bounds DNS, TCP, TLS and HTTP together.
        limits: how much of everything.
        origin: the ``Origin`` header; a browser sends one, others need not.
        user_agent: the ``User-Agent`` header; None: no such header.

    Raises:
        InvalidURL: the URL is no WebSocket URL.
        LocalProtocolError: a header or a subprotocol cannot be sent.
        ValueError, TypeError: another option makes no sense.
        HandshakeTimeout: it took longer than `Timeouts.connect`.
        Rejected: the server answered with another status than 101.
        InvalidHandshake: the server does not speak WebSocket properly.
        TLSError: TLS failed; an untrusted certificate, for instance.
        HandshakeError: no connection came about; the `OSError` is chained.
    """
    return _scope(
        None,
        url,
        subprotocols=subprotocols,
        headers=headers,
        ssl_context=ssl_context,
        heartbeat=heartbeat,
        timeouts=timeouts,
        limits=limits,
        origin=origin,
        user_agent=user_agent,
    )


def open_websocket_on(
    stream: trio.abc.Stream, url: str, **options: Unpack[ClientOptions]
) -> AbstractAsyncContextManager[WebSocket]:
    """As `open_websocket`, with its options, over a stream of your own: a tunnel, a pipe.

    The stream belongs to the connection from the beginning of the block on,
    and is closed with it, also when connecting fails.
    `url` fills in the request (host, target, authorization); nothing is looked up.
    For ``wss`` TLS is begun on the stream, unless it is a `trio.SSLStream` already.
    For a Unix socket, give ``await trio.open_unix_socket(path)``.
    """
    return _scope(stream, url, **options)


def _scope(
    stream: trio.abc.Stream | None,
    text: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: HeaderSource = (),
    ssl_context: ssl.SSLContext | None = None,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
    origin: str | None = None,
    user_agent: str | None = USER_AGENT,
) -> AbstractAsyncContextManager[WebSocket]:
    url = parse_url(text)
    options = ConnectionOptions(heartbeat=heartbeat, timeouts=timeouts, limits=limits)
    check_context(ssl_context, server=False)
    if ssl_context is not None and not url.tls:
        raise ValueError(f"an ssl_context is for wss://, and of no use for {url}")
    handshake = ClientHandshake(
        url,
        subprotocols=subprotocols,
        headers=_checked(headers),
        origin=origin,
        user_agent=user_agent,
        limits=limits,
    )
    dialler = ConnectAttempt(url, handshake, options, ssl_context, stream)
    return ConnectionBlock(dialler.connect)


def _checked(source: HeaderSource) -> Headers:
    """The headers that were given, if that is what they are; values may be secret."""
    with suppress(TypeError, ValueError):
        headers = Headers(source)
        if all(isinstance(part, str) for line in headers.multi_items() for part in line):
            return headers
    raise TypeError("headers must be a mapping of str to str, or pairs of them")
