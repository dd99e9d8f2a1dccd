"""`trio_ws._url`: what a URL says, and what it may not say."""

from __future__ import annotations

import base64
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._errors import InvalidURL
from trio_ws._url import URL, authority_of, parse_authority, parse_bare_host, parse_url


@pytest.mark.parametrize(
    ("text", "host", "port", "tls", "target", "host_header"),
    [
        ("ws://example.com", "example.com", 80, False, "/", "example.com"),
        ("wss://example.com", "example.com", 443, True, "/", "example.com"),
        ("ws://example.com:443/", "example.com", 443, False, "/", "example.com:443"),
        ("wss://example.com:443/a/b", "example.com", 443, True, "/a/b", "example.com"),
        ("WSS://Example.COM:0080/A", "example.com", 80, True, "/A", "example.com:80"),
        ("ws://example.com:?x=1", "example.com", 80, False, "/?x=1", "example.com"),
        ("ws://example.com/?", "example.com", 80, False, "/?", "example.com"),
        ("ws://example.com./", "example.com.", 80, False, "/", "example.com."),
        ("ws://my_service-1/", "my_service-1", 80, False, "/", "my_service-1"),
        ("ws://127.0.0.1:8000/", "127.0.0.1", 8000, False, "/", "127.0.0.1:8000"),
        ("ws://[::1]:8765/", "::1", 8765, False, "/", "[::1]:8765"),
        ("wss://[2001:DB8:0:0::1]", "2001:db8::1", 443, True, "/", "[2001:db8::1]"),
        ("ws://[fe80::1%25eth0]:1/", "fe80::1%eth0", 1, False, "/", "[fe80::1]:1"),
        ("ws://[fe80::1%25eth0.100]/", "fe80::1%eth0.100", 80, False, "/", "[fe80::1]"),
        ("ws://[fe80::1%25br%2Dlan]/", "fe80::1%br-lan", 80, False, "/", "[fe80::1]"),
        ("ws://i❤.ws/", "xn--i-7iq.ws", 80, False, "/", "xn--i-7iq.ws"),
        ("ws://faß.example/", "xn--fa-hia.example", 80, False, "/", "xn--fa-hia.example"),
        (
            "ws://_srv.büro.example/",
            "_srv.xn--bro-hoa.example",
            80,
            False,
            "/",
            "_srv.xn--bro-hoa.example",
        ),
        ("ws://ü_x.example/", "xn--_x-wka.example", 80, False, "/", "xn--_x-wka.example"),
        (
            "ws://क्\u200dष/",
            "xn--11b2ezcw70k",
            80,
            False,
            "/",
            "xn--11b2ezcw70k",
        ),
        ("ws://bücher.example/", "xn--bcher-kva.example", 80, False, "/", "xn--bcher-kva.example"),
        ("ws://BÜCHER。example", "xn--bcher-kva.example", 80, False, "/", "xn--bcher-kva.example"),
        ("ws://h/grüße?q=ä%20b", "h", 80, False, "/gr%C3%BC%C3%9Fe?q=%C3%A4%20b", "h"),
        ('ws://h/a"<>\\^`{|}', "h", 80, False, "/a%22%3C%3E%5C%5E%60%7B%7C%7D", "h"),
        ("ws://h//a/@b?c=/d?e:@", "h", 80, False, "//a/@b?c=/d?e:@", "h"),
    ],
)
def test_parts(text: str, host: str, port: int, tls: bool, target: str, host_header: str) -> None:
    """A URL names host, port, TLS and target; the Host header omits the default port."""
    url = parse_url(text)
    assert (url.host, url.port, url.tls, url.target) == (host, port, tls, target)
    assert url.host_header == host_header
    assert url.authorization is None


@pytest.mark.parametrize(
    ("text", "credentials"),
    [
        ("ws://user:hunter2@h/", b"user:hunter2"),
        ("ws://user@h/", b"user:"),
        ("ws://:hunter2@h/", b":hunter2"),
        ("ws://a%40b:p%3A%C3%A4ä@h/", "a@b:p:ää".encode()),
        ("ws://a@b:c@h/", b"a@b:c"),
    ],
)
def test_userinfo(text: str, credentials: bytes) -> None:
    """User and password become Basic authorization, percent-decoded."""
    url = parse_url(text)
    assert url.host == "h"
    assert url.authorization == "Basic " + base64.b64encode(credentials).decode()


def test_empty_userinfo() -> None:
    """An empty userinfo asks for no authorization."""
    assert parse_url("ws://@h/").authorization is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must look like"),
        ("example.com", "must look like"),
        ("ws:/example.com", "must look like"),
        ("//example.com/", "must look like"),
        ("://example.com/", "scheme is ''"),
        ("http://example.com/", "scheme is 'http'"),
        ("ws://", "no host"),
        ("ws:///path", "no host"),
        ("ws://user@/", "no host"),
        ("ws://:80/", "no host"),
        ("ws://h/#top", "fragment"),
        ("ws://h/#", "fragment"),
        ("ws://h/a b", "' '"),
        (" ws://h/", "' '"),
        ("ws://h/\r\nX: y", r"'\\r'"),
        ("ws://h/\n", r"'\\n'"),
        ("ws://h/\x00", "x00"),
        ("ws://h\x1b/", "x1b"),
        ("ws://h/\x85", "x85"),
        ("ws://h:0/", "port"),
        ("ws://h:65536/", "port"),
        ("ws://h:" + "9" * 5000 + "/", "port"),
        ("ws://h:8a/", "authority"),
        ("ws://h:٣/", "authority"),
        ("ws://h:-1/", "authority"),
        ("ws://a:1:2/", "authority"),
        ("ws://::1/", "authority"),
        ("ws://[::1/", "authority"),
        ("ws://[::1]x/", "authority"),
        ("ws://[]/", "IPv6"),
        ("ws://[1.2.3.4]/", "IPv6"),
        ("ws://[v1.fe]/", "IPv6"),
        ("ws://[fe80::1%eth0]/", "zone"),
        ("ws://[fe80::1%25]/", "zone"),
        ("ws://[fe80::1%25a%250]/", "zone"),
        ("ws://a..b/", "host name"),
        ("ws://.a/", "host name"),
        ("ws://./", "host name"),
        ("ws://a%62c/", "host name"),
        ("ws://a\\b/", "host name"),
        ("ws://a,b/", "host name"),
        ("ws://" + "a" * 64 + "/", "host name"),
        ("ws://" + "a." * 127 + "/", "253"),
        ("ws://℀.example/", "host name"),
        ("ws://xn--ü/", "internationalised"),
        ("ws://\u0301a/", "internationalised"),
        ("ws://aא/", "internationalised"),
        ("ws://a\u200db/", "internationalised"),
        ("ws://[fe80::1%25a%2F0]/", "zone"),
        ("ws://[fe80::1%25a%200]/", "zone"),
        ("ws://☃☃\u0378/", "internationalised"),
        ("ws://h/\ud800", "Unicode"),
        ("ws://\ud800/", "internationalised"),
        ("ws://us\ud800er@h/", "Unicode"),
        ("ws://a%3Ab:c@h/", "colon"),
        ("ws://a:%0d%0aX@h/", "control"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """What is no WebSocket URL is refused, and the message says why in one printable line."""
    with pytest.raises(InvalidURL, match=why) as caught:
        parse_url(text)
    assert str(caught.value).isprintable()
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    ["ws://me:hunter2@h:0/", "ws://me:hun/hunter2@h/ ", "ws:me:hunter2@h", "ws://h:0/?hunter2"],
)
def test_refusals_keep_secrets(text: str) -> None:
    """A refusal shows neither credentials nor the query."""
    with pytest.raises(InvalidURL) as caught:
        parse_url(text)
    assert "hunter2" not in str(caught.value)


def test_refusals_keep_the_scheme() -> None:
    """A refusal shows the scheme also where credentials follow it."""
    with pytest.raises(InvalidURL, match=r"^'wss://\*\*\*@h:0/' cannot be opened"):
        parse_url("wss://me:hunter2@h:0/")


@pytest.mark.parametrize("url", [None, b"ws://h"])
def test_no_text(url: Any) -> None:
    """What is no text is no URL either, and the type is named."""
    with pytest.raises(TypeError, match=r"a URL must be a str, not (NoneType|bytes)"):
        parse_url(url)


def test_shown_without_secrets() -> None:
    """str() and repr() keep the place and hide credentials and query."""
    url = parse_url("wss://me:hunter2@example.com:8443/feed?token=hunter2")
    assert str(url) == "wss://***@example.com:8443/feed?***"
    assert repr(url) == "URL('wss://***@example.com:8443/feed?***')"
    assert str(parse_url("ws://h")) == "ws://h/"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:hunter2@h/p?hunter2", "http://***@h/p"),
        ("http://h/p?user=me@b.example&token=hunter2", "http://***@***"),
        ("http://me:hun?ter2@h/p?hunter2", "http://***@***"),
        ("http://me:hun#ter2@h/p", "http://***@***"),
        ("ws://h/p#token=hunter2", "ws://h/p"),
        ("ws://h/p#hunter2@h", "ws://***@***"),
    ],
)
def test_a_refused_url_is_shown_without_secrets(text: str, shown: str) -> None:
    """What may be a secret is not shown, wherever an @, a ? and a # stand in it."""
    with pytest.raises(InvalidURL) as caught:
        parse_url(text)
    assert str(caught.value).startswith(f"{shown!r} cannot be opened: ")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("wss://example.com.", "example.com"),
        ("wss://[fe80::1%25eth0]", "fe80::1"),
        ("wss://127.0.0.1", "127.0.0.1"),
    ],
)
def test_server_name(text: str, name: str) -> None:
    """The certificate must show the host without final dot and zone."""
    assert parse_url(text).server_name == name


@pytest.mark.parametrize(
    ("text", "parts"),
    [("A.example", ("a.example", None)), ("a:", ("a", None)), ("[::1]:5", ("::1", 5))],
)
def test_authority(text: str, parts: tuple[str, int | None]) -> None:
    """An authority is a host, and a port if it names one."""
    assert parse_authority(text) == parts


def test_ascii_hosts_do_without_idna(monkeypatch: pytest.MonkeyPatch) -> None:
    """The idna package is asked only for names that are not ASCII."""
    monkeypatch.setitem(sys.modules, "idna", None)
    assert parse_url("ws://example.com").host == "example.com"
    with pytest.raises(ImportError):
        parse_url("ws://bücher.example")


@given(st.one_of(st.text(), st.text("ws:/[]@%?#.1aé\u3002 ", max_size=30).map("ws://".__add__)))
def test_any_text(text: str) -> None:
    """Any text is a URL whose parts are safe in a request, or InvalidURL."""
    try:
        url = parse_url(text)
    except InvalidURL:
        return
    assert isinstance(url, URL)
    assert 1 <= url.port <= 65535
    for part in (url.target, url.host_header, url.authorization or "", str(url)):
        assert part.isascii()
        assert part.isprintable()
        assert " " not in part.removeprefix("Basic ")


# What others need of a URL


def test_origin() -> None:
    """Whom a URL speaks to: scheme, host and port."""
    assert parse_url("ws://A.example/x").origin == ("ws", "a.example", 80)
    assert parse_url("wss://a.example:80/y?z").origin == ("wss", "a.example", 80)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("A.example", "a.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("FE80::1%eth0", "fe80::1%eth0"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_bare_host(text: str, host: str) -> None:
    """A host without brackets is the same as one in a URL."""
    assert parse_bare_host(text) == host


@pytest.mark.parametrize("text", ["", "a b", "a\r\nX: y", "[::1]", "::x", "fe80::1%", "a/b", "a@b"])
def test_no_bare_host(text: str) -> None:
    """What is no host is refused."""
    with pytest.raises(ValueError, match=r"host|the zone"):
        parse_bare_host(text)


def test_authority_for_a_proxy() -> None:
    """A host and a port, as a proxy is asked for them: no zone, which holds here only."""
    assert authority_of("a.example", 80) == "a.example:80"
    assert authority_of("fe80::1%eth0", 443) == "[fe80::1]:443"
