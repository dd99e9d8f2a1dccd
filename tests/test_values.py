"""`trio_ws._values`: close codes, the ending and its story, headers, requests, responses."""

from __future__ import annotations

import dataclasses
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._values import (
    Close,
    CloseCode,
    Ending,
    Headers,
    Loss,
    Request,
    Response,
    may_be_sent,
    printable,
)

NOT_TO_BE_SENT = [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535, 65536, 70000]
TO_BE_SENT = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]

# Close codes


@pytest.mark.parametrize("code", TO_BE_SENT)
def test_codes_that_may_be_sent(code: int) -> None:
    """The registered codes and 3000 to 4999 may stand in a Close frame (RFC 6455 §7.4)."""
    assert may_be_sent(code)


@pytest.mark.parametrize("code", NOT_TO_BE_SENT)
def test_codes_that_may_not_be_sent(code: int) -> None:
    """Codes that stand for the absence of a frame, and all unknown ones, may not be sent."""
    assert not may_be_sent(code)


@pytest.mark.parametrize(
    ("close", "text"),
    [
        (Close(1000), "1000 (normal closure)"),
        (Close(CloseCode.GOING_AWAY, "bye"), "1001 (going away) 'bye'"),
        (Close(1005), "1005 (no status received)"),
        (Close(4000, "it's me"), '4000 "it\'s me"'),
        (Close(4000, "a\r\n\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}"), r"4000 'a\r\n\x1b[31m\u202e'"),
    ],
)
def test_close_as_text(close: Close, text: str) -> None:
    """A Close reads as its code, the code's name if it has one, and the reason, escaped."""
    assert str(close) == text


# The ending

US, THEM = Close(1001, "bye"), Close(4321, "so long")


@pytest.mark.parametrize(
    ("ending", "story"),
    [
        (
            Ending(sent=US, received=THEM),
            "sent 1001 (going away) 'bye'; then received 4321 'so long'",
        ),
        (
            Ending(sent=US, received=THEM, received_first=True),
            "received 4321 'so long'; then sent 1001 (going away) 'bye'",
        ),
        (
            Ending(loss=Loss.EOF),
            f"{Loss.EOF.value}; no close frame was exchanged",
        ),
        (
            Ending(sent=US, loss=Loss.UNANSWERED),
            "the peer did not answer our close; sent 1001 (going away) 'bye'",
        ),
        (
            Ending(loss=Loss.BROKEN, detail="connection reset", cause=OSError()),
            "the transport broke (connection reset); no close frame was exchanged",
        ),
    ],
)
def test_story(ending: Ending, story: str) -> None:
    """An ending tells how it came, who closed with what, and in which order."""
    assert str(ending) == story


@pytest.mark.parametrize("code", [*CloseCode, 3000, 4999])
def test_clean_endings(code: int) -> None:
    """A completed handshake is clean; only 1000, 1001 and 1005 are nobody's fault."""
    ending = Ending(sent=Close(1000), received=Close(code, "why"))
    assert ending.clean
    assert ending.normal == (code in (1000, 1001, 1005))
    assert (ending.code, ending.reason) == (code, "why")


@pytest.mark.parametrize("loss", Loss)
def test_lost_endings(loss: Loss) -> None:
    """A loss is neither clean nor normal, and its code is 1006 (RFC 6455 §7.1.5)."""
    ending = Ending(sent=Close(1000, "ours"), loss=loss)
    assert not ending.clean
    assert not ending.normal
    assert (ending.code, ending.reason) == (1006, "")
    assert not Ending(received=Close(1000), loss=loss).normal


def test_cause_is_no_part_of_equality() -> None:
    """Two endings that tell the same are equal, whatever the exceptions behind them."""
    assert Ending(loss=Loss.BROKEN, cause=OSError()) == Ending(loss=Loss.BROKEN, cause=OSError())


# Headers

LINES = [("Accept", "a"), ("Host", "h"), ("ACCEPT", "b"), ("accept", "c")]


def test_headers_ignore_case() -> None:
    """A name finds its values however it is written."""
    headers = Headers(LINES)
    assert headers["aCCept"] == "a, b, c"
    assert headers.get("HOST") == "h"
    assert "host" in headers
    assert headers.get_all("ACCEPT") == ["a", "b", "c"]


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
    assert headers.items_all() == tuple(LINES)
    assert repr(headers) == f"Headers({LINES})"


@pytest.mark.parametrize(
    "source", [Headers(LINES[:2]), dict(LINES[:2]), LINES[:2], iter(LINES[:2])]
)
def test_sources_of_headers(source: Headers) -> None:
    """Headers are made of a mapping, of pairs, or of other headers."""
    assert Headers(source).items_all() == tuple(LINES[:2])


def test_headers_made_of_headers_keep_repeated_names() -> None:
    """Copying headers loses no line, although they are a mapping too."""
    assert Headers(Headers(LINES)).items_all() == tuple(LINES)


def test_equal_headers() -> None:
    """Headers are equal if each name, in any case, has the same values in the same order."""
    headers = Headers(LINES)
    assert headers == Headers([("host", "h"), ("accept", "a"), ("accept", "b"), ("accept", "c")])
    assert hash(headers) == hash(Headers([("HOST", "h"), ("ACCEPT", "a, b, c")]))
    assert headers == {"accept": "a, b, c", "Host": "h"}
    assert headers != Headers(reversed(LINES))
    assert headers != LINES


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


# Text for logs and errors


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grüße", "grüße"),
        ("a\r\nb\t\0\x1b[0m", r"a\r\nb\t\x00\x1b[0m"),
        ("\ud800", r"\ud800"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """What cannot be printed is escaped, and what is too long is cut."""
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_printable_is_printable(text: str) -> None:
    """Nothing that a peer sends can break a line or steer a terminal."""
    assert printable(text).isprintable()
    assert len(printable(text, 5)) <= 5 * len("\\U0010ffff") + 1
