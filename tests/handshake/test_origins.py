"""`trio_ws._handshake.origins`: the matrix of who may connect from where (hazard D8)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from trio_ws._handshake.origins import ANY_ORIGIN, SAME_ORIGIN, OriginCheck, Origins
from trio_ws._http import Headers


def allowed(origins: Origins, origin: str | None, host: str = "example.com") -> bool:
    lines = [("Host", host)]
    if origin is not None:
        lines.append(("oRiGiN", origin))
    return OriginCheck(origins).allows(Headers(lines))


@pytest.mark.parametrize("origins", [SAME_ORIGIN, ANY_ORIGIN, [], ["https://a.example"]])
def test_absent(origins: Origins) -> None:
    """A request without Origin does not come from a web page, and passes every rule."""
    assert allowed(origins, None)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.com", "example.com"),
        ("https://example.com", "example.com"),
        ("HTTPS://EXAMPLE.com", "Example.COM"),
        ("http://example.com:80", "example.com"),
        ("https://example.com", "example.com:443"),
        ("http://example.com:8080", "example.com:8080"),
        ("http://[::1]:8080", "[0:0::1]:8080"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_same(origin: str, host: str) -> None:
    """The same host and port pass, however they are written, over http and https alike."""
    assert allowed(SAME_ORIGIN, origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "example.com"),
        ("", "example.com"),
        ("null", ""),
        ("https://evil.example", "example.com"),
        ("https://example.com.evil.example", "example.com"),
        ("https://evil-example.com", "example.com"),
        ("https://evilexample.com", "example.com"),
        ("https://sub.example.com", "example.com"),
        ("https://example.com:8443", "example.com"),
        ("https://example.com", "example.com:8443"),
        ("http://example.com", "example.com:443"),
        ("https://example.com@evil.example", "example.com"),
        ("https://evil.example/example.com", "example.com"),
        ("https://example.com/", "example.com"),
        ("https://example.com https://evil.example", "example.com"),
        ("https://", ""),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("https://example.com", "example.com@evil.example"),
        ("example.com", "example.com"),
        ("capacitor://example.com", "example.com"),
        ("file://example.com", "example.com"),
        ("chrome-extension://example.com", "example.com"),
        ("ws://example.com", "example.com"),
    ],
)
def test_not_same(origin: str, host: str) -> None:
    """Look-alikes, other ports and schemes, null and nonsense are not the same origin."""
    assert not allowed(SAME_ORIGIN, origin, host)


def test_list() -> None:
    """A list allows what is in it, in any spelling, and nothing else."""
    origins = ["https://bücher.example", "http://a.example:80", "null", "chrome-extension://abc"]
    origins += ["file://", "capacitor://localhost"]
    for origin in (
        "file://",
        "FILE://",
        "capacitor://localhost",
        "https://xn--bcher-kva.example",
        "https://XN--BCHER-KVA.example:443",
        "http://a.example",
        "null",
        "chrome-extension://abc",
    ):
        assert allowed(origins, origin)
    for origin in (
        "https://a.example",
        "http://a.example:81",
        "http://example.com",
        "nil",
        "file://x",
    ):
        assert not allowed(origins, origin)


def test_list_with_same_origin() -> None:
    """SAME_ORIGIN and ANY_ORIGIN may stand in a list beside others."""
    assert allowed([SAME_ORIGIN, "https://a.example"], "https://example.com")
    assert allowed([SAME_ORIGIN, "https://a.example"], "https://a.example")
    assert allowed(["https://a.example", ANY_ORIGIN], "null")


@pytest.mark.parametrize("wrap", [lambda pattern: pattern, lambda pattern: [pattern]])
def test_pattern(wrap: Any) -> None:
    """A pattern must match the whole origin."""
    origins = wrap(re.compile(r"https://([a-z]+\.)?a\.example"))
    assert allowed(origins, "https://a.example")
    assert allowed(origins, "https://sub.a.example")
    assert not allowed(origins, "https://a.example.evil.example")
    assert not allowed(origins, "xhttps://a.example")


def test_repeated() -> None:
    """Of two Origin headers neither counts."""
    headers = Headers([("Host", "a"), ("Origin", "https://a"), ("Origin", "https://a")])
    assert not OriginCheck([SAME_ORIGIN, re.compile(".*")]).allows(headers)


@pytest.mark.parametrize(
    "entry", ["https://a/", "*", "a.example", "https://*.a", "", "https://", "HTTP://"]
)
def test_no_origin(entry: str) -> None:
    """What could never match is refused when the rule is made."""
    with pytest.raises(ValueError, match="no origin"):
        OriginCheck([entry])


@pytest.mark.parametrize("origins", ["https://a.example", [b"https://a.example"], [None], None, 5])
def test_wrong_type(origins: Any) -> None:
    """One bare text is refused, since it would be taken for a list of letters."""
    with pytest.raises(TypeError):
        OriginCheck(origins)


def test_names() -> None:
    """The rules show under their own names."""
    assert [repr(SAME_ORIGIN), repr(ANY_ORIGIN)] == ["SAME_ORIGIN", "ANY_ORIGIN"]
