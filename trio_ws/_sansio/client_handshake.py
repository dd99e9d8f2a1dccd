"""The client's side of the opening handshake (RFC 6455 §4.1).

A server may answer four things: interim responses (1xx), which are skipped;
101, which is checked in full; another status, which is a rejection and may have a body;
and what is no HTTP at all.
A rejection is reported as soon as its body is complete or has reached
`Limits.max_reject_body`, whichever comes first;
the caller, who has the clock, may stop waiting earlier and ask for `rejection()`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import mktime_tz, parsedate_tz
from typing import TypedDict

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection
from wsproto.events import Request as UpgradeRequest
from wsproto.utilities import ProtocolError

from .._errors import (
    HandshakeError,
    InvalidHandshake,
    Rejected,
    UnsupportedVersion,
)
from .._policy import Limits
from .._url import URL
from .._values import Headers, HeaderSource, Request, Response, printable
from .handshake import VERSION, Opening, check_subprotocols
from .http import (
    HeadBuffer,
    HeadTooLarge,
    elements,
    parse_own_head,
    read_headers,
    tokens,
    write_headers,
)

RESERVED = frozenset(
    {
        "connection",
        "content-length",
        "host",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that the handshake itself is made of; a caller cannot set them."""

_MARK = b"HTTP/1."
_SECONDS = re.compile(r"[0-9]{1,9}")


class ClientHandshake:
    """One handshake: `request_bytes` to send, then `feed` until it tells the outcome.

    `headers` go into the request beside the ones of the protocol;
    what they name replaces what `url`, `origin` and `user_agent` would say.

    Raises:
        LocalProtocolError: a header is reserved or unfit, a subprotocol is no token or named twice.
    """

    def __init__(
        self,
        url: URL,
        *,
        subprotocols: Sequence[str] = (),
        headers: HeaderSource = (),
        origin: str | None = None,
        user_agent: str | None = None,
        limits: Limits = Limits(),
    ) -> None:
        offers = check_subprotocols(subprotocols)
        extra = write_headers(headers, forbidden=RESERVED)
        given = {name.lower() for name, _ in extra}
        ours = {"User-Agent": user_agent, "Origin": origin, "Authorization": url.authorization}
        extra += write_headers(
            [(n, v) for n, v in ours.items() if v and n.lower().encode() not in given]
        )
        self._url = url
        self._limits = limits
        self._judge = WSConnection(ConnectionType.CLIENT)
        self._bytes = self._judge.send(
            UpgradeRequest(
                host=_Authority(url.host_header),
                target=url.target,
                subprotocols=offers,
                extra_headers=extra,
            )
        )
        self.request = Request(method="GET", target=url.target, headers=parse_own_head(self._bytes))
        self._http = _client_that_asked()
        self._heads = HeadBuffer(max_size=limits.max_handshake_size, max_headers=limits.max_headers)
        self._rejection: h11.Response | None = None
        self._body = bytearray()

    def request_bytes(self) -> bytes:
        """The request, head and all; it has no body."""
        return self._bytes

    def feed(self, data: bytes) -> Opening | None:
        """Take what arrived, ``b""`` at the end of the stream; None: more is needed.

        Raises:
            Rejected: the server answered with another status than 101.
            InvalidHandshake: what it answered breaks RFC 6455, or HTTP.
            HandshakeError: the stream ended before the answer was complete.
        """
        try:
            return self._feed(data)
        except (h11.RemoteProtocolError, ProtocolError) as exc:
            if rejected := self.rejection():  # its body breaks off, or breaks the rules
                raise rejected from None
            raise self._invalid(printable(str(exc))) from exc
        except HeadTooLarge as exc:
            raise self._invalid(str(exc)) from None

    @property
    def rejected(self) -> bool:
        """Whether the head of a rejection has come, and only its body is awaited."""
        return self._rejection is not None

    def rejection(self) -> Rejected | None:
        """The rejection with as much of its body as arrived; None if no such head came yet."""
        if self._rejection is None:
            return None
        headers = read_headers(self._rejection.headers.raw_items())
        body = bytes(self._body[: self._limits.max_reject_body])
        return self._rejected(Response(self._rejection.status_code, headers, body))

    def _rejected(self, response: Response) -> Rejected:
        wait = retry_after(response.headers)
        versions = tuple(elements(response.headers, "Sec-WebSocket-Version"))
        told: _Told = {"url": self._url, "request": self.request, "retry_after": wait}
        if response.status == 426 and versions and VERSION not in versions:
            return UnsupportedVersion(response, supported=versions, **told)
        return Rejected(response, **told)

    def _feed(self, data: bytes) -> Opening | None:
        if self._rejection is None:
            self._heads.data += data
            while head := self._next_head():
                self._http.receive_data(head)
                event = self._http.next_event()
                if isinstance(event, h11.Response):
                    self._rejection = event
                    self._feed_body(self._heads.take(len(self._heads.data)), eof=not data)
                    return None
                assert isinstance(event, h11.InformationalResponse)
                if event.status_code == 101:
                    return self._settle(event)
            if not data:
                raise HandshakeError(
                    f"no connection to {self._url}: the server ended it before it answered "
                    f"the handshake ({_FORGOTTEN[self._url.tls]})",
                    request=self.request,
                    transient=True,
                )
        else:
            self._feed_body(data, eof=not data)
        return None

    def _next_head(self) -> bytes | None:
        start = bytes(self._heads.data[: len(_MARK)])
        if start.startswith(_TLS_ALERT) and not self._url.tls:
            raise self._invalid("it speaks TLS, and the URL must begin with wss://")
        if not _MARK.startswith(start):
            raise self._invalid(f"it does not speak HTTP/1.1, but says {printable(repr(start))}")
        return self._heads.next_head()

    def _feed_body(self, data: bytes, *, eof: bool) -> None:
        """Collect the body of a rejection; raise it when it is complete or long enough."""
        if data:
            self._http.receive_data(data)
        if eof:
            self._http.receive_data(b"")
        while isinstance(event := self._http.next_event(), h11.Data):
            self._body += event.data
        complete = isinstance(event, h11.EndOfMessage)
        if complete or len(self._body) >= self._limits.max_reject_body:
            rejected = self.rejection()
            assert rejected is not None
            raise rejected

    def _settle(self, answer: h11.InformationalResponse) -> Opening:
        """Judge a 101 (RFC 6455 §4.1, the client's list of what to check)."""
        headers = read_headers(answer.headers.raw_items())
        if answer.http_version < b"1.1":
            raise self._invalid("it upgraded with HTTP/1.0, which cannot")
        if tokens(headers, "Upgrade") != ["websocket"]:
            raise self._invalid("its Upgrade header is not 'websocket'")
        if "upgrade" not in tokens(headers, "Connection"):
            raise self._invalid("its Connection header lacks 'Upgrade'")
        if len(headers.get_all("Sec-WebSocket-Accept")) != 1:
            raise self._invalid("it must have one Sec-WebSocket-Accept header")
        if len(headers.get_all("Sec-WebSocket-Protocol")) > 1:
            raise self._invalid("it has more than one Sec-WebSocket-Protocol header")
        self._judge.receive_data(_clean_answer(headers))
        (accepted,) = self._judge.events()
        assert isinstance(accepted, AcceptConnection)
        return Opening(
            request=self.request,
            response=Response(101, headers),
            subprotocol=accepted.subprotocol,
            trailing=bytes(self._heads.data),
        )

    def _invalid(self, why: str) -> InvalidHandshake:
        return InvalidHandshake(
            f"no WebSocket to {self._url}: the server's answer to the handshake is invalid: {why}",
            request=self.request,
            transient=False,
        )


_TLS_ALERT = b"\x15"
"""How an answer begins that is not HTTP but a complaint about our lack of TLS."""

_FORGOTTEN = {
    False: "if it expects TLS, the URL must begin with wss://",
    True: "it may want a certificate of the client, or another one",
}
"""What is behind a connection that just ends, as often as not; by whether it had TLS."""


class _Told(TypedDict):
    url: URL
    request: Request
    retry_after: float | None


class _Authority(str):
    """A Host which wsproto has to take as it is.

    Its IDNA codec would count the port as part of the last label, and refuse long ones.
    """

    __slots__ = ()

    def encode(self, encoding: str = "", errors: str = "strict") -> bytes:  # noqa: ARG002
        return super().encode("ascii", errors)


def _client_that_asked() -> h11.Connection:
    """An h11 parser that expects the answer to an upgrade."""
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method=b"GET", target=b"/", headers=_ANY_UPGRADE))
    http.send(h11.EndOfMessage())
    return http


_ANY_UPGRADE = [(b"Host", b"any"), (b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]


def _clean_answer(headers: Headers) -> bytes:
    """The 101 again, with nothing in it but what wsproto has to judge."""
    names = ("Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions")
    judged = [f"{name}: {headers[name]}" for name in names if name in headers]
    lines = ["HTTP/1.1 101 ", "Upgrade: websocket", "Connection: Upgrade", *judged, "", ""]
    return "\r\n".join(lines).encode("ascii", "backslashreplace")


def retry_after(headers: Headers) -> float | None:
    """The seconds that ``Retry-After`` asks for (RFC 9110 §10.2.3), or None.

    An HTTP date is counted from the response's own ``Date``, since our clock may differ.
    """
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    then, now = _http_date(text), _http_date(headers.get("Date", ""))
    return None if then is None or now is None else max(0.0, then - now)


def _http_date(text: str) -> float | None:
    """Seconds since the epoch, or None for what is no date."""
    try:
        parsed = parsedate_tz(text)
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
