"""How a conversation must end: one function for each way, over what both sides say of it."""

from __future__ import annotations

from collections.abc import Callable

from trio_ws import (
    Close,
    ConnectionClosed,
    ConnectionLost,
    HeartbeatTimeout,
    Loss,
    MessageTooBig,
    ProtocolViolation,
)

from .converse import Ended
from .kinds import Can, Kind

Verdict = Callable[[Ended, Kind], None]


def we_close(
    code: int = 1000, reason: str = "", *, leaves: type[Exception] | None = None
) -> Verdict:
    """Our close frame was the first, and the peer got it and answered."""

    def check(ended: Ended, kind: Kind) -> None:
        ending = ended.ending
        assert ending.clean
        assert not ending.received_first
        assert ending.sent == Close(code, reason)
        assert ending.code == (code if Can.ECHO_CODE in kind.abilities else 1000)
        assert ended.seen_by_peer["code"] == code
        assert (ended.seen_by_peer["reason"] or "") == reason
        check_left(ended, leaves)

    return check


def they_close(code: int, reason: str = "", *, leaves: type[Exception] | None = None) -> Verdict:
    """The peer's close frame was the first; we got it and answered with the same code."""

    def check(ended: Ended, kind: Kind) -> None:
        ending = ended.ending
        assert ending.clean
        assert ending.received_first
        assert ending.received == Close(code, reason)
        assert ending.sent is not None
        assert ending.sent.code == code
        if Can.SHOW_REPLY in kind.abilities:
            assert ended.seen_by_peer["code"] == code
        check_left(ended, leaves)

    return check


def they_vanish(ended: Ended, kind: Kind) -> None:
    """The transport ended without a word."""
    assert not ended.ending.clean
    assert ended.ending.code == 1006
    check_left(ended, ConnectionLost)


def they_fall_silent(ended: Ended, kind: Kind) -> None:
    """Our heartbeat gave the peer up."""
    assert ended.ending.loss is Loss.HEARTBEAT
    check_left(ended, HeartbeatTimeout)


def we_refuse_to_go_on(code: int) -> Verdict:
    """We closed for a violation, or a limit of ours, and the peer was told which."""

    def check(ended: Ended, kind: Kind) -> None:
        assert ended.ending.sent is not None
        assert ended.ending.sent.code == code
        assert ended.seen_by_peer["code"] == code
        check_left(ended, MessageTooBig if code == 1009 else ProtocolViolation)

    return check


def we_are_cancelled(ended: Ended, kind: Kind) -> None:
    """Whoever cancelled us, the peer was told 1001."""
    assert ended.ending.sent is not None
    assert ended.ending.sent.code == 1001
    assert ended.seen_by_peer["code"] == 1001
    check_left(ended, None)


def check_left(ended: Ended, expected: type[Exception] | None) -> None:
    """Check what left our block; a handler's end of its own connection is no handler error."""
    left = ended.left
    if expected is None or (ended.role == "server" and issubclass(expected, ConnectionClosed)):
        if left is not None:
            raise left
    else:
        assert type(left) is expected, f"{left!r} left the block"


def both_closed(ended: Ended, kind: Kind) -> None:
    """Whoever was first, nobody was at fault."""
    assert ended.ending.normal
    assert ended.seen_by_peer["code"] == 1000
    check_left(ended, None)
