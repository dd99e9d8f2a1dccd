"""`trio_ws._client.options`: the options of a client, checked when they are given."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from trio_ws import Headers, InvalidURL, LocalProtocolError, Timeouts, WebSocketError
from trio_ws._client.options import ClientConfig
from trio_ws._url import parse_url

from ..secrecy import SECRET


def test_what_can_be_read_once() -> None:
    """Headers and subprotocols may come from an iterator; they are kept."""
    config = ClientConfig(headers=iter([("X", "1")]), subprotocols=iter(["chat"]))  # type: ignore[arg-type]
    assert config.headers == Headers([("X", "1")])
    assert config.subprotocols == ("chat",)
    assert ClientConfig(headers={}).headers == Headers()


def test_no_secrets_are_shown() -> None:
    """A repr(), as tools write them of local variables, has no headers and no proxy."""
    headers = {"Authorization": f"Bearer {SECRET}"}
    config = ClientConfig(headers=headers, proxy=f"http://me:{SECRET}@p", origin="null")
    assert "origin='null'" in repr(config)
    assert SECRET not in repr(config)


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
        ({"proxy": 5}, TypeError, "proxy must be True, None or the URL of a proxy"),
        ({"proxy": False}, TypeError, "proxy must be True, None or the URL of a proxy"),
        ({"proxy": "ftp://me:hunter2@p"}, InvalidURL, "proxy: .* its scheme is 'ftp'"),
        ({"proxy": ""}, InvalidURL, "proxy: .* it has no host"),
        ({"max_redirects": -1}, ValueError, "max_redirects must be a whole number, 0 or more"),
        ({"max_redirects": True}, TypeError, "max_redirects must be a whole number"),
        ({"max_redirects": 1.0}, TypeError, "max_redirects must be a whole number"),
        ({"connect_to": 80}, TypeError, "connect_to must be"),
        ({"connect_to": b"/socket"}, TypeError, "connect_to must be"),
        ({"connect_to": ["h", 80]}, TypeError, "connect_to must be"),
        ({"connect_to": ("h", "80")}, TypeError, "connect_to must be"),
        ({"connect_to": ("h",)}, TypeError, "connect_to must be"),
        ({"connect_to": ("h", True)}, TypeError, "connect_to must be"),
        ({"connect_to": ("h", 0)}, ValueError, "connect_to .* its port is not"),
        ({"connect_to": ("h", 65536)}, ValueError, "connect_to .* its port is not"),
        ({"connect_to": ("", 80)}, ValueError, "connect_to .* it has no host"),
        ({"connect_to": ("a\r\nX", 80)}, ValueError, "connect_to .* not a host name"),
        ({"connect_to": ""}, ValueError, "connect_to .* no path"),
        ({"connect_to": "a\0b"}, ValueError, "connect_to .* no path"),
        ({"connect_to": "/socket", "proxy": "http://p"}, ValueError, "proxy: .* Unix socket"),
        ({"ssl_context": True}, TypeError, "ssl_context must be"),
        ({"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, ValueError, "on a client"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], text: str) -> None:
    """What makes no sense is refused, whatever the URL will be; the message names it."""
    with pytest.raises(error, match=text) as caught:
        ClientConfig(**options)
    ours = error in (LocalProtocolError, InvalidURL)
    assert isinstance(caught.value, WebSocketError) is ours
    assert "hunter2" not in str(caught.value)


def test_headers_by_a_function() -> None:
    """A function is kept, and asked later; what it returns is nothing that is known yet."""

    def headers() -> dict[str, str]:
        raise AssertionError

    config = ClientConfig(headers=headers)
    assert config.headers_function is config.headers is headers
    assert config.fixed_headers == Headers()
    fixed = ClientConfig(headers={"X": "y"})
    assert fixed.headers_function is None
    assert fixed.fixed_headers == Headers({"X": "y"})


async def test_a_coroutine_is_no_function() -> None:
    """A function that was called already is refused, and closed."""

    async def headers() -> dict[str, str]:
        raise AssertionError

    with pytest.raises(TypeError, match="headers must be a function, not a coroutine"):
        ClientConfig(headers=headers())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (None, None),
        (("A.example", 80), ("a.example", 80)),
        (("::1", 65535), ("::1", 65535)),
        ("/run/socket", "/run/socket"),
        (Path("socket"), "socket"),
        ("\0abstract", "\0abstract"),
    ],
)
def test_connect_to(given: Any, place: object) -> None:
    """A host and a port, or a path in any form."""
    assert ClientConfig(connect_to=given).place == place


def test_proxy() -> None:
    """It is left to the environment unless it is given, or switched off."""
    assert not ClientConfig().names_a_proxy
    assert not ClientConfig(proxy=None).names_a_proxy
    assert ClientConfig(proxy="socks5h://p", connect_to=("h", 80)).names_a_proxy


def test_a_stream_of_ones_own() -> None:
    """What says how to get a stream is refused where there is one."""
    ClientConfig(proxy=None, max_redirects=3).check_own_stream()
    with pytest.raises(ValueError, match="proxy is of no use with a stream of your own"):
        ClientConfig(proxy="http://p").check_own_stream()
    with pytest.raises(ValueError, match="connect_to is of no use with a stream of your own"):
        ClientConfig(connect_to="/socket").check_own_stream()


def test_an_option_and_a_url() -> None:
    """A context for TLS is refused where the URL asks for none."""
    config = ClientConfig(ssl_context=ssl.create_default_context(), timeouts=Timeouts(connect=3))
    config.check_url(parse_url("wss://a/"))
    with pytest.raises(ValueError, match="for wss://, and of no use for ws://a/"):
        config.check_url(parse_url("ws://a/"))
    ClientConfig().check_url(parse_url("ws://a/"))
