"""What ends a connection when it arrives: a close code, and words for it (RFC 6455 §7.4.1).

The peer broke a rule, or its message is over a limit of ours, of which it cannot know.
"""

from __future__ import annotations

from typing import NamedTuple

from .._ending import CloseCode, Loss


class Violation(NamedTuple):
    """A rule that the peer broke, or a limit of ours, and the close code that says so."""

    code: int
    detail: str

    @property
    def loss(self) -> Loss:
        """Return what it is to the connection."""
        return Loss.TOO_BIG if self.code == CloseCode.MESSAGE_TOO_BIG else Loss.VIOLATION


def too_large(size: int, limit: int) -> Violation:
    """Return the violation of a message of at least `size` bytes."""
    detail = f"a message of {size} bytes or more; Limits.max_message_size is {limit}"
    return Violation(int(CloseCode.MESSAGE_TOO_BIG), detail)


def too_many_fragments(limit: int) -> Violation:
    """Return the violation of a message with more than `limit` fragments."""
    return Violation(
        int(CloseCode.MESSAGE_TOO_BIG),
        f"a message of more fragments than Limits.max_fragments, {limit}",
    )


def invalid_payload(detail: str) -> Violation:
    """Return the violation of a payload that cannot be what its frame says it is."""
    return Violation(int(CloseCode.INVALID_PAYLOAD), detail)


INVALID_UTF8 = invalid_payload("invalid UTF-8")
"""The violation of a text message that is no text (RFC 6455 §8.1)."""
