"""An open connection, as a machine of bytes: RFC 6455 §5 to §7 without any I/O.

What arrives takes one of two ways: whole simple messages the `fastlane`, all else the `judge`,
which says what wsproto and the limits make of it.
A `Session` finds out where each frame begins and ends, and gives it one way or the other.
It decides what to do about each event, and owns the one fact that says how it ended.

The life of a session has three states, OPEN, CLOSING and ENDED; `states` has the table
that says what to do in each of them about everything that can happen.

Two rules keep a session whole under Trio, where any ``await`` may be cancelled:

1. Nothing here awaits.  A method changes the session and queues the bytes that say so,
   or raises and has changed nothing.
2. `ending` is written once, together with the step to ENDED.
   There is no other flag for "it is over".

How to drive it: call `feed` with every chunk of bytes that arrives and act on what it returns;
call `send`, `ping`, `pong` and `close` for what you want to say;
call `lose` when the transport ends or a policy gives the peer up;
after each of these, write what `outbox` holds and look at `ending`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cached_property

from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    TextMessage,
)
from wsproto.extensions import Extension

from .._ending import Close, CloseCode, Ending, Loss
from .._errors import LocalProtocolError, closed
from .._policies import Limits
from .assembler import Chunk, MessageAssembler, Mode
from .encoder import encode, encode_message
from .fast_path import MAX_MESSAGES_PER_FEED, FastDecoder, plain_close
from .frame_header import MAX_CONTROL_PAYLOAD, Header, Opcode, parse_header
from .frame_log import Trace
from .send_queue import MAX_BATCH, SendQueue
from .states import TABLE, Action, Input, State
from .validation import as_utf8, check_close, check_control, check_kind, truncate_reason
from .wsproto_codec import Violation, WsprotoCodec

ProtocolEvent = str | bytes | Chunk | Pong
"""What `Session.feed` returns: whole messages, parts of one that is streamed, pongs."""

# Looking a member up in its class takes longer than the comparison.
_OPEN, _IDLE = State.OPEN, Mode.IDLE


class WebSocketProtocol:
    """One side of an open WebSocket connection; see the top of this file."""

    def __init__(
        self,
        *,
        client: bool,
        limits: Limits,
        extensions: Iterable[Extension] = (),
        trace: Trace | None = None,
        lane: bool = True,
    ) -> None:
        self._extensions = tuple(extensions)
        self._client = client
        self._lane = FastDecoder(masked=not client, limit=limits.max_message_size if lane else -1)
        self._fast_encode = lane and not self._extensions and trace is None
        self._limits = limits
        self._trace = trace
        self.state = State.OPEN
        self.ending: Ending | None = None
        self.send_queue = SendQueue(masked=client)
        self.assembler = MessageAssembler()
        # Sending
        self._sent: Close | None = None
        self._kind: type[str] | type[bytes] | None = None
        # Receiving
        self._held = b""
        self.behind = False
        self._frame_left = 0

    @cached_property
    def _codec(self) -> WsprotoCodec:
        return WsprotoCodec(client=self._client, limits=self._limits, extensions=self._extensions)

    def _step(self, what: Input) -> Action:
        self.state, action = TABLE[self.state, what]
        return action

    # What arrives

    def feed(self, data: bytes, *, most: int = sys.maxsize) -> list[ProtocolEvent]:
        """Take bytes as they came from the peer; return what happened, in order.

        Never raises, whatever the bytes are (P10): a violation ends the session.
        At most so many pieces are put before wsproto, which takes its time for each,
        and about `BURST` messages are taken at once, so that a gulp of tiny ones is not kept whole;
        if that is not all, `behind` is true: call again, with ``b""``, when others have run.
        """
        events: list[ProtocolEvent] = []
        self.behind = False
        if self.ending is not None:
            return events
        if self._held:
            data, self._held = self._held + data, b""
        position = self._lane.gather(data, events)
        while position < len(data):
            if self._lane_is_clear():
                position = self._lane.read(data, position, events)
                if position == len(data):
                    break
            end = self._feed_piece(data, position, events)
            if self.state is State.ENDED:
                break
            if end == position:
                self._held = data[position:]
                break
            position = end
            most -= 1
            if not most or len(events) >= MAX_MESSAGES_PER_FEED:
                self._held = data[position:]
                self.behind = bool(self._held)
                break
        return events

    def _lane_is_clear(self) -> bool:
        """Whether wsproto is between two messages, and nobody wants to see the frames."""
        return not (self._frame_left or self.assembler.mode is not _IDLE or self._trace)

    def stream(self, *, hold: int = 0) -> Chunk | None:
        """Pass on the message in progress, or the next one, in chunks from now on.

        `MessageAssembler.stream` says what `hold` does, and what is returned.
        Not while `gathering`: that message will be whole.
        """
        return self.assembler.stream(hold=hold)

    @property
    def gathering(self) -> bool:
        """Whether a message is arriving on the fast lane, where it cannot be had in parts."""
        return self._lane.gathering is not None

    @property
    def landing(self) -> memoryview | None:
        """Where the next bytes may be read to directly, if so many of one message are missing."""
        gathering = self._lane.gathering
        if gathering is None or gathering.missing < MAX_BATCH:
            return None
        return gathering.landing

    def landed(self, count: int) -> list[ProtocolEvent]:
        """So many bytes were read to `landing`; return what happened, as `feed` does."""
        events: list[ProtocolEvent] = []
        if self._lane.gathering is not None and self.ending is None:
            self._lane.gathering.landed(count)
            self._lane.finish(events)
        return events

    @property
    def receiving_message(self) -> bool:
        """Return True if a message has begun to arrive, and its end has not arrived."""
        return self.assembler.in_progress or self._lane.gathering is not None

    @property
    def assembling(self) -> int:
        """Return how many bytes are held of the message that is arriving."""
        gathering = self._lane.gathering
        return self.assembler.size + (0 if gathering is None else gathering.size)

    def _feed_piece(self, data: bytes, start: int, events: list[ProtocolEvent]) -> int:
        """Take as much from `start` as can be judged now; return where it ends.

        That is a data frame as far as it is there, or a whole control frame,
        or nothing while a header is incomplete.
        """
        if not self._frame_left:
            header = parse_header(data, start)
            if header is None:
                return start
            if header.is_control:
                return self._feed_control(data, start, header, events)
            if header.end > len(data) and self._lane_is_clear():
                start_of_payload, length = header.payload_start, header.payload_length
                if self._lane.start_gathering(data, start, start_of_payload, length):
                    return len(data)
            if violation := self._codec.check_size(header, in_progress=self.assembler.in_progress):
                self._fail(violation)
                return start
            self._frame_left = header.end - start
        end = min(start + self._frame_left, len(data))
        self._frame_left -= end - start
        self._receive(data[start:end], events)
        return end

    def _feed_control(
        self, data: bytes, start: int, header: Header, events: list[ProtocolEvent]
    ) -> int:
        """Take a control frame, once it is whole or too long to be waited for."""
        if header.payload_length <= MAX_CONTROL_PAYLOAD and header.end > len(data):
            return start
        frame = data[start : header.end]
        if header.opcode == Opcode.CLOSE:
            if self._fast_encode and (close := plain_close(frame, masked=not self._client)):
                self._on_close(Close(*close))
                return start + len(frame)
            frame = self._codec.substitute_1014(frame, header.moved(-start))
        self._receive(frame, events)
        return start + len(frame)

    def _receive(self, piece: bytes, events: list[ProtocolEvent]) -> None:
        """Let wsproto judge a piece, and act on each event before it sees the next."""
        for event in self._codec.receive(piece):
            produced = self._act(event)
            if produced is not None:
                events.append(produced)

    def _act(self, event: Event | Violation) -> ProtocolEvent | None:
        if isinstance(event, Violation):
            self._fail(event)
            return None
        self._tell("<", event)
        if isinstance(event, Message):
            self._step(Input.MESSAGE)
            return self.assembler.add(event.data, event.message_finished)
        if isinstance(event, Ping):
            if self._step(Input.PING) is Action.ANSWER:
                self.send_queue.put_pong(self._control_frame(Opcode.PONG, bytes(event.payload)))
            return None
        if isinstance(event, CloseConnection):
            self._on_close(Close(int(event.code), event.reason or ""))
            return None
        assert isinstance(event, Pong)
        self._step(Input.PONG)
        return event

    def _on_close(self, received: Close) -> None:
        if self._step(Input.CLOSE) is Action.REPLY:
            self._queue_close(Close(received.code), hurry=True)
            self._end(Ending(sent=self._sent, received=received, received_first=True))
        else:
            self._end(Ending(sent=self._sent, received=received))

    def _fail(self, violation: Violation) -> None:
        """The peer broke the rules: say so, and stop listening (RFC 6455 §7.1.7)."""
        loss, detail = Loss.VIOLATION, violation.detail
        if self._step(Input.VIOLATION) is Action.FAIL:
            self._queue_close(Close(violation.code, truncate_reason(detail)), hurry=True)
        else:
            loss, detail = Loss.UNANSWERED, f"{loss.value}: {detail}"
        self._end(Ending(sent=self._sent, loss=loss, detail=detail))

    def _end(self, ending: Ending) -> None:
        assert self.ending is None
        self.ending = ending

    # What we say

    @property
    def mid_message(self) -> bool:
        """Whether a message that is sent in fragments waits for its next one."""
        return self._kind is not None

    def send(self, message: str | bytes, *, finished: bool = True) -> None:
        """Queue a message, or a fragment of one (RFC 6455 §5.4)."""
        if self._fast_encode and finished and self._kind is None and self.state is _OPEN:
            self.send_queue.put_data(encode_message(message, masked=self._client))
        else:
            self._send_slowly(message, finished)

    def _send_slowly(self, message: str | bytes, finished: bool) -> None:
        kind: type[str] | type[bytes] = str if isinstance(message, str) else bytes
        check_kind(kind, self._kind)
        self._check_may_send()
        event: Event
        if isinstance(message, str):
            as_utf8(message)
            event = TextMessage(data=message, message_finished=finished)
        else:
            event = BytesMessage(data=message, message_finished=finished)
        self.send_queue.put_data(self._frame(event))
        self._kind = None if finished else kind

    def ping(self, payload: bytes) -> None:
        """Queue a ping (RFC 6455 §5.5.2)."""
        check_control(payload, "ping")
        self._check_may_send()
        self.send_queue.put_control(self._control_frame(Opcode.PING, payload))

    def pong(self, payload: bytes) -> None:
        """Queue a pong that nobody asked for (RFC 6455 §5.5.3)."""
        check_control(payload, "pong")
        self._check_may_send()
        self.send_queue.put_control(self._control_frame(Opcode.PONG, payload))

    def _control_frame(self, opcode: Opcode, payload: bytes) -> bytes:
        if self._fast_encode:
            return encode(opcode, payload, masked=self._client)
        return self._frame((Ping if opcode is Opcode.PING else Pong)(payload=payload))

    def close(self, code: int, reason: str = "", *, hurry: bool = False) -> None:
        """Queue our Close behind the data, or at once if in a `hurry`; only the first counts."""
        check_close(code, reason)
        if self._step(Input.SEND_CLOSE) is Action.QUEUE:
            self._queue_close(Close(int(code), reason), hurry=hurry)

    def lose(
        self,
        loss: Loss,
        detail: str = "",
        *,
        cause: BaseException | None = None,
        farewell: Close | None = None,
    ) -> None:
        """The peer is gone; a `farewell` is for one that may still hear it."""
        if self.state is State.CLOSING:
            loss, detail = Loss.UNANSWERED, detail or loss.value
        elif self.state is State.OPEN and farewell:
            self._queue_close(farewell, hurry=True)
        if self._step(Input.LOSS) is Action.LOSE:
            self._end(Ending(sent=self._sent, loss=loss, detail=detail, cause=cause))

    def _check_may_send(self) -> None:
        if self._step(Input.SEND) is Action.REFUSE:
            if self.ending is not None:
                raise closed(self.ending)
            raise LocalProtocolError("nothing can be sent after our close")

    def _queue_close(self, close: Close, *, hurry: bool) -> None:
        if hurry:
            self.send_queue.clear()
        self.send_queue.put_close(self._close_frame(close))
        self._sent = close

    def _close_frame(self, close: Close) -> bytes:
        code = None if close.code == CloseCode.NO_STATUS_RECEIVED else close.code
        if self._fast_encode:
            payload = b"" if code is None else code.to_bytes(2, "big") + close.reason.encode()
            return encode(Opcode.CLOSE, payload, masked=self._client)
        event = CloseConnection(code=code, reason=close.reason or None)  # type: ignore[arg-type]
        return self._frame(event)

    def _frame(self, event: Event) -> bytes:
        self._tell(">", event)
        return self._codec.send(event)

    def _tell(self, direction: str, event: Event) -> None:
        if self._trace:
            self._trace(direction, event)
