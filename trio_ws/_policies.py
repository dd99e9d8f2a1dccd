"""The policies: frozen values that say how long, how often, how much.

Durations are seconds, sizes are bytes.
Each value checks itself when it is made, so that nonsense fails where it was written
and not in a connection hours later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from ._validation import (
    check_count,
    check_fields,
    check_flag,
    check_plain_callable,
    check_seconds,
)

KIB = 1024
MIB = 1024 * KIB

FOREVER = math.inf
"""A deadline that never comes."""


def _check_message(name: str, value: object) -> None:
    """Refuse what is no message, nor a function that makes one."""
    if not isinstance(value, str | bytes):
        if not callable(value):
            raise TypeError(
                f"{name} must be str, bytes or a function that returns one; got {value!r}"
            )
        check_plain_callable(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Pings sent into silence, and a verdict when they bring nothing back.

    After `interval` seconds in which no byte arrived a ping goes out
    (the first one at a random point of the interval, so that a fleet does not beat in step;
    each up to a sixteenth of a second later, together with those of other connections);
    when no byte arrived for `timeout` seconds more, the connection is lost.
    Any byte counts, not just the pong::

        ping at  last byte + interval
        lost at  ping handed to the kernel + timeout

    so a dead peer is noticed after ``interval + timeout`` seconds of silence.
    The default of 20 s stays well below the 60 s after which load balancers
    drop idle connections.
    """

    interval: float = 20.0
    timeout: float = 20.0

    def __post_init__(self) -> None:
        check_fields(self, check_seconds, "interval", "timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """The other side beats, we only listen; nothing is sent.

    Lost when nothing was heard for `timeout` seconds.
    Any byte is a beat, unless `is_beat` says which messages are::

        lost at  last beat + timeout

    `is_beat` is called with each message as it arrives, in the reader: it must be quick.
    """

    timeout: float = 60.0
    is_beat: Callable[[str | bytes], bool] | None = None

    def __post_init__(self) -> None:
        check_fields(self, check_seconds, "timeout")
        check_fields(self, check_plain_callable, "is_beat", optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeartbeat:
    """A heartbeat made of messages, for peers that cannot send or see pings.

    A page in a browser is one; many services define their own.
    After `interval` seconds without a reply `message` is sent (up to a sixteenth of a second
    later, as with `Heartbeat`); when `timeout` seconds more bring none, the connection is lost::

        sent at  last reply + interval
        lost at  message handed to the kernel + timeout

    Attributes:
        message: what is sent, or a function that is called for it each time.
        is_reply: which messages are replies; without it any byte that arrives is one.
            Called with each message as it is read: it must be quick.
        hide_replies: whether the replies are kept from `WebSocket.receive`.
    """

    message: str | bytes | Callable[[], str | bytes]
    interval: float = 20.0
    timeout: float = 20.0
    is_reply: Callable[[str | bytes], bool] | None = None
    hide_replies: bool = True

    def __post_init__(self) -> None:
        check_fields(self, check_seconds, "interval", "timeout")
        check_fields(self, _check_message, "message")
        check_fields(self, check_plain_callable, "is_reply", optional=True)
        check_fields(self, check_flag, "hide_replies")

    def make(self) -> str | bytes:
        """Return the message to send now."""
        return self.message() if callable(self.message) else self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReply:
    """The other half of `MessageHeartbeat`: answers the heartbeat messages of the peer.

    Attributes:
        is_ping: which messages ask for a reply; they are kept from `WebSocket.receive`.
            Called with each message as it is read: it must be quick.
        reply: what is sent back, or a function that is called with the message for it.
            While there is no room to send, only the newest is answered.
    """

    is_ping: Callable[[str | bytes], bool]
    reply: str | bytes | Callable[[str | bytes], str | bytes]

    def __post_init__(self) -> None:
        check_fields(self, check_plain_callable, "is_ping")
        check_fields(self, _check_message, "reply")

    def make(self, ping: str | bytes) -> str | bytes:
        """Return the reply to `ping`."""
        return self.reply(ping) if callable(self.reply) else self.reply


BeatPolicy = Heartbeat | Watchdog | MessageHeartbeat
HeartbeatPolicy = BeatPolicy | MessageReply
"""One policy for the heartbeat of a connection."""

HeartbeatOption = HeartbeatPolicy | Sequence[HeartbeatPolicy] | None
"""What may be given as ``heartbeat``: one policy, several, or None for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait, in seconds.

    Attributes:
        connect: for DNS, TCP, TLS and the HTTP upgrade together, on either side.
        close: for a polite close: what was queued, the peer's answer, the end of TCP.
        goodbye: for a close frame when there is no time: after a cancellation, after a loss.
        idle: close politely (1001) when no data message went either way for so long; None: never.
        send: lost when bytes of ours wait, the kernel took none, the peer's kernel acknowledged
            none, and none arrived, for so long;
            None: ``interval + timeout`` of an active `Heartbeat`, otherwise never.
        stall: lost when bytes of ours wait and the peer's kernel acknowledged none for so long,
            however much the peer says; None: never.
            Where the system does not tell what was acknowledged
            (not TCP, or not Linux), the bytes that our own kernel takes count instead.
        keep_alive: for another plain request on the same connection of a server, which announces
            it.  Load balancers reuse idle connections for a minute or so.
    """

    connect: float = 10.0
    close: float = 10.0
    goodbye: float = 0.5
    idle: float | None = None
    send: float | None = None
    stall: float | None = None
    keep_alive: float = 75.0

    def __post_init__(self) -> None:
        check_fields(self, check_seconds, "connect", "close", "keep_alive")
        check_fields(self, check_seconds, "goodbye", zero=True)
        check_fields(self, check_seconds, "idle", "send", "stall", optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one connection may cost, in bytes unless it says otherwise.

    The memory of a connection stays below ``receive_buffer + max_message_size + send_buffer``
    and what is read and written at once (256 and 64 KiB), whatever the peer does.
    Of your own messages beyond `send_buffer`, one may wait while another is being written.
    Text beyond Latin-1 takes up to four times its size in Python,
    and a message exists twice while it is handed on.

    Attributes:
        max_message_size: a larger message is refused with 1009, by the frame's header.
        max_fragments: a message in more frames is refused with 1009, unless it is streamed.
        receive_buffer: messages waiting for `receive`; when they are this many bytes
            (each counted with 64 bytes for itself) the reader stops and TCP stops the peer;
            messages that arrived together count until the last of them is taken.
        send_buffer: frames waiting for the writer; when they are this many bytes `send` waits.
        max_handshake_size: the head of a request or response; more is 431 or `InvalidHandshake`.
        max_headers: header lines in a head (a number).
        max_reject_body: how much of a rejection's body is kept.
        max_handshakes: connections of one server that have not been upgraded yet (a number);
            a newcomer beyond it replaces the oldest unfinished handshake.
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
        check_fields(self, check_count, *(field.name for field in fields(self)))
