"""`trio_ws._handshake.h11_codec`: h11 reads and writes, and none of its exceptions gets out."""

from __future__ import annotations

import pytest

from trio_ws import LocalProtocolError
from trio_ws._handshake.h11_codec import RequestReader, ResponseReader
from trio_ws._handshake.http_head import InvalidHttp

REJECTION = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nX-Odd: \xe9\r\n\r\n"
REQUEST = b"POST /a HTTP/1.1\r\nHost: b\r\n\r\n"


def rejected() -> ResponseReader:
    """A reader that has seen the head of a rejection."""
    reader = ResponseReader()
    reader.read_head(REJECTION)
    return reader


def test_heads_of_answers() -> None:
    """Interim answers, the switch and a rejection: status, version, and headers as Latin-1."""
    reader = ResponseReader()
    assert reader.read_head(b"HTTP/1.1 103 Early\r\n\r\n") == (103, b"1.1", [])
    assert reader.read_head(REJECTION) == (
        404,
        b"1.1",
        [("Transfer-Encoding", "chunked"), ("X-Odd", "é")],
    )
    switch = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    status, version, lines = ResponseReader().read_head(switch)
    assert (status, version) == (101, b"1.1")
    assert lines == [("Upgrade", "websocket"), ("Connection", "upgrade")]


def test_a_body_comes_in_pieces() -> None:
    """Whatever a piece says is appended; the last one completes it."""
    reader, body = rejected(), bytearray()
    assert not reader.read_body(b"3\r\nab", body, eof=False)
    assert body == b"ab"
    assert not reader.read_body(b"c\r\n", body, eof=False)
    assert reader.read_body(b"0\r\n\r\n", body, eof=False)
    assert body == b"abc"


@pytest.mark.parametrize(("rest", "eof"), [(b"no number\r\n", False), (b"", True)])
def test_what_was_read_of_a_broken_body_is_kept(rest: bytes, eof: bool) -> None:
    """A body that breaks the rules, or breaks off, has said something before."""
    reader, body = rejected(), bytearray()
    with pytest.raises(InvalidHttp):
        reader.read_body(b"3\r\nabc\r\n" + rest, body, eof=eof)
    assert body == b"abc"


def test_a_body_may_end_with_the_stream() -> None:
    """Without a length it lasts until the end."""
    reader, body = ResponseReader(), bytearray()
    reader.read_head(b"HTTP/1.1 500 Oh\r\n\r\n")
    assert not reader.read_body(b"some", body, eof=False)
    assert reader.read_body(b"", body, eof=True)
    assert body == b"some"


def test_heads_of_requests() -> None:
    """Method, version, target and headers."""
    assert RequestReader().read_head(REQUEST) == ("POST", b"1.1", "/a", [("Host", "b")])


def test_bad_heads() -> None:
    """The error says what is wrong, and how a server answers that."""
    with pytest.raises(InvalidHttp, match="status line") as told:
        ResponseReader().read_head(b"HTTP/1.1 nonsense\r\n\r\n")
    assert told.value.status == 400
    with pytest.raises(InvalidHttp, match="Transfer-Encoding") as told:
        RequestReader().read_head(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n")
    assert told.value.status == 501


def test_an_answer() -> None:
    """Head and body are written, and another request may follow."""
    reader = RequestReader()
    reader.read_head(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n")
    answer = reader.respond(200, [(b"Content-Length", b"2")], b"OK", b"hi")
    assert answer == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    assert reader.reusable


def test_the_last_answer() -> None:
    """With ``Connection: close`` it is the last one; a 204 has no body."""
    reader = RequestReader()
    reader.read_head(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n")
    answer = reader.respond(204, [(b"Connection", b"close")], b"No Content", b"")
    assert answer == b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    assert not reader.reusable


@pytest.mark.parametrize(
    ("status", "lines"), [(200, [(b"bad name", b"")]), (99, []), (101_000, [])]
)
def test_an_answer_that_cannot_be_sent(status: int, lines: list[tuple[bytes, bytes]]) -> None:
    """It is refused in our words, and nothing is written: a better one can be sent."""
    reader = RequestReader()
    reader.read_head(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n")
    with pytest.raises(LocalProtocolError, match="the response cannot be sent"):
        reader.respond(status, lines, b"", b"")
    assert reader.respond(200, [(b"Content-Length", b"0")], b"", b"").startswith(b"HTTP/1.1 200")
