"""The server's side of the opening handshake, and of the plain HTTP around it.

One connection may carry several requests, one after another, before one of them upgrades it::

    feed(data) ─▶ next_request() ─▶ Request ─┬─▶ respond(Response) ─▶ bytes; reusable? then again
                        │                    └─▶ check_upgrade(), accept() ─▶ bytes, Opening
                        └─▶ Refusal ─▶ respond(refusal.response) ─▶ bytes, and the end

Only one request is in hand at a time; what is pipelined behind it waits in the buffer,
and after an upgrade it belongs to the session.

When in doubt the connection is closed after the answer, which is always right in HTTP:

* after a malformed request, since nobody knows where the next one starts;
* after a request that asked to upgrade and was refused:
  a proxy may take what follows for frames and let anything pass (request smuggling);
* when the request has a body of unknown or large length, or waits for ``100 Continue``.
  A body of known, small length is skipped; none is ever read.
"""

from __future__ import annotations

import base64
import binascii
import re
from http import HTTPStatus

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from .._errors import LocalProtocolError
from .._policy import KIB, Limits
from .._values import Headers, HeaderSource, Request, Response
from .handshake import VERSION, Opening
from .http import (
    HeadBuffer,
    HeadTooLarge,
    elements,
    is_token,
    parse_own_head,
    read_headers,
    tokens,
    write_headers,
)

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
        lines = [("Content-Type", "text/plain; charset=utf-8"), *Headers(headers).items_all()]
        self.response = Response(status, lines, f"{why}\n")


class ServerHandshake:
    """The requests of one connection until one of them upgrades it.

    Attributes:
        reusable: whether another request may follow the answer given last.
    """

    def __init__(self, *, limits: Limits, remote_address: object = None) -> None:
        self.reusable = True
        self._remote_address = remote_address
        self._heads = HeadBuffer(max_size=limits.max_handshake_size, max_headers=limits.max_headers)
        self._http = h11.Connection(h11.SERVER)
        self._request: Request | None = None
        self._skip = 0

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._heads.data += data

    def next_request(self) -> Request | None:
        """The next request, or None until more has been fed.

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
        """Judge the request in hand by RFC 6455 §4.2.1; return the subprotocols it offers.

        Raises:
            Refusal: it is no WebSocket handshake.
        """
        assert self._request is not None
        return _check_upgrade(self._request, self._http.their_http_version or b"")

    def respond(self, response: Response, *, close: bool = False) -> bytes:
        """The bytes of `response` to the request in hand, or to what could not be read.

        `close` ends the connection with it; `reusable` tells whether something else does.

        Raises:
            LocalProtocolError: the response cannot be sent: a bad header, a status that is none.
        """
        lines = write_headers(response.headers, forbidden=_FRAMING)
        has_body = response.status not in _NO_BODY
        if has_body:
            lines = [line for line in lines if line[0].lower() != b"content-length"]
            lines.append((b"Content-Length", b"%d" % len(response.body)))
        if close or self._must_close():
            lines.append((b"Connection", b"close"))
        try:
            head = h11.Response(
                status_code=response.status, headers=lines, reason=_reason(response.status)
            )
        except h11.LocalProtocolError as exc:
            raise LocalProtocolError(f"the response cannot be sent: {exc}") from None
        data = self._http.send(head)
        if has_body and not self._asks("HEAD"):
            data += self._http.send(h11.Data(data=response.body))
        data += self._http.send(h11.EndOfMessage())
        self.reusable = self._http.our_state is h11.DONE
        self._request, self._http = None, h11.Connection(h11.SERVER)
        return data

    def accept(self, subprotocol: str | None = None) -> tuple[bytes, Opening]:
        """The 101 for the request in hand, which `check_upgrade` has passed, and what it settles.

        Raises:
            LocalProtocolError: the client did not offer `subprotocol`.
        """
        assert self._request is not None
        headers = self._request.headers
        offers = elements(headers, "Sec-WebSocket-Protocol")
        if subprotocol is not None and subprotocol not in offers:
            raise LocalProtocolError(f"the client did not offer the subprotocol {subprotocol!r}")
        judge = WSConnection(ConnectionType.SERVER)
        judge.initiate_upgrade_connection(_clean_request(headers, offers), b"/")
        data = judge.send(AcceptConnection(subprotocol=subprotocol))
        return data, Opening(
            request=self._request,
            response=Response(101, parse_own_head(data)),
            subprotocol=subprotocol,
            trailing=bytes(self._heads.data),
        )

    def _next_head(self) -> bytes | None:
        """A head, without the empty lines that some clients send before it (RFC 9112 §2.2)."""
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
        self._http.receive_data(head)
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as exc:
            why = str(exc).partition(":")[0]  # what stands behind it are the peer's own words
            raise Refusal(exc.error_status_hint, f"The request is malformed: {why}.") from exc
        assert isinstance(event, h11.Request)
        headers = read_headers(event.headers.raw_items())
        _check_framing(event.http_version, headers)
        self._skip = int(headers.get("Content-Length", 0))
        method = event.method.decode("ascii")
        target = _origin_form(method, event.target.decode("ascii"), headers.get("Host", ""))
        return Request(
            method=method, target=target, headers=headers, remote_address=self._remote_address
        )

    def _asks(self, method: str) -> bool:
        return self._request is not None and self._request.method == method

    def _must_close(self) -> bool:
        if self._request is None:
            return True
        headers = self._request.headers
        return (
            "websocket" in tokens(headers, "Upgrade")
            or "Transfer-Encoding" in headers
            or self._skip > MAX_SKIPPED_BODY
            or (self._skip > 0 and "Expect" in headers)
        )


def _check_framing(version: bytes, headers: Headers) -> None:
    """Refuse what two parsers might read differently (RFC 9112 §6.3, §11.2)."""
    if not version.startswith(b"1."):
        raise Refusal(505, "Only HTTP/1.1 is spoken here.")
    if "Transfer-Encoding" in headers and ("Content-Length" in headers or version < b"1.1"):
        raise Refusal(400, "Transfer-Encoding does not go with Content-Length or HTTP/1.0.")
    if not _HOST.fullmatch(headers.get("Host", "")):
        raise Refusal(400, "The Host header is malformed.")


def _origin_form(method: str, target: str, host: str) -> str:
    """The path and query of a request target (RFC 9112 §3.2)."""
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


def _check_upgrade(request: Request, version: bytes) -> list[str]:
    headers = request.headers
    if request.method != "GET":
        raise Refusal(405, "A WebSocket is opened with GET.", [("Allow", "GET")])
    if "websocket" not in tokens(headers, "Upgrade"):
        raise Refusal(426, "This is a WebSocket server.", _SPEAKS_13)
    if version < b"1.1":
        raise Refusal(400, "A WebSocket needs HTTP/1.1.")
    if "upgrade" not in tokens(headers, "Connection"):
        raise Refusal(400, "The Connection header lacks 'Upgrade'.")
    if not headers.get("Host"):
        raise Refusal(400, "The Host header is empty.")
    if "Transfer-Encoding" in headers or headers.get("Content-Length", "0").strip("0"):
        raise Refusal(400, "A WebSocket handshake has no body.")
    _check_version(_only(headers, "Sec-WebSocket-Version"))
    _check_key(_only(headers, "Sec-WebSocket-Key"))
    offers = elements(headers, "Sec-WebSocket-Protocol")
    if not all(map(is_token, offers)):
        raise Refusal(400, "The Sec-WebSocket-Protocol header is no list of names.")
    if not headers.get("Sec-WebSocket-Extensions", "").isascii():
        raise Refusal(400, "The Sec-WebSocket-Extensions header is not ASCII.")
    return offers


_SPEAKS_13 = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", VERSION),
]


def _only(headers: Headers, name: str) -> str:
    """The value of a header that must be there once."""
    values = headers.get_all(name)
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


def _clean_request(headers: Headers, offers: list[str]) -> list[tuple[bytes, bytes]]:
    """The request again, with nothing in it but what wsproto needs.

    It would decode the real Host as IDNA, which fails for some, and has no use for it.
    """
    lines = [
        (b"Host", b"any"),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Version", VERSION.encode()),
        (b"Sec-WebSocket-Key", headers["Sec-WebSocket-Key"].encode("ascii")),
    ]
    if offers:
        lines.append((b"Sec-WebSocket-Protocol", ", ".join(offers).encode("ascii")))
    return lines


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""
