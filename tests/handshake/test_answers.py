"""`trio_ws._handshake.answers`: heads that count, and bodies of refusals."""

from __future__ import annotations

import pytest

from trio_ws import Limits
from trio_ws._handshake.answers import MAX_INTERIM, AnswerReader, NotHttp
from trio_ws._handshake.http_head import HeadTooLarge, InvalidHttp

OK = b"HTTP/1.1 200 OK\r\nA: b\r\na: c\r\n\r\n"
SWITCH = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n"


def test_head() -> None:
    """The head that counts comes when it is complete, its headers in order and by name."""
    answer = AnswerReader(Limits())
    for byte in OK[:-1]:
        answer.feed(bytes([byte]))
        assert answer.next_head() is None
    assert answer.status == 200
    answer.feed(OK[-1:] + b"rest")
    head = answer.next_head()
    assert head is not None
    assert (head.status, head.version) == (200, b"1.1")
    assert head.lines == [("A", "b"), ("a", "c")]
    assert head.fields == {"a": ["b", "c"]}
    assert answer.rest() == b"rest"


@pytest.mark.parametrize("switch", [SWITCH, SWITCH.replace(b"\r\n\r\n", b"\r\nX: \xff\r\n\r\n")])
def test_switch(switch: bytes) -> None:
    """A 101 is one, whether h11 reads it or we do."""
    answer = AnswerReader(Limits())
    answer.feed(switch)
    head = answer.next_head()
    assert head is not None
    assert (head.status, head.fields["upgrade"]) == (101, ["websocket"])


def test_interim() -> None:
    """Responses that are no answer are skipped, up to a number."""
    answer = AnswerReader(Limits())
    answer.feed(b"HTTP/1.1 103 x\r\n\r\n" * MAX_INTERIM)
    assert answer.next_head() is None
    answer.feed(b"HTTP/1.1 103 x\r\n\r\n")
    with pytest.raises(InvalidHttp, match=f"more than {MAX_INTERIM}"):
        answer.next_head()


def test_no_http() -> None:
    """Other protocols are told by their first bytes."""
    answer = AnswerReader(Limits())
    answer.feed(b"HTTQ")
    with pytest.raises(NotHttp) as caught:
        answer.next_head()
    assert caught.value.start == b"HTTQ"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", InvalidHttp),
        (b"HTTP/1.1 200 OK\r\nbad\r\n\r\n", InvalidHttp),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 9 + b"\r\n", HeadTooLarge),
        (b"HTTP/1.1 200 OK\r\n" + b"A" * 500, HeadTooLarge),
    ],
)
def test_bad_head(data: bytes, error: type[Exception]) -> None:
    """What is no head is refused; its status is known nevertheless."""
    answer = AnswerReader(Limits(max_headers=8, max_handshake_size=400))
    answer.feed(data)
    with pytest.raises(error):
        answer.next_head()
    assert answer.status == 200


def test_body() -> None:
    """A body is collected up to its end, or up to the limit."""
    answer = AnswerReader(Limits(max_reject_body=4))
    answer.feed(b"HTTP/1.1 403 x\r\n\r\na")
    head = answer.next_head()
    assert head is not None
    assert answer.refusal is None
    assert not answer.begin_body(head, eof=False)
    assert answer.refusal is not None
    assert answer.refusal.body == b"a"
    assert not answer.feed_body(b"b", eof=False)
    assert answer.feed_body(b"cdef", eof=False)
    assert answer.refusal.status == 403
    assert answer.refusal.body == b"abcd"


def test_body_that_ends() -> None:
    """The end of the stream is the end of a body without a length."""
    answer = AnswerReader(Limits())
    answer.feed(b"HTTP/1.1 403 x\r\n\r\na")
    head = answer.next_head()
    assert head is not None
    assert answer.begin_body(head, eof=True)
