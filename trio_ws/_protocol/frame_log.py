"""One line of log for a frame: ``> TEXT 'hello' (5 bytes)``.

The payload is shortened and escaped, so that a peer cannot write into the log
(no line breaks, no terminal sequences) or fill it.
"""

from __future__ import annotations

from collections.abc import Callable

from .._text import printable
from .events import Event, Message, Ping, Pong

Trace = Callable[[str, Event], None]
"""Called with ">" (sent) or "<" (received) and the event, for each frame."""

MAX_LOGGED_PAYLOAD = 60
"""How many characters or bytes of a payload stand in a line."""


def line(direction: str, event: Event) -> str:
    """Return the line for a frame that was sent (">") or received ("<")."""
    return f"{direction} {_describe(event)}"


def _describe(event: Event) -> str:
    if isinstance(event, Message):
        kind = "TEXT" if isinstance(event.data, str) else "BINARY"
        more = "" if event.finished else ", more follows"
        return f"{kind} {shown(event.data)}{more}"
    if isinstance(event, Ping | Pong):
        return f"{type(event).__name__.upper()} {shown(event.payload)}"
    return f"CLOSE {event}"


def shown(payload: str | bytes) -> str:
    """Return a payload in printable characters, and its length."""
    if isinstance(payload, str):
        return f"'{printable(payload, MAX_LOGGED_PAYLOAD)}' ({len(payload)} characters)"
    more = "…" if len(payload) > MAX_LOGGED_PAYLOAD else ""
    return f"{bytes(payload[:MAX_LOGGED_PAYLOAD])!r}{more} ({len(payload)} bytes)"
