"""One line of log for a frame: ``> TEXT 'hello' (5 bytes)``.

The payload is shortened and escaped, so that a peer cannot write into the log
(no line breaks, no terminal sequences) or fill it.
"""

from __future__ import annotations

from collections.abc import Callable

from wsproto.events import CloseConnection, Event, Message, Ping, Pong

from .._ending import Close, CloseCode
from .._text import printable

Trace = Callable[[str, Event], None]
"""Called with ">" (sent) or "<" (received) and the event, for each frame."""

SHOWN = 60
"""How many characters or bytes of a payload stand in a line."""


def line(direction: str, event: Event) -> str:
    """The line for a frame that was sent (">") or received ("<")."""
    return f"{direction} {_told(event)}"


def _told(event: Event) -> str:
    if isinstance(event, Message):
        kind = "TEXT" if isinstance(event.data, str) else "BINARY"
        more = "" if event.message_finished else ", more follows"
        return f"{kind} {shown(event.data)}{more}"
    if isinstance(event, Ping | Pong):
        return f"{type(event).__name__.upper()} {shown(bytes(event.payload))}"
    assert isinstance(event, CloseConnection)
    # wsproto's annotation has no None, but a Close frame may have no code.
    code: int | None = event.code
    return f"CLOSE {Close(code or CloseCode.NO_STATUS_RECEIVED, event.reason or '')}"


def shown(payload: str | bytes) -> str:
    """A payload as one may read it, and its length."""
    if isinstance(payload, str):
        return f"'{printable(payload, SHOWN)}' ({len(payload)} characters)"
    more = "…" if len(payload) > SHOWN else ""
    return f"{bytes(payload[:SHOWN])!r}{more} ({len(payload)} bytes)"
