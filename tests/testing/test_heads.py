"""The head of an HTTP message, as a script looks at it."""

from __future__ import annotations

import pytest

from trio_ws.testing._heads import read_head

REQUEST = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n"


def test_a_request() -> None:
    """Its target and its headers, by name and whatever the case."""
    head = read_head(REQUEST)
    assert head.first_line == "GET /a?b=c HTTP/1.1"
    assert head.target == "/a?b=c"
    assert head.headers[0] == ("Host", "x")
    assert head.get("x-two") == "1"
    assert head.get("Origin") is None
    assert head.raw == REQUEST


@pytest.mark.parametrize(("value", "is_upgrade"), [(b"websocket", True), (b"h2c", False)])
def test_upgrades(value: bytes, is_upgrade: bool) -> None:
    """Only to WebSocket."""
    assert read_head(REQUEST.replace(b"WebSocket", value)).is_upgrade is is_upgrade
    assert not read_head(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").is_upgrade


def test_a_response() -> None:
    """Its status."""
    assert read_head(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").status == 503
