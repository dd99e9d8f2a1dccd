"""`trio_ws._http`: headers, requests, responses."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._http import (
    Accept,
    Headers,
    Request,
    Response,
    check_header,
    headers_of,
    received_response,
)

LINES = [("Accept", "a"), ("Host", "h"), ("ACCEPT", "b"), ("accept", "c")]


def test_headers_ignore_case() -> None:
    """A name finds its values however it is written."""
    headers = Headers(LINES)
    assert headers["aCCept"] == "a, b, c"
    assert headers.get("HOST") == "h"
    assert "host" in headers
    assert headers.get_all("ACCEPT") == ["a", "b", "c"]


def test_headers_of_a_parser() -> None:
    """They are the same as those that are checked."""
    lines = [("Host", "a"), ("Cookie", "b=1"), ("cookie", "c=2")]
    assert headers_of(lines) == Headers(lines)
    assert headers_of(iter(lines)).multi_items() == tuple(lines)
    assert headers_of([]) == Headers()


def test_absent_headers() -> None:
    """A name that is absent has no values, and is a `KeyError` to ask for."""
    headers = Headers(LINES)
    assert headers.get_all("cookie") == []
    assert "cookie" not in headers
    assert cast("str", 1) not in headers
    with pytest.raises(KeyError, match="cookie"):
        headers["cookie"]


def test_headers_keep_order() -> None:
    """Names come in order of their first line, as it was written; every line is kept in order."""
    headers = Headers(LINES)
    assert list(headers) == ["Accept", "Host"]
    assert len(headers) == 2
    assert headers.multi_items() == tuple(LINES)
    assert repr(headers) == f"Headers({LINES})"


@pytest.mark.parametrize(
    "source", [Headers(LINES[:2]), dict(LINES[:2]), LINES[:2], iter(LINES[:2])]
)
def test_sources_of_headers(source: Headers) -> None:
    """Headers are made of a mapping, of pairs, or of other headers."""
    assert Headers(source).multi_items() == tuple(LINES[:2])


def test_headers_made_of_headers_keep_repeated_names() -> None:
    """Copying headers loses no line, although they are a mapping too."""
    assert Headers(Headers(LINES)).multi_items() == tuple(LINES)


def test_equal_headers() -> None:
    """Headers are equal if each name, in any case, has the same values in the same order."""
    headers = Headers(LINES)
    assert headers == Headers([("host", "h"), ("accept", "a"), ("accept", "b"), ("accept", "c")])
    assert hash(headers) == hash(Headers([("HOST", "h"), ("ACCEPT", "a, b, c")]))
    assert headers == {"accept": "a, b, c", "Host": "h"}
    assert headers != Headers(reversed(LINES))
    assert headers != LINES


@pytest.mark.parametrize(
    "source",
    [
        5,
        None,
        "X: 1",
        b"X: 1",
        ["X: 1"],
        ["ab"],
        [("X",)],
        [("X", "1", "2")],
        {"X": 5},
        {"X": None},
        {b"X": b"1"},
        [(b"a", b"b")],
    ],
)
def test_no_headers(source: Any) -> None:
    """What is no mapping of texts, and no pairs of them, is refused; values may be secret."""
    with pytest.raises(TypeError, match="headers must be a mapping of str to str, or pairs") as got:
        Headers(source)
    assert "1" not in str(got.value)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("Bad Name", "x", "'Bad Name' is not the name of a header"),
        ("", "x", "'' is not the name"),
        ("X", "a\r\nb", "the value of the header X has control"),
        ("X", "ü€", "the value of the header X is not Latin-1"),
    ],
)
def test_no_header_line(name: str, value: str, why: str) -> None:
    """What cannot be sent as a header is refused where a response is made of it."""
    with pytest.raises(ValueError, match=why):
        check_header(name, value)
    with pytest.raises(ValueError, match=why):
        Response(200, {name: value})


def test_cookies() -> None:
    """Lines of cookies join as cookies do (RFC 6265); the first of two is the more specific."""
    lines = [("Cookie", 'a=1; b="two"'), ("cookie", "c=x=y;a=2; nonsense ; =d")]
    request = Request(method="GET", target="/", headers=Headers(lines))
    assert request.headers["COOKIE"] == 'a=1; b="two"; c=x=y;a=2; nonsense ; =d'
    assert request.cookies == {"a": "1", "b": "two", "c": "x=y", "": "d"}
    assert Request(method="GET", target="/", headers=Headers()).cookies == {}


# Requests and responses


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", {}),
        ("/a%20b?", "/a%20b", {}),
        ("/a?x=1&y=%C3%A4&x=&z", "/a", {"x": ["1", ""], "y": ["ä"], "z": [""]}),
        ("/?a=b?c=d", "/", {"a": ["b?c=d"]}),
        ("*", "*", {}),
    ],
)
def test_target(target: str, path: str, query: dict[str, list[str]]) -> None:
    """A request's target is its path, left as it is, and its query, percent-decoded."""
    request = Request(method="GET", target=target, headers=Headers())
    assert request.path == path
    assert request.query == query


@given(st.text())
def test_any_query(target: str) -> None:
    """Whatever stands in a target, asking for the query does not raise (P10)."""
    assert isinstance(Request(method="GET", target=target, headers=Headers()).query, dict)


def test_requests_are_facts() -> None:
    """A request cannot be changed, and equal ones are equal as keys too."""
    one, other = (Request(method="GET", target="/", headers=Headers(LINES)) for _ in range(2))
    assert {one: 1}[other] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.method = "POST"  # type: ignore[misc]


@pytest.mark.parametrize("body", ["grüße", "grüße".encode()])
def test_response(body: str | bytes) -> None:
    """A response takes headers in any form, and its body as text or bytes."""
    response = Response(200, {"A": "b"}, body)
    assert response.headers == Headers([("A", "b")])
    assert response.body == "grüße".encode()
    assert Response(204) == Response(204, (), b"")


@pytest.mark.parametrize("body", [bytearray(b"x"), memoryview(b"x")])
def test_buffers(body: Any) -> None:
    """Any bytes will do as a body, and are copied."""
    assert Response(200, (), body).body == b"x"


@pytest.mark.parametrize(
    ("arguments", "error", "why"),
    [
        (("200",), TypeError, "status must be a whole number, not a value of type str"),
        ((True,), TypeError, "status must be a whole number"),
        ((99,), ValueError, "status must have three digits, as 200 has; got 99"),
        ((1000,), ValueError, "status must have three digits"),
        ((200, "text"), TypeError, "headers must be"),
        ((200, {"X": 5}), TypeError, "headers must be"),
        ((200, (), {"a": 1}), TypeError, "body must be str or bytes, not a value of type dict"),
        ((200, (), None), TypeError, "body must be str or bytes, not None"),
    ],
)
def test_no_response(arguments: Any, error: type[Exception], why: str) -> None:
    """A response that cannot be is refused when it is made (HAZARDS F3.2)."""
    with pytest.raises(error, match=why):
        Response(*arguments)


@pytest.mark.parametrize(
    ("response", "content_type", "body"),
    [
        (Response.from_text("grüße"), "text/plain; charset=utf-8", "grüße".encode()),
        (Response.from_html("<p>ü"), "text/html; charset=utf-8", "<p>ü".encode()),
        (Response.from_json({"a": ["ü", None, 1.5]}), "application/json", None),
        (Response.from_text("{}", headers={"content-type": "text/css"}), "text/css", b"{}"),
        (Response.from_json([], headers=[("Content-Type", "a/b")]), "a/b", b"[]"),
        (Response.from_text(""), "text/plain; charset=utf-8", b""),
    ],
)
def test_responses_of_a_kind(response: Response, content_type: str, body: bytes | None) -> None:
    """A response says what its body is, unless a header does."""
    assert response.status == 200
    assert response.headers.get_all("Content-Type") == [content_type]
    assert response.body == ('{"a":["ü",null,1.5]}'.encode() if body is None else body)


@pytest.mark.parametrize("make", [Response.from_text, Response.from_html, Response.from_json])
def test_a_kind_has_status_and_headers(make: Any) -> None:
    """Both can be given, and are checked."""
    response = make("x", status=503, headers={"Retry-After": "5"})
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    with pytest.raises(ValueError, match="status must have three digits"):
        make("x", status=5)
    with pytest.raises(ValueError, match="control characters"):
        make("x", headers={"X": "a\nb"})
    with pytest.raises(TypeError, match="headers must be"):
        make("x", headers="text")


@pytest.mark.parametrize(
    ("make", "value", "error", "why"),
    [
        (Response.from_text, b"x", TypeError, "text must be a str"),
        (Response.from_text, "\ud800", ValueError, "body must be valid Unicode"),
        (Response.from_html, None, TypeError, "html must be a str"),
        (Response.from_json, {1, 2}, TypeError, "not JSON serializable"),
        (Response.from_json, float("nan"), ValueError, "JSON"),
    ],
)
def test_no_body_of_a_kind(make: Any, value: Any, error: type[Exception], why: str) -> None:
    """What the kind has no form for is refused."""
    with pytest.raises(error, match=why):
        make(value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(status: int) -> None:
    """A redirect says where to, for now unless told otherwise."""
    response = Response.redirect("/a?b=%20#c", status=status, headers={"X": "y"})
    assert response.status == status
    assert response.headers == Headers([("Location", "/a?b=%20#c"), ("X", "y")])
    assert Response.redirect("https://a.example/").status == 307


@pytest.mark.parametrize(
    ("location", "options", "error", "why"),
    [
        (b"/", {}, TypeError, "location must be a str"),
        ("", {}, ValueError, "location must be a URL of printable ASCII"),
        ("/a b", {}, ValueError, "location must be a URL"),
        ("/a\r\nX: y", {}, ValueError, "location must be a URL"),
        ("/ü", {}, ValueError, "location must be a URL"),
        ("/", {"status": 200}, ValueError, "status must be one of"),
        ("/", {"status": 304}, ValueError, "status must be one of"),
        ("/", {"status": "302"}, TypeError, "status must be a whole number"),
        ("/", {"headers": {"location": "/b"}}, ValueError, "must not have another Location"),
        ("/", {"headers": {"X": "\x00"}}, ValueError, "control characters"),
    ],
)
def test_no_redirect(location: Any, options: Any, error: type[Exception], why: str) -> None:
    """What leads nowhere, or would smuggle a header in, is refused."""
    with pytest.raises(error, match=why):
        Response.redirect(location, **options)


def test_accept() -> None:
    """To accept may come with headers, in order; several cookies are several lines."""
    lines = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X", "y")]
    assert Accept(lines).headers.multi_items() == tuple(lines)
    assert Accept() == Accept({})
    with pytest.raises(dataclasses.FrozenInstanceError):
        Accept().headers = Headers()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("headers", "error", "why"),
    [
        (5, TypeError, "headers must be"),
        ({"X": "a\r\nb"}, ValueError, "control characters"),
        ({"a b": ""}, ValueError, "is not the name of a header"),
        *(
            ({name: "x"}, ValueError, f"the header {name} belongs to the handshake itself")
            for name in (
                *("Upgrade", "connection", "Content-Length", "TRANSFER-ENCODING", "Trailer"),
                *("Sec-WebSocket-Accept", "sec-websocket-protocol", "Sec-WebSocket-Extensions"),
            )
        ),
    ],
)
def test_no_accept(headers: Any, error: type[Exception], why: str) -> None:
    """What cannot stand in a 101, or belongs to the handshake, is refused where it is made."""
    with pytest.raises(error, match=why):
        Accept(headers)


def test_a_request_before_it_is_routed() -> None:
    """It has no route and no parameters; those of one request are not those of another."""
    one, other = (Request(method="GET", target="/", headers=Headers()) for _ in range(2))
    assert one.route is None
    assert one.path_params == {}
    assert one.path_params is not other.path_params
    assert pickle.loads(pickle.dumps(one)) == one


def test_what_a_peer_answers() -> None:
    """What came over the network is kept as it is."""
    response = received_response(700, Headers([("X", "\x00")]), b"x")
    assert (response.status, response.body) == (700, b"x")
    assert dataclasses.replace(response, headers=Headers(), status=200) == Response(200, (), "x")
