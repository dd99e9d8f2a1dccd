"""One channel across many connections.

`supervise` gives each connection to a session, which begins anew.
Here it is the other way round: the program holds one channel, and connections come and go below it.
That is convenient, and it hides something, so it must be plain about what:

* *At most once.*  A message that was handed to the kernel when the connection broke
  is in doubt, and is never sent again (`_outgoing`).
* What the server knew of the old connection (who you are, what you subscribed to) is gone;
  ``on_connect`` tells it anew, before anything else is sent.

The session that is supervised attaches its connection, and waits for its end::

    on_connect ─▶ what is waiting goes out ─▶ attached: send and receive use it ─▶ detached

What arrives outlives its connection, within bounds (`_incoming`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias, Unpack, final

import trio

from .._concurrency.background import BackgroundTask
from .._concurrency.blocks import Block
from .._connection.websocket import WebSocket
from .._ending import CloseCode
from .._errors import ConnectionClosed, LocalProtocolError, NotConnected, closed
from .._protocol.validation import check_close
from .._supervision.endpoints import Endpoint
from .._supervision.loop import SessionPlan
from .._supervision.supervise import Supervisor, SupervisorOptions
from .._validation import check_callable, check_instance
from .incoming import Incoming
from .outgoing import Outgoing, SendBuffer

OnConnect: TypeAlias = Callable[[WebSocket], Awaitable[object]]
"""What ``on_connect`` may be: an async function of each new `WebSocket`."""

WhenDown: TypeAlias = Literal["wait", "fail"]
"""What ``when_down`` may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectingStatistics:
    """A snapshot of one channel; see `ReconnectingWebSocket.statistics`.

    Attributes:
        connections: connections that were opened.
        downtime: seconds without a connection.
        messages_sent: messages that `send` accepted.
        messages_received: messages that `receive` gave out.
        waiting: messages that wait for a connection.
        waiting_bytes: how many bytes they are, each counted with 64 bytes for itself.
        in_doubt: messages that were handed to the kernel and may not have arrived:
            the connection ended before anything proved that they had.
        expired: messages that were dropped because they had waited for `SendBuffer.max_age`.
        dropped: messages that arrived and were dropped when their connection ended,
            because `Limits.receive_buffer` bytes of earlier connections were still not taken.
            What is kept of connections that have ended is at most twice that, and one gulp.
    """

    connections: int
    downtime: float
    messages_sent: int
    messages_received: int
    waiting: int
    waiting_bytes: int
    in_doubt: int
    expired: int
    dropped: int


@final
class ReconnectingWebSocket:
    """A channel across many connections; made by `open_reconnecting_websocket`.

    Several tasks may call any method at the same time;
    messages are sent in the order of the calls, and each goes to exactly one receiver.

    Delivery is *at most once*, in order.
    A message that `send` accepted may be lost with its connection, or with the channel;
    `statistics` counts those that are in doubt.
    Where every message matters, number them and let the server confirm them.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        *,
        on_connect: OnConnect | None,
        buffer: SendBuffer | None,
        when_down: WhenDown,
    ) -> None:
        if when_down not in ("wait", "fail"):
            raise ValueError(f'when_down must be "wait" or "fail", not {when_down!r}')
        check_instance("buffer", buffer, SendBuffer, "SendBuffer(…)", optional=True)
        check_callable("on_connect", on_connect, optional=True)
        self._supervisor = supervisor
        self._work = SessionPlan(
            session=self._session, prepare=on_connect, done="the channel was closed"
        )
        self._when_down: WhenDown = when_down
        self._outgoing = Outgoing(buffer)
        self._lane = trio.StrictFIFOLock()
        self._incoming = Incoming(self._check_more_comes)
        # The connection to send on, and the bells for senders and for those who close
        self._ws: WebSocket | None = None
        self._changed = trio.lowlevel.ParkingLot()
        self._finished = trio.Event()
        # The end
        self._scope = trio.CancelScope()
        self._closing = False
        self._failure: Exception | None = None
        self._last_word: ConnectionClosed | None = None
        self._sent = 0

    def __repr__(self) -> str:
        waiting = f"; messages waiting: {len(self._outgoing)}" if len(self._outgoing) else ""
        return f"<ReconnectingWebSocket {self._supervisor._label}{waiting}>"

    @property
    def supervisor(self) -> Supervisor:
        """What keeps it connected: states, events, `Supervisor.retry_now`."""
        return self._supervisor

    def statistics(self) -> ReconnectingStatistics:
        """A snapshot of counters."""
        supervision = self._supervisor.statistics()
        return ReconnectingStatistics(
            connections=supervision.connections,
            downtime=supervision.downtime,
            messages_sent=self._sent,
            messages_received=self._incoming.received,
            waiting=len(self._outgoing),
            waiting_bytes=self._outgoing.size,
            in_doubt=self._outgoing.in_doubt,
            expired=self._outgoing.expired,
            dropped=self._incoming.dropped,
        )

    # Sending

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message: `str` as text, bytes-like as binary.

        Without a connection it waits for the next one,
        unless there is room in the `SendBuffer`, or ``when_down="fail"`` was given.
        If cancelled, nothing of the message was or will be sent.

        Raises:
            NotConnected: there is no connection, and it is not to wait for one.
            ConnectionClosed: the peer closed with 1000.
            trio.ClosedResourceError: the channel was closed.
            LocalProtocolError: the text is not valid Unicode.
            TypeError: `message` is none of the above; fragments cannot be sent here,
                because a message that breaks off half-way could not go on elsewhere.
        """
        checked = _checked(message)
        async with self._lane:
            while not await self._try_to_send(checked):
                await self._changed.park()
        self._sent += 1

    async def _try_to_send(self, message: str | bytes) -> bool:
        """Hand it to a connection or to the buffer; False: something has to change first."""
        while (ws := self._ws) is not None:
            try:
                await ws.send(message)
            except ConnectionClosed:
                self._detach(ws)
            else:
                send_queue = ws._connection.core.protocol.send_queue
                self._outgoing.accepted_at_once(
                    message,
                    send_queue.frames_in,
                    frames_out=send_queue.frames_out,
                    now=trio.current_time(),
                )
                return True
        self._check_open()
        if self._outgoing.has_room(message, trio.current_time()):
            self._outgoing.put(message, trio.current_time())
            return True
        if self._when_down == "fail":
            raise NotConnected(f"there is no connection: {self._supervisor._label}")
        return False

    def _check_open(self) -> None:
        """Raise what tells why there is nothing more to come."""
        if self._failure is not None:
            raise self._failure
        if self._last_word is not None:
            raise closed(self._last_word.ending)
        if self._closing or self._finished.is_set():
            raise trio.ClosedResourceError("the channel was closed")

    # Receiving

    async def receive(self) -> str | bytes:
        """Return the next message, of whichever connection.

        Messages of an earlier connection come before those of a later one.
        If cancelled, no message is lost.

        Raises:
            ConnectionClosed: the peer closed with 1000, and every message has been taken.
            trio.ClosedResourceError: the channel was closed, and every message has been taken.
        """
        return await self._incoming.receive()

    def _check_more_comes(self) -> None:
        if self._finished.is_set():
            self._check_open()

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages; ends quietly with the peer's 1000 or our own `close`."""
        return self

    async def __anext__(self) -> str | bytes:
        """The next message."""
        try:
            return await self.receive()
        except (ConnectionClosed, trio.ClosedResourceError) as error:
            if error is self._failure:
                raise
            raise StopAsyncIteration from None

    # Closing

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the connection politely, if there is one, and do not connect again.

        What the connection has accepted goes out first, within `Timeouts.close`;
        what waits for a connection is dropped.
        If cancelled, the connection is closed within `Timeouts.goodbye`.

        Raises:
            LocalProtocolError: as `WebSocket.close`.
        """
        check_close(code, reason)
        self._closing = True
        try:
            if (ws := self._ws) is not None:
                await ws.close(code, reason)
            if ws is None or (ws.ending is not None and not ws.ending.clean):
                self._scope.cancel(reason="the channel was closed")
            await self._finished.wait()
        except BaseException:
            self._scope.cancel(reason="the channel was closed in a hurry")
            raise

    # The task beside the block

    async def _run(self) -> None:
        """Keep connected until there is an end; tell everybody who waits."""
        try:
            with self._scope:
                await self._supervisor._run(self._work)
                if not self._closing:
                    last = self._supervisor.statistics().last_failure
                    self._last_word = last if isinstance(last, ConnectionClosed) else None
        except Exception as error:
            self._failure = error
            raise
        finally:
            self._finished.set()
            self._changed.unpark_all()
            self._incoming.wake_all()

    async def _session(self, ws: WebSocket) -> None:
        """What is supervised: attach a connection, and wait for its end."""
        self._outgoing.begin(ws._connection.core.protocol.send_queue.frames_in)
        self._incoming.add(ws)
        try:
            await self._send_waiting(ws)
            self._ws = ws
            self._changed.unpark_all()
            ending = await ws.wait_closed()
        finally:
            self._detach(ws)
            self._settle(ws)
        if not self._closing:
            raise closed(ending)

    async def _send_waiting(self, ws: WebSocket) -> None:
        while (message := self._outgoing.take(trio.current_time())) is not None:
            await ws.send(message)
            self._outgoing.accepted(ws._connection.core.protocol.send_queue.frames_in)
            self._changed.unpark_all()

    def _detach(self, ws: WebSocket) -> None:
        if self._ws is ws:
            self._ws = None

    def _settle(self, ws: WebSocket) -> None:
        """What becomes of the messages that the connection had accepted, and of those it had."""
        send_queue = ws._connection.core.protocol.send_queue
        ending = ws.ending
        self._outgoing.end(
            frames_out=send_queue.frames_out,
            confirmed=ws._connection.core.pings.frames_confirmed,
            delivered=ending is not None and ending.clean and not ending.received_first,
        )
        send_queue.clear()  # or the writer might send what is going to be sent again
        self._incoming.over(ws)


def _checked(message: object) -> str | bytes:
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message)
    if not isinstance(message, str):
        raise TypeError(f"send() takes str or bytes-like, not {type(message).__name__}")
    try:
        message.encode()
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"the text is not valid Unicode: {error}") from None
    return message


def open_reconnecting_websocket(
    endpoint: Endpoint,
    *,
    on_connect: OnConnect | None = None,
    buffer: SendBuffer | None = None,
    when_down: WhenDown = "wait",
    **options: Unpack[SupervisorOptions],
) -> AbstractAsyncContextManager[ReconnectingWebSocket]:
    """One channel across many connections, for the length of a block::

        async def subscribe(ws):
            await ws.send_json({"subscribe": "trades"})

        async with open_reconnecting_websocket(url, on_connect=subscribe) as channel:
            async for message in channel:
                ...

    Entering the block does not wait for the first connection.
    A failure that waiting does not help against cancels the block, and leaves it, bare;
    so does whatever ``on_connect`` raises besides the end of its connection.
    Leaving the block closes the connection: normally with 1000, with an exception with 1011,
    when cancelled with 1001 and at once.

    Args:
        endpoint: as `supervise` takes it.
        on_connect: an async function of each new `WebSocket`, called before anything else is sent:
            to log in, to subscribe.  What it receives is not seen by the channel.
            It may take `Timeouts.connect`, once more after connecting;
            then the connection is closed (1001) and counts as one that was lost.
        buffer: lets `ReconnectingWebSocket.send` return at once while there is no connection.
        when_down: what `send` does without a connection and without room in the buffer.
        options: those of `supervise`.

    Raises:
        TypeError, ValueError, LocalProtocolError: an option or the endpoint is none;
            this function raises it, before the block.
        SupervisorGaveUp, HandshakeError, ConnectionClosed: as `supervise`.
    """
    channel = ReconnectingWebSocket(
        Supervisor(endpoint, **options),
        on_connect=on_connect,
        buffer=buffer,
        when_down=when_down,
    )
    return Block("open_reconnecting_websocket(…)", _block(channel))


@asynccontextmanager
async def _block(channel: ReconnectingWebSocket) -> AsyncGenerator[ReconnectingWebSocket]:
    async with BackgroundTask(channel._run, name="trio_ws reconnecting channel"):
        try:
            yield channel
        except Exception:
            await channel.close(CloseCode.INTERNAL_ERROR)  # noqa: ASYNC120 - bounded
            raise
        else:
            await channel.close()
