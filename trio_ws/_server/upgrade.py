"""From an accepted stream to an open connection, or to its end: TLS, then HTTP.

    stream ─▶ TLS ─▶ request ─▶ on_request ─▶ selector ─▶ an upgrade? ─▶ Origin ─▶ slot ─▶ 101
                        ▲           │            │            │            │        │
                        └───────────┴────────────┴─ an answer ┴────────────┴────────┘

The application's functions are asked within the deadline of the handshake.
What they take longer for is answered 503, and what fails in them 500.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import trio

from .._concurrency.body import ask_unprotected
from .._errors import LocalProtocolError
from .._handshake.opening import Opening
from .._handshake.origins import OriginCheck
from .._handshake.server import Refusal
from .._http import Request, Response
from .._transport.tls import accept_tls
from .admission import Admission, ConnectionSlot, HandshakeSlot
from .http_connection import LINGER, HttpConnection
from .isolation import split
from .log import OriginLog, log_answer, log_application_error
from .options import ServerConfig
from .selection import Handler, HandlerSelector, Selection
from .statistics import Counters

FAILED = Response(500, {"Content-Type": "text/plain"}, "The server failed.\n")
"""The answer when a function of the application fails: the peer is not told how."""


class Accepted(NamedTuple):
    """A request that is accepted: the 101, what was settled, and whose the connection is."""

    data: bytes
    opening: Opening
    handler: Handler


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
        self._origins = OriginCheck(config.origins)
        self._origin_log = OriginLog()

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
                log_application_error(http.name, outcome.failure)
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
        if (response := await self._answer(request)) is not None:
            return response
        handler = await self._select(request)
        if isinstance(handler, Response):
            return handler
        offers = http.handshake.check_upgrade()
        if not self._origins.allows(request.headers):
            raise self._foreign_origin(http, request)
        data, opening = http.handshake.accept(
            self._choose(request, offers), extensions=self._config.all_extensions
        )
        slot.acquire()
        return Accepted(data, opening, handler)

    async def _answer(self, request: Request) -> Response | None:
        if self._config.on_request is None:
            return None
        response = await ask_unprotected(self._config.on_request, request)
        if not isinstance(response, Response | None):
            raise TypeError(f"on_request must return a Response or None, not {response!r}")
        if response is not None and response.status < 200:
            raise ValueError(f"on_request must return a final response, not a {response.status}")
        return response

    async def _select(self, request: Request) -> Selection:
        selection: Selection = await ask_unprotected(self._selector.select, request)
        return selection

    @trio.lowlevel.disable_ki_protection
    def _choose(self, request: Request, offers: list[str]) -> str | None:
        if callable(self._config.subprotocols):
            return self._config.subprotocols(request, offers)
        return next((name for name in self._config.subprotocols if name in offers), None)

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
