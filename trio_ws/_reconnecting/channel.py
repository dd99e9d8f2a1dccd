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

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Literal, TypeAlias, final

import trio

from .._concurrency.background import BackgroundTask
from .._connection.delivery import Delivery
from .._connection.websocket import WebSocket
from .._ending import CloseCode, Ending, Loss
from .._errors import ConnectionClosed, LocalProtocolError, NotConnected, closed, is_end_of
from .._protocol.validation import check_close
from .._supervision.config import SessionPlan
from .._supervision.supervise import Supervisor
from .._validation import check_callable, check_instance
from .incoming import Incoming
from .outgoing import Outgoing, SendBuffer
from .statistics import ReconnectingStatistics

OnConnect: TypeAlias = Callable[[WebSocket], Awaitable[object]]
"""What ``on_connect`` may be: an async function of each new `WebSocket`."""

WhenDown: TypeAlias = Literal["wait", "fail"]
"""What ``when_down`` may be."""

DOUBT_INTERVAL = 5.0
"""Seconds after which a channel asks whether what it sent has arrived."""


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
        self._delivery: Delivery | None = None
        self._doubts = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()
        self._finished = trio.Event()
        # The end
        self._scope = trio.CancelScope()
        self._closing = False
        self._failure: Exception | None = None
        self._last_word: ConnectionClosed | None = None
        self._last: WebSocket | None = None
        self._sent = 0

    def __repr__(self) -> str:
        waiting = f"; messages waiting: {len(self._outgoing)}" if len(self._outgoing) else ""
        return f"<ReconnectingWebSocket {self._supervisor._label}{waiting}>"

    @property
    def supervisor(self) -> Supervisor:
        """Return what keeps it connected: states, events, `Supervisor.retry_now`."""
        return self._supervisor

    def statistics(self) -> ReconnectingStatistics:
        """Return a snapshot of counters."""
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

    @trio.lowlevel.enable_ki_protection
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
                # Also woken when the oldest message of the buffer expires: that makes room.
                with trio.move_on_at(self._outgoing.next_expiry):
                    await self._changed.park()
        self._sent += 1

    async def _try_to_send(self, message: str | bytes) -> bool:
        """Hand it to a connection or to the buffer; False: something has to change first."""
        while (delivery := self._delivery) is not None:
            try:
                receipt = await delivery.send(message)
            except ConnectionClosed:
                self._detach(delivery)
            else:
                self._outgoing.accepted_at_once(receipt, trio.current_time())
                self._doubts.set()
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

    def is_end(self, error: BaseException) -> bool:
        """Return True if `error` is what `_check_open` raises: no exception of the user's own."""
        if self._last_word is not None and is_end_of(error, self._last_word.ending):
            return True
        return error is self._failure

    # Receiving

    @trio.lowlevel.enable_ki_protection
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
        """Return the next message."""
        try:
            return await self.receive()
        except (ConnectionClosed, trio.ClosedResourceError) as error:
            if error is self._failure:
                raise
            raise StopAsyncIteration from None

    # Closing

    @trio.lowlevel.enable_ki_protection
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
            ws = None if self._delivery is None else self._delivery.ws
            if ws is not None:
                await ws.close(code, reason)
            if ws is None or (ws.ending is not None and not ws.ending.clean):
                self._scope.cancel(reason="the channel was closed")
            await self._finished.wait()
        except BaseException:
            self._scope.cancel(reason="the close of the channel was cancelled")
            raise

    async def aclose(self) -> None:
        """Close with 1000, as `trio.abc.AsyncResource` asks: quickly if cancelled."""
        await self.close()

    @property
    def ending(self) -> Ending | None:
        """Return how the channel ended, or None while it goes on.

        That is the end of its last connection.
        If it has had none, `Ending.loss` says that nothing was sent or received.
        """
        if not self._finished.is_set():
            return None
        never = Ending(loss=Loss.EOF, detail="the channel ended without a connection")
        return (self._last and self._last.ending) or never

    # The task beside the block

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C must not leave `close` waiting
    async def _run(self) -> None:
        """Keep connected until there is an end; tell all tasks that wait."""
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

    @trio.lowlevel.enable_ki_protection
    async def _session(self, ws: WebSocket) -> None:
        """Attach a connection, and wait for its end; this is what is supervised."""
        delivery = Delivery(ws)
        self._last = ws
        self._incoming.add(delivery)
        try:
            await self._send_waiting(delivery)
            self._delivery = delivery
            self._changed.unpark_all()
            async with BackgroundTask(
                lambda: self._dispel_doubts(delivery), name="trio_ws channel in doubt"
            ):
                ending = await ws.wait_closed()
        finally:
            self._detach(delivery)
            self._settle(delivery)
        if not self._closing:
            raise closed(ending)

    async def _send_waiting(self, delivery: Delivery) -> None:
        while (message := self._outgoing.take(trio.current_time())) is not None:
            self._outgoing.accepted(await delivery.send(message))
            self._doubts.set()
            self._changed.unpark_all()

    async def _dispel_doubts(self, delivery: Delivery) -> None:
        """Now and then, while there is doubt about what was sent, ask with a ping.

        Its pong proves that what was written before it has arrived.
        On a busy connection the heartbeat has no reason to ask.
        """
        while delivery.answers_pings:
            await self._doubts.wait()
            await trio.sleep(DOUBT_INTERVAL)
            if delivery.in_doubt:
                with suppress(ConnectionClosed):
                    await delivery.ws.ping()
            else:
                self._doubts = trio.Event()

    def _detach(self, delivery: Delivery) -> None:
        if self._delivery is delivery:
            self._delivery = None

    def _settle(self, delivery: Delivery) -> None:
        """Decide what becomes of messages that the connection had accepted, and of unread ones."""
        self._outgoing.end(in_doubt=delivery.in_doubt)
        delivery.take_back()  # or the writer might send what is going to be sent again
        self._incoming.over(delivery)


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
