"""The targets that are about what stands in a request for a router and for `basic_auth`."""

from __future__ import annotations

import base64

from trio_ws._handshake.server import Refusal, ServerHandshake
from trio_ws._server.auth import read_credentials
from trio_ws._server.selection import Selected

from ..hazards.test_mutations_routes import LIMITS, SELECTOR, at_once, check_spelling

UPGRADE = (
    b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)


def routes(data: bytes) -> None:
    """A path: it is refused, or leads to one place and is spelt in one way only."""
    handshake = ServerHandshake(limits=LIMITS)
    upgrade = UPGRADE if data[:1] < b"\x80" else b""
    handshake.feed(b"GET /%s HTTP/1.1\r\nHost: a%s\r\n\r\n" % (data[1:], upgrade))
    try:
        request = handshake.next_request()
        if request is None:
            return
        selection = SELECTOR.select(request)
        if isinstance(selection, Selected):
            check_spelling(selection.request)
            return
        response = at_once(selection)
    except Refusal as refusal:
        response = refusal.response
    assert handshake.respond(response)


def credentials(data: bytes) -> None:
    """A line of credentials: it is read as a name and a password in one way only, or not at all."""
    handshake = ServerHandshake(limits=LIMITS)
    handshake.feed(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\n\r\n" % data)
    try:
        request = handshake.next_request()
    except Refusal:
        return
    found = None if request is None else read_credentials(request.headers)
    if request is None or found is None:
        return
    name, password = found
    assert ":" not in name
    assert (name + password).isprintable() or not (name + password).isascii()
    (value,) = request.headers.get_all("Authorization")
    token = value.partition(" ")[2].strip(" ")
    assert token == base64.b64encode(f"{name}:{password}".encode()).decode()
