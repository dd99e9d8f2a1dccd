"""The server's door: `serve_websocket` and its two siblings for listeners and for one stream.

The doors check their options and run one `Server` (see `server`).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Unpack

import trio

from .._concurrency.blocks import check_in_trio
from .._handshake.origins import SAME_ORIGIN, Origins
from .._instrument import Instrument
from .._options import config_from
from .._policies import Heartbeat, HeartbeatOption, Limits, Timeouts
from .._protocol.extensions.base import Extension
from .._protocol.extensions.deflate import Deflate
from .._transport.listening import close_by_force
from .._transport.network import current_network
from .._validation import check_host, check_instance, check_port, kind_of
from .log import log_handler_error
from .options import HandlerErrorHook, RequestHook, ServerConfig, ServerOptions, Subprotocols
from .router import Router, selector_for
from .selection import Handler
from .server import Listener, Server, serve_stream


async def serve_websocket(
    handler: Handler | Router,
    host: str | None,
    port: int,
    *,
    ssl_context: ssl.SSLContext | None = None,
    subprotocols: Subprotocols = (),
    origins: Origins = SAME_ORIGIN,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
    compression: Deflate | None = None,
    extensions: Sequence[Extension] = (),
    instruments: Sequence[Instrument] = (),
    on_request: RequestHook | None = None,
    max_connections: int | None = None,
    on_handler_error: HandlerErrorHook = log_handler_error,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve WebSocket connections over TCP until cancelled or drained (RFC 6455 §4.2).

    Each connection is given to a call of `handler` in a task of its own.
    It lives as long as that call.
    When the handler returns, the connection is closed with 1000; when it raises, with 1011,
    and `on_handler_error` is called.
    A `ConnectionClosed` of its own connection is not a failure.
    Nothing that a peer sends or a handler raises touches other connections.

    If this is cancelled, all connections are closed (1001) at the same time,
    within `Timeouts.goodbye`, and unfinished handshakes are dropped.

    Requests that are not a proper upgrade are answered with 400, 405, 426 or 431,
    and a line of text.

    Args:
        handler: an async function of one `WebSocket`, or a `Router` with several.
        host: the address or name to listen on; None: all addresses.
        port: the TCP port; 0: a free one, the same on all addresses; `Server.port` tells which.
        ssl_context: the context for ``wss``; None: no TLS.
        subprotocols: those that are spoken here, best first; the first that the client offers
            is chosen.  Or a function of the `Request` and the names offered that returns one,
            or None.  Without one in common the client is accepted all the same,
            with `WebSocket.subprotocol` None: close it with 1008 if you need one.
        origins: which web pages may connect: `SAME_ORIGIN`, `ANY_ORIGIN`, a compiled pattern,
            or a list of origins, patterns and these.  Others are answered 403.
            Requests without an ``Origin`` header, which do not come from pages, may always.
        heartbeat: how the liveness of each connection is checked; None disables the checks.
        timeouts: `Timeouts.connect` bounds TLS and the first request together,
            and each further request on the same connection.
        limits: the sizes and counts that bound memory.
        compression: `Deflate()` accepts to compress messages if a client offers it (RFC 7692);
            None: they are not compressed.
        extensions: accepted if a client offers them, beside compression (RFC 6455 §9).
        instruments: told what happens to each connection (`Instrument`).
        on_request: called with each HTTP request, upgrade or not, before anything is decided;
            may be async.  A `Response` that it returns is sent instead of anything else:
            a health check, a page, a 401, a redirect.  None: go on.
            `Accept`: go on, and if that ends in a WebSocket, add these headers to the answer.
            Request bodies are not read.  If it raises, the answer is 500 and the error is logged.
        max_connections: if this many are open, further upgrades are answered 503
            with a ``Retry-After``.
        on_handler_error: called with the connection, which is closed, and the exception that
            its handler raised; may be async, and then the server's end cancels it.
            If it raises itself, that is logged.
        task_status: ``await nursery.start(serve_websocket, …)`` returns the `Server`.

    Raises:
        OSError: the server cannot listen on the address.
        LocalProtocolError, ValueError, TypeError: an option is invalid.
    """
    check_in_trio("serve_websocket(…)")
    config = ServerConfig(
        ssl_context=ssl_context,
        subprotocols=subprotocols,
        origins=origins,
        heartbeat=heartbeat,
        timeouts=timeouts,
        limits=limits,
        compression=compression,
        extensions=extensions,
        instruments=instruments,
        on_request=on_request,
        max_connections=max_connections,
        on_handler_error=on_handler_error,
    )
    selector = selector_for(handler)
    listeners = await _listen(host, port)
    try:
        server = Server(selector, listeners, config)
        task_status.started(server)
    except BaseException:
        for listener in listeners:
            await close_by_force(listener)  # noqa: ASYNC102 - does not wait
        raise
    await server._run()


async def _listen(host: str | None, port: int) -> list[Listener]:
    check_host(host)
    check_port(port)
    return list(await current_network().listen(host, port))


async def serve_websocket_listeners(
    handler: Handler | Router,
    listeners: Iterable[Listener],
    *,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
    **options: Unpack[ServerOptions],
) -> None:
    """Serve on listeners of your own, as `serve_websocket` does, with its options.

    That may be a Unix socket (``trio.SocketListener(sock)``), a port that several processes share
    (`open_listeners`), sockets that this process has inherited (`inherited_listeners`),
    or anything else that is a `trio.abc.Listener` of streams.
    The listeners are closed at the end.
    Give TLS either as `ssl_context` or in the listeners (`trio.SSLListener`), not both;
    `ssl_context` is faster.
    """
    check_in_trio("serve_websocket_listeners(…)")
    checked = _checked_listeners(listeners)
    server = Server(
        selector_for(handler),
        checked,
        config_from(ServerConfig, options, "serve_websocket_listeners"),
    )
    task_status.started(server)
    await server._run()


async def serve_websocket_on(
    handler: Handler | Router, stream: trio.abc.Stream, **options: Unpack[ServerOptions]
) -> None:
    """Serve the one connection that `stream` is, as `serve_websocket` does, with its options.

    Returns when the connection is over, also if it never became a WebSocket;
    the stream is closed then.
    """
    check_in_trio("serve_websocket_on(…)")
    check_instance("stream", stream, trio.abc.Stream, "a trio.abc.Stream")
    config = config_from(ServerConfig, options, "serve_websocket_on")
    server = Server(selector_for(handler), (), config)
    await serve_stream(server, stream)


def _checked_listeners(listeners: object) -> list[Listener]:
    """Return the listeners as a list, if that is what they are, and at least one."""
    if not isinstance(listeners, Iterable):
        raise TypeError(f"listeners are a list of trio.abc.Listener, not {kind_of(listeners)}")
    checked = list(listeners)
    for listener in checked:
        check_instance(
            "each of listeners",
            listener,
            trio.abc.Listener,
            "a trio.abc.Listener, as trio.SocketListener(sock) is",
        )
    if not checked:
        raise ValueError("listeners must be at least one: there is nothing to listen on")
    return checked
