"""`trio_ws._server.options`: the options of a server, checked when they are given."""

from __future__ import annotations

import re
import ssl
from typing import Any

import pytest

from trio_ws import SAME_ORIGIN, LocalProtocolError
from trio_ws._server.options import ServerConfig


async def an_async_function(*arguments: object) -> None:
    """Be async."""


def test_what_can_be_read_once() -> None:
    """Origins and subprotocols may come from an iterator; they are kept."""
    config = ServerConfig(origins=iter(["https://a"]), subprotocols=iter(["chat"]))  # type: ignore[arg-type]
    assert config.origins == ("https://a",)
    assert config.subprotocols == ("chat",)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"origins": SAME_ORIGIN},
        {"origins": re.compile("x")},
        {"origins": [SAME_ORIGIN, "https://a"]},
        {"subprotocols": lambda request, names: None},
        {"on_request": an_async_function},
        {"on_handler_error": an_async_function},
        {"max_connections": 1},
    ],
)
def test_accepted(options: dict[str, Any]) -> None:
    """What makes sense is kept as it is."""
    config = ServerConfig(**options)
    assert {name: getattr(config, name) for name in options} == options


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"heartbeat": 3}, TypeError, "heartbeat must be"),
        ({"origins": "https://a"}, TypeError, "origins is a list"),
        ({"origins": None}, TypeError, "origins must be"),
        ({"origins": ["a"]}, ValueError, "'a' is no origin"),
        ({"origins": [5]}, TypeError, "an origin is"),
        ({"subprotocols": "chat"}, TypeError, "subprotocols are"),
        ({"subprotocols": ["a b"]}, LocalProtocolError, "'a b' cannot name"),
        ({"subprotocols": an_async_function}, TypeError, "subprotocols must be a plain function"),
        ({"ssl_context": True}, TypeError, "ssl_context must be"),
        ({"ssl_context": ssl.create_default_context()}, ValueError, "on a server"),
        ({"on_request": 3}, TypeError, "on_request must be a function or None"),
        ({"on_handler_error": None}, TypeError, "on_handler_error must be a function"),
        ({"max_connections": 0}, ValueError, "max_connections must be"),
        ({"max_connections": "100"}, TypeError, "max_connections must be"),
        ({"max_connections": True}, TypeError, "max_connections must be"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    """What makes no sense is refused; the message names it."""
    with pytest.raises(error, match=text):
        ServerConfig(**options)
