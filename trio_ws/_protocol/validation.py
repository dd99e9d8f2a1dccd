"""What may be said: checked before it changes anything, so that a refusal has no effect.

wsproto would send some of what RFC 6455 forbids, or put something else in its place.
"""

from __future__ import annotations

from .._ending import may_be_sent
from .._errors import LocalProtocolError
from .._validation import check_text, kind_of
from .frame_header import MAX_CONTROL_PAYLOAD


def check_close(code: int, reason: str) -> None:
    """Refuse what may not stand in a Close frame (RFC 6455 §5.5.1, §7.4).

    Raises:
        LocalProtocolError: the code may not be sent, or the reason is too long.
        TypeError: the code is no whole number, or the reason no text.
    """
    check_code(code)
    check_text("reason", reason)
    if not may_be_sent(code):
        raise LocalProtocolError(
            f"close code {code!r} may not be sent; use 1000, 1001, 1003, 1008, 1011 "
            f"or another registered code, or 3000 to 4999 (RFC 6455 §7.4)"
        )
    size = len(as_utf8(reason))
    if size > MAX_CONTROL_PAYLOAD - 2:
        raise LocalProtocolError(f"a close reason has at most 123 bytes of UTF-8; this has {size}")


def check_code(code: object) -> None:
    """Refuse what is no whole number."""
    if not isinstance(code, int) or isinstance(code, bool):
        raise TypeError(f"code must be a whole number, a close code such as 1000; got {code!r}")


def check_kind(kind: type, began: type | None) -> None:
    """Refuse a fragment of text in a message that began as binary, or the other way round."""
    if began not in (None, kind):
        raise LocalProtocolError(
            f"a message is either text or binary; this one began as "
            f"{'text' if began is str else 'binary'} and goes on with {kind.__name__}"
        )


def check_control(payload: bytes, name: str) -> None:
    """Refuse a payload that is too long for a control frame (RFC 6455 §5.5)."""
    if len(payload) > MAX_CONTROL_PAYLOAD:
        raise LocalProtocolError(
            f"the payload of a {name} has at most 125 bytes (RFC 6455 §5.5); "
            f"this has {len(payload)}"
        )


def check_payload(name: str, payload: object) -> bytes:
    """Return the payload of a control frame as bytes, if it is bytes-like and short enough."""
    if not isinstance(payload, bytes | bytearray | memoryview):
        what = " (text must be encoded)" * isinstance(payload, str)
        raise TypeError(
            f"payload must be bytes-like{what}; "
            f"the payload of a {name} cannot be {kind_of(payload)}"
        )
    data = bytes(payload)
    check_control(data, name)
    return data


def as_utf8(text: str) -> bytes:
    """Return `text` as UTF-8, if it can be sent: lone surrogates cannot (RFC 6455 §8.1)."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise LocalProtocolError(
            f"text must be valid Unicode to be sent as UTF-8: {error.reason} at {error.start}"
        ) from None


def truncate_reason(reason: str) -> str:
    """Return `reason` as far as it fits into a Close frame."""
    data = reason.encode(errors="replace")
    return data[: MAX_CONTROL_PAYLOAD - 2].decode(errors="ignore")
