"""The judge of what arrives: wsproto, and what wsproto leaves to its user.

wsproto parses frames, checks them, and tells in events what they say.
`Session` puts before it whatever the fast lane has not taken, and acts on what comes back.
Four things stand between the two, which wsproto does not do, or not in our way:

* **Sizes.**  wsproto takes a payload of any length.  So a frame is measured by its header,
  before a byte of its payload is kept: `measure`.
* **Closes and complaints.**  wsproto reports a violation as a Close that the peer never sent.
  Here what the peer sent is a `CloseConnection`, and what it did wrong a `Violation`.
* **1014**, which was registered after wsproto's list of codes was made: wsproto sees 1013
  in its place, and judges the rest of the frame (`disguise`).
* **Words.**  What wsproto says about bad UTF-8 depends on how the bytes were cut on their way;
  what we say does not.

A judge takes 2 KiB, so a session has none until something must be judged;
many a connection comes to its end without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, final

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Event
from wsproto.extensions import Extension

from .._ending import CloseCode
from .._policies import Limits
from .frame_header import Header, Opcode, close_code, with_close_code


class Violation(NamedTuple):
    """What the peer did wrong, and the code that says so."""

    code: int
    detail: str


@final
class WsprotoCodec:
    """Judges what one peer sends; see the top of this file."""

    __slots__ = ("_fragments", "_limits", "_size", "_substituted", "_wsproto")

    def __init__(self, *, client: bool, limits: Limits, extensions: Iterable[Extension]) -> None:
        role = ConnectionType.CLIENT if client else ConnectionType.SERVER
        self._wsproto = Connection(role, list(extensions))
        self._limits = limits
        self._size = 0
        self._fragments = 0
        self._substituted = False

    def check_size(self, header: Header, *, in_progress: bool) -> Violation | None:
        """What is wrong with the size of a data frame, or of the message it goes on with."""
        if header.opcode != Opcode.CONTINUATION or not in_progress:
            self._size = self._fragments = 0
        self._size += header.payload_length
        self._fragments += 1
        limits = self._limits
        if self._size > limits.max_message_size:
            detail = f"a message of {self._size} bytes or more, over the limit of "
            return Violation(int(CloseCode.MESSAGE_TOO_BIG), f"{detail}{limits.max_message_size}")
        if self._fragments > limits.max_fragments:
            detail = f"a message of more than {limits.max_fragments} fragments"
            return Violation(int(CloseCode.MESSAGE_TOO_BIG), detail)
        return None

    def substitute_1014(self, frame: bytes, header: Header) -> bytes:
        """A whole Close frame in a form that wsproto can judge; to be heard next."""
        if close_code(frame, header) != CloseCode.BAD_GATEWAY:
            return frame
        self._substituted = True
        return with_close_code(frame, header, CloseCode.TRY_AGAIN_LATER)

    def receive(self, piece: bytes) -> Iterator[Event | Violation]:
        """What the next piece of the stream says.

        Each event wants to be acted on before the next one is asked for.
        """
        self._wsproto.receive_data(piece)
        for event in self._wsproto.events():
            yield self._close_or_complaint(event) if isinstance(event, CloseConnection) else event

    def _close_or_complaint(self, event: CloseConnection) -> Event | Violation:
        if self._wsproto.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            # The peer sent no Close, or wsproto would have gone on to another state.
            bad_text = event.code == CloseCode.INVALID_PAYLOAD
            return Violation(int(event.code), "invalid UTF-8" if bad_text else event.reason or "")
        if self._substituted:
            return CloseConnection(code=CloseCode.BAD_GATEWAY, reason=event.reason)
        return event

    def send(self, event: Event) -> bytes:
        """The frame that says `event`, for what the fast lane does not write."""
        return self._wsproto.send(event)
