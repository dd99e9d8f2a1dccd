"""The judge of what arrives: wsproto, and what wsproto leaves to its user.

wsproto parses frames, checks them, and tells in events what they say.
`Session` puts before it whatever the fast lane has not taken, and acts on what comes back.
Four things stand between the two, which wsproto does not do, or not in our way:

* **Sizes.**  wsproto takes a payload of any length.  So a frame is measured by its header,
  before a byte of its payload is kept: `measure`.
* **Closes and complaints.**  wsproto reports a violation as a Close that the peer never sent.
  Here what the peer sent is a `Close`, and what it did wrong a `Violation`.
* **1014**, which was registered after wsproto's list of codes was made: wsproto sees 1013
  in its place, and judges the rest of the frame (`disguise`).
* **Words.**  What wsproto says about bad UTF-8 depends on how the bytes were cut on their way;
  what we say does not.

A judge takes 2 KiB, so a session has none until something must be judged;
many a connection comes to its end without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import final

from wsproto import events as theirs
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.extensions import Extension

from .._ending import Close, CloseCode
from .._policies import Limits
from .events import Event, Message, Ping, Pong, Violation
from .frame_header import Header, Opcode, close_code, with_close_code


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
            if isinstance(event, theirs.CloseConnection):
                yield self._close_or_violation(event)
            else:
                yield _translated(event)

    def _close_or_violation(self, event: theirs.CloseConnection) -> Close | Violation:
        if self._wsproto.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            # The peer sent no Close, or wsproto would have gone on to another state.
            bad_text = event.code == CloseCode.INVALID_PAYLOAD
            return Violation(int(event.code), "invalid UTF-8" if bad_text else event.reason or "")
        code = CloseCode.BAD_GATEWAY if self._substituted else event.code
        return Close(int(code), event.reason or "")

    def send(self, event: Event) -> bytes:
        """Return the frame that says `event`, for what the fast path does not write."""
        return self._wsproto.send(_for_wsproto(event))


def _translated(event: theirs.Event) -> Message | Ping | Pong:
    if isinstance(event, theirs.Message):
        data = event.data if isinstance(event.data, str) else bytes(event.data)
        return Message(data, event.message_finished)
    if isinstance(event, theirs.Ping):
        return Ping(bytes(event.payload))
    assert isinstance(event, theirs.Pong)
    return Pong(bytes(event.payload))


def _for_wsproto(event: Event) -> theirs.Event:
    if isinstance(event, Message):
        if isinstance(event.data, str):
            return theirs.TextMessage(data=event.data, message_finished=event.finished)
        return theirs.BytesMessage(data=event.data, message_finished=event.finished)
    if isinstance(event, Ping):
        return theirs.Ping(payload=event.payload)
    if isinstance(event, Pong):
        return theirs.Pong(payload=event.payload)
    # wsproto's annotations have no None, but a Close frame may have no code and no reason.
    code = None if event.code == CloseCode.NO_STATUS_RECEIVED else event.code
    return theirs.CloseConnection(code=code, reason=event.reason or None)  # type: ignore[arg-type]
