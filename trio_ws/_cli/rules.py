"""The rules of the opening handshake (RFC 6455 §4), beside the headers that answer to them.

Two heads, as text, go in; each line comes out with the rule that it keeps or breaks,
and a line that is missing comes out as missing::

    GET /chat HTTP/1.1                    §4.1 (2)   a GET, in HTTP/1.1 or later
    Sec-WebSocket-Version: 13             §4.1 (9)   the version of RFC 6455
    - no Sec-WebSocket-Key                §4.1 (7)   broken: there must be one

The library decides about the handshake by itself; this is for people to read.
A test holds the two together: what breaks a rule here is refused there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What a server appends to the key (RFC 6455 §1.3), so that no other server answers by chance."""

_START = re.compile(r"HTTP/(\d)\.(\d) (\d{3})")
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})


class Note(NamedTuple):
    """A line of a head, and what it has to do with the handshake.

    Attributes:
        line: as it was sent; empty if it is missing.
        section: the rule, as "§4.1 (7)"; empty if there is none.
        meaning: what the line does, or what is wrong with it.
        broken: whether it breaks the rule.
    """

    line: str
    section: str
    meaning: str
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """A head of an HTTP message, split and not checked.

    Attributes:
        start: the request line, or the status line.
        lines: (name, value) of each header; the name of a line without a colon is all of it.
    """

    start: str
    lines: tuple[tuple[str, str], ...] = ()

    @classmethod
    def split(cls, data: bytes) -> Head:
        """Split what was on the wire; header values may hold any byte (RFC 9110 §5.5)."""
        start, *rest = data.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
        pairs = (line.partition(":") for line in rest)
        return cls(start, tuple((name, value.strip()) for name, _, value in pairs))

    @property
    def status(self) -> str:
        """Return the status of an answer; empty if it is none of HTTP."""
        found = _START.match(self.start)
        return found[3] if found else ""

    def values(self, name: str) -> list[str]:
        """Return the values of a header, one for each of its lines."""
        return [value for key, value in self.lines if key.lower() == name.lower()]

    def words(self, name: str) -> list[str]:
        """Return the elements of a header that is a list, in lower case."""
        parts = ",".join(self.values(name)).split(",")
        return [part.strip().lower() for part in parts if part.strip()]


class Step(NamedTuple):
    """A step on the way from the key to the accept token."""

    name: str
    value: str


def accept_steps(key: str) -> list[Step]:
    """Return how a server computes ``Sec-WebSocket-Accept`` (RFC 6455 §4.2.2 (5.4))."""
    # SHA-1 is what the RFC prescribes; nothing secret depends on it.
    digest = hashlib.sha1(f"{key}{GUID}".encode("latin-1"), usedforsecurity=False).digest()
    return [
        Step("key", key),
        Step("and the GUID", f"{key}{GUID}"),
        Step("SHA-1", digest.hex(" ")),
        Step("base64", base64.b64encode(digest).decode("ascii")),
    ]


# The request


def request_notes(head: Head, *, secrets: bool = False) -> Iterator[Note]:
    """Yield a note for each line of a request, and for each that is missing (RFC 6455 §4.1)."""
    yield _request_line(head.start)
    checks = {
        "host": _check_host,
        "upgrade": _check_upgrade,
        "connection": _check_connection,
        "sec-websocket-key": _check_key,
        "sec-websocket-version": _check_version,
    }
    for name, value in head.lines:
        line = f"{name}: {_shown(name, value, secrets=secrets)}"
        if check := checks.pop(name.lower(), None):
            yield check(line, head)
        else:
            yield Note(line, *_OPTIONAL.get(name.lower(), ("", "no part of the handshake")))
    for check in checks.values():
        yield check("", head)


_OPTIONAL = {
    "origin": ("§4.1 (8)", "the page that asks; a server may refuse it"),
    "sec-websocket-protocol": ("§4.1 (10)", "the subprotocols that we speak, best first"),
    "sec-websocket-extensions": ("§4.1 (11)", "the extensions that we can use"),
    "cookie": ("§4.1 (12)", "any other header may be sent: cookies"),
    "authorization": ("§4.1 (12)", "any other header may be sent: credentials"),
    "user-agent": ("", "which program asks; no part of the handshake"),
}


def _shown(name: str, value: str, *, secrets: bool) -> str:
    return value if secrets or name.lower() not in _SECRET else "***"


def _request_line(line: str) -> Note:
    method, _, rest = line.partition(" ")
    version = rest.rpartition(" HTTP/")[2]
    if method != "GET":
        return Note(line, "§4.1 (2)", "the method must be GET", broken=True)
    if not re.fullmatch(r"1\.[1-9]", version):
        return Note(line, "§4.1 (2)", "the version must be HTTP/1.1 at least", broken=True)
    return Note(line, "§4.1 (2)", "a GET, in HTTP/1.1 or later, of the URL's path and query")


def _check_host(line: str, head: Head) -> Note:
    good = [value for value in head.values("host") if value]
    meaning = "the URL's host, and its port unless that is the default"
    return _rule(line, "Host", "§4.1 (4)", meaning, broken=len(good) != 1)


def _check_upgrade(line: str, head: Head) -> Note:
    broken = "websocket" not in head.words("upgrade")
    return _rule(line, "Upgrade", "§4.1 (5)", "asks to speak 'websocket'", broken=broken)


def _check_connection(line: str, head: Head) -> Note:
    broken = "upgrade" not in head.words("connection")
    meaning = "'Upgrade' is for the next hop, so a proxy must not pass it on unseen"
    return _rule(line, "Connection", "§4.1 (6)", meaning, broken=broken)


def _check_key(line: str, head: Head) -> Note:
    values = head.values("sec-websocket-key")
    broken = len(values) != 1 or not _is_nonce(values[0])
    meaning = "16 random bytes in base64, which the server must answer"
    return _rule(line, "Sec-WebSocket-Key", "§4.1 (7)", meaning, broken=broken)


def _is_nonce(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _check_version(line: str, head: Head) -> Note:
    broken = head.values("sec-websocket-version") != ["13"]
    meaning = "13, the version of RFC 6455"
    return _rule(line, "Sec-WebSocket-Version", "§4.1 (9)", meaning, broken=broken)


def _rule(line: str, name: str, section: str, meaning: str, *, broken: bool) -> Note:
    if not line:
        return Note("", section, f"there is no {name} header: {meaning}", broken=True)
    if broken:
        return Note(line, section, f"it should be: {meaning}", broken=True)
    return Note(line, section, meaning)


# The answer


class Offer(NamedTuple):
    """An offer that a request made, as far as the answer must fit to it."""

    key: str
    subprotocols: Sequence[str] = ()
    extensions: Sequence[str] = ()

    @classmethod
    def of(cls, request: Head) -> Offer:
        """Read it from a request."""
        protocols = ",".join(request.values("sec-websocket-protocol")).split(",")
        return cls(
            (request.values("sec-websocket-key") or [""])[0],
            [name.strip() for name in protocols],
            [word.partition(";")[0].strip() for word in request.words("sec-websocket-extensions")],
        )


def response_notes(head: Head, offer: Offer, *, secrets: bool = False) -> Iterator[Note]:
    """Yield a note for each line of an answer, and for each that is missing (RFC 6455 §4.1)."""
    yield _status_line(head.start)
    if head.status != "101":
        yield from _plain_lines(head, secrets=secrets)
        return
    answer = _Answer(head, offer)
    checks = {
        "upgrade": answer.upgrade,
        "connection": answer.connection,
        "sec-websocket-accept": answer.accept,
        "sec-websocket-protocol": answer.subprotocol,
        "sec-websocket-extensions": answer.extensions,
    }
    required = ("upgrade", "connection", "sec-websocket-accept")
    for name, value in head.lines:
        line = f"{name}: {_shown(name, value, secrets=secrets)}"
        check = checks.get(name.lower())
        yield check(line) if check else Note(line, "", "no part of the handshake")
    for name in required:
        if not head.values(name):
            yield checks[name]("")


def _plain_lines(head: Head, *, secrets: bool) -> Iterator[Note]:
    for name, value in head.lines:
        line = f"{name}: {_shown(name, value, secrets=secrets)}"
        yield Note(line, *_REFUSAL.get(name.lower(), ("", "")))


_REFUSAL = {
    "sec-websocket-version": ("§4.4", "the versions that the server speaks"),
    "www-authenticate": ("RFC 9110 §11.6.1", "how to prove who we are"),
    "retry-after": ("RFC 9110 §10.2.3", "when to try again"),
    "location": ("RFC 9110 §10.2.2", "where it is instead"),
    "allow": ("RFC 9110 §10.2.1", "the methods that are allowed"),
}

_STATUS = {
    "400": "the server says that the request is malformed",
    "401": "the server wants credentials",
    "403": "the server does not want us; it may be the origin (§4.2.2)",
    "404": "nothing is there",
    "405": "not with this method",
    "426": "the server wants another version, or an upgrade (§4.4)",
    "429": "we come too often",
    "503": "the server is overloaded, or about to stop",
}


def _status_line(line: str) -> Note:
    found = _START.match(line)
    if found is None:
        return Note(line, "§4.1", "this is not HTTP", broken=True)
    major, minor, status = found.groups()
    if status != "101":
        meaning = _STATUS.get(status, "the server does not switch")
        return Note(line, "§4.1 (1)", f"not 101, so no WebSocket: {meaning}")
    if (major, minor) < ("1", "1"):
        return Note(line, "RFC 9110 §7.8", "HTTP/1.0 cannot switch protocols", broken=True)
    return Note(line, "§4.1 (1)", "101: from here on it is WebSocket")


@dataclass(frozen=True, slots=True)
class _Answer:
    """A set of checks of a 101, in the order of RFC 6455 §4.1."""

    head: Head
    offer: Offer

    def upgrade(self, line: str) -> Note:
        broken = self.head.words("upgrade") != ["websocket"]
        return _rule(line, "Upgrade", "§4.1 (2)", "'websocket', as we asked", broken=broken)

    def connection(self, line: str) -> Note:
        broken = "upgrade" not in self.head.words("connection")
        return _rule(line, "Connection", "§4.1 (3)", "'Upgrade', as we asked", broken=broken)

    def accept(self, line: str) -> Note:
        expected = accept_steps(self.offer.key)[-1].value
        broken = self.head.values("sec-websocket-accept") != [expected]
        meaning = f"the answer to our key, {expected}"
        return _rule(line, "Sec-WebSocket-Accept", "§4.1 (4)", meaning, broken=broken)

    def extensions(self, line: str) -> Note:
        words = self.head.words("sec-websocket-extensions")
        chosen = [word.partition(";")[0].strip() for word in words]
        if chosen and set(chosen) <= set(self.offer.extensions):
            return Note(line, "§4.1 (5)", "the extensions that both will use")
        return Note(line, "§4.1 (5)", "an extension that we did not offer", broken=True)

    def subprotocol(self, line: str) -> Note:
        values = self.head.values("sec-websocket-protocol")
        if len(values) == 1 and values[0] in self.offer.subprotocols:
            return Note(line, "§4.1 (6)", "the subprotocol that both will speak")
        return Note(line, "§4.1 (6)", "not one subprotocol that we offered", broken=True)
