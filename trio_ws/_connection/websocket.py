"""`WebSocket`, the object that applications hold.

It is a thin face: each method checks its arguments, waits for what it needs,
makes one change to the protocol, and lets `Connection` do the rest.

Cancellation is the same for all of them (P4):
a cancelled call has either done nothing or has done all of it.
The two exceptions say so: a message sent in fragments cannot be taken back,
and a cancelled `close` goes on closing, only faster.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, final

import trio

from .._concurrency.chance import draw_bytes
from .._concurrency.checkpoints import current_checkpoint_budget
from .._ending import CloseCode, Ending
from .._errors import ConnectionClosed, MessageTypeError, closed
from .._handshake.opening import plain_response
from .._http import Request, Response
from .._instrument import MessageKind
from .._json import decode_json, encode_json
from .._protocol.shared_burst import SharedBurst
from .._protocol.states import State
from .._protocol.validation import check_close, check_payload
from .._tls_info import TLSInfo
from .connection import Connection
from .fragments import BytesLike, Fragments, check_fragments, send_fragments
from .incoming_message import IncomingMessage
from .receive_queue import wire_size
from .statistics import ConnectionStatistics, snapshot

if TYPE_CHECKING:
    from .._handshake.opening import Opening
    from .._options import ConnectionOptions

Message: TypeAlias = str | BytesLike | Fragments
"""What `WebSocket.send` takes: a message, or the fragments of one."""


_OPEN = State.OPEN  # looking it up in its class takes as long as all the rest of the check


@final
class WebSocket(trio.abc.AsyncResource):
    """An open WebSocket connection, client or server.

    Made by `open_websocket` and handed to the handlers of `serve_websocket`; never by hand.

    Several tasks may call any method at the same time.
    Each message goes to exactly one receiver, and messages never mix on the wire:
    one that is sent in fragments makes the others wait, in order of arrival.

    Every method raises `ConnectionClosed` when the connection is over,
    and `ConnectionLost` (or one of its subclasses) when it did not end with a closing handshake.

    Attributes:
        request: the upgrade request (RFC 6455 §4.1).
        subprotocol: the subprotocol that both agreed on, or None.
        extensions: the extensions that both agreed on, with their parameters,
            as they stand in the header ``Sec-WebSocket-Extensions``.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        opening: Opening,
        *,
        client: bool,
        options: ConnectionOptions,
        name: str,
    ) -> None:
        self.request: Request = opening.request
        self._response = None if opening.plain else opening.response
        self.subprotocol: str | None = opening.subprotocol
        self.extensions: tuple[str, ...] = tuple(str(each.element) for each in opening.extensions)
        self._connection = Connection(stream, opening, client=client, options=options, name=name)
        self._core = core = self._connection.core
        self._local_address = _same(core.transport.local_address)
        self._remote_address = opening.request.remote_address or core.transport.remote_address
        self._protocol = core.protocol
        self._receive_queue = core.receive_queue
        self._reader = self._connection.reader
        self._writer = self._connection.writer
        self._budget = current_checkpoint_budget()
        self._observers = core.observers
        self._messages_sent = 0
        self._messages_received = 0

    def __repr__(self) -> str:
        state = self.ending or self._protocol.state.value
        return f"<WebSocket {self._core.name} {self.request.path!r}: {state}>"

    # Facts

    @property
    def response(self) -> Response:
        """Return the response that accepted the request (RFC 6455 §4.2.2)."""
        return self._response or plain_response(self.request)

    @property
    def ending(self) -> Ending | None:
        """Return how the connection ended, or None while it has not."""
        return self._protocol.ending

    @property
    def latency(self) -> float | None:
        """Return the last ping's round trip in seconds, heartbeats too; None before the first."""
        return self._core.pings.round_trips.last

    @property
    def local_address(self) -> object:
        """Return our address as ``socket.getsockname`` does; None if this is not a socket.

        It stays when the connection is over.
        """
        return self._local_address

    @property
    def remote_address(self) -> object:
        """Return the peer's address as ``socket.getpeername`` does; None if this is not a socket.

        It stays when the connection is over.
        """
        return self._remote_address

    @property
    def name(self) -> str:
        """Return what the connection is called in the log: ``client-3``, ``server-3``."""
        return self._core.name

    @property
    def state(self) -> dict[str, Any]:
        """Return a mapping of the application's own: the library never looks into it.

        It is ``ws.request.state``: what `on_request` has found out about a request
        reaches the handler.  On a client it is empty at first.
        """
        return self.request.state

    @property
    def path_params(self) -> Mapping[str, Any]:
        """Return the parameters of the path, by name, as a `Router` has read them.

        They are those of ``ws.request.path_params``: a `str`, or an `int` for ``{name:int}``.
        On a client, and without a router, there are none.
        """
        return self.request.path_params

    @property
    def tls(self) -> TLSInfo | None:
        """Return what TLS has established, asked of OpenSSL anew each time; None without TLS."""
        return self._core.transport.tls

    def statistics(self) -> ConnectionStatistics:
        """Return a snapshot of counters and queues."""
        return snapshot(
            self._connection,
            messages_sent=self._messages_sent,
            messages_received=self._messages_received,
        )

    # Sending

    @trio.lowlevel.enable_ki_protection
    async def send(self, message: Message, *, compress: bool | None = None) -> None:
        """Send a message: `str` as text, bytes-like as binary (RFC 6455 §5.6).

        `compress` decides whether it is compressed, if that was agreed on;
        by default its size decides (`Deflate.threshold`), and fragments are compressed.

        An iterable or async iterable of either is sent as one message in fragments (§5.4),
        each handed to the kernel before the next one is asked for.

        Returns when the message is queued; waits while the queue is over `Limits.send_buffer`.
        What is queued is sent in order, unless the connection is lost or cancelled.

        If cancelled, nothing of the message was or will be sent.
        With fragments that holds until the first one is out; after it a cancellation,
        or an exception of the iterator, closes the connection (1001 or 1011).

        Raises:
            ConnectionClosed: the connection is over.
            LocalProtocolError: the text is not valid Unicode, or the fragments mix the types.
            TypeError: `message` is none of the above, or a file;
                or `compress` neither a bool nor None.
        """
        if compress is not None:
            _check_compress(compress)
        if isinstance(message, bytes):
            size = len(message)
        elif isinstance(message, str):
            size = wire_size(message)
        elif isinstance(message, (bytearray, memoryview)):
            message = bytes(message)
            size = len(message)
        else:
            await self._send_fragments(check_fragments(message), compress)
            return
        await self._budget.checkpoint(size)
        turn = self._core.send_turn
        if (turn is not None and turn.is_held) or not self._core.has_room(size):
            await self._send_in_turn(message, size, compress)
            return
        if self._protocol.state is not _OPEN:
            await self._core.check_open()
        self._queue(message, size, compress)

    async def _send_in_turn(self, message: str | bytes, size: int, compress: bool | None) -> None:
        turn = await self._core.take_turn_to_send()
        try:
            await self._writer.wait_for_room(size)
            await self._core.check_open()
            self._queue(message, size, compress)
        finally:
            turn.release()

    def _queue(self, message: str | bytes, size: int, compress: bool | None) -> None:
        frame = self._protocol.encode(message, compress=compress)
        self._messages_sent += 1
        if self._core.watches_idle:
            self._core.lease.data(trio.current_time())
        self._writer.send(frame)
        tell = self._observers.sent
        if tell is not None:
            try:
                tell(self, "text" if isinstance(message, str) else "binary", size)
            except BaseException as error:  # noqa: ASYNC103 - what may pass does
                self._observers.on_error("message_sent", tell, error)

    async def _send_fragments(self, fragments: Fragments, compress: bool | None) -> None:
        await self._budget.checkpoint(0)
        turn = await self._core.take_turn_to_send()
        try:
            await self._core.check_open()
            kind, size = await send_fragments(self._connection, fragments, compress)
        finally:
            turn.release()
        self._messages_sent += 1
        self._observers.tell("message_sent", self, kind, size)

    @trio.lowlevel.enable_ki_protection
    def send_nowait(self, message: str | BytesLike, *, compress: bool | None = None) -> None:
        """Send a message as `send` does, if that needs no waiting.

        Nothing yields to other tasks here: in a loop over many connections,
        wait for something now and then.

        Raises:
            trio.WouldBlock: the queue is over `Limits.send_buffer`, a message in fragments
                is being sent, or the closing handshake goes on; nothing was sent.
            ConnectionClosed: the connection is over.
            LocalProtocolError: the text is not valid Unicode.
            TypeError: `message` is neither `str` nor bytes-like; fragments need `send`.
        """
        if compress is not None:
            _check_compress(compress)
        if isinstance(message, bytes):
            size = len(message)
        elif isinstance(message, str):
            size = wire_size(message)
        elif isinstance(message, (bytearray, memoryview)):
            message = bytes(message)
            size = len(message)
        else:
            raise TypeError(
                f"send_nowait() takes str or bytes, not {type(message).__name__}; "
                f"send() takes fragments"
            )
        core = self._core
        turn = core.send_turn
        if (
            (turn is not None and turn.is_held)
            or not core.has_room(size)
            or self._protocol.state is not _OPEN
        ):
            self._refuse_to_wait()
        self._queue(message, size, compress)

    def _refuse_to_wait(self) -> NoReturn:
        """Say why nothing can be sent now."""
        if self.ending is not None:
            raise closed(self.ending)
        raise trio.WouldBlock

    def _send_burst(self, burst: SharedBurst) -> None:
        """Send messages that many connections get (`fanout`), or raise as `send_nowait` does."""
        core, protocol = self._core, self._protocol
        turn, data = core.send_turn, burst.data
        if protocol.state is not _OPEN or (turn is not None and turn.is_held):
            self._refuse_to_wait()
        if (
            data is None
            or burst.largest >= protocol.shares_below
            or not self._writer.write_past_queue(data, burst.count)
        ):
            self._queue_burst(burst)
        self._messages_sent += burst.count
        if core.watches_idle:
            core.lease.data(trio.current_time())
        if self._observers.sent is not None:
            self._tell_sent(burst)

    def _queue_burst(self, burst: SharedBurst) -> None:
        """Send messages that do not pass the queue, or not as they are."""
        if not self._core.has_room(burst.size):
            self._refuse_to_wait()
        waited = not self._protocol.send_queue.is_empty
        for message in burst.messages:
            self._protocol.send_shared(message)
        self._writer.flush_burst(waited)

    def _tell_sent(self, burst: SharedBurst) -> None:
        for each in burst.messages:
            kind = "text" if isinstance(each.message, str) else "binary"
            self._observers.tell("message_sent", self, kind, each.size)

    async def send_json(self, value: Any) -> None:
        """Send `value` as a text message of JSON (RFC 8259).

        Raises:
            ConnectionClosed: the connection is over.
            TypeError: something in `value` has no JSON form.
            ValueError: `value` is, or holds, a float that JSON has no form for (NaN, infinity),
                itself, or too many levels.
        """
        await self.send(encode_json(value))

    @trio.lowlevel.enable_ki_protection
    async def flush(self) -> None:
        """Wait until the kernel has taken all that was sent so far.

        Raises:
            ConnectionClosed: the connection is over, or ended before that.
        """
        await self._budget.checkpoint(0)
        if self.ending is not None:
            raise closed(self.ending)
        await self._writer.wait_until_flushed()

    # Receiving

    @trio.lowlevel.enable_ki_protection
    async def receive(self) -> str | bytes:
        """Return the next message: `str` if it is text, `bytes` if it is binary.

        If cancelled, no message is lost.

        Raises:
            ConnectionClosed: the connection is over and every message has been taken.
        """
        receive_queue = self._receive_queue
        if receive_queue.messages:
            await self._budget.checkpoint(len(receive_queue.messages[-1]))
        elif self._protocol.ending is not None:
            await self._budget.checkpoint(0)
        message, woken, reader = None, False, self._reader
        while not receive_queue.messages:
            if self._protocol.ending is not None:
                self._check_more_comes()
            alone = await (  # no method in a variable: a connection that waits would keep it
                reader.waiting(first=woken)
                if reader.may_wait_alone
                else receive_queue.receivers.parking(first=woken)
            )
            woken = True
            self._budget.renew()
            if (message := reader.answer(alone)) is not None:
                break
        else:
            message = receive_queue.take()
        self._messages_received += 1
        tell = self._observers.received
        if tell is not None:
            try:
                tell(self, "text" if type(message) is str else "binary", wire_size(message))
            except BaseException as error:  # noqa: ASYNC103 - what may pass does
                self._observers.on_error("message_received", tell, error)
        return message

    def _tell_received(self, kind: MessageKind, size: int) -> None:
        self._observers.tell("message_received", self, kind, size)

    def _check_more_comes(self) -> None:
        """Raise if the connection is over; if it was lost, that is the end of the body too."""
        if self.ending is not None:
            if self._core.cancels_body:
                self._core.cancel_body()
            raise closed(self.ending)

    async def receive_text(self) -> str:
        """Return the next message, which must be text; otherwise as `receive`.

        Raises:
            ConnectionClosed: the connection is over and every message has been taken.
            MessageTypeError: the message is binary; it has been consumed,
                and the connection stays open.
        """
        message = await self.receive()
        if isinstance(message, str):
            return message
        raise MessageTypeError(
            f"a text message was expected, and a binary one of {len(message)} bytes came"
        )

    async def receive_bytes(self) -> bytes:
        """Return the next message, which must be binary; otherwise as `receive`.

        Raises:
            ConnectionClosed: the connection is over and every message has been taken.
            MessageTypeError: the message is text; it has been consumed,
                and the connection stays open.
        """
        message = await self.receive()
        if isinstance(message, bytes):
            return message
        raise MessageTypeError(
            f"a binary message was expected, and a text of {len(message)} characters came"
        )

    async def receive_json(self) -> Any:
        """Return the next message, decoded from JSON (RFC 8259).

        Raises:
            ConnectionClosed: the connection is over and every message has been taken.
            ValueError: the message is not valid JSON (NaN is not), or has too many levels,
                or a number that is too large for a float (``1e999``);
                it has been consumed, and the connection stays open.
        """
        return decode_json(await self.receive())

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages; see `__anext__`."""
        return self

    async def __anext__(self) -> str | bytes:
        """Return the next message.

        The iteration ends quietly when `Ending.normal` is true (1000, 1001 or no code);
        otherwise it raises `ConnectionClosed`.
        On a connection of a supervisor only 1000 ends it quietly, the rest is worth a retry.
        """
        try:
            return await self.receive()
        except ConnectionClosed as error:
            if error.ending.clean and error.ending.code in self._core.supervised.quiet_close_codes:
                raise StopAsyncIteration from None
            raise

    def receive_stream(self) -> IncomingMessage:
        """Take the next message in chunks, as they arrive::

            async with ws.receive_stream() as chunks:
                async for chunk in chunks:
                    ...

        Chunks are `str` or `bytes`, of any size, and need not be the sender's fragments.
        At most `Limits.receive_buffer` bytes wait;
        the whole message may still not be larger than `Limits.max_message_size`.
        The message is claimed with its first chunk, not when the block is entered:
        to enter and leave without iterating drops nothing.
        Leaving later, but early, drops the rest of the message as it arrives.
        One task streams at a time; another waits for its turn.
        If heartbeats are recognised among the messages, the first chunk comes
        with the whole message, or when more than 1024 bytes of it have arrived:
        no longer message is taken for a heartbeat.

        Raises:
            ConnectionClosed: when the connection ends before the message does,
                or while another task has its turn.
        """
        return IncomingMessage(self._connection, self._check_more_comes, self._tell_received)

    # Control frames

    @trio.lowlevel.enable_ki_protection
    async def ping(self, payload: BytesLike | None = None) -> float:
        """Send a ping, wait for its pong, and return the round trip in seconds (RFC 6455 §5.5.2).

        Without a `payload` (at most 125 bytes) an unpredictable one is used.
        The pong is behind the messages that the peer sent before it: while the receive buffer
        is full and no task receives, it is not seen.
        If cancelled, the ping may be on its way, and its pong is ignored.

        Raises:
            ConnectionClosed: the connection ended before the pong came.
            LocalProtocolError: the payload is too long.
            TypeError: the payload is not bytes-like.
        """
        data = draw_bytes(8) if payload is None else check_payload("ping", payload)
        await self._budget.checkpoint(0)
        await self._writer.wait_for_control_room()
        await self._core.check_open()
        ping = self._connection.send_ping(data)
        try:
            await ping.wait()
        finally:
            self._core.pings.discard(ping)
        if ping.rtt is None:
            assert self.ending is not None
            raise closed(self.ending)
        return ping.rtt

    @trio.lowlevel.enable_ki_protection
    async def pong(self, payload: BytesLike = b"") -> None:
        """Send an unsolicited pong, a one-way sign of life (RFC 6455 §5.5.3).

        Pings of the peer are answered without your help.

        Raises:
            ConnectionClosed: the connection is over.
            LocalProtocolError: the payload is longer than 125 bytes.
            TypeError: the payload is not bytes-like.
        """
        data = check_payload("pong", payload)
        await self._budget.checkpoint(0)
        await self._writer.wait_for_control_room()
        await self._core.check_open()
        self._protocol.pong(data)
        self._writer.after_change()

    # Closing

    @trio.lowlevel.enable_ki_protection
    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close politely: send what `send` accepted, say goodbye, wait for the peer's answer.

        Takes at most `Timeouts.close` seconds; then the connection is closed by force.
        Messages that arrive meanwhile may still be received, as far as the buffer holds them.
        Calling it again, or after the end, waits for the end and changes nothing.
        If another task is in the middle of sending a message in fragments,
        the peer hears 1011 instead of 1000: half a message is not a normal end.

        If cancelled, the close goes on without you, within `Timeouts.goodbye`.

        Raises:
            LocalProtocolError: `code` may not be sent (RFC 6455 §7.4),
                or `reason` is longer than 123 bytes.
            TypeError: `code` is no whole number, or `reason` no `str`.
        """
        check_close(code, reason)
        self._connection.close_gracefully(code, reason)
        try:
            await self._core.finished.wait()
        except BaseException:
            self._connection.close_quickly(code, reason)
            raise

    async def wait_closed(self) -> Ending:
        """Wait until the connection is over and its transport is closed; return how it ended."""
        await self._core.finished.wait()
        assert self.ending is not None
        return self.ending

    async def aclose(self) -> None:
        """Close, as `trio.abc.AsyncResource` asks for it: by force if cancelled."""
        await self.close()


@lru_cache(maxsize=16)
def _same(address: object) -> object:
    """Return one copy for all the connections of a listener: it takes some 150 bytes."""
    return address


def _check_compress(compress: object) -> None:
    if not isinstance(compress, bool):
        raise TypeError(f"compress must be True, False or None; got {compress!r}")
