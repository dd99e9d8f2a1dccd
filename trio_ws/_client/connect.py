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
from .._instrument import Instrument
from .._options import config_from
from .._policies import Heartbeat, HeartbeatOption, Limits, Timeouts
from .._protocol.extensions.base import Extension
from .._protocol.extensions.deflate import Deflate
from .._transport.lent import lend
from .._url import parse_url
from .._validation import check_instance
from .attempt import ConnectAttempt
from .options import (
    USER_AGENT,
    ClientConfig,
    ClientHeaders,
    ClientOptions,
    ConnectTo,
    ProxyOption,
)


def open_websocket(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: ClientHeaders = (),
    ssl_context: ssl.SSLContext | None = None,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
    compression: Deflate | None = None,
    extensions: Sequence[Extension] = (),
    instruments: Sequence[Instrument] = (),
    proxy: ProxyOption = True,
    max_redirects: int = 10,
    origin: str | None = None,
    user_agent: str | None = USER_AGENT,
    connect_to: ConnectTo | None = None,
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
            Or a function, async or not, that returns them; it is called once for each attempt.
        ssl_context: for ``wss`` only; by default the certificate is verified against the system's
            trust store.
        heartbeat: how the connection's liveness is checked; None disables the checks.
        timeouts: `Timeouts.connect` bounds all of it together: the function for the headers,
            DNS, TCP, proxies, TLS, HTTP, redirects.
        limits: the sizes and counts that bound memory.
        compression: `Deflate()` offers to compress messages (RFC 7692); None: they are not.
        extensions: offered to the server beside compression (RFC 6455 §9).
        instruments: told what happens to the connection (`Instrument`).
        proxy: True, the one that the environment names: ``wss_proxy`` or ``https_proxy`` for
            ``wss``, ``ws_proxy`` or ``http_proxy`` for ``ws``, or ``all_proxy``, and none for what
            ``no_proxy`` names (`urllib.request.getproxies`); None, none;
            or the URL of one: ``http://``, ``https://``, ``socks5h://``, ``socks5://``,
            ``socks4a://``, ``socks4://``, with user and password if it wants them.
            For SOCKS install the extra ``proxy``.
        max_redirects: how many redirects are followed; with 0 one is a `Rejected`.
            None leads from ``wss`` to ``ws``, and another origin gets no credentials:
            no ``Authorization``, no ``Cookie``, nothing of a ``headers`` function,
            no `ssl_context`, and no user and password of the URL.
        origin: the ``Origin`` header; a browser sends one, others need not.
        user_agent: the ``User-Agent`` header; None: no such header.
        connect_to: connect to this instead: a pair of host and port, or the path of a Unix socket.
            ``Host``, SNI and the certificate follow the URL; a redirect leads away from it.
            The environment's proxies are not used; one that is given is asked to connect there.

    Raises:
        InvalidURL: the URL is not a WebSocket URL.
        LocalProtocolError: a header or a subprotocol cannot be sent.
        ValueError, TypeError: another option is invalid.
        HandshakeTimeout: it took longer than `Timeouts.connect`.
        Rejected: the server answered with another status than 101.
        InvalidHandshake: the server does not speak WebSocket properly.
        TLSError: TLS failed; an untrusted certificate, for instance.
        ProxyError: the way through the proxy failed.
        TooManyRedirects: more redirects than `max_redirects`, or a circle of them.
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
        proxy=proxy,
        max_redirects=max_redirects,
        origin=origin,
        user_agent=user_agent,
        connect_to=connect_to,
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
    Redirects are not followed, since the stream leads to one place only,
    and the environment's proxies are not used.  For a Unix socket there is ``connect_to``.
    """
    check_instance("stream", stream, trio.abc.Stream, "a trio.abc.Stream")
    config = config_from(ClientConfig, options, "open_websocket_on")
    config.check_own_stream()
    lend(stream)
    return _block("open_websocket_on(…)", url, config, stream)


def _block(
    call: str, text: str, config: ClientConfig, stream: trio.abc.Stream | None = None
) -> AbstractAsyncContextManager[WebSocket]:
    url = parse_url(text)
    config.check_url(url)
    return Block(call, ConnectionBlock(ConnectAttempt(url, config, stream).connect))
