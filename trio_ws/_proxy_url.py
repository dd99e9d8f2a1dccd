"""Proxies as they are written: ``http://user:password@proxy.example:3128``.

==============================  =====================================================
``http://``, ``https://``       ``CONNECT`` (RFC 9110 §9.3.6); https: TLS to the proxy
``socks5h://``, ``socks4a://``  SOCKS; the proxy looks the name of the server up
``socks5://``, ``socks4://``    SOCKS; the name is looked up here
==============================  =====================================================

Without a scheme it is ``http``, as environment variables are often written.
The user and the password never show in a message, a ``str()`` or a ``repr()``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

from ._errors import InvalidURL
from ._text import printable
from ._url import authority_of, basic_authorization, parse_authority, read_userinfo, shown_url

DEFAULT_PORTS = {"http": 80, "https": 443} | dict.fromkeys(
    ("socks4", "socks4a", "socks5", "socks5h"), 1080
)
"""Schemes, and what is connected to if no port is given."""

MAX_SOCKS_CREDENTIAL = 255
"""A user or a password for SOCKS5 has so many bytes at most (RFC 1929 §2)."""

_PARTS = re.compile(r"(?:([^:/?#]*)://)?([^/?#]*)(/?)(.*)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProxyURL:
    """A parsed proxy.

    Attributes:
        scheme: one of `DEFAULT_PORTS`.
        host: what to connect to, as `URL.host`.
        port: given, or that of the scheme.
        authorization: the value of a ``Proxy-Authorization`` header (Basic), or None.
        user: for SOCKS; None: there is none.
        password: for SOCKS5; None: there is none.
    """

    scheme: str
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def server_name(self) -> str:
        """Return the name that the proxy's certificate must show, as `URL.server_name`."""
        return self.host.partition("%")[0].rstrip(".")

    @property
    def is_socks(self) -> bool:
        """Return True for SOCKS, of whatever version."""
        return self.scheme.startswith("socks")

    @property
    def looks_names_up(self) -> bool:
        """Return True if the proxy is given the name of the server, and not an address."""
        return self.scheme not in ("socks4", "socks5")

    def __str__(self) -> str:
        secret = "***@" if self.authorization or self.user is not None else ""
        return f"{self.scheme}://{secret}{authority_of(self.host, self.port)}"

    def __repr__(self) -> str:
        return f"ProxyURL({str(self)!r})"


def parse_proxy(text: str) -> ProxyURL:
    """Return `text` as a `ProxyURL`.

    Raises:
        InvalidURL: it is none; the message says why.
    """
    if found := _UNPRINTABLE.search(text):
        _refuse(text, f"it contains {found[0]!r}; blanks and controls must be encoded")
    parts = _PARTS.fullmatch(text)
    assert parts is not None  # it matches any text
    scheme, authority, _, rest = parts.groups(default="")
    scheme = scheme.lower() if "://" in text else "http"
    if scheme not in DEFAULT_PORTS:
        _refuse(text, f"its scheme is {scheme!r}, and may be {', '.join(DEFAULT_PORTS)}")
    if rest:
        _refuse(text, "a proxy has no path, query or fragment")
    userinfo, _, location = authority.rpartition("@")
    try:
        host, port = parse_authority(location)
        return ProxyURL(
            scheme=scheme,
            host=host,
            port=DEFAULT_PORTS[scheme] if port is None else port,
            **_credentials(scheme, userinfo),
        )
    except ValueError as exc:
        why = "it is not Unicode text" if isinstance(exc, UnicodeError) else str(exc)
    # Out here, so that no UnicodeError is chained, which would hold the credentials.
    return _refuse(text, why)


def _credentials(scheme: str, userinfo: str) -> dict[str, str]:
    if not userinfo:
        return {}
    if scheme in ("http", "https"):
        return {"authorization": basic_authorization(userinfo)}
    user, password = (_checked(part) for part in read_userinfo(userinfo))
    if scheme.startswith("socks4"):
        if password:
            raise ValueError("SOCKS4 knows users, and no passwords")
        return {"user": user}
    if not (user and password):
        raise ValueError("for SOCKS5 a user needs a password, and the other way round")
    return {"user": user, "password": password}


def _checked(credential: bytes) -> str:
    if not credential.isascii() or len(credential) > MAX_SOCKS_CREDENTIAL:
        raise ValueError("its credentials are not ASCII, or longer than 255 bytes, as SOCKS wants")
    return credential.decode("ascii")


def _refuse(text: str, why: str) -> NoReturn:
    raise InvalidURL(f"{shown_url(text)!r} cannot be a proxy: {printable(why)}") from None
