"""From an accepted stream to an open connection, or to its end: TLS, then HTTP.

    stream ─▶ TLS ─▶ request ─▶ on_request ─▶ is it an upgrade? ─▶ Origin ─▶ a seat ─▶ 101
                        ▲           │               │                │          │
                        └───────────┴── an answer ◀─┴────────────────┴──────────┘

An answer that ends the connection is followed by a moment in which we only read:
a stream that is closed with unread bytes in it is reset,
and a reset destroys the answer before the peer has seen it.
"""

from __future__ import annotations

import inspect
import logging

import trio

from .._errors import LocalProtocolError
from .._handshake.opening import Opening
from .._handshake.origins import OriginCheck
from .._handshake.server import Refusal, ServerHandshake
from .._http import Headers, Request, Response
from .._policies import Limits
from .._text import printable
from .._transport.adapter import transport_on
from .._transport.tls import tls_on
from .admission import Admission, HandshakeSlot
from .options import ServerConfig

LINGER = 1.0
"""Seconds for which we read on after an answer that ends the connection."""

SHOWN = 200
"""Characters of what a peer says that may stand in a line of the log."""

_logger = logging.getLogger("trio_ws.server")


class Upgrader:
    """Receives the connections of one server.

    Attributes:
        refused: how many requests the server itself has answered with an error.
    """

    def __init__(self, config: ServerConfig, admission: Admission) -> None:
        self.refused = 0
        self._config = config
        self._admission = admission
        self._origins = OriginCheck(config.origins)

    async def receive(
        self, stream: trio.abc.Stream, place: HandshakeSlot, name: str
    ) -> tuple[trio.abc.Stream, Opening] | None:
        """Bring `stream` to the point where it speaks WebSocket, and give it a seat.

        Returns the stream to go on with, or None if it has ended without an upgrade.
        """
        if self._config.ssl_context is not None:
            secure = tls_on(stream, self._config.ssl_context, server_side=True)
            await secure.do_handshake()
            stream = secure
        visit = HttpConnection(self, self._config.limits, stream, name)
        visit.take_what_is_there()
        while answer := await visit.next_answer():
            data, opening = answer
            await visit.send(data, seated=opening is not None)
            if opening is not None:
                return stream, opening
            place.renew()
            await trio.lowlevel.checkpoint()  # a peer may have sent a hundred requests at once
            if not visit.handshake.reusable:
                await visit.linger()
                break
        return None

    async def decide(
        self, handshake: ServerHandshake, request: Request
    ) -> Response | tuple[bytes, Opening]:
        """Answer a request, or accept it and take a seat.

        Raises:
            Refusal: it is no upgrade, or not one for here and now.
        """
        if self._config.on_request is not None:
            answer = self._config.on_request(request)
            response = await answer if inspect.isawaitable(answer) else answer
            if response is not None:
                return _checked(response)
        offers = handshake.check_upgrade()
        if not self._origins.allows(request.headers):
            raise _strange_origin(request.headers["Origin"])
        accepted = handshake.accept(
            self._choose(request, offers), extensions=self._config.all_extensions
        )
        self._admission.take_seat()
        return accepted

    def _choose(self, request: Request, offers: list[str]) -> str | None:
        if callable(self._config.subprotocols):
            return self._config.subprotocols(request, offers)
        return next((name for name in self._config.subprotocols if name in offers), None)

    def leave_seat(self) -> None:
        """Give back the seat that `decide` took."""
        self._admission.leave_seat()


class HttpConnection:
    """One connection in the lobby."""

    def __init__(
        self, reception: Upgrader, limits: Limits, stream: trio.abc.Stream, name: str
    ) -> None:
        self._reception = reception
        self._transport = transport_on(stream)
        self.handshake = ServerHandshake(
            limits=limits, remote_address=self._transport.remote_address
        )
        self._name = name

    def take_what_is_there(self) -> None:
        """The first request has often come before we look; waiting for it would cost a turn."""
        self.handshake.feed(self._transport.receive_now())

    async def next_answer(self) -> tuple[bytes, Opening | None] | None:
        """What to send next, with the opening if it is the 101; None: the peer has gone."""
        request: Request | None = None
        why = ""
        try:
            request = await self._next_request()
            if request is None:
                return None
            decision = await self._decide(request)
        except Refusal as refusal:
            decision, why = self._refuse(refusal.response), _reason(refusal)
        if isinstance(decision, Response):
            return self._encode(request, decision, why), None
        self._log(request, 101)
        return decision

    async def _decide(self, request: Request) -> Response | tuple[bytes, Opening]:
        """As the reception decides; an error of the application's code is a 500."""
        try:
            return await self._reception.decide(self.handshake, request)
        except Refusal:
            raise
        except Exception:
            _logger.exception("[%s] answering a request failed", self._name)
            return self._refuse(_FAILED)

    def _refuse(self, response: Response) -> Response:
        """Count an error that is our answer, and not the application's."""
        self._reception.refused += 1
        return response

    async def _next_request(self) -> Request | None:
        while (request := self.handshake.next_request()) is None:
            data = await self._transport.receive_some()
            if not data:
                return None
            self.handshake.feed(data)
        return request

    def _encode(self, request: Request | None, response: Response, why: str) -> bytes:
        self._log(request, response.status, why)
        try:
            return self.handshake.respond(_dated(response))
        except LocalProtocolError:
            _logger.exception("[%s] a response cannot be sent", self._name)
            return self.handshake.respond(_dated(self._refuse(_FAILED)))

    def _log(self, request: Request | None, status: int, why: str = "") -> None:
        if _logger.isEnabledFor(logging.DEBUG):
            what = f"{request.method} {request.path}" if request else "what is no request"
            _logger.debug("[%s] %s: answered %d%s", self._name, printable(what), status, why)

    async def send(self, data: bytes, *, seated: bool) -> None:
        """Send an answer; if that fails the seat is free again."""
        try:
            await self._transport.send_all(data)
        except BaseException:
            if seated:
                self._reception.leave_seat()
            raise

    async def linger(self) -> None:
        """Read and discard until the peer has closed, too, for a moment at most."""
        with trio.move_on_after(LINGER):
            await self._transport.send_eof()
            while await self._transport.receive_some():
                pass


def _strange_origin(origin: str) -> Refusal:
    """The peer is told that it may not; our log says why, and where that is decided."""
    refusal = Refusal(403, "This origin may not connect here.")
    refusal.add_note(f"The option origins= does not allow {origin[:SHOWN]!r}.")
    return refusal


def _reason(refusal: Refusal) -> str:
    """What goes into the log about a refusal, notes included."""
    said = str(refusal).partition(": ")[2]
    return f" ({printable(' '.join([said, *getattr(refusal, '__notes__', ())]))})"


_FAILED = Response(500, {"Content-Type": "text/plain"}, "The server failed.\n")


def _checked(response: object) -> Response:
    if not isinstance(response, Response):
        raise TypeError(f"on_request must return a Response or None, not {response!r}")
    return response


def _dated(response: Response) -> Response:
    """With the ``Date`` that HTTP wants from whoever has a clock (RFC 9110 §6.6.1)."""
    if "Date" in response.headers:
        return response
    from email.utils import formatdate  # here: slow to import, and an upgrade has no date

    lines = [*response.headers.multi_items(), ("Date", formatdate(usegmt=True))]
    return Response(response.status, Headers(lines), response.body)
