"""`trio_ws._handshake.fast_heads`: plain heads, read as h11 reads them or left to it."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_ws._handshake.fast_heads import Lines, by_name, is_fit, plain_request, plain_switch
from trio_ws._handshake.http_head import HeadBuffer

from ..cpu import cpu_seconds

START = b"GET /chat?room=1 HTTP/1.1"
SWITCH = b"HTTP/1.1 101 Switching Protocols"
LINES = (b"Host: a", b"Upgrade:websocket", b"X-Empty:", b"connection: \tkeep-alive,\tUpgrade  ")


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"", b""])


def read_by_h11(data: bytes) -> tuple[bytes, Lines] | None:
    """The request target or the status that h11 reads, and the header lines; None: it refuses."""
    is_answer = data.startswith(b"HTTP/")
    http = h11.Connection(h11.CLIENT if is_answer else h11.SERVER)
    if is_answer:
        upgrade = [(b"Host", b"a"), (b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
        http.send(h11.Request(method=b"GET", target=b"/", headers=upgrade))
        http.send(h11.EndOfMessage())
    http.receive_data(data)
    try:
        event = http.next_event()
    except h11.RemoteProtocolError:
        return None
    assert isinstance(event, h11.Request | h11.Response | h11.InformationalResponse), event
    lines = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items()]
    if isinstance(event, h11.Request):
        assert event.http_version == b"1.1" or not plain_request(data)
        assert event.method == b"GET" or not plain_request(data)
        return event.target, lines
    assert event.http_version == b"1.1" or not plain_switch(data)
    return b"%d" % event.status_code, lines


def test_plain_request() -> None:
    """The target and the headers of a plain request are read, in order and by name."""
    found = plain_request(head(START, *LINES, b"Cookie: a", b"COOKIE: b"))
    assert found is not None
    target, lines, fields = found
    assert target == "/chat?room=1"
    assert lines == [
        ("Host", "a"),
        ("Upgrade", "websocket"),
        ("X-Empty", ""),
        ("connection", "keep-alive,\tUpgrade"),
        ("Cookie", "a"),
        ("COOKIE", "b"),
    ]
    assert fields["cookie"] == ["a", "b"]
    assert fields == by_name(lines)


def test_common_texts_are_kept_once() -> None:
    """Of names and values that nearly all heads have, ten thousand connections keep one copy."""
    found = [
        plain_request(head(START, b"Host: a", b"host2: me", b"Upgrade: websocket", b"cookie: ab"))
        for _ in range(2)
    ]
    one, other = ([text for line in request[1] for text in line] for request in found if request)
    assert [text for text, copy in zip(one, other, strict=True) if text is copy] == [
        *("Host", "a"),  # Python itself keeps texts of one character once
        *("Upgrade", "websocket"),
        "cookie",
    ]


@pytest.mark.parametrize("start", [SWITCH, b"HTTP/1.1 101", b"HTTP/1.1 101 "])
def test_plain_switch(start: bytes) -> None:
    """The headers of a plain 101 are read, whatever it says besides."""
    found = plain_switch(head(start, b"Upgrade: websocket", b"upgrade: h2c"))
    assert found == (
        [("Upgrade", "websocket"), ("upgrade", "h2c")],
        {"upgrade": ["websocket", "h2c"]},
    )
    assert plain_switch(head(start)) == ([], {})


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 0",
        b"transfer-encoding: chunked",
        b" folded",
        b"X: \xe9",
        b"X: a\x1bb",
        b"X: a\x7f",
        b"X : y",
        b"no colon",
        b": y",
        b"",
        b"X: y\r",
        b"X: y\nZ: z",
    ],
)
def test_left_to_the_judge(line: bytes) -> None:
    """What may be anything but plain is left to h11, and so are heads that speak of a body."""
    assert plain_request(head(START, *LINES, line)) is None
    assert plain_switch(head(SWITCH, *LINES, line)) is None


@pytest.mark.parametrize(
    "data",
    [
        head(START),
        head(START, b"Host: a", b"host: b"),
        head(b"POST / HTTP/1.1", b"Host: a"),
        head(b"GET / HTTP/1.0", b"Host: a"),
        head(b"GET http://a/ HTTP/1.1", b"Host: a"),
        head(b"GET /\xc3 HTTP/1.1", b"Host: a"),
        head(START, b"Host: a")[:-2],
        head(START, b"Host: a") + b"x",
    ],
)
def test_requests_left_to_the_judge(data: bytes) -> None:
    """A plain request is a GET of a path, with one Host, and nothing behind it."""
    assert plain_request(data) is None


@pytest.mark.parametrize(
    "start", [b"HTTP/1.0 101 x", b"HTTP/1.1 100 x", b"HTTP/1.1 1010 x", b"HTTP/1.1 101 \xe9"]
)
def test_answers_left_to_the_judge(start: bytes) -> None:
    """Any answer but a 101 is left to h11."""
    assert plain_switch(head(start)) is None


SPICE = [b"\r\n", b"\n", b"\r", b":", b",", b"\x00", b"\xff", b"\t", b"  ", b"\r\n\r\n", b"\x0b"]
SPICE += [b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n", b"Host: b\r\n", b"HTTP/1.0"]
CUTS = st.tuples(
    st.integers(0, 140), st.integers(0, 6), st.sampled_from(SPICE) | st.binary(max_size=3)
)


def mutated(start: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    """A head with pieces replaced, cut where a `HeadBuffer` would cut it."""
    data = bytearray(head(start, *LINES))
    for place, length, spice in cuts:
        data[place : place + length] = spice
    heads = HeadBuffer(max_size=1000, max_headers=100)
    heads.data += data + b"\r\n\r\n"
    return heads.next_head() or b""


@given(st.sampled_from([START, SWITCH]), st.lists(CUTS, max_size=4))
@example(START, [(0, 0, b"\n")])
@example(SWITCH, [(12, 20, b"")])
def test_as_the_judge_reads(start: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    """Whatever is read here is read by h11 as well, and is the same."""
    whole = mutated(start, cuts)
    if request := plain_request(whole):
        assert read_by_h11(whole) == (request[0].encode(), request[1])
    if switch := plain_switch(whole):
        assert read_by_h11(whole) == (b"101", switch[0])


@given(st.sampled_from([START, SWITCH]), st.lists(CUTS, max_size=2), st.sampled_from(b"\0\v\f\r"))
def test_unfit(start: bytes, cuts: list[tuple[int, int, bytes]], character: int) -> None:
    """No head that is unfit for h11 would have been accepted by it."""
    whole = mutated(start, [*cuts, (50, 0, bytes([character]))])
    if not is_fit(whole):
        assert read_by_h11(whole) is None


@pytest.mark.parametrize("value", [b" " * 16000, b"a " * 8000, b"\t " * 8000, b"a" * 16000])
@pytest.mark.parametrize("end", [b"", b"\x00", b"\xff", b"\r", b"\x0c"])
def test_no_head_takes_long(value: bytes, end: bytes) -> None:
    """Long stretches of blanks, good or bad, cost no more than other bytes (hazard D5)."""
    data = head(START, b"Host: a", b"X:" + value + end)
    with cpu_seconds() as spent:
        if plain_request(data) is None and is_fit(data):
            read_by_h11(data)
    assert spent[0] < 0.1
