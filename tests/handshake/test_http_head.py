"""`trio_ws._handshake.http_head`: heads cut from a stream, and headers checked both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._errors import LocalProtocolError
from trio_ws._handshake.http_head import (
    HeadBuffer,
    HeadTooLarge,
    InvalidHttp,
    elements,
    read_lines,
    tokens,
    write_head,
    write_headers,
)
from trio_ws._http import is_token

from ..cpu import cpu_seconds

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def buffer(max_size: int = 1000, max_headers: int = 10) -> HeadBuffer:
    return HeadBuffer(max_size=max_size, max_headers=max_headers)


@given(st.integers(1, len(HEAD)), st.binary(max_size=20))
def test_head(size: int, behind: bytes) -> None:
    """However the bytes are cut, the head is the part up to its blank line and the rest stays."""
    heads = buffer()
    found = []
    for start in range(0, len(HEAD), size):
        heads.feed(HEAD[start : start + size])
        found.append(heads.next_head())
    heads.feed(behind)
    assert found[-1] == HEAD
    assert set(found[:-1]) <= {None}
    assert bytes(heads.data) == behind


def test_bare_line_feeds() -> None:
    """A head may end its lines with LF alone (RFC 9112 §2.2)."""
    heads = buffer()
    heads.feed(b"A\nB\n\nC")
    assert heads.next_head() == b"A\nB\n\n"
    assert heads.take(9) == b"C"


@pytest.mark.parametrize("data", [HEAD, HEAD[:-1], b"x" * 100])
def test_too_large(data: bytes) -> None:
    """A head above the limit is refused, complete or not; at the limit it is not."""
    at_limit = buffer(max_size=len(data))
    at_limit.feed(data)
    at_limit.next_head()
    heads = buffer(max_size=len(data) - 1)
    heads.feed(data)
    with pytest.raises(HeadTooLarge, match="larger than"):
        heads.next_head()


def test_too_many_headers() -> None:
    """Header lines are counted."""
    for count in (10, 11):
        heads = buffer()
        heads.feed(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * count + b"\r\n")
        if count == 10:
            assert heads.next_head()
        else:
            with pytest.raises(HeadTooLarge, match="more than 10 header lines"):
                heads.next_head()


def test_byte_by_byte_is_cheap() -> None:
    """A head of 16 KiB a byte at a time costs less than 100 ms (hazard D5)."""
    heads = buffer(max_size=16384)
    with cpu_seconds() as spent:
        for _ in range(16384):
            heads.feed(b"\n" if len(heads.data) % 2 else b"x")
            heads.next_head()
    assert spent[0] < 0.1


def test_read_lines() -> None:
    """Any byte of a header value shows as one character."""
    value = bytes(range(0x80, 0x100))
    ((name, text),) = read_lines([(b"X", value)])
    assert (name, text.encode("latin-1")) == ("X", value)


def test_write_head() -> None:
    """A head is a start line, its header lines in order, and a blank line."""
    head = write_head("HTTP/1.1 101 x", [("A", "b: ü"), ("D", "")])
    assert head == b"HTTP/1.1 101 x\r\nA: b: \xfc\r\nD: \r\n\r\n"


def test_write_headers() -> None:
    """Headers are written as given, blanks around the value dropped, in Latin-1."""
    assert write_headers([("A", " ü\t"), ("a", "x\ty"), ("B", "")]) == [
        (b"A", b"\xfc"),
        (b"a", b"x\ty"),
        (b"B", b""),
    ]


@pytest.mark.parametrize("name", ["", " ", "A:", "A B", "A\r\nB", "Ä", "A\x00", "(A)"])
def test_bad_names(name: str) -> None:
    """A header's name is a token."""
    assert not is_token(name)
    with pytest.raises(LocalProtocolError, match="not the name of a header") as caught:
        write_headers({name: "x"})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\n", "\r", "\x00", "\x1b[2J", "\x7f", "\x0b"])
def test_control_characters(value: str) -> None:
    """A header's value has no control characters, not even at its ends (hazard D9)."""
    with pytest.raises(LocalProtocolError, match="control characters"):
        write_headers({"X": value})


def test_not_latin() -> None:
    """A header's value is Latin-1."""
    with pytest.raises(LocalProtocolError, match="Latin-1"):
        write_headers({"X": "€"})


def test_forbidden() -> None:
    """Headers that are not the caller's business are refused in any case."""
    with pytest.raises(LocalProtocolError, match="HOST is the library's own business"):
        write_headers({"HOST": "x"}, forbidden=frozenset({"host"}))


def test_lists() -> None:
    """A list header is one list over all its lines; empty elements do not count."""
    values = ["x, Y ,,", "\tz", ""]
    assert elements(values) == ["x", "Y", "z"]
    assert tokens(values) == ["x", "y", "z"]
    assert elements([]) == []


def test_what_is_invalid() -> None:
    """The error tells what is wrong, and with which status a server answers."""
    error = InvalidHttp("illegal header line", 400)
    assert (str(error), error.status) == ("illegal header line", 400)
