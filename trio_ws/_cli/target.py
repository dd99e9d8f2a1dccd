"""Where to connect, and how: the options that the commands for clients share."""

from __future__ import annotations

import argparse
import math
import ssl
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

import trio

from trio_ws import (
    Deflate,
    HandshakeError,
    Headers,
    Heartbeat,
    Limits,
    Request,
    Timeouts,
    WebSocket,
    WebSocketError,
    open_websocket,
)
from trio_ws._client.dialling import Dialler
from trio_ws._client.options import ClientConfig
from trio_ws._url import parse_url

from .console import escape
from .exits import CommandError

DAY = 86_400.0
"""The longest duration that the library takes, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A server, and the options of `open_websocket` for it.

    Attributes:
        url: as it was given.
        options: the options of `open_websocket`.
        unix: the path of a Unix socket to connect to instead; None: what the URL says.
    """

    url: str
    options: dict[str, Any] = field(default_factory=dict)
    unix: str | None = None

    def __post_init__(self) -> None:
        """Let the library refuse what it would refuse later."""
        self.open()

    @property
    def parts(self) -> SplitResult:
        """Return the URL in parts."""
        return urlsplit(self.url)

    @property
    def tls(self) -> bool:
        """Return True if the scheme is ``wss``."""
        return self.parts.scheme.lower() == "wss"

    @property
    def port(self) -> int:
        """Return the port, given or not."""
        return self.parts.port or (443 if self.tls else 80)

    @property
    def host(self) -> str:
        """Return the host, without brackets."""
        return self.parts.hostname or ""

    def dialler(self) -> Dialler:
        """Return what opens streams to it, through a proxy perhaps."""
        nothing = Request(method="GET", target="/", headers=Headers())
        config = ClientConfig(**self.options)
        return Dialler(parse_url(self.url), config, nothing, connect_to=True)

    def open(self) -> AbstractAsyncContextManager[WebSocket]:
        """Open the connection for the length of a block."""
        return self.connect(self.url, **self.options)

    def connect(self, url: str, **options: Any) -> AbstractAsyncContextManager[WebSocket]:
        """Open a connection as `open_websocket` does, through the Unix socket if there is one."""
        return open_websocket(url, connect_to=self.unix, **options)


async def connect_unix(path: str) -> trio.SocketStream:
    """Connect to a Unix socket.

    Raises:
        HandshakeError: there is none, or nothing listens.
    """
    try:
        return await trio.open_unix_socket(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise HandshakeError(f"no connection to {escape(path)}: {why}", transient=True) from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the URL and the options that go with it."""
    parser.add_argument("url", metavar="URL", help="ws:// or wss://")
    http = parser.add_argument_group("the request")
    http.add_argument(
        "-H", "--header", action="append", default=[], metavar="NAME:VALUE", help="may be repeated"
    )
    http.add_argument(
        "--subprotocol", action="append", default=[], metavar="NAME", help="best first"
    )
    http.add_argument("--origin", help="as a page of this origin would")
    http.add_argument("--user-agent", metavar="TEXT", default="trio-ws")
    http.add_argument("--compress", action="store_true", help="offer to compress (RFC 7692)")
    way = parser.add_argument_group("the way to the server")
    way.add_argument("--unix", metavar="PATH", help="connect to a Unix socket")
    way.add_argument(
        "--proxy",
        metavar="URL",
        help="http, https, socks5h, socks5, socks4a or socks4; or none; default: the environment's",
    )
    way.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="SECONDS",
        help="for connecting; default: 10",
    )
    tls = parser.add_argument_group("TLS, for wss://")
    tls.add_argument("--ca", metavar="FILE", help="trust the certificates in this file")
    tls.add_argument("--cert", metavar="FILE", help="our certificate, with its key perhaps")
    tls.add_argument("--key", metavar="FILE", help="the key of our certificate")
    tls.add_argument(
        "-k", "--insecure", action="store_true", help="do not verify the server's certificate"
    )


def read_target(
    options: argparse.Namespace, *, heartbeat: Heartbeat | None = None, limits: Limits | None = None
) -> Target:
    """Make a target of the options on the command line.

    Raises:
        CommandError: a file cannot be read, or the library refuses an option.
    """
    chosen = {
        "subprotocols": options.subprotocol,
        "headers": [split_header(line) for line in options.header],
        "origin": options.origin,
        "user_agent": options.user_agent or None,
        "heartbeat": heartbeat,
        "timeouts": Timeouts(connect=options.timeout),
        "limits": limits or Limits(),
        "ssl_context": client_context(options),
        "compression": Deflate() if options.compress else None,
        "proxy": _proxy(options.proxy),
    }
    try:
        return Target(url=options.url, options=chosen, unix=options.unix)
    except (WebSocketError, ValueError) as error:
        raise CommandError(escape(str(error))) from error


def _proxy(given: str | None) -> str | bool | None:
    """Return what ``proxy=`` is of what was given on the command line."""
    return True if given is None else None if given == "none" else given


def seconds(text: str) -> float:
    """Read a duration; argparse says what is wrong with it."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= DAY:
        raise argparse.ArgumentTypeError(f"'{escape(text)}' is no number of seconds up to a day")
    return value


def positive(text: str) -> int:
    """Read a number from 1; argparse says what is wrong with it."""
    if not (text.isdecimal() and text.isascii() and 0 < len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"'{escape(text)}' is no number from 1 to 999999999")
    return int(text)


def split_header(line: str) -> tuple[str, str]:
    """Split "Name: value"."""
    name, colon, value = line.partition(":")
    if not colon:
        raise CommandError(f"a header looks like 'Name: value', not '{escape(line)}'")
    return name.strip(), value.strip()


def client_context(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Make the context for TLS; None: the library's own will do.

    Raises:
        CommandError: a file cannot be read, or is none of a certificate.
    """
    if options.key and not options.cert:
        raise CommandError("--key goes with --cert")
    if not (options.ca or options.cert or options.insecure):
        return None
    try:
        context = Unverified() if options.insecure else ssl.create_default_context()
        if options.ca:
            context.load_verify_locations(options.ca)
        if options.cert:
            context.load_cert_chain(options.cert, options.key)
    except OSError as error:  # an ssl.SSLError is one
        named = " or ".join(filter(None, (options.ca, options.cert, options.key)))
        raise CommandError(f"{escape(named)}: {error.strerror or error}") from error
    return context


class Unverified(ssl.SSLContext):
    """A context that takes any certificate, for ``--insecure``."""

    def __new__(cls) -> Unverified:
        """Make it for a client."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self) -> None:
        self.check_hostname = False
        self.verify_mode = ssl.CERT_NONE
