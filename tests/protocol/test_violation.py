"""`trio_ws._protocol.violation`: a code, and words."""

from __future__ import annotations

from trio_ws._ending import Loss
from trio_ws._protocol.violation import (
    INVALID_UTF8,
    Violation,
    invalid_payload,
    too_large,
    too_many_fragments,
)


def test_violations() -> None:
    """Each kind has the code that RFC 6455 §7.4.1 gives it, and tells the sizes."""
    assert too_large(11, 10) == Violation(
        1009, "a message of 11 bytes or more; Limits.max_message_size is 10"
    )
    assert too_many_fragments(3) == Violation(
        1009, "a message of more fragments than Limits.max_fragments, 3"
    )
    assert invalid_payload("why") == Violation(1007, "why")
    assert Violation(1007, "invalid UTF-8") == INVALID_UTF8


def test_loss() -> None:
    """A message over our limit is told from what breaks the protocol."""
    assert too_large(11, 10).loss is too_many_fragments(3).loss is Loss.TOO_BIG
    assert INVALID_UTF8.loss is Loss.VIOLATION
