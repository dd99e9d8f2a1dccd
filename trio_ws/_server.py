"""The server's door: listen, accept, hand each connection to a handler, drain.

    serve_websocket
    └─ nursery
       ├─ accepting, one task per listener        ← cancelled by `drain`
       ├─ one task per connection                 ← cancelled with the server
       │  ├─ reception: a place in the lobby, under one deadline
       │  └─ the connection's block, with the handler as its body
       └─ the services of each connection         ← its block waits for them

What happens to one connection stays with it (P9):
whatever its peer sends and whatever its handler raises ends that task and no other.
Only a Ctrl-C, an exit and a cancellation pass.
"""

from __future__ import annotations

import itertools
import logging
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypedDict, Unpack, final

import trio

from ._admission import Admission
from ._bare import bare_exceptions
from ._connection import WebSocket
from ._handling import Handler, Handling
from ._listening import accept_forever, close_by_force, listen, port_of
from ._options import check_function
from ._policy import FOREVER, Heartbeat, HeartbeatOption, Limits, Timeouts
from ._reception import (
    FailureHook,
    Options,
    Reception,
    RequestHook,
    Subprotocols,
    log_handler_failure,
    log_loss,
)
from ._sansio.checks import check_close
from ._sansio.handshake import Opening
from ._sansio.origins import SAME_ORIGIN, Origins
from ._statistics import ServerStatistics
from ._suspend import watch_for_suspension
from ._transport import remote_address
from ._values import CloseCode

Listener: TypeAlias = trio.abc.Listener[Any]

_logger = logging.getLogger("trio_ws.server")
_numbers = itertools.count(1)


@final
class Server:
    """A running server.

    Made by ``await nursery.start(serve_websocket, …)``, which returns it; never by hand.

    Attributes:
        listeners: what it listens on.
    """

    def __init__(self, handler: Handler, listeners: Sequence[Listener], options: Options) -> None:
        self._handling = Handling(handler, options.handler_failed)
        self.listeners = tuple(listeners)
        self._ports = [port for listener in listeners if (port := port_of(listener))]
        self._policies = options.policies
        self._admission = Admission(
            max_places=options.limits.max_handshakes,
            max_seats=options.max_connections,
            patience=options.timeouts.connect,
        )
        self._reception = Reception(options, self._admission)
        self._connections: set[WebSocket] = set()
        self._draining_with: int | None = None
        self._accepted = self._opened = self._lost = 0
        self._nursery: trio.Nursery | None = None
        self._accepting = trio.CancelScope()
        self._everything = trio.CancelScope()

    @property
    def port(self) -> int:
        """The TCP port it listens on, the first if there are several.

        Raises:
            RuntimeError: none of the listeners is one for TCP.
        """
        if not self._ports:
            raise RuntimeError("this server does not listen on a TCP port")
        return self._ports[0]

    @property
    def connections(self) -> frozenset[WebSocket]:
        """The WebSocket connections whose handlers are running."""
        return frozenset(self._connections)

    def statistics(self) -> ServerStatistics:
        """A snapshot of counters."""
        return ServerStatistics(
            connections=self._admission.seats,
            handshakes=len(self._admission.places),
            accepted=self._accepted,
            refused=self._reception.refused,
            opened=self._opened,
            lost=self._lost,
            failed=self._handling.failed,
        )

    async def drain(
        self,
        *,
        deadline: float = 30.0,
        spread: float = 10.0,
        code: int = CloseCode.SERVICE_RESTART,
    ) -> None:
        """Stop serving without hurting anybody more than needed.

        At once the listeners are closed, and upgrades on connections that exist already
        are answered 503 with a ``Retry-After``.
        The connections are closed politely with `code`, one after another over `spread` seconds,
        so that their clients do not all come back in the same moment.
        What is left `deadline` seconds from now, handlers included, is cancelled.
        Then `serve_websocket` returns.

        If cancelled, the server still lets nobody in; call it again to go on.

        Raises:
            LocalProtocolError: `code` may not be sent (RFC 6455 §7.4).
            ValueError: `deadline` or `spread` is no duration.
        """
        check_close(code, "")
        if not (0 <= deadline < FOREVER and 0 <= spread < FOREVER):
            raise ValueError("deadline and spread are finite numbers of seconds, zero or more")
        self._draining_with = code
        self._admission.close(until=trio.current_time() + deadline)
        self._accepting.cancel(reason="the server is draining")
        with bare_exceptions(), trio.move_on_after(deadline):
            await self._close_all(spread, code)
            await self._admission.wait_empty()
        self._everything.cancel(reason="the server has been drained")

    async def _close_all(self, spread: float, code: int) -> None:
        connections = list(self._connections)
        async with trio.open_nursery() as nursery:
            for index, ws in enumerate(connections):
                nursery.start_soon(ws.close, code)
                if index < len(connections) - 1:
                    await trio.sleep(spread / len(connections))

    async def _run(self) -> None:
        """Serve until drained or cancelled."""
        with bare_exceptions(), watch_for_suspension().kept_going(), self._everything:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                with self._accepting:
                    async with trio.open_nursery() as accepting:
                        for listener in self.listeners:
                            accepting.start_soon(accept_forever, listener, nursery, self._serve)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        """One connection, from the first byte to the last."""
        ident = f"server-{next(_numbers)}"
        self._accepted += 1
        if _logger.isEnabledFor(logging.DEBUG):
            _logger.debug("[%s] connection from %r", ident, remote_address(stream))
        ws = None
        try:
            ws = await self._let_in(stream, ident)
            if ws is not None:
                # We may have begun to drain while it was let in.
                await self._handling.run(ws, self._nursery, close_with=self._draining_with)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            _log_break(ident, exc)
        except Exception:
            _logger.exception("[%s] failed in a way that nobody expected", ident)
        finally:
            if ws is not None:
                self._see_off(ws)
            await close_by_force(stream)  # noqa: ASYNC102 - does not wait

    async def _let_in(self, stream: trio.abc.Stream, ident: str) -> WebSocket | None:
        """Take a connection through the lobby to its seat; None: it did not get that far."""
        with self._admission.place() as place:
            received = await self._reception.receive(stream, place, ident)
            return None if received is None else self._seated(*received, ident)
        _logger.debug("[%s] dropped before it became a WebSocket", ident)
        return None

    def _seated(self, stream: trio.abc.Stream, opening: Opening, ident: str) -> WebSocket:
        ws = WebSocket(stream, opening, client=False, policies=self._policies, ident=ident)
        self._connections.add(ws)
        self._opened += 1
        return ws

    def _see_off(self, ws: WebSocket) -> None:
        """A connection is over: its seat is free, and if it was lost the log tells how."""
        self._connections.discard(ws)
        self._admission.leave_seat()
        if ws.ending is not None and not ws.ending.clean:
            self._lost += 1
            with suppress(Exception):  # a log that fails is no reason to end the others
                log_loss(ws, ws.ending)


def _log_break(ident: str, error: BaseException) -> None:
    cause = error.__cause__ or error
    _logger.debug("[%s] broke before it was open: %s%s", ident, cause, _hint(cause))


def _hint(cause: BaseException) -> str:
    """What OpenSSL means when it says that the two sides share no cipher."""
    if isinstance(cause, ssl.SSLError) and cause.reason == "NO_SHARED_CIPHER":
        return "; has the ssl_context a certificate (load_cert_chain)?"
    return ""


class ServerOptions(TypedDict, total=False):
    """The options of `serve_websocket`, as the functions beside it take them."""

    ssl_context: ssl.SSLContext | None
    subprotocols: Subprotocols
    origins: Origins
    heartbeat: HeartbeatOption
    timeouts: Timeouts
    limits: Limits
    on_request: RequestHook | None
    max_connections: int | None
    handler_failed: FailureHook


async def serve_websocket(
    handler: Handler,
    host: str | None,
    port: int,
    *,
    ssl_context: ssl.SSLContext | None = None,
    subprotocols: Subprotocols = (),
    origins: Origins = SAME_ORIGIN,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
    on_request: RequestHook | None = None,
    max_connections: int | None = None,
    handler_failed: FailureHook = log_handler_failure,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve WebSocket connections over TCP until cancelled or drained (RFC 6455 §4.2).

    Each connection is handed to a call of `handler` in a task of its own and lives as long.
    When the handler returns, the connection is closed with 1000; when it raises, with 1011,
    and `handler_failed` is told.  A `ConnectionClosed` of its own connection is no failure.
    Nothing that a peer sends or a handler raises touches other connections.

    When this is cancelled, all connections say goodbye (1001) at the same time,
    within `Timeouts.goodbye`, and unfinished handshakes are dropped.

    Requests that are no proper upgrade are answered with 400, 405, 426 or 431 and a line of text.

    Args:
        handler: an async function of one `WebSocket`.
        host: the address or name to listen on; None: all addresses.
        port: the TCP port; 0: a free one, the same on all addresses; `Server.port` tells which.
        ssl_context: the context for ``wss``; None: no TLS.
        subprotocols: those that are spoken here, best first; the first that the client offers
            is chosen.  Or a function of the `Request` and the names offered that returns one,
            or None.  Without one in common the client is accepted all the same,
            with `WebSocket.subprotocol` None: close it with 1008 if you need one.
        origins: which web pages may connect: `SAME_ORIGIN`, `ANY`, a compiled pattern,
            or a list of origins, patterns and these.  Others are answered 403.
            Requests without an ``Origin`` header, which do not come from pages, may always.
        heartbeat: how each peer is kept an eye on; None: not at all.
        timeouts: `Timeouts.connect` bounds TLS and the first request together,
            and each further request on the same connection.
        limits: how much of everything.
        on_request: called with each HTTP request, upgrade or not, before anything is decided;
            may be async.  A `Response` that it returns is sent instead of anything else:
            a health check, a page, a 401, a redirect.  None: go on.  Request bodies are not read.
            If it raises, the answer is 500 and the error is logged.
        max_connections: when so many are open, further upgrades are answered 503
            with a ``Retry-After``.
        handler_failed: called with the connection, which is closed, and the exception that
            its handler raised; may be async, and then the server's end cancels it.
            If it raises itself, that is logged.
        task_status: ``await nursery.start(serve_websocket, …)`` returns the `Server`.

    Raises:
        OSError: the address cannot be listened on.
        LocalProtocolError, ValueError, TypeError: an option makes no sense.
    """
    options = Options(
        ssl_context=ssl_context,
        subprotocols=subprotocols,
        origins=origins,
        heartbeat=heartbeat,
        timeouts=timeouts,
        limits=limits,
        on_request=on_request,
        max_connections=max_connections,
        handler_failed=handler_failed,
    )
    check_function("handler", handler)
    listeners = await listen(host, port)
    try:
        server = Server(handler, listeners, options)
        task_status.started(server)
    except BaseException:
        for listener in listeners:
            listener.socket.close()
        raise
    await server._run()


async def serve_websocket_listeners(
    handler: Handler,
    listeners: Iterable[Listener],
    *,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
    **options: Unpack[ServerOptions],
) -> None:
    """As `serve_websocket`, with its options, on listeners of your own.

    That may be a Unix socket (``trio.SocketListener(sock)``), sockets inherited from a
    supervisor of processes, or anything else that is a `trio.abc.Listener` of streams.
    The listeners are closed at the end.
    Give TLS either as `ssl_context` or in the listeners (`trio.SSLListener`), not both.
    """
    server = Server(handler, list(listeners), Options(**options))
    task_status.started(server)
    await server._run()


async def serve_websocket_on(
    handler: Handler, stream: trio.abc.Stream, **options: Unpack[ServerOptions]
) -> None:
    """As `serve_websocket`, with its options, for the one connection that `stream` is.

    Returns when the connection is over, also if it never became a WebSocket;
    the stream is closed then.
    """
    server = Server(handler, (), Options(**options))
    with bare_exceptions():
        await server._serve(stream)
