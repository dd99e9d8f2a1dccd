"""Where a redirect leads, and what may be sent there (RFC 9110 §15.4, RFC 6455 §4.1).

A client may follow the redirects of an upgrade.  Each leads to another URL, with a request anew::

    Location           http: means ws:, https: means wss:; it may be relative
    from wss to ws     never: who asked for TLS gets TLS, or nothing
    another origin     gets no credentials: those were for the first one
    a circle           is an end, as is one redirect more than was allowed

An origin is scheme, host and port (RFC 6454).
Once a redirect has led to another origin, that is for good:
the way back to the first one was chosen by a stranger, who could choose a path, too.

A target that is not plain is not followed; the server must mean what it says.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

from .._errors import InvalidURL, TooManyRedirects
from .._http import Headers, Request, Response
from .._text import printable
from .._url import URL, parse_url

STATUSES = frozenset({301, 302, 303, 307, 308})
"""Others of 300 to 399 do not say where else the same is to be had."""

CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that another origin does not get."""

MAX_SHOWN = 12
"""So many URLs of a chain stand in a message."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_UNFIT = re.compile(r"[^!-~]")


class NotFollowed(Exception):
    """A redirect that leads nowhere; the message, a clause, says why."""


class Trail:
    """The URLs of one attempt.

    Attributes:
        url: where the attempt is.
        strange: whether a redirect has led to another origin.
    """

    def __init__(self, url: URL, *, limit: int) -> None:
        self.url = url
        self.strange = False
        self._limit = limit
        self._chain = [url]

    @property
    def begun(self) -> bool:
        """Return True if a redirect was followed."""
        return len(self._chain) > 1

    @property
    def first(self) -> URL:
        """Return the URL that was given."""
        return self._chain[0]

    @property
    def came_by(self) -> str:
        """Return what a message tells of the way to `url`; empty if no redirect was followed."""
        if not self.begun:
            return ""
        withheld = ", whose credentials it does not get" if self.strange else ""
        return f" (redirected from {self.first}{withheld})"

    def is_followed(self, response: Response) -> bool:
        """Return True if a response is a redirect, and redirects are followed."""
        return bool(self._limit) and response.status in STATUSES and "Location" in response.headers

    def follow(self, response: Response, request: Request | None) -> None:
        """Go where a redirect leads, which answered `request`.

        Raises:
            NotFollowed: it leads to no place for us.
            TooManyRedirects: it leads in a circle, or there were as many as may be.
        """
        target = redirect_target(self.url, response.headers)
        circle = any(_place(each) == _place(target) for each in self._chain)
        self._chain.append(target)
        if circle:
            raise self._too_many("the redirects lead in a circle", request)
        if len(self._chain) > self._limit + 1:
            raise self._too_many(f"there are more than {self._limit} redirects", request)
        self.strange |= target.origin != self.url.origin
        self.url = replace(
            target, authorization=None if self.strange else self._chain[0].authorization
        )

    def headers(self, given: Headers, *, of_a_function: bool) -> Headers:
        """Return what may be sent where the attempt is, of the headers that were given."""
        if not self.strange:
            return given
        if of_a_function:
            return Headers()
        return Headers([line for line in given.multi_items() if line[0].lower() not in CREDENTIALS])

    def _too_many(self, why: str, request: Request | None) -> TooManyRedirects:
        chain = tuple(map(str, self._chain))
        shown = [printable(each) for each in chain[-MAX_SHOWN:]]
        dots = ["…"] if len(chain) > MAX_SHOWN else []
        return TooManyRedirects(
            f"no WebSocket to {self.first}: {why}: {' -> '.join(dots + shown)}",
            chain=chain,
            request=request,
        )


def redirect_target(base: URL, headers: Headers) -> URL:
    """Return the URL that the one ``Location`` in `headers` means, read from `base`.

    Raises:
        NotFollowed: there is none that may be followed.
    """
    locations = headers.get_all("Location")
    if len(locations) != 1:
        raise NotFollowed("it has more than one Location")
    location = locations[0].strip(" \t")
    if not location:
        raise NotFollowed("its Location is empty")
    if found := _UNFIT.search(location):
        raise NotFollowed(f"its Location has the character {found[0]!r}")
    try:
        target = _resolve(base, location)
    except InvalidURL as exc:
        raise NotFollowed(str(exc)) from None
    if target.authorization:
        raise NotFollowed("credentials in a Location are not for us to send")
    if base.tls and not target.tls:
        raise NotFollowed("that would leave TLS, and from wss it never goes to ws")
    return target


def _resolve(base: URL, location: str) -> URL:
    """Read a reference, which may be relative (RFC 3986 §5.2)."""
    if absolute := _ABSOLUTE.fullmatch(location):
        scheme = _SCHEMES.get(absolute[1].lower())
        if scheme is None:
            raise NotFollowed(f"its scheme is {printable(absolute[1])!r}")
        return parse_url(f"{scheme}:{absolute[2]}")
    if location.startswith("//"):
        return parse_url(f"{'wss' if base.tls else 'ws'}:{location}")
    joined = urljoin(f"http://h{base.target}", location)
    target = parse_url(joined.replace("http", "ws", 1)).target
    return replace(base, target=target, authorization=None)


def _place(url: URL) -> tuple[object, str]:
    return url.origin, url.target
