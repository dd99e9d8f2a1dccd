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
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias, final

import trio

from .._concurrency.exceptions import unwrapping
from .._concurrency.suspension import watch_for_suspension
from .._connection.websocket import WebSocket
from .._ending import CloseCode
from .._handshake.opening import Opening
from .._policies import FOREVER
from .._protocol.validation import check_close
from .._transport.addresses import port_of, remote_address
from .._transport.listening import close_by_force, serve_forever
from .admission import Admission
from .handler import Handler, HandlerRunner
from .log import log_loss
from .options import ServerConfig
from .statistics import ServerStatistics
from .upgrade import Upgrader

Listener: TypeAlias = trio.abc.Listener[Any]
"""Something that accepts streams: `trio.SocketListener`, `trio.SSLListener`, or your own."""

_logger = logging.getLogger("trio_ws.server")
_numbers = itertools.count(1)


@final
class Server:
    """A running server.

    Made by ``await nursery.start(serve_websocket, …)``, which returns it; never by hand.

    Attributes:
        listeners: what it listens on.
    """

    def __init__(
        self, handler: Handler, listeners: Sequence[Listener], config: ServerConfig
    ) -> None:
        self._handling = HandlerRunner(handler, config.on_handler_error)
        self.listeners = tuple(listeners)
        self._ports = [port for listener in listeners if (port := port_of(listener))]
        self._config = config
        self._admission = Admission(
            max_places=config.limits.max_handshakes,
            max_seats=config.max_connections,
            patience=config.timeouts.connect,
        )
        self._reception = Upgrader(config, self._admission)
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
        timeout: float = 30.0,  # noqa: ASYNC109 - drained within it, not cancelled after it
        spread: float = 10.0,
        code: int = CloseCode.SERVICE_RESTART,
    ) -> None:
        """Stop serving without hurting anybody more than needed.

        At once the listeners are closed, and upgrades on connections that exist already
        are answered 503 with a ``Retry-After``.
        The connections are closed politely with `code`, one after another over `spread` seconds,
        so that their clients do not all come back in the same moment.
        What is left `timeout` seconds from now, handlers included, is cancelled.
        Then `serve_websocket` returns.

        If cancelled, the server still lets nobody in; call it again to go on.

        Raises:
            LocalProtocolError: `code` may not be sent (RFC 6455 §7.4).
            ValueError: `timeout` or `spread` is no duration.
        """
        check_close(code, "")
        if not (0 <= timeout < FOREVER and 0 <= spread < FOREVER):
            raise ValueError("timeout and spread are finite numbers of seconds, zero or more")
        self._draining_with = code
        self._admission.close(until=trio.current_time() + timeout)
        self._accepting.cancel(reason="the server is draining")
        with unwrapping(), trio.move_on_after(timeout):
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
        with unwrapping(), watch_for_suspension().kept_going(), self._everything:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                with self._accepting:
                    async with trio.open_nursery() as accepting:
                        for listener in self.listeners:
                            accepting.start_soon(serve_forever, listener, nursery, self._serve)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        """One connection, from the first byte to the last."""
        name = f"server-{next(_numbers)}"
        self._accepted += 1
        if _logger.isEnabledFor(logging.DEBUG):
            _logger.debug("[%s] connection from %r", name, remote_address(stream))
        ws = None
        try:
            ws = await self._let_in(stream, name)
            if ws is not None:
                # We may have begun to drain while it was let in.
                await self._handling.run(ws, self._nursery, close_with=self._draining_with)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            _log_break(name, exc)
        except Exception:
            _logger.exception("[%s] failed in a way that nobody expected", name)
        finally:
            if ws is not None:
                self._see_off(ws)
            await close_by_force(stream)  # noqa: ASYNC102 - does not wait

    async def _let_in(self, stream: trio.abc.Stream, name: str) -> WebSocket | None:
        """Take a connection through the lobby to its seat; None: it did not get that far."""
        with self._admission.place() as place:
            received = await self._reception.receive(stream, place, name)
            return None if received is None else self._seated(*received, name)
        _logger.debug("[%s] dropped before it became a WebSocket", name)
        return None

    def _seated(self, stream: trio.abc.Stream, opening: Opening, name: str) -> WebSocket:
        ws = WebSocket(stream, opening, client=False, options=self._config, name=name)
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


def _log_break(name: str, error: BaseException) -> None:
    cause = error.__cause__ or error
    _logger.debug("[%s] broke before it was open: %s%s", name, cause, _hint(cause))


def _hint(cause: BaseException) -> str:
    """What OpenSSL means when it says that the two sides share no cipher."""
    if isinstance(cause, ssl.SSLError) and cause.reason == "NO_SHARED_CIPHER":
        return "; has the ssl_context a certificate (load_cert_chain)?"
    return ""
