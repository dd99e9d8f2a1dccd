"""The client's side of the opening handshake (RFC 6455 §4.1).

A server may answer four things: interim responses (1xx), which are skipped;
101, which is checked in full; another status, which is a rejection and may have a body;
and bytes that are not HTTP.
A status of 300 or more is a rejection even if what follows the status line is no HTTP:
a balancer in trouble may answer 503 with any head at all.
A rejection is reported as soon as its body is complete or has reached
`Limits.max_reject_body`, whichever comes first;
the caller has the clock, may stop waiting earlier, and then asks for `rejection()`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from .._errors import HandshakeError, InvalidHandshake, Rejected, UnsupportedVersion
from .._http import (
    NO_HEADERS,
    Headers,
    HeaderSource,
    Request,
    Response,
    headers_of,
    received_response,
)
from .._policies import Limits
from .._protocol.extensions.base import Extension
from .._text import printable
from .._url import URL
from .answers import AnswerReader, NotHttp
from .extensions import (
    HEADER,
    BadAnswer,
    Malformed,
    NegotiatedExtension,
    check_answer,
    offers,
    read_extensions,
)
from .fast_heads import Fields, Lines
from .http_head import (
    HeadTooLarge,
    InvalidHttp,
    checked_line,
    checked_lines,
    elements,
    tokens,
    write_head,
)
from .opening import VERSION, Opening, accept_token, make_key

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


def checked_headers(headers: HeaderSource) -> Headers:
    """Return headers for a request, without the blanks around their values.

    Raises:
        LocalProtocolError: a header is reserved, or cannot be sent.
        TypeError: these are no headers.
    """
    return headers_of(checked_lines(headers, forbidden=RESERVED))


def check_value(name: str, value: str | None) -> None:
    """Refuse the value of an option that becomes a header, if it cannot be sent.

    Raises:
        LocalProtocolError: it has control characters, or is not Latin-1.
    """
    if value:
        checked_line(name, value)


_SECONDS = re.compile(r"[0-9]{1,9}")


class ClientHandshake:
    """A handshake: send `request_bytes`, then `feed` the answer until the outcome is known.

    `headers` go into the request beside the ones of the protocol;
    what they name replaces what `url`, `origin` and `user_agent` would say.
    `came_by` follows the URL in the message of a `Rejected`.

    All of it has been checked where it was given: by `checked_headers`, `check_value`,
    `check_subprotocols` and `check_extensions`.
    """

    def __init__(
        self,
        url: URL,
        *,
        subprotocols: Sequence[str] = (),
        extensions: Sequence[Extension] = (),
        headers: Headers = NO_HEADERS,
        origin: str | None = None,
        user_agent: str | None = None,
        limits: Limits = Limits(),
        came_by: str = "",
    ) -> None:
        self._offers = subprotocols
        self._extensions = extensions
        given = headers.multi_items()
        names = {name.lower() for name, _ in given}
        own = {"User-Agent": user_agent, "Origin": origin, "Authorization": url.authorization}
        ours = [(n, v.strip(" \t")) for n, v in own.items() if v and n.lower() not in names]
        self._url = url
        self._came_by = came_by
        self._key = make_key()
        lines = [*self._upgrade(), *given, *ours]
        self._bytes = write_head(f"GET {url.target} HTTP/1.1", lines)
        self.request = Request(method="GET", target=url.target, headers=headers_of(lines))
        self._answer = AnswerReader(limits)

    def _upgrade(self) -> Lines:
        """Return the headers that ask for a WebSocket (RFC 6455 §4.1, the list of what to send)."""
        lines = [
            ("Host", self._url.host_header),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", self._key),
            ("Sec-WebSocket-Version", VERSION),
        ]
        if self._offers:
            lines.append(("Sec-WebSocket-Protocol", ", ".join(self._offers)))
        if extensions := offers(self._extensions):
            lines.append((HEADER, extensions))
        return lines

    def request_bytes(self, key: str | None = None) -> bytes:
        """Return the request, head and all; it has no body.

        A `key` that is given takes the place of the one that was drawn.
        """
        if key is not None:
            self._bytes = self._bytes.replace(self._key.encode(), key.encode())
            headers = self.request.headers.multi_items()
            lines = [(name, key if value == self._key else value) for name, value in headers]
            self._key = key
            self.request = Request(method="GET", target=self._url.target, headers=headers_of(lines))
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
        except NotHttp as exc:
            raise self._invalid(self._what_it_speaks(exc.start)) from None
        except (InvalidHttp, HeadTooLarge) as exc:
            if rejected := self.rejection():  # its body breaks off, or breaks the rules
                raise rejected from None
            if self._answer.status >= 300:
                raise self._rejected(Response(self._answer.status)) from exc
            raise self._invalid(printable(str(exc))) from exc

    @property
    def rejected(self) -> bool:
        """Return True if the head of a rejection has come, and only its body is awaited."""
        return self._answer.refusal is not None

    def rejection(self) -> Rejected | None:
        """Return the rejection with what arrived of its body; None if no such head came yet."""
        response = self._answer.refusal
        return None if response is None else self._rejected(response)

    def _rejected(self, response: Response) -> Rejected:
        wait = retry_after(response.headers)
        versions = tuple(elements(response.headers.get_all("Sec-WebSocket-Version")))
        told: _Told = {
            "url": f"{self._url}{self._came_by}",
            "request": self.request,
            "retry_after": wait,
        }
        if response.status == 426 and versions and VERSION not in versions:
            return UnsupportedVersion(response, supported=versions, **told)
        return Rejected(response, **told)

    def _feed(self, data: bytes) -> Opening | None:
        if self.rejected:
            self._end_body(complete=self._answer.feed_body(data, eof=not data))
            return None
        self._answer.feed(data)
        head = self._answer.next_head()
        if head is None:
            if not data:
                raise self._ended()
            return None
        if head.status == 101:
            if head.version < b"1.1":
                raise self._invalid("it upgraded with HTTP/1.0, which cannot")
            return self._settle(head.lines, head.fields)
        self._end_body(complete=self._answer.begin_body(head, eof=not data))
        return None

    def _end_body(self, *, complete: bool) -> None:
        """Raise a rejection whose body is complete or long enough."""
        rejected = self.rejection()
        assert rejected is not None
        if complete:
            raise rejected

    def _ended(self) -> HandshakeError:
        return HandshakeError(
            f"no connection to {self._url}: the server ended it before it answered "
            f"the handshake ({_FORGOTTEN[self._url.tls]})",
            request=self.request,
            transient=True,
        )

    def _what_it_speaks(self, start: bytes) -> str:
        if start.startswith(TLS_ALERT) and not self._url.tls:
            return "it speaks TLS, and the URL must begin with wss://"
        return f"it does not speak HTTP/1.1, but says {printable(repr(start))}"

    def _settle(self, lines: Lines, fields: Fields) -> Opening:
        """Check a 101 (RFC 6455 §4.1, the client's list of what to check)."""
        if tokens(fields.get("upgrade", ())) != ["websocket"]:
            raise self._invalid("its Upgrade header is not 'websocket'")
        if "upgrade" not in tokens(fields.get("connection", ())):
            raise self._invalid("its Connection header lacks 'Upgrade'")
        self._check_accept(fields.get("sec-websocket-accept", []))
        return Opening(
            request=self.request,
            response=received_response(101, headers_of(lines)),
            subprotocol=self._chosen(fields.get("sec-websocket-protocol", [])),
            extensions=self._chosen_extensions(fields.get("sec-websocket-extensions", [])),
            trailing=self._answer.rest(),
        )

    def _check_accept(self, values: list[str]) -> None:
        if len(values) != 1:
            raise self._invalid("it must have one Sec-WebSocket-Accept header")
        if values[0] != accept_token(self._key):
            raise self._invalid("its Sec-WebSocket-Accept header does not answer our key")

    def _chosen(self, values: list[str]) -> str | None:
        """Return the subprotocol; none is a choice, too."""
        if not values:
            return None
        if len(values) > 1:
            raise self._invalid("it has more than one Sec-WebSocket-Protocol header")
        if values[0] not in self._offers:
            shown = printable(values[0])
            raise self._invalid(f"it chose a subprotocol that was not offered: {shown!r}")
        return values[0]

    def _chosen_extensions(self, values: list[str]) -> tuple[NegotiatedExtension, ...]:
        """Return the extensions; an empty header chooses none."""
        if not values:
            return ()
        try:
            return check_answer(read_extensions(values), self._extensions)
        except Malformed:
            raise self._invalid("its Sec-WebSocket-Extensions header is malformed") from None
        except BadAnswer as exc:
            raise self._invalid(str(exc)) from None

    def _invalid(self, why: str) -> InvalidHandshake:
        return InvalidHandshake(
            f"no WebSocket to {self._url}: the server's answer to the handshake is invalid: {why}",
            request=self.request,
            transient=False,
        )


TLS_ALERT = b"\x15"
"""The first byte of a TLS alert: the server expected TLS and got HTTP."""

_FORGOTTEN = {
    False: "if it expects TLS, the URL must begin with wss://",
    True: "it may want a certificate of the client, or another one",
}
"""The most frequent reason why a connection just ends; by whether it had TLS."""


class _Told(TypedDict):
    url: str
    request: Request
    retry_after: float | None


def retry_after(headers: Headers) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110 §10.2.3), or None.

    An HTTP date is counted from the response's own ``Date``, since our clock may differ.
    """
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    then, now = _http_date(text), _http_date(headers.get("Date", ""))
    return None if then is None or now is None else max(0.0, then - now)


def _http_date(text: str) -> float | None:
    """Return seconds since the epoch, or None if the text is not a date."""
    if not text:
        return None
    from email.utils import mktime_tz, parsedate_tz  # here: slow to import, and seldom needed

    try:
        parsed = parsedate_tz(text)
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
