"""The server: accept, hand each connection to a handler, drain.

    serve_websocket
    └─ nursery
       ├─ accepting, one task per listener        ← cancelled by `drain`
       ├─ one task per connection                 ← cancelled with the server
       │  ├─ upgrade: a handshake slot, under one deadline
       │  └─ the connection's block, with the handler as its body
       └─ the services of each connection         ← its block waits for them

What happens to one connection stays with it (P9):
whatever its peer sends and whatever its handler raises ends that task and no other.
Only a Ctrl-C, an exit and a cancellation pass.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from typing import Any, TypeAlias, final

import trio

from .._concurrency.exceptions import unwrapping
from .._concurrency.suspension import watch_for_suspension
from .._connection.websocket import WebSocket
from .._ending import CloseCode
from .._policies import FOREVER
from .._protocol.validation import check_close
from .._transport.addresses import named, port_of, remote_address
from .._transport.lent import lend
from .._transport.listening import close_by_force, close_socket, serve_forever
from .._validation import check_seconds
from .admission import Admission, ConnectionSlot
from .handler import HandlerRunner
from .isolation import split
from .log import log, log_break
from .options import ServerConfig
from .selection import Handler, HandlerSelector
from .statistics import Counters, ServerStatistics
from .upgrade import Upgrader

Listener: TypeAlias = trio.abc.Listener[Any]
"""Something that accepts streams: `trio.SocketListener`, `trio.SSLListener`, or your own."""

_ids = itertools.count(1)


@final
class Server:
    """A running server.

    Made by ``await nursery.start(serve_websocket, …)``, which returns it; never by hand.

    Attributes:
        listeners: what it listens on.
    """

    def __init__(
        self, selector: HandlerSelector, listeners: Sequence[Listener], config: ServerConfig
    ) -> None:
        self.listeners = tuple(listeners)
        self._ports = [port for listener in listeners if (port := port_of(listener))]
        self._named = ", ".join(map(named, listeners))  # a closed socket has no address
        self._over = False
        self._config = config
        self._counters = Counters()
        self._admission = Admission(
            max_handshakes=config.limits.max_handshakes,
            max_connections=config.max_connections,
            connect=config.timeouts.connect,
            keep_alive=config.timeouts.keep_alive,
        )
        self._upgrader = Upgrader(selector, config, self._admission, self._counters)
        self._runner = HandlerRunner(config.on_handler_error, self._counters)
        self._close_with: int | None = None
        self._nursery: trio.Nursery | None = None
        self._accept_scope = trio.CancelScope()
        self._serve_scope = trio.CancelScope()

    def __repr__(self) -> str:
        state = "over" if self._over else "draining" if self.draining else "serving"
        count = len(self._runner.connections)
        return f"<Server on {self._named}: {state}, {count} connection{'s' * (count != 1)}>"

    @property
    def port(self) -> int:
        """Return the TCP port it listens on, the first if there are several.

        Raises:
            RuntimeError: none of the listeners is one for TCP.
        """
        if not self._ports:
            raise RuntimeError("this server does not listen on a TCP port")
        return self._ports[0]

    @property
    def connections(self) -> frozenset[WebSocket]:
        """Return the WebSocket connections whose handlers are running."""
        return frozenset(self._runner.connections)

    @property
    def draining(self) -> bool:
        """Return True if `drain` was called: for an `on_request` that answers health checks."""
        return self._admission.closed

    def statistics(self) -> ServerStatistics:
        """Return a snapshot of counters."""
        return self._counters.snapshot(
            connections=len(self._admission.connections),
            handshakes=len(self._admission.handshakes),
        )

    @trio.lowlevel.enable_ki_protection
    async def drain(
        self,
        *,
        timeout: float = 30.0,  # noqa: ASYNC109 - drained within it, not cancelled after it
        spread: float = 10.0,
        code: int = CloseCode.SERVICE_RESTART,
        keep_listening: float = 0.0,
    ) -> None:
        """Stop serving, and disturb as little as can be.

        From now on upgrades are answered 503 with a ``Retry-After``,
        and every answer ends its connection.
        For `keep_listening` seconds new connections are still accepted, so that a load balancer
        whose health check asks `draining` (in ``on_request``) sends its clients elsewhere.
        Then the listeners are closed, and requests that have begun are still answered.
        The WebSocket connections are closed politely with `code`,
        the oldest first, one after another over `spread` seconds (at most `timeout`),
        so that their clients do not all come back in the same moment.
        What is left `timeout` seconds after the listeners, handlers included, is cancelled.
        Then `serve_websocket` returns.

        1012 says what happens, but some clients (WebKit, libsoup, Qt) take it for a protocol
        error; 1001 is understood by all, and tells supervised clients to come back sooner.

        Called from a handler, this does not wait for that handler;
        `serve_websocket` does, until the timeout is over.

        If cancelled, the server still lets no connection in; call it again to go on.

        Raises:
            LocalProtocolError: `code` may not be sent (RFC 6455 §7.4).
            TypeError, ValueError: one of the others is not a valid duration.
        """
        check_close(code, "")
        check_seconds("timeout", timeout, zero=True)
        check_seconds("spread", spread, zero=True)
        check_seconds("keep_listening", keep_listening, zero=True)
        caller = self._admission.slot_of_caller()
        self._admission.close(until=trio.current_time() + keep_listening + timeout)
        await trio.sleep(keep_listening)
        deadline = trio.current_time() + timeout
        self._close_with = code
        self._accept_scope.cancel(reason="the server is draining")
        self._admission.end_idle_handshakes()
        with unwrapping(), trio.move_on_at(deadline):
            await self._close_all(min(spread, timeout), code)
            await self._admission.wait_empty(but=caller)
        if caller is None or self._nursery is None:
            self._serve_scope.cancel(reason="the server has been drained")
        else:
            self._nursery.start_soon(self._end_by, deadline, name="trio_ws draining")

    @trio.lowlevel.enable_ki_protection
    async def _close_all(self, spread: float, code: int) -> None:
        connections = list(self._runner.connections)
        async with trio.open_nursery() as nursery:
            for index, ws in enumerate(connections):
                nursery.start_soon(ws.close, code)
                if index < len(connections) - 1:
                    await trio.sleep(spread / len(connections))

    @trio.lowlevel.enable_ki_protection
    async def _end_by(self, deadline: float) -> None:
        """End the server when the handler that drained it has ended, or at the deadline."""
        with trio.move_on_at(deadline):
            await self._admission.wait_empty()
        self._serve_scope.cancel(reason="the server has been drained")

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C between two scopes would leave both misnested
    async def _run(self) -> None:
        """Serve until drained or cancelled."""
        try:
            with unwrapping(), watch_for_suspension().kept_going(), self._serve_scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    with self._accept_scope:
                        async with trio.open_nursery() as accepting:
                            for listener in self.listeners:
                                accepting.start_soon(serve_forever, listener, self._start)
        finally:
            self._over = True

    def _start(self, stream: trio.abc.Stream) -> None:
        """Serve a stream in a task that is called as the log calls it."""
        assert self._nursery is not None
        name = _next_name()
        self._nursery.start_soon(self._serve, stream, name, name=f"trio_ws {name}")

    @trio.lowlevel.enable_ki_protection
    async def _serve(self, stream: trio.abc.Stream, name: str) -> None:
        """Serve one connection, from the first byte to the last; only what must pass leaves."""
        self._counters.add("accepted")
        if log.shows(logging.DEBUG):
            log.debug("[%s] connection from %r", name, remote_address(stream))
        try:
            with self._admission.connection_slot() as slot:
                opened = await self._open(stream, slot, name)
                if opened is not None:
                    handler, ws = opened
                    del stream, opened  # a connection has what it needs, and may be open for long
                    # We may have begun to drain while it was let in.
                    await self._runner.run(handler, ws, self._nursery, close_with=self._close_with)
        except BaseException as exc:  # noqa: ASYNC103 - what must pass does
            _log_failure(name, exc)
            split(exc).let_pass()

    async def _open(
        self, stream: trio.abc.Stream, slot: ConnectionSlot, name: str
    ) -> tuple[Handler, WebSocket] | None:
        """Return the connection that a stream becomes, which closes it, and its handler.

        None: it becomes none, and is closed.
        """
        opened = None
        try:
            with self._admission.handshake_slot() as handshake_slot:
                upgraded = await self._upgrader.upgrade(stream, handshake_slot, slot, name)
                if upgraded is not None:
                    upper, (_, opening, handler, config) = upgraded
                    ws = WebSocket(upper, opening, client=False, options=config, name=name)
                    self._counters.add("opened")
                    opened = handler, ws
            if handshake_slot.lost:
                log.debug("[%s] dropped before it became a WebSocket", name)
        finally:
            if opened is None:
                slot.release()  # the peer may come again as soon as it sees the end
                await _close(stream, name)  # noqa: ASYNC102 - does not wait
        return opened


def _next_name() -> str:
    return f"server-{next(_ids)}"


async def serve_stream(server: Server, stream: trio.abc.Stream) -> None:
    """Serve the one connection of a server that has no listeners."""
    lend(stream)
    with unwrapping():
        await server._serve(stream, _next_name())


async def _close(stream: trio.abc.Stream, name: str) -> None:
    """Close a stream by force; whatever its own way of closing raises stays here (P9).

    So does a cancellation: it comes again where the task waits next.
    It must not take the place of a Ctrl-C that is on its way out.
    """
    try:
        if close_socket(stream):
            return
        # Shielded: its own cancellation would take the place of a Ctrl-C that is on its way.
        with trio.CancelScope(shield=True, deadline=-FOREVER):
            await close_by_force(stream)
    except BaseException as exc:  # noqa: ASYNC103 - what must pass does
        _log_failure(name, exc)
        split(exc).let_pass()


def _log_failure(name: str, error: BaseException) -> None:
    """Log what ended a connection: a peer that broke off is nothing, anything else is."""
    failure = split(error).failure
    if isinstance(failure, OSError | trio.BrokenResourceError | trio.ClosedResourceError):
        log_break(name, failure)
    elif failure is not None:
        log.error("[%s] failed unexpectedly", name, error=failure)
