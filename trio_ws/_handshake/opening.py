"""The opening handshake (RFC 6455 §4): what both roles share.

The client sends an HTTP request which asks to upgrade; the server answers 101,
and from the byte behind its blank line the connection speaks WebSocket.
A digest in the answer proves that the server understood the request,
which a server that only echoes would not::

    Sec-WebSocket-Key: nonce          16 random bytes, base64
    Sec-WebSocket-Accept: base64(sha1(nonce + a constant GUID))

Which part does what:

* h11 parses heads and frames bodies; it decides what is HTTP.
  Plain heads are read by `fast_heads` instead.
* `client` and `server` check RFC 6455 §4.1 and §4.2.1: which headers, how often, with what in them,
  and write the heads.
* Extensions are agreed on in `extensions`.
* wsproto has a handshake of its own,
  which would parse every head twice more and check less than we do.
  Property tests compare us with it: request and answer are the bytes that it would have sent,
  and what it would refuse is refused.

All of it is pure: bytes in, bytes out, no clock.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .._errors import LocalProtocolError
from .._http import Request, Response, headers_of, is_token, received_response
from .._text import printable
from .._validation import kind_of
from .extensions import NegotiatedExtension

VERSION = "13"
"""The version of the protocol that RFC 6455 defines, and the only one spoken here."""

SWITCHES = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
"""What every 101 begins with here."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 §1.3."""


def make_key(entropy: Callable[[int], bytes] = os.urandom) -> str:
    """Return a nonce for ``Sec-WebSocket-Key`` (RFC 6455 §4.1)."""
    return base64.b64encode(entropy(16)).decode("ascii")


def accept_token(key: str) -> str:
    """Return the ``Sec-WebSocket-Accept`` that answers a key (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def plain_response(request: Request) -> Response:
    """Return the 101 of a server that adds nothing of its own: it follows from the request."""
    token = accept_token(request.headers["Sec-WebSocket-Key"])
    return received_response(101, headers_of([*SWITCHES, ("Sec-WebSocket-Accept", token)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The result of an opening handshake, in either role.

    Attributes:
        request: as it was sent, or as it was received.
        response: the 101.
        subprotocol: the one chosen, or None.
        extensions: the ones agreed on, in the order in which they encode.
        trailing: what was read behind the head: it belongs to the connection.
        plain: whether the response is `plain_response`, and need not be kept.
    """

    request: Request
    response: Response
    subprotocol: str | None = None
    extensions: tuple[NegotiatedExtension, ...] = ()
    trailing: bytes = b""
    plain: bool = False


def check_subprotocols(names: Iterable[str]) -> list[str]:
    """Return `names` as a list, if each is a token and none comes twice (RFC 6455 §4.1).

    Raises:
        LocalProtocolError: a name is not a token, or is repeated.
        TypeError: these are not names.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"subprotocols are a list of names, not {_shown(names)}")
    names = list(names)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"subprotocols are a list of names, and {name!r} is none")
        if not is_token(name):
            raise LocalProtocolError(f"{printable(name)!r} cannot name a subprotocol")
    if len(set(names)) < len(names):
        raise LocalProtocolError("a subprotocol is named twice")
    return names


def _shown(names: object) -> str:
    return f"the one text {names!r}" if isinstance(names, str) else kind_of(names)
