"""What a peer may do wrong: a close code, and words for it (RFC 6455 §7.4.1)."""

from __future__ import annotations

from typing import NamedTuple

from .._ending import CloseCode


class Violation(NamedTuple):
    """A rule that the peer broke, and the close code that says so."""

    code: int
    detail: str


def too_large(size: int, limit: int) -> Violation:
    """Return the violation of a message of at least `size` bytes."""
    detail = f"a message of {size} bytes or more, over the limit of {limit}"
    return Violation(int(CloseCode.MESSAGE_TOO_BIG), detail)


def too_many_fragments(limit: int) -> Violation:
    """Return the violation of a message with more than `limit` fragments."""
    return Violation(int(CloseCode.MESSAGE_TOO_BIG), f"a message of more than {limit} fragments")


def invalid_payload(detail: str) -> Violation:
    """Return the violation of a payload that cannot be what its frame says it is."""
    return Violation(int(CloseCode.INVALID_PAYLOAD), detail)


INVALID_UTF8 = invalid_payload("invalid UTF-8")
"""The violation of a text message that is no text (RFC 6455 §8.1)."""
