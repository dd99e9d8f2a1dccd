"""What frames say, in our own words: messages or fragments of them, pings, pongs, closes.

`wsproto_decoder` translates from wsproto's events.
So everything else does without wsproto, whose import takes longer than that of this package,
and which most connections do not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .._ending import Close


@dataclass(slots=True)
class Message:
    """A message, or a part of one: as much of a frame's payload as was there."""

    data: str | bytes
    finished: bool = True


@dataclass(slots=True)
class Ping:
    """A ping."""

    payload: bytes = b""


@dataclass(slots=True)
class Pong:
    """A pong, whether or not it answers a ping."""

    payload: bytes = b""


Event: TypeAlias = Message | Ping | Pong | Close
"""What a frame says, or a part of it; a Close without a code has 1005."""
