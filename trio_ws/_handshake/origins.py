"""Who may open a WebSocket from a web page: the ``Origin`` rule (RFC 6455 §10.2).

A browser lets any page connect anywhere and sends the user's cookies along.
Against that the server has the ``Origin`` header only, which a page cannot forge.
So a request without it does not come from a page, and passes;
any other must match the rule that the server was given:

=================  ============================================================================
`SAME_ORIGIN`      host and port of the origin are those of the ``Host`` header;
                   ``http`` and ``https`` are alike, so that it works behind a proxy that
                   ends TLS; other schemes are refused, whatever their host
``"https://…"``    this origin, compared as RFC 6454 says: case of the host, default port,
                   and the spelling of an international name do not matter;
                   ``"null"`` is what sandboxed pages and files send; ``"file://"``,
                   ``"capacitor://localhost"`` and the like are listed as they are sent
``re.Pattern``     matches the whole header, lower-cased by the browser already
`ANY_ORIGIN`       every page: the handler must not trust cookies
an iterable        of any of these; what is not in it is refused, `SAME_ORIGIN` included
=================  ============================================================================
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from .._http import Headers
from .._text import printable
from .._url import DEFAULT_PORTS, parse_authority
from .._validation import kind_of


class OriginRule(enum.Enum):
    """A rule for ``origins=`` that is not a list.

    Attributes:
        SAME_ORIGIN: pages of the host that they connect to may connect, http and https alike.
        ANY_ORIGIN: pages from anywhere may; the handler must not trust cookies.

    Requests without an ``Origin`` header, which do not come from pages, always may.
    """

    SAME_ORIGIN = "same origin"
    ANY_ORIGIN = "any"

    def __repr__(self) -> str:
        return self.name


SAME_ORIGIN: Final = OriginRule.SAME_ORIGIN
"""Pages of the host that they connect to, http and https alike; no ``Origin`` is allowed too."""

ANY_ORIGIN: Final = OriginRule.ANY_ORIGIN
"""Pages from anywhere."""

Origins = OriginRule | re.Pattern[str] | Iterable[OriginRule | re.Pattern[str] | str]
"""What ``origins=`` takes."""

_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@]*)")


_OPAQUE = re.compile(r"null|(?!https?:)[A-Za-z][A-Za-z0-9+.-]*://", re.IGNORECASE)
"""What has no host: a sandboxed page, a file."""


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None


class OriginCheck:
    """The rule, made ready to check requests.

    Raises:
        ValueError: an entry is not an origin.
        TypeError: `origins` is one text rather than a list, or an entry is something else.
    """

    def __init__(self, origins: Origins) -> None:
        if isinstance(origins, str):
            raise TypeError(f"origins is a list of origins, not the one text {origins!r}")
        if not isinstance(origins, OriginRule | re.Pattern | Iterable):
            raise TypeError(
                "origins must be SAME_ORIGIN, ANY_ORIGIN, a compiled pattern "
                f"or a list of these and of origins, not {kind_of(origins)}"
            )
        rules = [origins] if isinstance(origins, OriginRule | re.Pattern) else list(origins)
        if not all(isinstance(rule, OriginRule | re.Pattern | str) for rule in rules):
            raise TypeError("an origin is a text, a compiled pattern, SAME_ORIGIN or ANY_ORIGIN")
        self._any = ANY_ORIGIN in rules
        self._same = SAME_ORIGIN in rules
        self._patterns = [rule for rule in rules if isinstance(rule, re.Pattern)]
        self._listed = {_listed(rule) for rule in rules if isinstance(rule, str)}

    def allows(self, headers: Headers) -> bool:
        """Return True if a request with these headers may go on."""
        if self._any or "Origin" not in headers:
            return True
        if len(headers.get_all("Origin")) > 1:
            return False
        text = headers["Origin"]
        if any(pattern.fullmatch(text) for pattern in self._patterns):
            return True
        origin = _parse(text) if text.isascii() else None
        if origin is None:
            return text.lower() in self._listed
        return origin in self._listed or (self._same and _is_host(origin, headers.get("Host", "")))


def _listed(text: str) -> _Origin | str:
    origin = _parse(text)
    if origin is None and not _OPAQUE.fullmatch(text):
        raise ValueError(
            f"{printable(text)!r} is no origin: it must look like 'https://example.com', "
            "without a path; for several at once use a compiled pattern"
        )
    return origin or text.lower()


def _parse(text: str) -> _Origin | None:
    """Return an origin with its default port left out; None if the text is not an origin."""
    parts = _ORIGIN.fullmatch(text)
    if parts is None:
        return None
    scheme = parts[1].lower()
    try:
        host, port = parse_authority(parts[2])
    except ValueError:
        return None
    return _Origin(scheme, host, None if port == DEFAULT_PORTS.get(scheme) else port)


def _is_host(origin: _Origin, host: str) -> bool:
    """Return True if `origin` and a ``Host`` header mean the same host and port."""
    return origin.scheme in ("http", "https") and _parse(f"{origin.scheme}://{host}") == origin
