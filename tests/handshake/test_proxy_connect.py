"""`trio_ws._handshake.proxy_connect`: what a proxy is asked, and what it may answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws import Headers, Limits, ProxyError, Request
from trio_ws._handshake.answers import MAX_INTERIM
from trio_ws._handshake.proxy_connect import ProxyHandshake
from trio_ws._proxy_url import parse_proxy

REQUEST = Request(method="GET", target="/", headers=Headers())
PROXY = "http://me:hunter2@p.example:3128"


def handshake(proxy: str = PROXY, **limits: Any) -> ProxyHandshake:
    return ProxyHandshake(
        parse_proxy(proxy), "h.example:443", limits=Limits(**limits), request=REQUEST
    )


def outcome(data: bytes, size: int = 1 << 20, **limits: Any) -> ProxyError | None:
    """What comes of an answer that arrives in pieces and then ends; None: a tunnel."""
    asking = handshake(**limits)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    try:
        for piece in [*pieces, b""]:
            if asking.feed(piece):
                return None
    except ProxyError as exc:
        return exc
    raise AssertionError("an ended answer has an outcome")


def test_request() -> None:
    """The proxy is told where to connect to, by name, and who we are if it wants to know."""
    asking = ProxyHandshake(
        parse_proxy(PROXY), "[::1]:8765", limits=Limits(), user_agent="agent", request=REQUEST
    )
    assert asking.request_bytes == (
        b"CONNECT [::1]:8765 HTTP/1.1\r\n"
        b"Host: [::1]:8765\r\n"
        b"Proxy-Authorization: Basic bWU6aHVudGVyMg==\r\n"
        b"User-Agent: agent\r\n\r\n"
    )
    plain = handshake("http://p").request_bytes
    assert plain == b"CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 204 x\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_INTERIM + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_tunnel(answer: bytes, size: int) -> None:
    """Any 2xx opens the tunnel, whatever its head says of a body (RFC 9110 §9.3.6)."""
    assert outcome(answer, size) is None


@pytest.mark.parametrize(
    ("answer", "why", "transient"),
    [
        (b"", "ended the connection before it answered", True),
        (b"HTTP/1.1 200 OK\r\n", "ended the connection before it answered", True),
        (b"HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "101 to a CONNECT", False),
        (b"HTTP/1.1 101 x\r\n\r\n", "101 to a CONNECT", False),
        (b"\x05\x00", r"does not speak HTTP/1.1, but says b'\\x05", False),
        (b"SSH-2.0-x\r\n", "does not speak HTTP/1.1", False),
        (b"\x15\x03\x01\x00\x02\x02\x46", "it speaks TLS, and its URL must begin with h", False),
        (b"HTTP/1.1 200 OK\r\nbad line\r\n\r\n", "its answer is invalid", False),
        (b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", "a character that HTTP forbids", False),
        (b"HTTP/1.1 20 OK\r\n\r\n", "its answer is invalid", False),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", "more than 100 header lines", False),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 20_000, "larger than 16384 bytes", False),
        (b"HTTP/1.1 100 x\r\n\r\n" * (MAX_INTERIM + 1), "that are no answer", False),
    ],
)
def test_nonsense(answer: bytes, why: str, transient: bool) -> None:
    """Whatever else a proxy says is an error that names it, and tells no secret."""
    for size in (1, 1 << 20):
        error = outcome(answer, size)
        assert error is not None
        assert str(error).startswith(
            "no tunnel to h.example:443 through the proxy http://***@p.example:3128: "
        )
        assert error.transient is transient
        assert error.response is None
        assert error.request is REQUEST
        assert "hunter2" not in str(error)
        with pytest.raises(ProxyError, match=why):
            raise error


def test_more_than_the_answer() -> None:
    """What comes with the answer cannot be the server's, which was not asked anything yet."""
    error = outcome(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 x\r\n")
    assert error is not None
    assert "it sent more than its answer" in str(error)


def test_tls_where_tls_is() -> None:
    """Of a proxy with TLS an alert's first byte is only a strange beginning."""
    asking = ProxyHandshake(parse_proxy("https://p"), "h:1", limits=Limits())
    with pytest.raises(ProxyError, match="does not speak HTTP"):
        asking.feed(b"\x15")


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        *[(status, False) for status in (300, 302, 400, 403, 407, 501, 505)],
        *[(status, True) for status in (408, 429, 500, 502, 504, 522)],
    ],
)
def test_refusal(status: int, transient: bool) -> None:
    """Another status is a refusal, with all that was said about it."""
    answer = b"HTTP/1.1 %d No\r\nContent-Length: 5\r\n\r\nsorry" % status
    for size in (1, 1000):
        error = outcome(answer, size)
        assert error is not None
        assert error.response is not None
        assert error.response.status == status
        assert error.response.body == b"sorry"
        assert str(error).endswith(f": it answered {status}; it says: sorry")
        assert error.transient is transient


def test_challenge() -> None:
    """A proxy that wants credentials says which."""
    error = outcome(b'HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm="p"\r\n\r\n')
    assert error is not None
    assert str(error).endswith('it answered 407; it asks for credentials: Basic realm="p"')


def test_half_a_refusal() -> None:
    """What has come of a refusal can be asked for while the rest is awaited."""
    asking = handshake()
    assert asking.refusal() is None
    assert not asking.refused
    assert not asking.feed(b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nso")
    assert asking.refused
    refusal = asking.refusal()
    assert refusal is not None
    assert refusal.response is not None
    assert refusal.response.body == b"so"
    assert not asking.feed(b"r")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nsorry", b"sorry"),
        (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsorry\r\nx\r\n", b"sorry"),
        (b"HTTP/1.1 503 No\r\nbad line\r\n\r\n", b""),
        (b"HTTP/1.1 503 No\r\n" + b"A: b\r\n" * 200 + b"\r\n", b""),
    ],
)
def test_a_refusal_that_breaks_off(answer: bytes, body: bytes) -> None:
    """A refusal is one even if the rest of it is no HTTP."""
    error = outcome(answer)
    assert error is not None
    assert error.response is not None
    assert error.response.body == body


def test_a_long_body() -> None:
    """Of a body as much is kept as the limit says."""
    error = outcome(b"HTTP/1.1 403 No\r\n\r\n" + b"x" * 5000, 100, max_reject_body=250)
    assert error is not None
    assert error.response is not None
    assert error.response.body == b"x" * 250


@given(st.binary(max_size=60), st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 407 x\r\n\r\n"]))
def test_any_answer(data: bytes, start: bytes) -> None:
    """Whatever a proxy answers, it is a tunnel or a `ProxyError` (P10)."""
    outcome(start + data)
