"""An open connection, as a machine of bytes: RFC 6455 §5 to §7 without any I/O.

What arrives takes one of two ways: whole simple messages the fast path (`FastDecoder`),
all else the slow path (`SlowPath`), on which wsproto and the limits decide.
`WebSocketProtocol` decides what to do about each event, and owns the fact that says how it ended.

Its life has three states, OPEN, CLOSING and ENDED; `states` has the table
that says what to do in each of them about everything that can happen.

Two rules keep it whole under Trio, where any ``await`` may be cancelled:

1. Nothing here awaits.  A method changes the protocol and queues the bytes that say so,
   or raises and has changed nothing.
2. `ending` is written once, together with the step to ENDED.
   There is no other flag for "it is over".

How to drive it: call `feed` with every chunk of bytes that arrives and act on what it returns;
call `send`, `ping`, `pong` and `close` for what you want to say;
call `lose` when the transport ends or a policy gives the peer up.
After each of these, write what `send_queue` holds and look at `ending`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from .._ending import Close, CloseCode, Ending, Loss
from .._errors import LocalProtocolError, closed
from .._policies import Limits
from .assembler import Chunk, MessageAssembler, Mode
from .encoder import encode_control, encode_message
from .events import Event, Message, Ping, Pong
from .extensions.base import ExtensionCodec
from .fast_path import MAX_MESSAGES_PER_FEED, FastDecoder
from .frame_header import Header, Opcode
from .frame_log import Trace
from .masking import MaskKeys, mask_keys
from .message_decoder import MessageDecoder
from .message_encoder import MessageEncoder
from .send_queue import MAX_BATCH, SendQueue
from .shared_message import SharedMessage
from .slow_path import SlowPath
from .states import TABLE, Action, Input, State
from .tail import may_wait
from .validation import check_close, check_control, truncate_reason
from .violation import Violation

ProtocolEvent = str | bytes | Chunk | Pong
"""What `feed` returns: whole messages, chunks of one that is streamed, pongs."""

# Looking a member up in its class takes longer than the comparison.
_OPEN, _IDLE = State.OPEN, Mode.IDLE


_UNEXPLAINED = frozenset(
    {
        CloseCode.PROTOCOL_ERROR,
        CloseCode.UNSUPPORTED_DATA,
        CloseCode.NO_STATUS_RECEIVED,
        CloseCode.INTERNAL_ERROR,
    }
)
"""With these a peer closes that meets what it does not know; others tell of reasons of its own."""


class WebSocketProtocol:
    """A side of an open WebSocket connection; see the top of this file.

    Without a `decoder` every frame takes the slow path; `trace` is told about those only.
    """

    def __init__(
        self,
        *,
        client: bool,
        limits: Limits,
        decoder: FastDecoder | None,
        codecs: Sequence[ExtensionCodec] = (),
        keys: MaskKeys = mask_keys,
        trace: Trace | None = None,
    ) -> None:
        self._client = client
        self._trace = trace
        self.state = State.OPEN
        self.ending: Ending | None = None
        self._measure: Callable[[], tuple[float, float, str]] | None = None
        self.send_queue = SendQueue(masked=client)
        self.assembler = MessageAssembler()
        # Sending
        self._sent: Close | None = None
        self._keys = keys
        self._encoder = MessageEncoder(codecs, masked=client, keys=keys)
        self._plain_below = self._encoder.plain_below[None]
        self._only_codec = self._encoder.only_codec
        self.shares_below = 0 if client or trace else self._plain_below
        """A message of fewer bytes has the same frame as on any other server's connection."""
        # Receiving
        self._decoder = decoder
        self._encoded: MessageDecoder | None = None
        if codecs:
            self._encoded = MessageDecoder(codecs, limit=limits.max_message_size)
            if decoder is not None:
                decoder.take_encoded(self._encoded)
        self._limits = limits
        self._lazy_slow_path: SlowPath | None = None
        self.unparsed = b""
        """What has arrived and could not be taken yet; what arrives next belongs behind it."""
        self._tail_waits = False
        self.has_pending_input = False

    def measure_with(self, measure: Callable[[], tuple[float, float, str]]) -> None:
        """Ask this when the connection ends: for its age, its silence, and why a peer may close."""
        self._measure = measure

    def _step(self, what: Input) -> Action:
        self.state, action = TABLE[self.state, what]
        return action

    # What arrives

    def feed(self, data: bytes, *, most: int = sys.maxsize) -> list[ProtocolEvent]:
        """Take bytes as they came from the peer; return what happened, in order.

        Never raises, whatever the bytes are (P10): a violation ends the connection.
        At most `most` frames take the slow path, which takes its time for each,
        and about `MAX_MESSAGES_PER_FEED` messages are taken at once.
        If that is not all, `has_pending_input` is true: call again, with ``b""``, in another turn.
        """
        return self.feed_joined(self.unparsed + data, most=most)

    def tail(self) -> bytes:
        """Return `unparsed`: who waits for what comes behind it asks when that has come."""
        return self.unparsed

    def feed_joined(
        self, data: bytes | memoryview, *, most: int = sys.maxsize
    ) -> list[ProtocolEvent]:
        """Do the same with what came behind `unparsed`, both in one piece.

        Nothing refers to `data` afterwards: it may lie in a buffer that is used again.
        """
        events: list[ProtocolEvent] = []
        waited, self._tail_waits = self._tail_waits, False
        self.unparsed, self.has_pending_input = b"", False
        if self.ending is not None:
            return events
        decoder, encoded = self._decoder, self._encoded
        if encoded is not None:
            data = bytes(data)
            if encoded.used and self._go_on_decoding(encoded, data, events):
                return events
        position = 0 if decoder is None else decoder.resume(data, events)
        while position < len(data):
            fast = decoder if self._may_be_fast() else None
            if fast is not None:
                position = fast.read(data, position, events)
                if position == len(data):
                    break
            if not isinstance(data, bytes):  # what is left may be kept
                data, position = bytes(data[position:]), 0
            again = waited and not events
            if fast is not None and self._must_stop(fast, data, position, again=again):
                break
            end = self._take_piece(data, position, events)
            most -= 1
            if self._must_pause(data, position, end, most=most, events=len(events)):
                break
            position = end
        return events

    def _may_be_fast(self) -> bool:
        """Return True if wsproto is between two messages, and the next one is wanted whole."""
        slow_path = self._lazy_slow_path
        between = slow_path is None or not slow_path.payload_remaining
        return between and self.assembler.mode is _IDLE

    @property
    def _slow_path(self) -> SlowPath:
        """Return the slow path; it is made when it is first needed, which is rarely."""
        if self._lazy_slow_path is None:
            self._lazy_slow_path = SlowPath(
                client=self._client,
                limits=self._limits,
                decoder=self._decoder,
                encoded=self._encoded,
            )
        return self._lazy_slow_path

    def _take_piece(self, data: bytes, position: int, events: list[ProtocolEvent]) -> int:
        """Take a piece on the slow path, and act on what it says; return where it ends."""
        assembler = self.assembler
        for event in self._slow_path.take(
            data,
            position,
            in_progress=assembler.in_progress,
            streamed=assembler.keeps_nothing,
        ):
            self._act(event, events)
        return self._slow_path.position

    def _go_on_decoding(
        self, encoded: MessageDecoder, data: bytes, events: list[ProtocolEvent]
    ) -> bool:
        """Decode what the last turn left; return True if no more may be done in this one."""
        encoded.begin_turn()
        if not encoded.has_more:
            return False
        for event in self._slow_path.decode(encoded):
            self._act(event, events)
        if self.ending is None and encoded.has_more:
            self.unparsed, self.has_pending_input = data, True
        return self.ending is not None or encoded.has_more

    def _must_stop(self, decoder: FastDecoder, data: bytes, position: int, *, again: bool) -> bool:
        """Return True if the slow path must not go on where the fast path has stopped.

        `again` tells that an incomplete frame there has waited already.
        """
        encoded = self._encoded
        if encoded is not None and encoded.violation is not None:
            self._fail(encoded.violation)
        elif encoded is not None and encoded.spent:
            self.unparsed, self.has_pending_input = data[position:], True
        elif (header := decoder.find_incomplete(data, position)) is not None:
            return self._await_rest(decoder, data, position, header, again=again)
        else:
            return False
        return True

    def _await_rest(
        self, decoder: FastDecoder, data: bytes, position: int, header: Header, *, again: bool
    ) -> bool:
        """Keep the incomplete frame at `position`; return False if it takes the slow path."""
        tail = data[position:]
        if again or not may_wait(tail, header.moved(-position)):
            return decoder.start_buffer(data, header)
        self.unparsed, self._tail_waits = tail, True
        return True

    def _must_pause(self, data: bytes, start: int, end: int, *, most: int, events: int) -> bool:
        """Return True if nothing can be done behind a piece, or not before other tasks have run."""
        if self.state is State.ENDED:
            return True
        decoding = self._encoded is not None and self._encoded.has_more
        paused = not most or events >= MAX_MESSAGES_PER_FEED or decoding
        if paused or end == start:
            self.unparsed = data[end:]
            self.has_pending_input = decoding or (end > start and bool(self.unparsed))
        return paused or end == start

    def stream(self, *, hold: int = 0) -> Chunk | None:
        """Pass on the message in progress, or the next one, in chunks from now on.

        `MessageAssembler.stream` says what `hold` does, and what is returned.
        Not while `buffering`: that message will be whole.
        """
        if self._tail_waits:
            self.feed(b"")  # text, and valid so far: nothing happens but that it is not kept back
        return self.assembler.stream(hold=hold)

    @property
    def buffering(self) -> bool:
        """Return True if a message is arriving on the fast path, where it has no chunks."""
        if self._tail_waits:
            return self.unparsed[0] & 0x0F == Opcode.BINARY
        return self._decoder is not None and self._decoder.buffer is not None

    @property
    def wants_buffer(self) -> bool:
        """Return True if `get_buffer` returns one."""
        decoder = self._decoder
        buffer = None if decoder is None else decoder.buffer
        return buffer is not None and buffer.missing >= MAX_BATCH

    def get_buffer(self) -> memoryview | None:
        """Return where to read the next bytes to, if much of one message is missing."""
        if self._decoder is None or (buffer := self._decoder.buffer) is None:
            return None
        return None if buffer.missing < MAX_BATCH else buffer.get_buffer()

    def buffer_updated(self, count: int) -> list[ProtocolEvent]:
        """Note that `count` bytes were read to `get_buffer()`; return what happened, as `feed`."""
        events: list[ProtocolEvent] = []
        decoder = self._decoder
        if decoder is not None and decoder.buffer is not None and self.ending is None:
            decoder.buffer.buffer_updated(count)
            decoder.finish(events)
        return events

    @property
    def receiving_message(self) -> bool:
        """Return True if a message has begun to arrive, and its end has not arrived."""
        return self._tail_waits or self.assembler.in_progress or self.buffering

    @property
    def assembling(self) -> int:
        """Return how many bytes are held of the message that is arriving."""
        decoder = self._decoder
        buffered = 0 if decoder is None or decoder.buffer is None else decoder.buffer.size
        waiting = len(self.unparsed) if self._tail_waits else 0
        return self.assembler.size + buffered + waiting

    # What happens

    def _act(self, event: Event | Violation, events: list[ProtocolEvent]) -> None:
        if isinstance(event, Violation):
            self._fail(event)
            return
        self._tell("<", event)
        if isinstance(event, Message):
            self._step(Input.MESSAGE)
            produced = self.assembler.add(event.data, event.finished)
            if produced is not None:
                events.append(produced)
        elif isinstance(event, Ping):
            if self._step(Input.PING) is Action.ANSWER:
                self._tell(">", Pong(event.payload))
                self.send_queue.put_pong(self._control(Opcode.PONG, event.payload))
        elif isinstance(event, Close):
            self._on_close(event, answered=any(isinstance(each, Pong) for each in events))
        else:
            self._step(Input.PONG)
            events.append(event)

    def _on_close(self, received: Close, *, answered: bool) -> None:
        first = self._step(Input.CLOSE) is Action.REPLY
        if first:
            self._queue_close(Close(received.code), now=True)
        # A pong that came just before it has not been taken yet, but is an answer all the same.
        hinted = first and not answered and received.code in _UNEXPLAINED
        self._end(received=received, received_first=first, hinted=hinted)

    def _fail(self, violation: Violation) -> None:
        """Say what is wrong with what arrived, and stop listening (RFC 6455 §7.1.7)."""
        loss, detail = violation.loss, violation.detail
        if self._step(Input.VIOLATION) is Action.FAIL:
            self._queue_close(Close(violation.code, truncate_reason(detail)), now=True)
        else:
            loss, detail = Loss.UNANSWERED, f"{loss.value}: {detail}"
        self._end(loss=loss, detail=detail)

    def _end(
        self,
        *,
        received: Close | None = None,
        received_first: bool = False,
        loss: Loss | None = None,
        detail: str = "",
        hinted: bool = False,
        cause: BaseException | None = None,
    ) -> None:
        assert self.ending is None
        age, silence, hint = (0.0, 0.0, "") if self._measure is None else self._measure()
        self.ending = Ending(
            sent=self._sent,
            received=received,
            received_first=received_first,
            loss=loss,
            detail=hint if hinted else detail,
            cause=cause,
            age=age,
            silence=silence,
        )

    # What we say

    @property
    def mid_message(self) -> bool:
        """Return True if a message that is sent in fragments waits for its next one."""
        return self._encoder.fragment_type is not None

    def send(
        self, message: str | bytes, *, finished: bool = True, compress: bool | None = None
    ) -> None:
        """Queue a message, or a fragment of one (RFC 6455 §5.4).

        `compress` tells extensions that leave it to the application whether to encode it.
        """
        encoder = self._encoder
        if finished and encoder.fragment_type is None and self.state is _OPEN and not self._trace:
            below = self._plain_below if compress is None else encoder.plain_below[compress]
            frame = encode_message(message, self._client, below, self._keys, self._only_codec)
            if frame is None:
                frame = encoder.encode(message, finished=True, compress=compress)
            self.send_queue.put_data(frame)
        else:
            self._send_slowly(message, finished, compress)

    def _send_slowly(self, message: str | bytes, finished: bool, compress: bool | None) -> None:
        self._encoder.check(message)
        self._check_may_send()
        frame = self._encoder.encode(message, finished=finished, compress=compress)
        self._tell(">", Message(message, finished))
        self.send_queue.put_data(frame)

    def send_shared(self, shared: SharedMessage) -> None:
        """Queue a message that other connections get as well; it is compressed once for all."""
        self._encoder.check_between_messages()
        self._check_may_send()
        self._tell(">", Message(shared.message))
        self.send_queue.put_data(self._encoder.encode_shared(shared))

    def ping(self, payload: bytes) -> None:
        """Queue a ping (RFC 6455 §5.5.2)."""
        check_control(payload, "ping")
        self._check_may_send()
        self._tell(">", Ping(payload))
        self.send_queue.put_control(self._control(Opcode.PING, payload))

    def pong(self, payload: bytes) -> None:
        """Queue a pong that answers no ping (RFC 6455 §5.5.3)."""
        check_control(payload, "pong")
        self._check_may_send()
        self._tell(">", Pong(payload))
        self.send_queue.put_control(self._control(Opcode.PONG, payload))

    def _control(self, opcode: Opcode, payload: bytes) -> bytes:
        return encode_control(opcode, payload, masked=self._client, keys=self._keys)

    def close(self, code: int, reason: str = "") -> None:
        """Queue our Close behind the data; only the first counts."""
        check_close(code, reason)
        if self._step(Input.SEND_CLOSE) is Action.QUEUE:
            self._queue_close(Close(int(code), reason), now=False)

    def lose(
        self,
        loss: Loss,
        detail: str = "",
        *,
        cause: BaseException | None = None,
        farewell: Close | None = None,
    ) -> None:
        """Note that the peer is gone; a `farewell` is for one that may still receive it."""
        if self.state is State.CLOSING:
            loss, detail = Loss.UNANSWERED, detail or loss.value
        elif self.state is State.OPEN and farewell:
            self._queue_close(farewell, now=True)
        if self._step(Input.LOSS) is Action.LOSE:
            self._end(loss=loss, detail=detail, cause=cause)

    def _check_may_send(self) -> None:
        if self._step(Input.SEND) is Action.REFUSE:
            if self.ending is not None:
                raise closed(self.ending)
            raise LocalProtocolError("nothing can be sent after our close")

    def _queue_close(self, close: Close, *, now: bool) -> None:
        if now:
            self.send_queue.clear()
        payload = b""
        if close.code != CloseCode.NO_STATUS_RECEIVED:
            payload = close.code.to_bytes(2, "big") + close.reason.encode()
        self._tell(">", close)
        self.send_queue.put_close(self._control(Opcode.CLOSE, payload))
        self._sent = close

    def _tell(self, direction: str, event: Event) -> None:
        if self._trace:
            self._trace(direction, event)
