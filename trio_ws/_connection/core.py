"""What the parts of one connection share.

Each part knows the parts below it, and the core knows none of them::

    Connection ─▶ Reader ─▶ Writer ─▶ HeartbeatDriver ─▶ ConnectionCore

So no reference leads back to where it came from.
When the connection has ended and the application lets go of it,
everything is freed at once, unread messages too, without the garbage collector.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import NamedTuple, final

import trio

from .._concurrency.slim import SlimEvent, SlimParkingLot
from .._ending import NORMAL_CLOSE_CODES, Close, CloseCode, Ending, Loss
from .._errors import closed
from .._handshake.opening import Opening
from .._liveness.lease import Lease
from .._liveness.pings import Pings
from .._liveness.timer import NOTHING_BEFORE
from .._log import Log
from .._options import ConnectionOptions
from .._policies import FOREVER
from .._protocol.extensions.base import ExtensionCodec
from .._protocol.extensions.deflate import DeflateCodec
from .._protocol.fast_path import FastDecoder
from .._protocol.frame_log import line
from .._protocol.masking import MaskKeys, mask_keys
from .._protocol.protocol import WebSocketProtocol
from .._protocol.send_queue import QUEUE_ITEM_OVERHEAD
from .._protocol.states import State
from .._transport.adapter import transport_on
from .._transport.entropy import own_entropy
from .lifetime import Initiator, Lifetime
from .receive_queue import ReceiveQueue
from .turn import Turn


class Supervised(NamedTuple):
    """What a supervisor changes about a connection.

    Attributes:
        quiet_close_codes: the codes of a clean end with which ``async for`` ends quietly.
        body_grace: for how many seconds the block may go on after the peer has closed.
    """

    quiet_close_codes: frozenset[int] = NORMAL_CLOSE_CODES
    body_grace: float = FOREVER


_UNSUPERVISED = Supervised()
_CLIENT_LOG, _SERVER_LOG = Log("trio_ws.client"), Log("trio_ws.server")

current_supervision: ContextVar[Supervised] = ContextVar(
    "trio_ws.supervision", default=_UNSUPERVISED
)
"""What a connection that is opened in this context is told by its supervisor."""

BROKEN_OFF = "a message was broken off"
"""The reason of a Close behind a message of which the rest will never come."""


@final
class ConnectionCore:
    """The values of one connection, and what has to happen to all of them at its end.

    =================  ===============================  =======================================
    field              changed by                       read by
    =================  ===============================  =======================================
    ``client``         nothing                          all, as ``name``, ``request``,
                                                        ``options``, ``log``, ``watches_idle``
    ``protocol``       the reader feeds it; it is told  all
                       what to send, and of a loss
    ``transport``      the reader; the writer, also     statistics
                       inline
    ``receive_queue``  the reader puts; receivers take  the reader, the writer
    ``room``           the writer wakes it              senders, who wait there
    ``send_turn``      senders; `note_ending`           `WebSocket.send`
    ``stream_turn``    streamers; `note_ending`         `IncomingMessage`
    ``pings``          the heartbeat and `ping` add;    statistics
                       the reader hands it pongs
    ``lease``          the reader, the writer           the heartbeat
    ``lifetime``       what closes, loses or fails      both tasks, the block
    ``body``           `note_ending`, `cancel_body`     the block, which stands in it
    ``write_error``    the writer                       the reader, at the end of the stream
    ``supervised``     nothing, once it is given        `note_ending`, ``async for``
    ``observers``      nothing                          the connection, `WebSocket`
    ``over``           `note_ending`                    what waits for the ending
    ``finished``       the reading task, as it ends     what waits for the last step
    =================  ===============================  =======================================
    """

    __slots__ = (
        "_send_buffer",
        "_send_queue",
        "body",
        "client",
        "deflate",
        "finished",
        "lease",
        "lifetime",
        "log",
        "name",
        "observed",
        "observers",
        "options",
        "over",
        "pings",
        "protocol",
        "receive_queue",
        "request",
        "room",
        "send_turn",
        "stream_turn",
        "supervised",
        "transport",
        "watches_idle",
        "write_error",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        opening: Opening,
        *,
        client: bool,
        options: ConnectionOptions,
        name: str,
        phase: float,
    ) -> None:
        self.client = client
        self.name = name
        self.request = opening.request
        self.options = options
        self.log = _CLIENT_LOG if client else _SERVER_LOG
        self.observers = options.observers
        self.observed: object = None
        self.watches_idle = options.timeouts.idle is not None
        codecs = [each.codec for each in opening.extensions]
        self.deflate = next((each for each in codecs if isinstance(each, DeflateCodec)), None)
        self.protocol = self._make_protocol(codecs, _keys_of(stream))
        self._send_queue = self.protocol.send_queue
        self._send_buffer = options.limits.send_buffer
        self.transport = transport_on(stream)
        self.receive_queue = ReceiveQueue(options.limits.receive_buffer)
        self.room = SlimParkingLot()
        self.send_turn: Turn | None = None
        self.stream_turn: Turn | None = None
        self.pings = Pings()
        now = trio.current_time()
        self.lease = Lease(
            options.beats,
            options.timeouts,
            now=now,
            phase=phase,
            told=self.transport.tells_acknowledgements,
        )
        self.protocol.measure_with(_Measure(now, self.lease, self.pings))
        self.transport.observe(on_arrival=self.lease.heard, on_departure=self.lease.progress)
        self.lifetime = Lifetime()
        self.body = trio.CancelScope()
        self.write_error: Exception | None = None
        self.supervised = current_supervision.get()
        self.over = SlimEvent()
        self.finished = SlimEvent()

    def _make_protocol(self, codecs: list[ExtensionCodec], keys: MaskKeys) -> WebSocketProtocol:
        limits = self.options.limits
        decoder, trace = None, None
        if self.log.shows(logging.DEBUG):  # each frame is logged, by the slow path alone
            trace = partial(_log_frame, self.log, self.name)
        else:
            decoder = FastDecoder(masked=not self.client, limit=limits.max_message_size)
        return WebSocketProtocol(
            client=self.client,
            limits=limits,
            codecs=codecs,
            decoder=decoder,
            keys=keys,
            trace=trace,
        )

    # Instruments

    def begin_observation(self, ws: object) -> None:
        """Tell the instruments that a connection is open; what may pass of theirs leaves it."""
        if self.observers:
            self.observed = ws  # a ring, until the end
            try:
                self.tell("connection_opened")
            except BaseException as error:  # noqa: ASYNC103 - it leaves at the end of the block
                self.on_own_error(error)

    def end_observation(self) -> None:
        """Tell the instruments that it is over."""
        if self.observed is not None:
            try:
                self.tell("connection_closed", self.protocol.ending)
            finally:
                self.observed = None

    def tell(self, event: str, *what: object) -> None:
        """Tell the instruments of an event of this connection."""
        if self.observed is not None:
            self.observers.tell(event, self.observed, *what)

    # Sending

    def has_room(self, size: int) -> bool:
        """Return True if a message of `size` bytes may be queued; one always may if none waits."""
        waiting = self._send_queue.size
        return waiting == 0 or waiting + size + QUEUE_ITEM_OVERHEAD <= self._send_buffer

    async def take_turn_to_send(self) -> Turn:
        """Wait for the turn to send, in order of arrival; messages are kept apart by it.

        If the turn is another's when the connection is over, raise `ConnectionClosed`.
        """
        if self.send_turn is None:
            self.send_turn = Turn(closed=self.over.is_set())
        await self._take(self.send_turn)
        return self.send_turn

    async def take_turn_to_stream(self) -> Turn:
        """Wait for the turn to take chunks; otherwise as `take_turn_to_send`."""
        if self.stream_turn is None:
            self.stream_turn = Turn(closed=self.over.is_set())
        await self._take(self.stream_turn)
        return self.stream_turn

    async def _take(self, turn: Turn) -> None:
        if not await turn.acquire():
            assert self.protocol.ending is not None
            raise closed(self.protocol.ending)

    async def check_open(self) -> None:
        """Raise `ConnectionClosed` unless messages may be sent.

        While the closing handshake goes on this waits for its end, which is bounded.
        """
        if self.protocol.state is not State.OPEN:
            await self.over.wait()
            assert self.protocol.ending is not None
            raise closed(self.protocol.ending)

    def look(self, now: float) -> None:
        """Ask the kernel what the peer's kernel has acknowledged (P12)."""
        sent, unacknowledged = self.transport.outgoing()
        backlog = unacknowledged is not None and unacknowledged > NOTHING_BEFORE
        self.lease.look(now, sent, unacknowledged, self.transport.delivered() if backlog else 0)

    # The ending.  What changes the protocol calls `Writer.after_change` afterwards,
    # which calls `note_ending` and gets the Close on its way.

    def begin_close(
        self, code: int, reason: str = "", *, initiator: Initiator = Initiator.APPLICATION
    ) -> None:
        """Close behind the data that was accepted; bounded by `Timeouts.close`."""
        self._close(code, reason)
        self._begin_end(initiator, self.options.timeouts.close)

    def begin_quick_close(self, code: int, reason: str = "") -> None:
        """Close ahead of the data that waits; bounded by `Timeouts.goodbye`."""
        self._close(code, reason)
        self.protocol.send_queue.clear()
        self._begin_end(Initiator.APPLICATION, self.options.timeouts.goodbye)

    def _close(self, code: int, reason: str) -> None:
        """Queue our Close; half a message before it is not normal, and the peer should know."""
        if code == CloseCode.NORMAL_CLOSURE and self.protocol.mid_message:
            code, reason = CloseCode.INTERNAL_ERROR, BROKEN_OFF
        self.protocol.close(code, reason)

    def _begin_end(self, initiator: Initiator, seconds: float) -> None:
        self.lifetime.begin_end(initiator)
        self.lifetime.shorten(seconds)
        self.receive_queue.drain()

    def lose_unless_over(
        self, loss: Loss, detail: str = "", *, cause: Exception | None = None
    ) -> None:
        """End the connection: the stream has nothing more to tell.

        A write that failed before its end tells more about the cause.
        """
        if self.protocol.ending is not None:
            return
        if self.write_error is not None:
            loss, detail, cause = Loss.BROKEN, str(self.write_error), self.write_error
        if loss is not Loss.UNANSWERED:
            hint = self.pings.hint_at_end(trio.current_time())
            detail = "; ".join(part for part in (detail, hint) if part)
        self.protocol.lose(loss, detail, cause=cause)

    def on_write_error(self, error: Exception) -> None:
        """Note that the peer takes no more; what it sent before may still be in the socket."""
        self.write_error = error
        self.lifetime.shorten(self.options.timeouts.goodbye)
        self.receive_queue.drain()

    def on_own_error(self, error: BaseException) -> None:
        """Note that one of the two tasks failed unexpectedly: the error leaves the block.

        It does not leave the task, which may be in a nursery with those of other connections.
        """
        self.lifetime.fail(error)
        self.protocol.lose(Loss.BROKEN, "an error of our own", cause=error)
        with suppress(Exception):  # perhaps it was this that failed
            self.note_ending()

    def fail(self, error: BaseException) -> None:
        """End the connection with 1011: a function of the user's policies raised."""
        self.lifetime.fail(error)
        farewell = Close(int(CloseCode.INTERNAL_ERROR))
        detail = f"a function of the heartbeat raised {error!r}"
        self.protocol.lose(Loss.BROKEN, detail, cause=error, farewell=farewell)
        self.note_ending()

    def note_ending(self) -> None:
        """Wake every waiter if the protocol has an ending, once."""
        ending = self.protocol.ending
        if ending is None or self.over.is_set():
            return
        self.over.set()
        timeouts = self.options.timeouts
        self.lifetime.begin_end(Initiator.PEER if ending.received_first else Initiator.LOSS)
        self.lifetime.shorten(timeouts.close if ending.clean else timeouts.goodbye)
        self.receive_queue.drain()
        self.receive_queue.wake_all()
        self.room.unpark_all()
        for turn in (self.send_turn, self.stream_turn):
            if turn is not None:
                turn.close()
        self.pings.abandon_all()
        self._bound_body(ending)
        self.log.debug("[%s] over: %s", self.name, ending)

    def _bound_body(self, ending: Ending) -> None:
        """End the block now, or later, or leave it alone (P3)."""
        if self.cancels_body:
            if not self.receive_queue:
                self.cancel_body()
            else:  # it may read what has arrived
                self._let_body_go_on(self.options.timeouts.close)
        elif ending.received_first or self.lifetime.initiator is Initiator.IDLE:
            self._let_body_go_on(self.supervised.body_grace)

    def _let_body_go_on(self, seconds: float) -> None:
        if seconds < FOREVER:  # to change a deadline costs as much as to wake a task
            self.body.deadline = trio.current_time() + seconds

    @property
    def cancels_body(self) -> bool:
        """Return True if the connection was lost while the block wanted it (P3).

        If the block asked for the close, a peer that does not answer it is no loss.
        """
        ending = self.protocol.ending
        if ending is None or ending.clean:
            return False
        return self.lifetime.initiator is not Initiator.APPLICATION

    def cancel_body(self) -> None:
        """Cancel the block: its connection is lost, and it has read everything (P3)."""
        self.body.cancel(reason=str(self.protocol.ending))


@final
class _Measure:
    """What the protocol asks when the connection ends; a partial function takes four times as much.

    That is the age of a connection, how long nothing has arrived, and a hint from its pings.
    """

    __slots__ = ("_lease", "_opened", "_pings")

    def __init__(self, opened: float, lease: Lease, pings: Pings) -> None:
        self._opened = opened
        self._lease = lease
        self._pings = pings

    def __call__(self) -> tuple[float, float, str]:
        now = trio.current_time()
        return now - self._opened, now - self._lease.last_heard, self._pings.hint_at_end(now)


def _keys_of(stream: trio.abc.Stream) -> MaskKeys:
    """Return the store of keys that all connections share, unless the stream is simulated."""
    source = own_entropy(stream)
    return mask_keys if source is None else MaskKeys(source)


def _log_frame(log: Log, name: str, direction: str, event: object) -> None:
    log.debug("[%s] %s", name, line(direction, event))  # type: ignore[arg-type]
