"""The HTTP values that users meet: headers, a request, a response.

All of them are plain facts, frozen once made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self, final
from urllib.parse import parse_qs

from ._json import encode_json
from ._text import printable
from ._tls_info import TLSInfo
from ._validation import check_text, kind_of

HeaderSource = Mapping[str, str] | Iterable[tuple[str, str]]
"""What may be given where headers are asked for: a mapping, or (name, value) pairs."""


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_LATIN = re.compile(r"[^\x00-\xff]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_token(text: str) -> bool:
    """Return True for a token of RFC 9110 §5.6.2: a header's name, a subprotocol."""
    return _TOKEN.fullmatch(text) is not None


def check_header(name: str, value: str) -> None:
    """Refuse a line that cannot be sent, or could smuggle another one into a head.

    Raises:
        ValueError: the name is not a token, or the value has control characters or is not Latin-1.
    """
    if not is_token(name):
        raise ValueError(f"{printable(name)!r} is not the name of a header")
    if _CONTROL.search(value):
        raise ValueError(f"the value of the header {name} has control characters")
    if _NOT_LATIN.search(value):  # an error of encode() would hold the value
        raise ValueError(f"the value of the header {name} is not Latin-1")


class _Parsed(tuple[Any, ...]):
    """Name, value, name, value, …, as a parser has found them."""

    __slots__ = ()


class Headers(Mapping[str, str]):
    """HTTP headers: names without regard to case, repeated names allowed, order kept.

    ``headers[name]`` joins the values of a repeated name with ``", "`` (RFC 9110 §5.3),
    those of ``Cookie`` with ``"; "`` (RFC 9113 §8.2.3);
    `get_all` gives them apart, `multi_items` gives every line in order.

    Raises:
        TypeError: it is made of something else than texts.
    """

    __slots__ = ("_parts",)

    def __init__(self, source: HeaderSource = ()) -> None:
        # name, value, name, value …: every open connection keeps its headers, and a tuple of
        # pairs takes more than twice the memory.
        if isinstance(source, _Parsed):
            self._parts: tuple[str, ...] = source
        elif isinstance(source, Headers):
            self._parts = source._parts
        else:
            self._parts = _parts(source)

    def get_all(self, name: str) -> list[str]:
        """Return all values of `name`, in order; empty if it is absent."""
        check_text("name", name)
        wanted = name.lower()
        return [value for key, value in self._lines() if key.lower() == wanted]

    def multi_items(self) -> tuple[tuple[str, str], ...]:
        """Return every header line as (name, value), in order."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        return zip(self._parts[::2], self._parts[1::2], strict=True)

    def __getitem__(self, name: str) -> str:
        if values := self.get_all(name):
            return ("; " if name.lower() == "cookie" else ", ").join(values)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in map(str.lower, self._parts[::2])

    def __iter__(self) -> Iterator[str]:
        return iter({key.lower(): key for key, _ in reversed(self.multi_items())}.values())

    def __len__(self) -> int:
        return len({key.lower() for key in self._parts[::2]})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._folded() == {str(name).lower(): value for name, value in other.items()}

    def __hash__(self) -> int:
        return hash(frozenset(self._folded().items()))

    def _folded(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.items()}

    def __repr__(self) -> str:
        return f"Headers({list(self._lines())!r})"


def headers_of(lines: Iterable[tuple[str, str]]) -> Headers:
    """Return the headers that a parser has found: they need no check."""
    return Headers(_Parsed(chain.from_iterable(lines)))


NO_HEADERS = headers_of(())


def _parts(source: object) -> tuple[str, ...]:
    """Return name, value, name, value, … of what may have been given instead, too."""
    what = "headers must be a mapping of str to str, or pairs of them"
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        raise TypeError(f"{what}, not {kind_of(source)}")
    lines = source.items() if isinstance(source, Mapping) else source
    parts: list[str] = []
    line: object
    for line in lines:
        if not isinstance(line, tuple | list) or len(line) != 2:
            raise TypeError(f"{what}; one of these is {kind_of(line)}")
        parts += line
    for part in parts:
        if not isinstance(part, str):
            raise TypeError(f"{what}; one of these has {kind_of(part)}")
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request, as `on_request` sees it and as `WebSocket.request` keeps it.

    Attributes:
        method: ``"GET"`` for every upgrade.
        target: path and query as they stood in the request line.
        headers: every header, in order.
        remote_address: where it came from, as the socket tells it; None on other streams.
        tls: what TLS has established about the connection it came over; None without TLS.
        state: a mapping of the application's own, empty at first;
            what is put there is `WebSocket.state` later.
        route: the pattern that a `Router` has chosen; None before that, and without a router.
            For metrics: there are few patterns, and many paths.
        path_params: what the parameters of this pattern are, by name: `str` or `int`.
    """

    method: str
    target: str
    headers: Headers
    remote_address: object = None
    tls: TLSInfo | None = field(default=None, compare=False)
    state: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    route: str | None = field(default=None, compare=False)
    path_params: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def path(self) -> str:
        """Return the target without its query; not percent-decoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the query's parameters, percent-decoded; a repeated one keeps all values."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def cookies(self) -> dict[str, str]:
        """Return the cookies by name, as sent (RFC 6265 §5.4); of two the more specific one."""
        found: dict[str, str] = {}
        for pair in self.headers.get("Cookie", "").split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                found.setdefault(name.strip(), value.strip().removeprefix('"').removesuffix('"'))
        return found


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: what `on_request` may answer, and what `Rejected` carries.

    `headers` may be a mapping or pairs.
    `body` may be given as `str` (sent as UTF-8) or bytes; it is kept as bytes.
    ``Content-Length`` is added when the response is sent.

    Raises:
        TypeError: one of them is of a wrong type.
        ValueError: the status is none, or a header cannot be sent.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def __init__(self, status: int, headers: HeaderSource = (), body: str | bytes = b"") -> None:
        _check_status(status)
        lines = Headers(headers)
        for name, value in lines.multi_items():
            check_header(name, value)
        self._fill(status, lines, _as_bytes(body))

    @classmethod
    def from_text(cls, text: str, *, status: int = 200, headers: HeaderSource = ()) -> Self:
        """Return a response with a text, as ``text/plain`` in UTF-8.

        A ``Content-Type`` among the headers takes the place of that.

        Raises:
            TypeError: one of them is of a wrong type.
            ValueError: the text is not valid Unicode; or as for any response.
        """
        check_text("text", text)
        return cls(status, _with_type("text/plain; charset=utf-8", headers), text)

    @classmethod
    def from_html(cls, html: str, *, status: int = 200, headers: HeaderSource = ()) -> Self:
        """Return a response with a page, as ``text/html`` in UTF-8; otherwise as `from_text`."""
        check_text("html", html)
        return cls(status, _with_type("text/html; charset=utf-8", headers), html)

    @classmethod
    def from_json(cls, value: Any, *, status: int = 200, headers: HeaderSource = ()) -> Self:
        """Return a response with `value` as JSON (RFC 8259); otherwise as `from_text`.

        Raises:
            TypeError: something in `value` has no JSON form.
            ValueError: `value` is, or holds, a float that JSON has no form for (NaN, infinity),
                itself, or too many levels.
        """
        return cls(status, _with_type("application/json", headers), encode_json(value))

    @classmethod
    def redirect(cls, location: str, *, status: int = 307, headers: HeaderSource = ()) -> Self:
        """Return a response that sends the client elsewhere (RFC 9110 §15.4).

        Args:
            location: a URL, or a part of one, relative to that of the request.
                What is not ASCII must be percent-encoded.
            status: 301 or 308 for ever, 302 or 307 for now;
                303 for something else that tells of it.
            headers: further headers.

        Raises:
            TypeError: one of them is of a wrong type.
            ValueError: `location` has characters that no URL has,
                `status` is none of these, or a header cannot be sent.
        """
        check_text("location", location)
        if not _URL.fullmatch(location):
            raise ValueError(
                f"location must be a URL of printable ASCII, without blanks; got {location!r}"
            )
        _check_status(status)
        if status not in _REDIRECTS:
            raise ValueError(f"status must be one of {_REDIRECTS}; got {status!r}")
        lines = Headers(headers)
        if "Location" in lines:
            raise ValueError("headers must not have another Location")
        return cls(status, [("Location", location), *lines.multi_items()])

    def _fill(self, status: int, headers: Headers, body: bytes) -> None:
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "headers", headers)
        object.__setattr__(self, "body", body)


def received_response(status: int, headers: Headers, body: bytes = b"") -> Response:
    """Return a response that a peer has sent, or a 101: what it may be was checked elsewhere."""
    response = object.__new__(Response)
    response._fill(status, headers, body)
    return response


def _check_status(status: object) -> None:
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"status must be a whole number, not {kind_of(status)}")
    if not 100 <= status <= 999:
        raise ValueError(f"status must have three digits, as 200 has; got {status}")


def _with_type(content_type: str, headers: HeaderSource) -> HeaderSource:
    lines = Headers(headers)
    if "Content-Type" in lines:
        return lines
    return [("Content-Type", content_type), *lines.multi_items()]


def _as_bytes(body: object) -> bytes:
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError:
            raise ValueError("body must be valid Unicode: it has half a surrogate pair") from None
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(f"body must be str or bytes, not {kind_of(body)}")
    return bytes(body)


@final
@dataclass(frozen=True, slots=True)
class Accept:
    """What `on_request` returns to go on, with headers for the answer that accepts the upgrade.

    That may be a cookie::

        return Accept({"Set-Cookie": "session=…; HttpOnly; Secure; SameSite=Strict"})

    The headers are sent with the 101 only: not if the request is refused after all.

    Raises:
        TypeError: `headers` are none.
        ValueError: a header cannot be sent, or belongs to the handshake itself.
    """

    headers: Headers = field(default_factory=Headers)

    def __init__(self, headers: HeaderSource = ()) -> None:
        lines = Headers(headers)
        for name, value in lines.multi_items():
            check_header(name, value)
            if _OF_THE_HANDSHAKE.fullmatch(name):
                raise ValueError(f"the header {name} belongs to the handshake itself")
        object.__setattr__(self, "headers", lines)


_OF_THE_HANDSHAKE = re.compile(
    "Upgrade|Connection|Content-Length|Transfer-Encoding|Trailer|Sec-WebSocket-.*", re.IGNORECASE
)
_REDIRECTS = (301, 302, 303, 307, 308)
_URL = re.compile(r"[!-~]+")
