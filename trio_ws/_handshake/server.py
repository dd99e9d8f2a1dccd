"""The server's side of the opening handshake, and of the plain HTTP around it.

One connection may carry several requests, one after another, before one of them upgrades it::

    feed(data) ─▶ next_request() ─▶ Request ─┬─▶ respond(Response) ─▶ bytes; reusable? then again
                        │                    └─▶ check_upgrade(), accept() ─▶ bytes, Opening
                        └─▶ Refusal ─▶ respond(refusal.response) ─▶ bytes, and the end

Only one request is in hand at a time; what is pipelined behind it waits in the buffer,
and after an upgrade it belongs to the connection.

When in doubt the connection is closed after the answer, which is always right in HTTP:

* after a malformed request, since it is not known where the next one starts;
* after a request that asked to upgrade and was refused:
  a proxy may take what follows for frames and let anything pass (request smuggling);
* when the request has a body of unknown or large length, or waits for ``100 Continue``.
  A body of known, small length is skipped; none is ever read.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .._errors import LocalProtocolError
from .._http import (
    Headers,
    HeaderSource,
    Request,
    Response,
    headers_of,
    is_token,
    received_response,
)
from .._policies import KIB, Limits
from .._protocol.extensions.base import Extension
from .._tls_info import TLSInfo
from .extensions import HEADER, Element, Malformed, answer, choose, read_extensions
from .fast_heads import Fields, Lines, by_name, is_fit, plain_request
from .http_head import (
    HeadBuffer,
    HeadTooLarge,
    InvalidHttp,
    elements,
    tokens,
    write_head,
    write_headers,
)
from .opening import SWITCHES, VERSION, Opening, accept_token

if TYPE_CHECKING:
    from .h11_codec import RequestReader

MAX_SKIPPED_BODY = 64 * KIB
"""A larger body of a plain request is not skipped: the connection is closed instead."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(:[0-9]*)?")
_ABSOLUTE = re.compile(r"(?:https?|wss?)://([^/?]*)(.*)", re.IGNORECASE)
_FRAMING = frozenset({"transfer-encoding"})
_NO_BODY = frozenset({204, 304})


class Refusal(Exception):
    """A request that must be answered with `response`, which says why."""

    def __init__(self, status: int, why: str, headers: HeaderSource = ()) -> None:
        super().__init__(f"{status}: {why}")
        lines = [("Content-Type", "text/plain; charset=utf-8"), *Headers(headers).multi_items()]
        self.response = Response(status, lines, f"{why}\n")


class ServerHandshake:
    """The requests of one connection until one of them upgrades it.

    Attributes:
        reusable: whether another request may follow the answer given last.
    """

    def __init__(
        self, *, limits: Limits, remote_address: object = None, tls: TLSInfo | None = None
    ) -> None:
        self.reusable = True
        self._remote_address = remote_address
        self._tls = tls
        self._heads = HeadBuffer(max_size=limits.max_handshake_size, max_headers=limits.max_headers)
        self._http: RequestReader | None = None
        self._skip = 0
        # The request in hand, what is known of one that is refused, and a head unseen by h11
        self._request: Request | None = None
        self._method = ""
        self._version = b""
        self._fields: Fields = {}
        self._extensions: list[Element] = []
        self._unseen = b""

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._heads.feed(data)

    def next_request(self) -> Request | None:
        """Return the next request, or None until more has been fed.

        Raises:
            Refusal: what came is no proper request.
        """
        assert self.reusable
        if self._skip:
            self._skip -= len(self._heads.take(self._skip))
        if self._skip:
            return None
        head = self._next_head()
        if head is None:
            return None
        self._request = self._parse(head)
        return self._request

    def check_upgrade(self) -> list[str]:
        """Check the request in hand by RFC 6455 §4.2.1; return the subprotocols it offers.

        Raises:
            Refusal: it is no WebSocket handshake.
        """
        assert self._request is not None
        subprotocols = _check_upgrade(self._request.method, self._version, self._fields)
        try:
            self._extensions = read_extensions(self._fields.get("sec-websocket-extensions", ()))
        except Malformed:
            raise Refusal(400, "The Sec-WebSocket-Extensions header is malformed.") from None
        return subprotocols

    def respond(
        self, response: Response, *, close: bool = False, keep_alive: float | None = None
    ) -> bytes:
        """Return the bytes of `response` to the request in hand, or to what could not be read.

        `close` ends the connection with it; `reusable` tells whether something else does.
        If nothing does, the client is told that it may ask again for `keep_alive` seconds.

        Raises:
            LocalProtocolError: the response cannot be sent: a bad header, a status that is none.
        """
        lines = write_headers(response.headers, forbidden=_FRAMING)
        has_body = response.status not in _NO_BODY
        if has_body:
            lines = [line for line in lines if line[0].lower() != b"content-length"]
            lines.append((b"Content-Length", b"%d" % len(response.body)))
        own = tokens(response.headers.get_all("Connection"))
        if close or self._must_close():
            lines.append((b"Connection", b"close"))
        elif keep_alive is not None and self._may_be_reused() and "close" not in own:
            lines += [(b"Connection", b"keep-alive"), (b"Keep-Alive", b"timeout=%d" % keep_alive)]
        http = self._parser()
        body = response.body if has_body and self._method != "HEAD" else b""
        data = http.respond(response.status, lines, _reason(response.status), body)
        self.reusable = http.reusable
        self._request = self._http = None
        self._method = ""
        return data

    def accept(
        self,
        subprotocol: str | None = None,
        *,
        extensions: Sequence[Extension] = (),
        headers: Iterable[tuple[str, str]] = (),
    ) -> tuple[bytes, Opening]:
        """Return the 101 for the request that `check_upgrade` has passed, and what it settles.

        `headers` are added to it; they are known to be well-formed (`Accept`).

        Raises:
            LocalProtocolError: the client did not offer `subprotocol`,
                or an extension answers with what is no parameter.
        """
        assert self._request is not None
        token = accept_token(self._fields["sec-websocket-key"][0])
        lines = [*SWITCHES, ("Sec-WebSocket-Accept", token)]
        if subprotocol is not None:
            if subprotocol not in elements(self._fields.get("sec-websocket-protocol", ())):
                raise LocalProtocolError(
                    f"the client did not offer the subprotocol {subprotocol!r}"
                )
            lines.append(("Sec-WebSocket-Protocol", subprotocol))
        chosen = choose(self._extensions, extensions)
        if chosen:
            lines.append((HEADER, answer(chosen)))
        lines += headers
        return write_head("HTTP/1.1 101 Switching Protocols", lines), Opening(
            request=self._request,
            response=received_response(101, headers_of(lines)),
            subprotocol=subprotocol,
            extensions=chosen,
            trailing=bytes(self._heads.data),
            plain=len(lines) == len(SWITCHES) + 1,
        )

    def _next_head(self) -> bytes | None:
        """Return a head, without the empty lines before it that RFC 9112 §2.2 allows."""
        data = self._heads.data
        if data.startswith((b"\r", b"\n")):
            self._heads.take(len(data) - len(data.lstrip(b"\r\n")))
        if data and not 0x20 < data[0] < 0x7F:
            raise Refusal(400, "This is no HTTP: a TLS client on a port without TLS, perhaps.")
        try:
            return self._heads.next_head()
        except HeadTooLarge as exc:
            raise Refusal(431, f"The request is too large: {exc}.") from None

    def _parse(self, head: bytes) -> Request:
        if plain := plain_request(head):
            self._unseen = head
            self._method, self._version = "GET", b"1.1"
            target, lines, fields = plain
        else:
            self._method, self._version, target, lines = self._let_h11_parse(head)
            fields = by_name(lines)
            _check_framing(self._version, fields)
        host = _host(fields)
        self._fields = fields
        self._skip = int(fields.get("content-length", ["0"])[0])
        return Request(
            method=self._method,
            target=_origin_form(self._method, target, host),
            headers=headers_of(lines),
            remote_address=self._remote_address,
            tls=self._tls,
        )

    def _let_h11_parse(self, head: bytes) -> tuple[str, bytes, str, Lines]:
        if not is_fit(head):
            raise Refusal(400, "The request is malformed: it has a character that HTTP forbids.")
        try:
            return self._parser().read_head(head)
        except InvalidHttp as exc:
            why = str(exc).partition(":")[0]  # what stands behind it are the peer's own words
            raise Refusal(exc.status, f"The request is malformed: {why}.") from exc

    def _parser(self) -> RequestReader:
        """Return a parser that knows the request in hand; made when it is first needed."""
        if self._http is None:
            from .h11_codec import RequestReader  # here: an upgrade does without h11

            self._http = RequestReader()
        if self._unseen:
            self._http.read_head(self._unseen)
            self._unseen = b""
        return self._http

    def _may_be_reused(self) -> bool:
        """Return True if the client does not end the connection itself (RFC 9112 §9.3)."""
        return self._version >= b"1.1" and "close" not in tokens(self._fields.get("connection", ()))

    def _must_close(self) -> bool:
        if self._request is None:
            return True
        fields = self._fields
        return (
            "websocket" in tokens(fields.get("upgrade", ()))
            or "transfer-encoding" in fields
            or self._skip > MAX_SKIPPED_BODY
            or (self._skip > 0 and "expect" in fields)
        )


def asks_to_upgrade(request: Request) -> bool:
    """Return True if a request asks for a WebSocket, be it properly or not."""
    upgrade = request.headers.get_all("Upgrade")
    return bool(upgrade) and request.method == "GET" and "websocket" in tokens(upgrade)


def _check_framing(version: bytes, fields: Fields) -> None:
    """Refuse what two parsers might read differently (RFC 9112 §6.3, §11.2)."""
    if not version.startswith(b"1."):
        raise Refusal(505, "Only HTTP/1.1 is spoken here.")
    if "transfer-encoding" in fields and ("content-length" in fields or version < b"1.1"):
        raise Refusal(400, "Transfer-Encoding does not go with Content-Length or HTTP/1.0.")


def _host(fields: Fields) -> str:
    (host,) = fields.get("host", [""])
    if not _HOST.fullmatch(host):
        raise Refusal(400, "The Host header is malformed.")
    return host


def _origin_form(method: str, target: str, host: str) -> str:
    """Return the path and query of a request target (RFC 9112 §3.2)."""
    if method == "CONNECT":
        raise Refusal(405, "This is no proxy.", [("Allow", "GET")])
    if absolute := _ABSOLUTE.fullmatch(target):
        authority, path = absolute.groups()
        if authority.lower() != host.lower():
            raise Refusal(400, "The Host header and the request target name different hosts.")
        target = path if path.startswith("/") else f"/{path}"
    if "#" in target or not (target.startswith("/") or (method, target) == ("OPTIONS", "*")):
        raise Refusal(400, "The request target is neither a path nor a URL.")
    return target


def _check_upgrade(method: str, version: bytes, fields: Fields) -> list[str]:
    if method != "GET":
        raise Refusal(405, "A WebSocket is opened with GET.", [("Allow", "GET")])
    if "websocket" not in tokens(fields.get("upgrade", ())):
        raise Refusal(426, "This is a WebSocket server.", _SPEAKS_13)
    if version < b"1.1":
        raise Refusal(400, "A WebSocket needs HTTP/1.1.")
    if "upgrade" not in tokens(fields.get("connection", ())):
        raise Refusal(400, "The Connection header lacks 'Upgrade'.")
    if not any(fields.get("host", ())):
        raise Refusal(400, "The Host header is empty.")
    if "transfer-encoding" in fields or fields.get("content-length", ["0"])[0].strip("0"):
        raise Refusal(400, "A WebSocket handshake has no body.")
    _check_version(_only(fields, "Sec-WebSocket-Version"))
    _check_key(_only(fields, "Sec-WebSocket-Key"))
    offers = elements(fields.get("sec-websocket-protocol", ()))
    if not all(map(is_token, offers)):
        raise Refusal(400, "The Sec-WebSocket-Protocol header is no list of names.")
    return offers


_SPEAKS_13: Lines = [*SWITCHES, ("Sec-WebSocket-Version", VERSION)]


def _only(fields: Fields, name: str) -> str:
    """Return the value of a header that must be there once."""
    values = fields.get(name.lower(), [])
    if len(values) != 1:
        found = "more than one" if values else "no"
        raise Refusal(400, f"The request has {found} {name} header.")
    return values[0]


def _check_version(version: str) -> None:
    if version != VERSION:
        raise Refusal(426, f"Only version {VERSION} of WebSocket is spoken here.", _SPEAKS_13)


def _check_key(key: str) -> None:
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != 16:
        raise Refusal(400, "The Sec-WebSocket-Key header is not 16 bytes in base64.")


def _reason(status: int) -> bytes:
    from http import HTTPStatus  # here: an upgrade does without

    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
