"""The policies: frozen values that say how long, how often, how much.

Durations are seconds, sizes are bytes.
Each value checks itself when it is made, so that nonsense fails where it was written
and not in a connection hours later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

KIB = 1024
MIB = 1024 * KIB

FOREVER = math.inf
"""A deadline that never comes."""


def _check_seconds(owner: object, name: str, *, zero: bool = False) -> None:
    """Refuse what is no duration: zero (unless allowed), negative, NaN, infinite, not a number."""
    value = getattr(owner, name)
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or value < 0 or (value == 0 and not zero):
        least = "zero or more" if zero else "more than zero"
        raise ValueError(
            f"{type(owner).__name__}.{name} must be a finite number of seconds, "
            f"{least}; got {value!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Pings sent into silence, and a verdict when they bring nothing back.

    After `interval` seconds in which no byte arrived a ping goes out
    (the first one at a random point of the interval, so that a fleet does not beat in step);
    when no byte arrived for `timeout` seconds more, the connection is lost.
    Any byte counts, not just the pong::

        lost at  max(last byte, ping handed to the kernel) + interval or timeout

    so a dead peer is noticed after at most ``interval + timeout`` seconds of silence.
    The default of 20 s stays well below the 60 s after which load balancers
    drop idle connections.
    """

    interval: float = 20.0
    timeout: float = 20.0

    def __post_init__(self) -> None:
        _check_seconds(self, "interval")
        _check_seconds(self, "timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes:
        connect: for DNS, TCP, TLS and the HTTP upgrade together, on either side.
        close: for a polite close: what was queued, the peer's answer, the end of TCP.
        goodbye: for a close frame when there is no time: after a cancellation, after a loss.
        idle: close politely (1001) when no data message went either way for so long; None: never.
        send: lost when the kernel took no byte of ours and none arrived for so long;
            None: ``interval + timeout`` of an active `Heartbeat`, otherwise never.
    """

    connect: float = 10.0
    close: float = 10.0
    goodbye: float = 0.5
    idle: float | None = None
    send: float | None = None

    def __post_init__(self) -> None:
        _check_seconds(self, "connect")
        _check_seconds(self, "close")
        _check_seconds(self, "goodbye", zero=True)
        for name in ("idle", "send"):
            if getattr(self, name) is not None:
                _check_seconds(self, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one connection may cost, in bytes unless it says otherwise.

    The memory of a connection stays below ``receive_buffer + max_message_size + send_buffer``
    and two gulps of 64 KiB, whatever the peer does.

    Attributes:
        max_message_size: a larger message is refused with 1009, judged from the frame's header.
        max_fragments: a message in more frames is refused with 1009.
        receive_buffer: messages waiting for `receive`; when they are this many bytes
            (each counted with 64 bytes for itself) the reader stops and TCP stops the peer.
        send_buffer: frames waiting for the writer; when they are this many bytes `send` waits.
        max_handshake_size: the head of a request or response; more is 431 or `InvalidHandshake`.
        max_headers: header lines in a head (a number).
        max_reject_body: how much of a rejection's body is kept.
        max_handshakes: connections of one server that have not been upgraded yet (a number);
            a newcomer beyond it takes the place of the one that has dawdled longest.
    """

    max_message_size: int = 1 * MIB
    max_fragments: int = 4096
    receive_buffer: int = 1 * MIB
    send_buffer: int = 64 * KIB
    max_handshake_size: int = 16 * KIB
    max_headers: int = 100
    max_reject_body: int = 1 * MIB
    max_handshakes: int = 4096

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(
                    f"Limits.{field.name} must be a whole number, 1 or more; got {value!r}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The policies of one connection, as the doors hand them inside."""

    heartbeat: Heartbeat | None = Heartbeat()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
