"""WebSocket URLs (RFC 6455 §3): text in, the facts that a handshake needs out.

The grammar is that of RFC 3986, read strictly: what a URL may not contain is refused here,
because a stray line break would end up in an HTTP request and a stray blank in a log.
There is one kindness: path and query may be written with any printable character,
and host names in any script; both become ASCII the way browsers do it
(percent-encoded UTF-8, and UTS 46).

Credentials in a URL never show in a message, a ``str()`` or a ``repr()``;
neither do the query and the fragment, where many services expect a token.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote, unquote_to_bytes

from ._errors import InvalidURL
from ._text import printable

DEFAULT_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}

_PARTS = re.compile(r"([^:/?#]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_ZONE = re.compile(r"[!-$&-.0-Z^-~]{1,64}")
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_SCHEME = re.compile(r"(?:(?:ws|http)s?|socks[45][ah]?)://", re.IGNORECASE)
_BEHIND_PATH = re.compile(r"[?#]")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_JOINERS = "\u200c\u200d"
_KEPT = "%/?:@!$&'()*+,;=~[]"
_PLAIN = re.compile(rf"[A-Za-z0-9_.\-{re.escape(_KEPT)}]*")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class URL:
    """A parsed ``ws://`` or ``wss://`` URL.

    Attributes:
        host: what to connect to, ASCII; an IPv6 address without brackets, with its zone.
        port: given, or 80 and 443.
        tls: whether the scheme is ``wss``.
        target: path and query as they go into the request line, ASCII.
        authorization: the value of an ``Authorization`` header (Basic, RFC 7617), or None.
    """

    host: str
    port: int
    tls: bool
    target: str
    authorization: str | None = field(default=None, repr=False)

    @property
    def server_name(self) -> str:
        """Return the name that the server's certificate must show: no zone, no final dot."""
        return self.host.partition("%")[0].rstrip(".")

    @property
    def host_header(self) -> str:
        """Return the value of the ``Host`` header: brackets for IPv6, no zone, no default port."""
        host = self.host.partition("%")[0]
        name = f"[{host}]" if ":" in host else host
        return name if self.port == DEFAULT_PORTS[self._scheme] else f"{name}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return scheme, host and port: whom the URL speaks to (RFC 6454 §4)."""
        return self._scheme, self.host, self.port

    @property
    def _scheme(self) -> str:
        return "wss" if self.tls else "ws"

    def __str__(self) -> str:
        secret = "***@" if self.authorization else ""
        path, question, _ = self.target.partition("?")
        hidden = "?***" if question else ""
        return f"{self._scheme}://{secret}{self.host_header}{path}{hidden}"

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


def parse_url(text: str) -> URL:
    """Return `text` as a `URL`.

    Raises:
        InvalidURL: it is none, or not one of WebSocket; the message says which part and why.
        TypeError: it is not text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a URL must be a str, not {type(text).__name__}")
    if found := _UNPRINTABLE.search(text):
        _refuse(text, f"it contains {found[0]!r}; blanks and controls must be encoded")
    parts = _PARTS.fullmatch(text)
    if parts is None:
        _refuse(text, "it must look like ws://host/path or wss://host/path")
    scheme, authority, path, query, fragment = parts.groups(default="")
    scheme = scheme.lower()
    if scheme not in ("ws", "wss"):
        _refuse(text, f"its scheme is {scheme!r}, not 'ws' or 'wss'")
    if fragment:
        _refuse(text, "it has a fragment, which a WebSocket URL must not have (RFC 6455 §3)")
    userinfo, _, location = authority.rpartition("@")
    try:
        host, port = parse_authority(location)
        return URL(
            host=host,
            port=DEFAULT_PORTS[scheme] if port is None else port,
            tls=scheme == "wss",
            target=_encoded((path or "/") + query),
            authorization=basic_authorization(userinfo) if userinfo else None,
        )
    except ValueError as exc:
        why = "it is not Unicode text" if isinstance(exc, UnicodeError) else str(exc)
    # Out here, so that no UnicodeError is chained, which would hold the credentials.
    return _refuse(text, why)


def _encoded(target: str) -> str:
    """Return path and query in ASCII: what is not is percent-encoded, as UTF-8."""
    return target if _PLAIN.fullmatch(target) else quote(target, safe=_KEPT)


def parse_authority(text: str) -> tuple[str, int | None]:
    """Return host, in lower-case ASCII, and port of ``host:port``; None: no port.

    Raises:
        ValueError: it is no authority; the message, a clause, says why.
    """
    parts = _AUTHORITY.fullmatch(text)
    if parts is None:
        raise ValueError("its authority is not of the form host:port, or [IPv6 address]:port")
    host, port = parts.groups(default="")
    return _parse_host(host), _parse_port(port)


def _refuse(text: str, why: str) -> NoReturn:
    raise InvalidURL(f"{shown_url(text)!r} cannot be opened: {printable(why)}") from None


def shown_url(text: str) -> str:
    """Return what may be a URL without its secrets: credentials, the query, and the fragment.

    Behind a ``?`` or ``#``, an ``@`` may end a password or stand in a query.
    Then only the scheme is sure to be no secret.
    """
    before, secret, shown = text.rpartition("@")
    scheme = _SCHEME.match(before)
    hidden = (scheme[0] if scheme else "") + "***@" if secret else ""
    if _BEHIND_PATH.search(before):
        shown = "***"
    return hidden + printable(_BEHIND_PATH.split(shown, maxsplit=1)[0])


def parse_bare_host(text: str) -> str:
    """Return a host as `URL.host` has it, of a name or an address without brackets.

    Raises:
        ValueError: it is neither; the message, a clause, says why.
    """
    address, percent, zone = text.partition("%")
    return _parse_host(f"[{address}{'%25' if percent else ''}{zone}]" if ":" in text else text)


def authority_of(host: str, port: int) -> str:
    """Return ``host:port``, with brackets for IPv6 and without a zone, which holds here only."""
    host = host.partition("%")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parse_port(text: str) -> int | None:
    if not text:
        return None
    digits = text.lstrip("0")
    if not digits or len(digits) > 5 or int(digits) > 65535:
        raise ValueError("its port is not between 1 and 65535")
    return int(digits)


def _parse_host(text: str) -> str:
    if not text:
        raise ValueError("it has no host")
    if len(text) > 253:
        raise ValueError("its host is longer than 253 characters")
    if text.startswith("["):
        return _parse_ipv6(text[1:-1])
    name = text.lower() if text.isascii() else _to_ascii(text)
    if not _NAME.fullmatch(name):
        raise ValueError("its host is not a host name")
    return name


def _parse_ipv6(text: str) -> str:
    """Return an address between brackets; its zone is behind ``%25`` (RFC 6874)."""
    address, percent, zone = text.partition("%25")
    try:
        compressed = ipaddress.IPv6Address(address).compressed
    except ValueError:
        raise ValueError("its host, in brackets, is not an IPv6 address") from None
    zone = unquote_to_bytes(zone).decode("latin-1")
    if "%" in compressed or (percent and not _ZONE.fullmatch(zone)):
        raise ValueError("the zone of its IPv6 address is not of the form %25name (RFC 6874)")
    return f"{compressed}%{zone}" if zone else compressed


def _to_ascii(name: str) -> str:
    """Map a name as UTS 46 says (non-transitional), and its labels to Punycode.

    That is what browsers do.  IDNA 2008 by itself would refuse names that exist: ``i❤.ws``.
    """
    import idna  # only here: its tables are large, and most hosts are ASCII

    try:
        labels = idna.uts46_remap(name, std3_rules=False, transitional=False).split(".")
        return ".".join(map(_label_to_ascii, labels)).lower()
    except (UnicodeError, IndexError) as exc:  # idna.IDNAError is one
        raise ValueError(f"its host is not a valid internationalised name: {exc}") from None


def _label_to_ascii(label: str) -> str:
    import idna

    if label.isascii():
        return label
    if label.startswith("xn--"):
        raise idna.IDNAError(f"{label!r} begins as an encoded label, and is none")
    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    for position, character in enumerate(label):
        if character in _JOINERS and not idna.valid_contextj(label, position):
            raise idna.InvalidCodepointContext(f"{character!r} may not stand at {position}")
    return f"xn--{label.encode('punycode').decode('ascii')}"


def basic_authorization(userinfo: str) -> str:
    """Return the credentials of ``user:password`` as a header has them (Basic, RFC 7617).

    Raises:
        ValueError: they cannot be sent; the message, a clause, says why.
    """
    user, password = read_userinfo(userinfo)
    if b":" in user:
        raise ValueError("its user name has a colon")
    return f"Basic {base64.b64encode(user + b':' + password).decode('ascii')}"


def read_userinfo(userinfo: str) -> tuple[bytes, bytes]:
    """Return user and password of ``user:password``, percent-decoded.

    Raises:
        ValueError: they have control characters.
    """
    user, _, password = userinfo.partition(":")
    credentials = unquote_to_bytes(user), unquote_to_bytes(password)
    if any(byte < 0x20 or byte == 0x7F for part in credentials for byte in part):
        raise ValueError("its credentials have control characters")
    return credentials
