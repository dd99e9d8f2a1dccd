"""`trio_ws._client.options`: the options of a client, checked when they are given."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from trio_ws import Headers, LocalProtocolError, Timeouts, WebSocketError
from trio_ws._client.options import ClientConfig
from trio_ws._url import parse_url


def test_what_can_be_read_once() -> None:
    """Headers and subprotocols may come from an iterator; they are kept."""
    config = ClientConfig(headers=iter([("X", "1")]), subprotocols=iter(["chat"]))  # type: ignore[arg-type]
    assert config.headers == Headers([("X", "1")])
    assert config.subprotocols == ("chat",)
    assert ClientConfig(headers={}).headers == Headers()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"timeouts": 3}, TypeError, "timeouts must be"),
        ({"headers": 3}, TypeError, "headers must be"),
        ({"headers": {"X": 1}}, TypeError, "headers must be"),
        ({"headers": "X: 1"}, TypeError, "headers must be"),
        ({"headers": {"Host": "x"}}, LocalProtocolError, "the header Host"),
        ({"headers": {"X": "a\r\nb"}}, LocalProtocolError, "the header X has control"),
        ({"subprotocols": "chat"}, TypeError, "subprotocols are"),
        ({"subprotocols": ["a b"]}, LocalProtocolError, "'a b' cannot name"),
        ({"origin": 5}, TypeError, "origin must be a str or None"),
        ({"origin": "a\nb"}, LocalProtocolError, "header Origin has control"),
        ({"user_agent": b"x"}, TypeError, "user_agent must be a str or None"),
        ({"user_agent": "a\nb"}, LocalProtocolError, "header User-Agent has control"),
        ({"ssl_context": True}, TypeError, "ssl_context must be"),
        ({"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, ValueError, "on a client"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    """What makes no sense is refused, whatever the URL will be; the message names it."""
    with pytest.raises(error, match=text) as caught:
        ClientConfig(**options)
    assert isinstance(caught.value, WebSocketError) is (error is LocalProtocolError)


def test_an_option_and_a_url() -> None:
    """A context for TLS is refused where the URL asks for none."""
    config = ClientConfig(ssl_context=ssl.create_default_context(), timeouts=Timeouts(connect=3))
    config.check_url(parse_url("wss://a/"))
    with pytest.raises(ValueError, match="for wss://, and of no use for ws://a/"):
        config.check_url(parse_url("ws://a/"))
    ClientConfig().check_url(parse_url("ws://a/"))
