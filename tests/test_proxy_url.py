"""`trio_ws._proxy_url`: proxies as they are written."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws import InvalidURL
from trio_ws._proxy_url import ProxyURL, parse_proxy


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    [
        ("http://p.example:3128", "http", "p.example", 3128),
        ("HTTP://P.example/", "http", "p.example", 80),
        ("https://p.example", "https", "p.example", 443),
        ("socks5h://127.0.0.1", "socks5h", "127.0.0.1", 1080),
        ("socks5://[::1]:9", "socks5", "::1", 9),
        ("socks4a://p", "socks4a", "p", 1080),
        ("socks4://p", "socks4", "p", 1080),
        ("p.example:3128", "http", "p.example", 3128),
        ("p.example:3128/", "http", "p.example", 3128),
        ("localhost", "http", "localhost", 80),
        ("http://bücher.example", "http", "xn--bcher-kva.example", 80),
    ],
)
def test_parts(text: str, scheme: str, host: str, port: int) -> None:
    """Scheme, host and port, with what is usual where nothing is said."""
    proxy = parse_proxy(text)
    assert (proxy.scheme, proxy.host, proxy.port) == (scheme, host, port)
    assert (proxy.authorization, proxy.user, proxy.password) == (None, None, None)
    assert proxy.is_socks == scheme.startswith("socks")
    assert parse_proxy(str(proxy)) == proxy


@pytest.mark.parametrize(
    ("scheme", "there"),
    [
        *[(scheme, True) for scheme in ("http", "https", "socks5h", "socks4a")],
        *[(scheme, False) for scheme in ("socks5", "socks4")],
    ],
)
def test_who_looks_names_up(scheme: str, there: bool) -> None:
    """The scheme says whether the name of the server is looked up by the proxy, or here."""
    assert parse_proxy(f"{scheme}://p").looks_names_up is there


def test_credentials() -> None:
    """User and password are for HTTP a header, for SOCKS what they are; neither ever shows."""
    http = parse_proxy("http://m%65:hünter%3A2@p")
    assert http.authorization is not None
    assert base64.b64decode(http.authorization.removeprefix("Basic ")) == "me:hünter:2".encode()
    unnamed = parse_proxy("me:hunter2@p:3128")
    assert unnamed.authorization == "Basic " + base64.b64encode(b"me:hunter2").decode()
    socks = parse_proxy("socks5h://me:hunter2@p")
    assert (socks.user, socks.password, socks.authorization) == ("me", "hunter2", None)
    assert parse_proxy("socks4a://me@p").user == "me"
    for proxy in (http, unnamed, socks):
        for text in (str(proxy), repr(proxy)):
            assert "***@p" in text
            assert "nter" not in text


def test_server_name() -> None:
    """A certificate is for a name without a final dot, or for an address without its zone."""
    assert parse_proxy("https://p.example.").server_name == "p.example"
    assert parse_proxy("https://[fe80::1%25eth0]").server_name == "fe80::1"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no host"),
        ("http://", "it has no host"),
        ("http://me:hunter2@", "it has no host"),
        ("://p", "its scheme is ''"),
        ("ftp://p", "its scheme is 'ftp', and may be http, https, socks4"),
        ("ws://p", "its scheme is 'ws'"),
        ("http://p:0", "its port is not"),
        ("http://p:99999", "its port is not"),
        ("http://p:x", "its authority is not"),
        ("http://p/path", "no path"),
        ("http://p?q", "no path, query"),
        ("http://p#f", "no path, query or fragment"),
        ("http://p /", "it contains ' '"),
        ("http://p\r\nX: y", r"it contains '\\r'"),
        ("http://me%0d:hunter2@p", "control characters"),
        ("http://m%3ae:hunter2@p", "its user name has a colon"),
        ("http://me:hunter2\ud800@p", "it is not Unicode text"),
        ("socks5://me@p", "a user needs a password"),
        ("socks5://:hunter2@p", "a user needs a password"),
        ("socks4://me:hunter2@p", "SOCKS4 knows users"),
        ("socks5://me:hünter2@p", "not ASCII"),
        (f"socks5://me:{'hunter2' * 40}@p", "longer than 255"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """What is no proxy is refused, and the message says why, and nothing secret."""
    with pytest.raises(InvalidURL, match=why) as caught:
        parse_proxy(text)
    assert "nter2" not in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    """Whatever is given, it is a proxy or an `InvalidURL` (P10)."""
    with contextlib.suppress(InvalidURL):
        assert isinstance(parse_proxy(text), ProxyURL)
