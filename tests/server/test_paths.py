"""`trio_ws._server.paths`: a path is decoded once, and one spelling leads to one place."""

from __future__ import annotations

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._handshake.server import Refusal
from trio_ws._server.paths import check_literal, split_path


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", [""]),
        ("/a", ["a"]),
        ("/a/", ["a", ""]),
        ("/a/b", ["a", "b"]),
        ("/a%7E%2D%5f/b%20c", ["a~-_", "b c"]),
        ("/gr%C3%BC%c3%9fe", ["grüße"]),
        ("/%F0%9F%98%80%40%3A", ["😀@:"]),
        ("/a+b", ["a+b"]),
        ("/%252e%252e/%252F", ["%2e%2e", "%2F"]),
        ("/%2525", ["%25"]),
        ("/...", ["..."]),
        ("/.a/b./..c", [".a", "b.", "..c"]),
        ("/a;b=..", ["a;b=.."]),
        ("/%3Fa=b%23c", ["?a=b#c"]),
        ("/%25zz", ["%zz"]),
        ("/" + "x" * 10_000, ["x" * 10_000]),
    ],
)
def test_segments(path: str, segments: list[str]) -> None:
    """Each segment is decoded exactly once; a slash at the end makes an empty one."""
    assert split_path(path) == segments


@pytest.mark.parametrize(
    "path",
    [
        *("/..", "/../", "/a/../b", "/a/..", "/.", "/./a", "/a/./b", "/a/."),
        *("/%2e%2e/a", "/%2E%2e", "/.%2e/a", "/%2e./a", "/a/%2e", "/a/%2e/"),
        *("//", "//a", "/a//b", "/a//", "///"),
        *("/%2F", "/a%2fb", "/..%2F..%2Fetc", "/a/%2F/b", "%2Fa", "%2f%2Fa"),
        *("/a\\b", "/a%5Cb", "/..%5c..", "\\a"),
        *("*", "", "a", "a/b"),
    ],
)
def test_nowhere(path: str) -> None:
    """What two readers might read differently leads nowhere."""
    with pytest.raises(Refusal, match="404: There is nothing here") as caught:
        split_path(path)
    assert caught.value.response.body == b"There is nothing here.\n"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        *(
            (path, "not followed by two digits")
            for path in ("/%", "/a%2", "/%zz", "/%u002e", "/%%")
        ),
        *((path, "letters and digits") for path in ("/%61dmin", "/a/%41", "/%7a", "/%4F", "/%30")),
        *((path, "letters and digits") for path in ("/%39", "/%50", "/%5A", "/%6f", "/%70")),
        *((path, "it is not UTF-8") for path in ("/%ff", "/%C3", "/%C3%28", "/%80")),
        # Overlong forms of a slash, a dot and a NUL, halves of a pair, beyond Unicode
        *(
            (path, "it is not UTF-8")
            for path in ("/%c0%af", "/%e0%80%af", "/%c0%ae%c0%ae/", "/%C0%80")
        ),
        *(
            (path, "it is not UTF-8")
            for path in ("/%ed%a0%80", "/%f4%90%80%80", "/%f8%80%80%80%af")
        ),
        *((path, "control characters") for path in ("/%00", "/a%00.png", "/%0d%0aX:%20y", "/%7F")),
        *((path, "control characters") for path in ("/%1b[31m", "/%C2%85", "/%09")),
    ],
)
def test_malformed(path: str, why: str) -> None:
    """What is no percent-encoding of UTF-8, or hides control characters, is a 400."""
    with pytest.raises(Refusal, match=f"400: The path is malformed: .*{why}"):
        split_path(path)


def test_a_refusal_does_not_repeat_the_path() -> None:
    """What the peer has sent is not sent back."""
    with pytest.raises(Refusal) as caught:
        split_path("/<script>%zz")
    assert b"script" not in caught.value.response.body


def test_needless() -> None:
    """No other ASCII character than letters and digits is refused for being encoded."""
    refused = {chr(code) for code in range(128) if split_or_refuse(f"x%{code:02X}") is None}
    control = {chr(code) for code in (*range(32), 127)}
    assert refused == {*string.ascii_letters, *string.digits, *control, "/", "\\"}


@given(st.text("ab./%\\\x00ü😀2eF", max_size=12))
def test_any_segment(segment: str) -> None:
    """What is encoded as a segment comes back as it was, or is refused; never as two segments."""
    segments = split_or_refuse(quote(segment, safe=""))
    if segment in (".", "..") or any(character in segment for character in "/\\\x00"):
        assert segments is None
    else:
        assert segments == [segment]


def split_or_refuse(path: str) -> list[str] | None:
    """Return the segments of a path, or None if it is refused, which is done with 400 or 404."""
    try:
        return split_path("/" + path)
    except Refusal as refusal:
        status = refusal.response.status
    assert status in (400, 404)
    return None


@given(st.text("ab./%\\2eFfCc0", max_size=16))
def test_any_path(path: str) -> None:
    """No path brings a dot segment, an empty one in the middle, or a slash within one (P10)."""
    segments = split_or_refuse(path)
    if segments is not None:
        assert "" not in segments[:-1]
        assert not {".", ".."} & set(segments)
        assert not any(character in segment for segment in segments for character in "/\\\x00")


@pytest.mark.parametrize("segment", ["a", "grüße", "😀", "a b", "a+b", "...", "a:b", "*", ""])
def test_literals(segment: str) -> None:
    """What a request can have, a route may."""
    assert check_literal(segment) is None


@pytest.mark.parametrize(
    ("segment", "why"),
    [
        (".", "a client resolves"),
        ("..", "a client resolves"),
        ("a?b", "a query follows"),
        ("a#b", "a fragment is never sent"),
        ("%20", "a route is written decoded"),
        ("a\\b", "a backslash leads nowhere"),
        ("a{b}", "a parameter is a whole segment"),
        ("a}", "a parameter is a whole segment"),
        ("a\nb", "control characters"),
        ("\x85", "control characters"),
        ("\ud83d", "half a pair of surrogates"),
    ],
)
def test_dead_literals(segment: str, why: str) -> None:
    """What no request can have is told, with the reason."""
    assert why in (check_literal(segment) or "")
