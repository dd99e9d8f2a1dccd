"""The opening handshake (RFC 6455 §4): what both roles share.

The client sends an HTTP request which asks to upgrade; the server answers 101,
and from the byte behind its blank line the connection speaks WebSocket.
A digest in the answer proves that the server understood:
without it anything that echoes would do::

    Sec-WebSocket-Key: nonce          16 random bytes, base64
    Sec-WebSocket-Accept: base64(sha1(nonce + a constant GUID))

Who does what in the rooms `client_handshake` and `server_handshake`:

* h11 parses heads and frames bodies; it judges HTTP.
  Heads about which there is nothing to judge are read by `heads` instead.
* These rooms judge RFC 6455 §4.1 and §4.2.1: which headers, how often, with what in them,
  and write what is left to say: a dozen words and the digest.
* wsproto has a handshake of its own,
  which would parse every head twice more and stay behind what we judge.
  Property tests hold us to it: request and answer are the bytes that it would have sent,
  and what it would refuse is refused.

All of it is pure: bytes in, bytes out, no clock.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors import LocalProtocolError
from .._http import Request, Response
from .._text import printable
from .http_head import is_token

if TYPE_CHECKING:
    from wsproto.extensions import Extension

VERSION = "13"
"""The version of the protocol that RFC 6455 defines, and the only one spoken here."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 §1.3."""


def make_key() -> str:
    """Return a nonce for ``Sec-WebSocket-Key`` (RFC 6455 §4.1)."""
    return base64.b64encode(os.urandom(16)).decode("ascii")


def accept_token(key: str) -> str:
    """Return the ``Sec-WebSocket-Accept`` that answers a key (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What an opening handshake settled, in either role.

    Attributes:
        request: as it was sent, or as it was received.
        response: the 101.
        subprotocol: the one chosen, or None.
        extensions: the ones agreed on.
        trailing: what was read behind the head: it belongs to the session.
    """

    request: Request
    response: Response
    subprotocol: str | None = None
    extensions: tuple[Extension, ...] = ()
    trailing: bytes = b""


def check_subprotocols(names: Sequence[str]) -> list[str]:
    """`names` as a list, if each is a token and none comes twice (RFC 6455 §4.1).

    Raises:
        LocalProtocolError: otherwise.
    """
    if isinstance(names, str):
        raise LocalProtocolError(f"subprotocols are a list of names, not the one text {names!r}")
    for name in names:
        if not is_token(name):
            raise LocalProtocolError(f"{printable(name)!r} cannot name a subprotocol")
    if len(set(names)) < len(names):
        raise LocalProtocolError("a subprotocol is named twice")
    return list(names)
