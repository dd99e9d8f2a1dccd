"""What wsproto makes of the frames that arrive, and what it leaves to its user.

wsproto parses frames, checks them, and tells in events what they say.
`WebSocketProtocol` gives it whatever the fast path has not taken, and acts on the events.
wsproto lacks these things, or has them in a way that we cannot use:

* **Sizes.**  wsproto takes a payload of any length.  So the size of a frame is checked
  by its header, before a byte of its payload is kept: `check_size`.
* **Violations.**  wsproto reports a violation as a Close that the peer never sent.
  Here what the peer sent is a `Close`, and what it did wrong a `Violation`.
* **1014**, which was registered after wsproto's list of codes was made: wsproto sees 1013
  in its place, and checks the rest of the frame (`substitute_1014`).
* **Words.**  What wsproto says about bad UTF-8 depends on how the bytes were cut on their way;
  what we say does not.
* **Extensions.**  wsproto would let an extension decode without a bound.
  It sees the frames of an encoded message without their payload: `check_frame`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from wsproto import events as theirs
from wsproto.connection import Connection, ConnectionState, ConnectionType

from .._ending import Close, CloseCode
from .._policies import Limits
from .events import Event, Message, Ping, Pong
from .frame_header import Header, Opcode, close_code, shortest_head, with_close_code
from .violation import INVALID_UTF8, Violation, too_large, too_many_fragments

_ZERO_KEY = bytes(4)


@final
class WsprotoDecoder:
    """A decoder that checks what one peer sends; see the top of this file."""

    __slots__ = ("_fragments", "_limits", "_size", "_substituted", "_wsproto")

    def __init__(self, *, client: bool, limits: Limits) -> None:
        self._wsproto = Connection(ConnectionType.CLIENT if client else ConnectionType.SERVER)
        self._limits = limits
        self._size = 0
        self._fragments = 0
        self._substituted = False

    def check_size(
        self, header: Header, *, in_progress: bool, streamed: bool = False, encoded: bool = False
    ) -> Violation | None:
        """Return what is wrong with the size of a data frame, or of the message it goes on with.

        An encoded message may be a little larger than what it says: data that cannot be
        compressed grows.  What it says is measured when it has been decoded.
        The fragments of a message that is streamed are not counted: nothing is kept of them.
        """
        if header.opcode != Opcode.CONTINUATION or not in_progress:
            self._size = self._fragments = 0
        self._size += header.payload_length
        self._fragments += 1
        limit = self._limits.max_message_size
        if self._size > (limit + limit // 32 + 1024 if encoded else limit):
            return too_large(self._size, limit)
        if self._fragments > self._limits.max_fragments and not streamed:
            return too_many_fragments(self._limits.max_fragments)
        return None

    def check_frame(self, head: bytes, header: Header, rsv: int) -> Violation | None:
        """Return what is wrong with a data frame whose payload and bits `rsv` wsproto never sees.

        `head` is the frame up to its payload.  A length that is not in its shortest form stays
        as it is: wsproto refuses the frame before it waits for the payload.
        """
        masked = bool(head[1] & 0x80)
        first = head[0] & ~rsv if header.opcode != Opcode.CONTINUATION else head[0]
        if len(head) == shortest_head(header.payload_length, masked=masked):
            frame = bytes((first, head[1] & 0x80)) + _ZERO_KEY * masked
        else:
            frame = bytes((first,)) + head[1:]
        for event in self.receive(frame):
            if isinstance(event, Violation):
                return event
        return None

    def substitute_1014(self, frame: bytes, header: Header) -> bytes:
        """Return a whole Close frame with a code that wsproto knows; it must be received next."""
        if close_code(frame, header) != CloseCode.BAD_GATEWAY:
            return frame
        self._substituted = True
        return with_close_code(frame, header, CloseCode.TRY_AGAIN_LATER)

    def receive(self, piece: bytes) -> Iterator[Event | Violation]:
        """Yield what the next piece of the stream says.

        Act on each event before the next one is asked for: wsproto changes with each.
        """
        self._wsproto.receive_data(piece)
        for event in self._wsproto.events():
            if isinstance(event, theirs.CloseConnection):
                yield self._close_or_violation(event)
            else:
                yield _translated(event)

    def _close_or_violation(self, event: theirs.CloseConnection) -> Close | Violation:
        if self._wsproto.state is ConnectionState.OPEN:
            # The peer sent no Close, or wsproto would have gone on to another state.
            if event.code == CloseCode.INVALID_PAYLOAD:
                return INVALID_UTF8
            return Violation(int(event.code), event.reason or "")
        code = CloseCode.BAD_GATEWAY if self._substituted else event.code
        return Close(int(code), event.reason or "")


def _translated(event: theirs.Event) -> Message | Ping | Pong:
    if isinstance(event, theirs.Message):
        data = event.data if isinstance(event.data, str) else bytes(event.data)
        return Message(data, event.message_finished)
    if isinstance(event, theirs.Ping):
        return Ping(bytes(event.payload))
    assert isinstance(event, theirs.Pong)
    return Pong(bytes(event.payload))
