"""`trio_ws._protocol.validation`: what may be sent."""

from __future__ import annotations

from typing import Any

import pytest

from trio_ws._errors import LocalProtocolError
from trio_ws._protocol.validation import (
    as_utf8,
    check_close,
    check_control,
    check_kind,
    check_payload,
    truncate_reason,
)


@pytest.mark.parametrize("code", [1000, 1014, 3000, 4999])
def test_close(code: int) -> None:
    """A registered code with a reason of up to 123 bytes may be sent."""
    check_close(code, "ä" * 61 + "a")


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_close_codes(code: int) -> None:
    """Other codes may not, and the refusal names some that may."""
    with pytest.raises(LocalProtocolError, match=f"close code {code} may not be sent; use 1000"):
        check_close(code, "")


@pytest.mark.parametrize(
    ("reason", "why"), [("ä" * 62, "at most 123 bytes.*124"), ("\ud800", "valid Unicode")]
)
def test_close_reasons(reason: str, why: str) -> None:
    """A reason must fit, and be text."""
    with pytest.raises(LocalProtocolError, match=why):
        check_close(1000, reason)


def test_payload() -> None:
    """A payload is bytes-like and short; text is told what to do."""
    for payload in (b"x", bytearray(b"x"), memoryview(b"x")):
        assert check_payload("ping", payload) == b"x"
    with pytest.raises(TypeError, match="the payload of a ping cannot be a value of type int"):
        check_payload("ping", 5)
    with pytest.raises(TypeError, match=r"\(text must be encoded\); the payload of a pong"):
        check_payload("pong", "x")
    with pytest.raises(LocalProtocolError, match="at most 125 bytes"):
        check_payload("ping", bytes(126))


def test_kind() -> None:
    """The type of a message is that of its first fragment."""
    check_kind(str, None)
    check_kind(bytes, bytes)
    with pytest.raises(LocalProtocolError, match="began as text and goes on with bytes"):
        check_kind(bytes, str)
    with pytest.raises(LocalProtocolError, match="began as binary and goes on with str"):
        check_kind(str, bytes)


def test_control() -> None:
    """A control frame carries at most 125 bytes."""
    check_control(bytes(125), "ping")
    with pytest.raises(LocalProtocolError, match=r"a ping has at most 125 bytes .*this has 126"):
        check_control(bytes(126), "ping")


def test_utf8() -> None:
    """Text is UTF-8; a lone surrogate is none, and the refusal says where."""
    assert as_utf8("grüße") == "grüße".encode()
    with pytest.raises(LocalProtocolError, match="surrogates not allowed at 2"):
        as_utf8("ab\udfff")


@pytest.mark.parametrize(
    ("reason", "fits"),
    [("a" * 123, "a" * 123), ("a" * 124, "a" * 123), ("ä" * 62, "ä" * 61), ("\ud800", "?")],
)
def test_truncate(reason: str, fits: str) -> None:
    """A reason of our own making is cut between characters to what fits."""
    assert truncate_reason(reason) == fits


@pytest.mark.parametrize("code", ["bye", "1000", 3000.5, 1000.0, None, True, b"x"])
def test_a_code_is_a_whole_number(code: Any) -> None:
    """Numbers that are no integers are refused, not rounded (HAZARDS F7.14)."""
    with pytest.raises(TypeError, match="code must be a whole number"):
        check_close(code, "")


@pytest.mark.parametrize("reason", [None, b"bye", 5])
def test_a_reason_is_a_text(reason: Any) -> None:
    """Bytes and None are no reasons."""
    with pytest.raises(TypeError, match="reason must be a str"):
        check_close(1000, reason)


@pytest.mark.parametrize("payload", [5, "x", None, [1, 2]])
def test_a_payload_is_bytes(payload: Any) -> None:
    """A number is not so many NULs, and a text is not encoded by chance."""
    with pytest.raises(TypeError, match="payload must be bytes-like"):
        check_payload("ping", payload)
    assert check_payload("ping", memoryview(b"x")) == b"x"
