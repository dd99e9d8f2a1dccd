"""From an accepted stream to an open connection, or to its end: TLS, then HTTP.

    stream ─▶ TLS ─▶ request ─▶ on_request ─▶ selector ─▶ an upgrade? ─▶ Origin ─▶ slot ─▶ 101
                        ▲           │            │            │            │        │
                        └───────────┴────────────┴─ an answer ┴────────────┴────────┘

The application's functions are asked within the deadline of the handshake.
What they take longer for is answered 503, and what fails in them 500.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, TypeAlias

import trio

from .._concurrency.body import ask_unprotected
from .._errors import LocalProtocolError
from .._handshake.opening import Opening
from .._handshake.server import Refusal
from .._http import Accept, Request, Response
from .._transport.tls_choice import accept_tls
from .admission import Admission, ConnectionSlot, HandshakeSlot
from .answers import checked_decision
from .http_connection import LINGER, HttpConnection
from .isolation import split
from .log import OriginLog, log_answer, log_application_error
from .options import RequestHook, ServerConfig, Subprotocols
from .selection import FixedHandler, Handler, HandlerSelector, Selected, Selection
from .statistics import Counters
from .terms import terms_of

FAILED = Response(500, {"Content-Type": "text/plain"}, "The server failed.\n")
"""The answer when a function of the application fails: the peer is not told how."""


class Accepted(NamedTuple):
    """A request that is accepted: the 101, what was settled, and whose the connection is."""

    data: bytes
    opening: Opening
    handler: Handler
    config: ServerConfig


Decision: TypeAlias = Accepted | Response


class Upgrader:
    """Takes the streams of one server to the point where they speak WebSocket."""

    def __init__(
        self,
        selector: HandlerSelector,
        config: ServerConfig,
        admission: Admission,
        counters: Counters,
    ) -> None:
        self._selector = selector
        self._config = config
        self._admission = admission
        self._counters = counters
        self._terms = terms_of(config, selector.complete())
        self._origin_log = OriginLog()
        # If nothing of the application's is asked that could wait, that needs no scope.
        self._decides_at_once = config.on_request is None and isinstance(selector, FixedHandler)

    async def upgrade(
        self,
        stream: trio.abc.Stream,
        handshake_slot: HandshakeSlot,
        slot: ConnectionSlot,
        name: str,
    ) -> tuple[trio.abc.Stream, Accepted] | None:
        """Answer the requests on a stream until one is accepted, which takes `slot`.

        Returns the stream to go on with, or None if it has ended without an upgrade.
        """
        if self._config.ssl_context is not None:
            handshake_slot.acquire()
            stream = await accept_tls(stream, self._config.ssl_context)
        http = HttpConnection(stream, self._config, handshake_slot, name)
        http.take_what_is_there()
        more = True
        while more and (decision := await self._next_decision(http, slot)) is not None:
            if isinstance(decision, Accepted):
                await http.send(decision.data)
                return stream, decision
            more = await http.answer(self._encode(http, decision))
        return None

    async def _next_decision(self, http: HttpConnection, slot: ConnectionSlot) -> Decision | None:
        """Wait for a request and decide about it; None: the peer has gone."""
        request: Request | None = None
        try:
            request = await http.next_request()
            if request is None:
                return None
            decision = await self._decide_in_time(http, request, slot)
        except Refusal as refusal:
            self._counters.add("refused")
            log_answer(http.name, request, refusal.response.status, refusal)
            self._tell_of_refusal(request, refusal.response)
            return refusal.response
        status = decision.status if isinstance(decision, Response) else 101
        log_answer(http.name, request, status)
        if isinstance(decision, Response) and status >= 400:
            self._tell_of_refusal(request, decision)
        return decision

    def _tell_of_refusal(self, request: Request | None, response: Response) -> None:
        self._config.observers.tell("connection_refused", request, response)

    async def _decide_in_time(
        self, http: HttpConnection, request: Request, slot: ConnectionSlot
    ) -> Decision:
        """Decide before the deadline of the handshake, or refuse.

        Raises:
            Refusal: it took too long, or the request is no upgrade for here and now.
        """
        if self._decides_at_once:
            return await self._decide_safely(http, request, slot)
        http.slot.acquire()
        with trio.CancelScope(deadline=http.slot.deadline):
            http.slot.extend(LINGER)  # to say so
            return await self._decide_safely(http, request, slot)
        raise Refusal(503, "The server took too long.")

    async def _decide_safely(
        self, http: HttpConnection, request: Request, slot: ConnectionSlot
    ) -> Decision:
        """Decide; what fails in the application's functions is a 500."""
        try:
            return await self._decide(http, request, slot)
        except Refusal:
            raise
        except BaseException as exc:  # noqa: ASYNC103 - what must pass does
            outcome = split(exc)
            if outcome.failure is not None:
                log_application_error(http.name, outcome.failure, request)
            outcome.let_pass()
            self._counters.add("refused")
            return FAILED  # noqa: ASYNC104

    async def _decide(
        self, http: HttpConnection, request: Request, slot: ConnectionSlot
    ) -> Decision:
        """Answer a request, or accept it and take the slot.

        Raises:
            Refusal: it is no upgrade, or not one for here and now.
        """
        answer = await _ask(self._config.on_request, request)
        if isinstance(answer, Response):
            return answer
        selected = await self._select(request)
        if isinstance(selected, Response):
            return selected
        return await self._accept(http, selected, answer, slot)

    async def _accept(
        self, http: HttpConnection, selected: Selected, answer: Accept | None, slot: ConnectionSlot
    ) -> Decision:
        """Accept the request in hand on the terms of its route, with the headers of `answer`.

        Raises:
            Refusal: it is no upgrade, or not one for here and now.
        """
        handler, request, route = selected
        terms = self._terms[route]
        offers = http.handshake.check_upgrade()
        if not terms.origins.allows(request.headers):
            raise self._foreign_origin(http, request)
        own = await _ask(route.on_request if route is not None else None, request)
        if isinstance(own, Response):
            return own
        data, opening = http.handshake.accept(
            _choose(terms.config.subprotocols, request, offers),
            extensions=terms.config.all_extensions,
            headers=[line for each in (answer, own) if each for line in each.headers.multi_items()],
        )
        if opening.request is not request:
            opening = replace(opening, request=request)
        slot.acquire(terms.quota)
        return Accepted(data, opening, handler, terms.config)

    async def _select(self, request: Request) -> Selection:
        if isinstance(self._selector, FixedHandler):
            return self._selector.select(request)
        selection: Selection = await ask_unprotected(self._selector.select, request)
        return selection

    def _foreign_origin(self, http: HttpConnection, request: Request) -> Refusal:
        """Say to the peer that it may not; to our log why, and where that is decided."""
        origin, host = request.headers["Origin"], request.headers["Host"]
        refusal = Refusal(403, "This origin may not connect here.")
        refusal.add_note(self._origin_log.refused(http.name, origin, host))
        return refusal

    def _encode(self, http: HttpConnection, response: Response) -> bytes:
        close = self._admission.closed
        try:
            return http.encode(response, close=close)
        except LocalProtocolError as exc:
            log_application_error(http.name, exc)
            self._counters.add("refused")
            return http.encode(FAILED, close=close)


async def _ask(hook: RequestHook | None, request: Request) -> Response | Accept | None:
    """Ask an `on_request`, if there is one."""
    if hook is None:
        return None
    return checked_decision(await ask_unprotected(hook, request), request)


@trio.lowlevel.disable_ki_protection
def _choose(subprotocols: Subprotocols, request: Request, offers: list[str]) -> str | None:
    """Choose a subprotocol of those that are offered, or let the application choose."""
    if callable(subprotocols):
        return subprotocols(request, offers)
    return next((name for name in subprotocols if name in offers), None)
