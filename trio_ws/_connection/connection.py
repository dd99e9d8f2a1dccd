"""The two tasks behind a connection: one reads, one writes, nobody else touches the stream.

    IN   stream ─▶ reader ─▶ Session.feed ─▶ inbox ─▶ WebSocket.receive
    OUT  WebSocket.send ─▶ Session.send ─▶ outbox ─▶ writer ─▶ stream

Each waits in shielded scopes, so that a cancelled application can still say goodbye.
A shield without a bound would be a trap: from the moment when the connection begins to end,
for whatever reason, all of them have the deadline at which they are cut off by force.

The reader is there from the beginning to the end.  The writer is started when there is something
that `send` or the reader could not write themselves (`Writer.write_now`), and then stays:
many connections are idle but for their heartbeat and never need one.

Invariants (the numbers are those of the laws in the docs):

1. One task reads, one task writes.
2. The reader never waits for the writer: it queues pongs and close replies and goes on.
3. Between a change of the session and its bytes in the outbox there is no ``await``;
   every change is followed by `settle`, which acts on the ending and wakes the writer.
5. When a write fails the session is told, and everyone who waits is woken.
6. `Session.ending` is the one fact that says it is over; `over` is the bell that rings for it.
7. Whoever waits, waits for "its thing or the ending".
"""

from __future__ import annotations

import logging
import random
from contextlib import suppress

import trio

from .._concurrency.slim import SlimEvent
from .._concurrency.suspension import watch_for_suspension
from .._ending import NORMAL_CLOSE_CODES, Close, CloseCode, Ending, Loss
from .._errors import closed
from .._handshake.opening import Opening
from .._liveness.lease import Lease
from .._liveness.message_heartbeats import MessageHeartbeats
from .._liveness.pings import PendingPing, Pings
from .._options import ConnectionOptions
from .._policies import FOREVER
from .._protocol.frame_log import line
from .._protocol.protocol import WebSocketProtocol
from .._protocol.states import State
from .._transport.base import Transport
from .reader import Reader
from .receive_queue import ReceiveQueue
from .writer import COALESCE_LIMIT, Writer


class Connection:
    """The machine room of one connection."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        opening: Opening,
        *,
        client: bool,
        options: ConnectionOptions,
        name: str,
    ) -> None:
        now = trio.current_time()
        self.name = name
        self.options = options
        self.client = client
        self.watches_idle = options.timeouts.idle is not None
        self.logger = logging.getLogger("trio_ws.client" if client else "trio_ws.server")
        self.protocol = WebSocketProtocol(
            client=client,
            limits=options.limits,
            extensions=opening.extensions,
            trace=self._trace if self.logger.isEnabledFor(logging.DEBUG) else None,
        )
        self.transport = Transport(stream)
        self.receive_queue = ReceiveQueue()
        self.pings = Pings()
        self.lease = Lease(options.beats, options.timeouts, now=now, phase=random.random())
        self.transport.tell(on_arrival=self.lease.heard, on_departure=self.lease.progress)
        self._messages = MessageHeartbeats(options.heartbeats, self.lease)
        self.writer = Writer(self)
        self.reader = Reader(self, self._messages, opening.trailing)
        self._nursery: trio.Nursery
        # Scopes: the user's block, and the last steps of ours; until when we have time
        self.body = trio.CancelScope()
        self.scope: trio.CancelScope | None = None
        self.cut_off_at = FOREVER
        self.leaving = False
        self.nobody_asked_to_close = False
        self.failure: Exception | None = None
        """What a function of the user's policies raised: it leaves the block."""
        self.own_error: Exception | None = None
        # What a supervisor changes
        self.quiet: frozenset[int] = NORMAL_CLOSE_CODES
        self.grace = FOREVER
        # Bells
        self.over = SlimEvent()
        self.finished = SlimEvent()

    def _trace(self, direction: str, event: object) -> None:
        self.logger.debug("[%s] %s", self.name, line(direction, event))  # type: ignore[arg-type]

    # The tasks

    def start(self, nursery: trio.Nursery) -> None:
        """Start to read in `nursery`; to write only once there is something to write."""
        self._nursery = nursery
        nursery.start_soon(self.run, name=f"trio_ws reader {self.name}")

    def start_writer(self) -> None:
        """Start to write: there is something that nobody could write at once."""
        self._nursery.start_soon(self.writer.run, name=f"trio_ws writer {self.name}")

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Read until both directions have ended, or the time is up; then close the transport."""
        suspension = watch_for_suspension()
        suspension.tell(self)
        try:
            await self.reader.run()
            with trio.CancelScope(shield=True, deadline=self.cut_off_at) as self.scope:
                await self.reader.read_to_the_end()
                self.settle()
                await self.writer.ended.wait()
                await self.transport.aclose()
        except Exception as error:
            self.on_own_error(error)
        finally:
            suspension.tell_no_more(self)
            try:
                await self._finish()  # noqa: ASYNC102 - bounded
            finally:
                self.finished.set()

    async def _finish(self) -> None:
        """The time is up, or nothing is left to do: close by force, and wait for the writer."""
        try:
            self.lose_unless_over(Loss.UNANSWERED, "no answer in time")
            self.settle()
        except Exception as error:
            self.on_own_error(error)
        try:
            if not self.transport.close_now():
                with trio.CancelScope(shield=True, deadline=-FOREVER):
                    await self.transport.aclose()
        except Exception as error:
            self.on_own_error(error)
        if self.writer.is_running:
            with trio.CancelScope(shield=True):  # bounded: its own scope has the same deadline
                await self.writer.ended.wait()

    def part(self) -> None:
        """No task of ours is left: nor is a ring of references, which would wait to be collected.

        With it messages that nobody took would wait, a megabyte for each connection perhaps.
        """
        del self.reader._connection, self.writer._connection

    def lose_unless_over(self, loss: Loss, detail: str = "") -> None:
        """The stream has nothing more to tell; a write that failed before it tells the cause."""
        if error := self.writer.error:
            self.protocol.lose(Loss.BROKEN, str(error), cause=error)
        else:
            self.protocol.lose(loss, detail)

    def on_write_error(self) -> None:
        """The peer takes no more; what it said before that may still be in the socket."""
        self.cut_off_in(self.options.timeouts.goodbye)
        self.reader.go_on()

    def on_own_error(self, error: Exception) -> None:
        """One of the two tasks failed in a way that nobody expected: it leaves the block.

        Not the task, which may be in a nursery with those of other connections.
        """
        self.own_error = self.own_error or error
        self.protocol.lose(Loss.BROKEN, "an error of our own", cause=error)
        with suppress(Exception):  # it may be to settle that fails
            self.settle()

    # Everything that changes the session goes through here

    def settle(self) -> None:
        """Act on what has just changed in the session: the ending, bytes to write."""
        if self._messages.replies:
            self.send_replies()
        if self.protocol.ending is not None and not self.over.is_set():
            self._on_over(self.protocol.ending)
        self.writer.wake()

    def settle_message(self) -> None:
        """`settle` after a message was queued: it may leave at once, waking nobody.

        Not while there are more messages to answer: then one write takes all the answers.
        """
        if self.watches_idle:
            self.lease.data(trio.current_time())
        writer = self.writer
        if not writer.idle:
            return
        if self.receive_queue.messages and self.protocol.send_queue.size <= COALESCE_LIMIT:
            if not writer.roused:
                writer.wake()
        elif not writer.write_now():
            writer.wake()

    def begin_close(self, code: int, reason: str = "") -> None:
        """Close politely: what was accepted goes out first; bounded by `Timeouts.close`."""
        self.protocol.close(code, reason)
        self.cut_off_in(self.options.timeouts.close)
        self.reader.go_on()
        self.settle()

    def hurry(self, code: int, reason: str = "") -> None:
        """Close now: a close frame jumps the queue; bounded by `Timeouts.goodbye`."""
        self.protocol.close(code, reason)
        self.protocol.send_queue.clear()
        self.cut_off_in(self.options.timeouts.goodbye)
        self.reader.go_on()
        self.settle()

    def cut_off_in(self, seconds: float) -> None:
        """Bound what is left of the services; a bound that is nearer stays."""
        self.cut_off_at = min(self.cut_off_at, trio.current_time() + seconds)
        self.reader.cut_off(self.cut_off_at)
        for scope in (self.scope, self.writer.scope):
            if scope is not None:
                scope.deadline = self.cut_off_at

    @property
    def cut_off(self) -> bool:
        """Whether the time is up."""
        return trio.current_time() >= self.cut_off_at

    def queue_ping(self, payload: bytes, now: float) -> PendingPing:
        """Queue a ping and remember it until its pong comes; to be followed by `settle`."""
        self.protocol.ping(payload)
        frames_before = self.protocol.send_queue.frames_out
        return self.pings.add(payload, now=now, frames_before=frames_before)

    def send_ping(self, payload: bytes) -> PendingPing:
        """Queue a ping and wake the writer."""
        ping = self.queue_ping(payload, trio.current_time())
        self.settle()
        return ping

    def send_replies(self) -> None:
        """Answer the peer's heartbeat messages, unless that would break into a message."""
        protocol = self.protocol
        while self._messages.replies and protocol.state is State.OPEN:
            if protocol.mid_message or not self.writer.has_room(0):
                return
            try:
                protocol.send(self._messages.next_reply())
                self.writer.beats_queued += 1
            except Exception as error:
                self.fail(error)

    # The ending

    def fail(self, error: Exception) -> None:
        """A function of the user's policies raised: the connection ends with 1011."""
        self.failure = self.failure or error
        farewell = Close(int(CloseCode.INTERNAL_ERROR))
        detail = f"a function of the heartbeat raised {error!r}"
        self.protocol.lose(Loss.BROKEN, detail, cause=error, farewell=farewell)
        self.settle()

    def _on_over(self, ending: Ending) -> None:
        self.over.set()
        timeouts = self.options.timeouts
        self.cut_off_in(timeouts.close if ending.clean else timeouts.goodbye)
        self.receive_queue.wake_all()
        self.writer.room.unpark_all()
        self.reader.go_on()
        self.pings.give_up()
        if self.deadly:
            self._on_lost()
        elif ending.received_first or self.nobody_asked_to_close:
            self.body.deadline = trio.current_time() + self.grace
        self.logger.debug("[%s] over: %s", self.name, ending)

    @property
    def deadly(self) -> bool:
        """Whether the connection was lost while the body wanted it (P3): that cancels the body.

        A peer that does not answer our close is no loss to a body that asked for the close.
        """
        ending = self.protocol.ending
        if ending is None or ending.clean:
            return False
        return ending.loss is not Loss.UNANSWERED or self.nobody_asked_to_close

    def _on_lost(self) -> None:
        if self.receive_queue:
            self.body.deadline = trio.current_time() + self.options.timeouts.close
        else:
            self.cancel_body()

    def cancel_body(self) -> None:
        """Cancel the user's block: its connection is dead and it has read everything (P3)."""
        self.body.cancel(reason=str(self.protocol.ending))

    async def check_open(self) -> None:
        """Raise `ConnectionClosed` unless messages may be sent.

        While the closing handshake goes on this waits for its end, which is bounded.
        """
        if self.protocol.state is not State.OPEN:
            await self.over.wait()
            assert self.protocol.ending is not None
            raise closed(self.protocol.ending)

    def probe(self) -> None:
        """Ask for a sign of life at once: the machine was suspended (`_suspend`)."""
        self.lease.probe(trio.current_time())
        self.rearm_lease()

    def rearm_lease(self) -> None:
        """Something may be due earlier than the reader expects."""
        self.reader.rearm_lease()
