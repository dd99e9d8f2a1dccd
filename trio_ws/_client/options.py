"""The options of a client: each written once, checked when it is given, as a frozen value.

`open_websocket` spells them out, for `help` and for editors; `ClientOptions` is what
all other functions take (``**options: Unpack[ClientOptions]``); `ClientConfig` is the value.
A test holds the three together.
"""

from __future__ import annotations

import inspect
import os
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from .._errors import InvalidURL
from .._handshake.client import check_value, checked_headers
from .._handshake.opening import check_subprotocols
from .._http import NO_HEADERS, Headers, HeaderSource
from .._options import NOTHING, ConnectionOptions, PolicyOptions
from .._proxy_url import parse_proxy
from .._text import printable
from .._url import URL, parse_bare_host
from .._validation import check_callable, check_context, check_count, check_text, kind_of

USER_AGENT = "trio_ws"

HeadersFunction: TypeAlias = Callable[[], HeaderSource | Awaitable[HeaderSource]]
"""A function, async or not, that returns the headers for one attempt: with a fresh token."""

ClientHeaders: TypeAlias = HeaderSource | HeadersFunction
"""What ``headers`` may be: headers, or a function that returns them for each attempt."""

ProxyOption: TypeAlias = str | Literal[True] | None
"""What ``proxy`` may be: True, as the environment says; None, none; or the URL of one."""

ConnectTo: TypeAlias = tuple[str, int] | str | os.PathLike[str]
"""What ``connect_to`` may be: a host and a port, or the path of a Unix socket."""


class ClientOptions(PolicyOptions, total=False):
    """The options of `open_websocket`, for functions that pass them on."""

    subprotocols: Sequence[str]
    headers: ClientHeaders
    ssl_context: ssl.SSLContext | None
    proxy: ProxyOption
    max_redirects: int
    origin: str | None
    user_agent: str | None
    connect_to: ConnectTo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig(ConnectionOptions):
    """The options of a client, checked; `open_websocket` says what they mean.

    Its ``repr()`` leaves out those that may hold secrets.

    Raises:
        TypeError, ValueError, LocalProtocolError: an option makes no sense.
    """

    subprotocols: Sequence[str] = NOTHING
    headers: ClientHeaders = field(default=NOTHING, repr=False)
    ssl_context: ssl.SSLContext | None = None
    proxy: ProxyOption = field(default=True, repr=False)
    max_redirects: int = 10
    origin: str | None = None
    user_agent: str | None = USER_AGENT
    connect_to: ConnectTo | None = None

    def __post_init__(self) -> None:
        ConnectionOptions.__post_init__(self)  # super() does not know a class with slots
        if self.subprotocols is not NOTHING:
            object.__setattr__(self, "subprotocols", tuple(check_subprotocols(self.subprotocols)))
        object.__setattr__(self, "headers", _read_headers(self.headers))
        check_text("origin", self.origin, optional=True)
        check_text("user_agent", self.user_agent, optional=True)
        check_value("Origin", self.origin)
        check_value("User-Agent", self.user_agent)
        check_context(self.ssl_context, server=False)
        _check_proxy(self.proxy)
        check_count("max_redirects", self.max_redirects, least=0)
        object.__setattr__(self, "connect_to", read_connect_to(self.connect_to))
        if self.names_a_proxy and isinstance(self.connect_to, str):
            raise ValueError("proxy: no proxy leads to the Unix socket that connect_to names")

    @property
    def names_a_proxy(self) -> bool:
        """Return True if a proxy was given, and not left to the environment."""
        return isinstance(self.proxy, str)

    @property
    def place(self) -> tuple[str, int] | str | None:
        """Return what ``connect_to`` has become: a host and a port, or the path of a socket."""
        return cast("tuple[str, int] | str | None", self.connect_to)

    @property
    def headers_function(self) -> HeadersFunction | None:
        """Return the function that is asked for headers, or None."""
        return None if isinstance(self.headers, Headers) else cast("HeadersFunction", self.headers)

    @property
    def fixed_headers(self) -> Headers:
        """Return the headers that are the same for each attempt."""
        return self.headers if isinstance(self.headers, Headers) else NO_HEADERS

    def check_url(self, url: URL) -> None:
        """Refuse what is of no use for this URL."""
        if self.ssl_context is not None and not url.tls:
            raise ValueError(f"an ssl_context is for wss://, and of no use for {url}")

    def check_own_stream(self) -> None:
        """Refuse what is of no use where the stream is given: how to get one."""
        if self.connect_to is not None:
            raise ValueError("connect_to is of no use with a stream of your own")
        if self.names_a_proxy:
            raise ValueError("proxy is of no use with a stream of your own")


def _read_headers(headers: object) -> Headers | HeadersFunction:
    """Check headers, or the function that returns them, and keep what may be an iterator."""
    if headers is NOTHING:
        return NO_HEADERS
    if inspect.iscoroutine(headers):
        check_callable("headers", headers)
    if callable(headers) and not isinstance(headers, Iterable):
        return headers
    return checked_headers(headers)  # type: ignore[arg-type]


def _check_proxy(proxy: object) -> None:
    if proxy is True or proxy is None:
        return
    if not isinstance(proxy, str):
        raise TypeError(f"proxy must be True, None or the URL of a proxy, not {kind_of(proxy)}")
    try:
        parse_proxy(proxy)
    except InvalidURL as exc:
        raise InvalidURL(f"proxy: {exc}") from None


def read_connect_to(place: object) -> tuple[str, int] | str | None:
    """Return where to connect to: a host and a port, or the path of a Unix socket.

    Raises:
        TypeError, ValueError: it is neither.
    """
    what = "connect_to must be (host, port), or the path of a Unix socket"
    if place is None:
        return None
    if isinstance(place, tuple):
        if [type(each) for each in place] != [str, int]:
            raise TypeError(f"{what}; in it is something else than a str and an int")
        host, port = place
        if not 0 < port <= 65535:
            raise ValueError(f"{what}; its port is not between 1 and 65535")
        try:
            return parse_bare_host(host), port
        except ValueError as exc:
            raise ValueError(f"{what}; {printable(str(exc))}") from None
    path = place.__fspath__() if isinstance(place, os.PathLike) else place
    if not isinstance(path, str):
        raise TypeError(f"{what}, not {kind_of(place)}")
    if not path or "\0" in path[1:]:
        raise ValueError(f"{what}; this is no path")
    return path
