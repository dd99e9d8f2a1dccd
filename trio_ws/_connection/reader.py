"""The task that reads.

What arrives goes through the protocol.
Messages go into the receive queue, pongs to the pings that they answer.
The reader never waits for the writer.  It waits for two things only:

* for bytes, in a cancel scope whose deadline is when the heartbeat wants something
  (`heartbeat`);
* for room in the receive queue, outside that scope, so that the lease is suspended
  while we do not read.

On a plain socket it sleeps until the bell rings,
and meanwhile a task that waits in `receive` reads for itself (`bell`, `Reader.answer`).
The rest of a long message it reads alone, and has the poller set the socket aside for so long.

After the ending it reads on for a moment and drops what comes:
closing a socket with unread data would send a reset, and that could overtake our Close.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import final

import trio

from .._concurrency.exceptions import contain, strip_tracebacks
from .._ending import Loss
from .._protocol.assembler import Chunk
from .._protocol.protocol import ProtocolEvent
from .bell import Bell
from .core import ConnectionCore
from .heartbeat import HeartbeatDriver
from .lone_wait import wait_alone
from .writer import Writer

MAX_FRAMES_PER_TURN = 64
"""Yield to other tasks after this many frames, or pieces of some, parsed by wsproto:
a peer can put ten thousand pings into one read, and they would take a second."""

_MESSAGE_TYPES = frozenset((str, bytes))


@final
class Reader:
    """The reading half of a connection; a member of the tick groups (`_liveness.tick_groups`).

    Attributes:
        may_wait_alone: whether a task in `receive` is to ask `waiting` how to wait.
            It is if such a task has read before, or the last message was long,
            on the only socket of the run.
    """

    __slots__ = (
        "_bell",
        "_core",
        "_failure",
        "_heartbeat",
        "_inspects",
        "_lease",
        "_lifetime",
        "_protocol",
        "_receive_queue",
        "_trailing",
        "_transport",
        "_writer",
        "may_wait_alone",
    )

    def __init__(
        self, core: ConnectionCore, writer: Writer, heartbeat: HeartbeatDriver, trailing: bytes
    ) -> None:
        self._core = core
        self._writer = writer
        self._heartbeat = heartbeat
        self._protocol = core.protocol
        self._receive_queue = core.receive_queue
        self._lease = core.lease
        self._lifetime = core.lifetime
        self._transport = core.transport
        self._bell: Bell | None = None
        self._failure: BaseException | None = None
        self.may_wait_alone = False
        self._trailing = trailing
        self._inspects = core.watches_idle or bool(heartbeat.messages)

    # The task

    async def run(self) -> None:
        """Read until there is nothing more to read, or the time is up.

        This is one function, since an idle connection has to keep the frame of each.
        """
        bell = Bell(self._receive_queue.receivers)
        if self._transport.watch(bell):
            self._bell = bell
        try:
            self._take_trailing()
            while not self._lifetime.expired:
                if self._receive_queue.is_full(self._protocol.assembling):
                    await self._wait_for_room()
                with self._heartbeat.shield_reading() as shield:  # noqa: ASYNC912
                    self._heartbeat.arm(self, trio.current_time())
                    while self._may_read():
                        if self._must_read_alone():
                            over = await self._read_alone()
                        else:
                            await bell.wait()
                            over = self._read_at_bell(bell)
                        if over:
                            self._core.lose_unless_over(Loss.EOF)
                            return
                    if self._protocol.ending is not None:
                        await self._read_to_the_end()
                        return
                self._heartbeat.leave_group(self)
                if shield.cancelled_caught and not self._lifetime.expired:
                    now = trio.current_time()
                    self._after_heartbeat(self._heartbeat.act(now), now)
        except trio.BrokenResourceError as error:
            strip_tracebacks(error)
            self._core.lose_unless_over(Loss.BROKEN, str(error), cause=error)
        finally:
            self._bell = None
            self._transport.unwatch()
            self._heartbeat.leave_group(self)

    def _take_trailing(self) -> None:
        if self._trailing:
            events = self._protocol.feed(self._trailing, most=MAX_FRAMES_PER_TURN)
            self._take_in(events, trio.current_time())
            self._trailing = b""

    def _may_read(self) -> bool:
        """Return False if the connection is over, or the queue is full."""
        return self._protocol.ending is None and not self._receive_queue.is_full(
            self._protocol.assembling
        )

    def _must_read_alone(self) -> bool:
        """Return True if no receiver may read: there is no bell, or nothing that a bell tells."""
        bell, protocol = self._bell, self._protocol
        return bell is None or bell.is_silent or protocol.has_pending_input or protocol.wants_buffer

    async def _read_alone(self) -> bool:
        """Wait for the next bytes, and take them in; return True at the end of the stream."""
        if self._protocol.has_pending_input:
            await trio.lowlevel.checkpoint()
            events = self._protocol.feed(b"", most=MAX_FRAMES_PER_TURN)
        elif (buffer := self._protocol.get_buffer()) is not None:
            self._transport.set_aside()
            if not (count := await self._transport.receive_into(buffer)):
                return True
            events = self._update_buffer(count)
        else:
            if not (data := await self._transport.receive_behind(self._protocol.tail)):
                return True
            # Between that and the end of this turn is no ``await``: see `read_buffer`.
            events = self._protocol.feed_joined(data, most=MAX_FRAMES_PER_TURN)
        self._note(events)
        return False

    def _read_on(self) -> None:
        """Read what else has come of a long message; at once, since this task has just slept."""
        if not self._may_read() or (buffer := self._protocol.get_buffer()) is None:
            return
        if count := self._transport.receive_into_now(buffer):
            self._note(self._update_buffer(count))

    def _update_buffer(self, count: int) -> list[ProtocolEvent]:
        """Take in so many bytes of a long message; return what happened."""
        events = self._protocol.buffer_updated(count)
        if not self._protocol.wants_buffer:
            self._transport.take_back()
            self.may_wait_alone = self._bell is not None and self._bell.is_only
        return events

    @property
    def _waits_for_the_end(self) -> bool:
        """Return True if it is over, and there is nothing more to do than to let the peer end.

        The peer needs the time, so that no reset eats our Close.
        The server is the first to end TCP (RFC 6455 §7.1.1); where the stream cannot end
        one direction, it has to close both.
        """
        ending = self._protocol.ending
        if ending is None:
            return False
        return not ending.clean or self._core.client or self._transport.can_half_close

    async def _read_to_the_end(self) -> None:
        """After the ending: drop what comes, until the peer has closed, too."""
        if not self._waits_for_the_end:
            return
        bell = self._bell
        self._transport.take_back()  # the middle of a long message may be where it ended
        while bell is not None and not bell.is_silent:
            if bell.is_rung:
                data = self._transport.read_now(b"")
                if data is not None and not data:
                    return
            await bell.wait()
        while await self._transport.receive_some():
            pass

    # In place of the task

    def waiting(self, *, first: bool) -> Awaitable[object]:
        """Return an awaitable for a task in `receive` that may wait alone; a checkpoint.

        Its result is true if the task did wait alone.
        To be awaited at once, in a task that a Ctrl-C does not reach.
        """
        self.may_wait_alone = False
        bell, receivers = self._bell, self._receive_queue.receivers
        if not receivers and bell is not None and bell.is_slept_at:
            lone = self._transport.set_aside_if_alone()
            if lone is not None:
                return wait_alone(self._transport, receivers, bell, lone)
        return receivers.parking(first=first)

    def answer(self, alone: object) -> str | bytes | None:
        """Read for a task that waits in `receive` and was woken, if the bell has rung.

        `alone` is what it awaited: true if it has waited for the socket itself.
        Return the message that has come, if it is the next one; others are in the queue.
        Anything but messages is left to the task of the reader: it is woken.
        """
        bell, message = self._bell, None
        if bell is not None and bell.may_be_answered:
            try:
                if self._protocol.ending is None:
                    message = self._read_for_receiver()
            except BaseException as error:  # noqa: ASYNC103 - the task of the reader raises it
                self._failure = error
            if bell.is_rung or self._failure is not None or self._must_act():
                bell.wake_reader()
            self.may_wait_alone = bell.is_only
        if alone:
            self._transport.take_back()  # behind the read
        return message  # noqa: ASYNC104

    def _read_for_receiver(self) -> str | bytes | None:
        if not (data := self._transport.read_now(self._protocol.unparsed)):
            return None
        events = self._protocol.feed_joined(data, most=MAX_FRAMES_PER_TURN)
        message = self._next_message(events)
        if message is not None:
            self._note([])
        else:
            self._receive_queue.set_awake(1)
            try:
                self._note(events)
            finally:
                self._receive_queue.set_awake(0)
        return message

    def _next_message(self, events: list[ProtocolEvent]) -> str | bytes | None:
        """Return the message that is all that has happened, if it need not pass the queue."""
        if len(events) != 1 or self._inspects or self._protocol.ending is not None:
            return None
        [event] = events
        passes = isinstance(event, (str, bytes)) and self._receive_queue.is_passed
        return event if passes else None  # type: ignore[return-value]

    def _must_act(self) -> bool:
        """Return True if the reader is to be woken; it may sleep until the peer has ended."""
        return self._has_more_to_do() and not self._waits_for_the_end

    def _has_more_to_do(self) -> bool:
        """Return True if the reader has more to do than to wait."""
        protocol = self._protocol
        return (
            protocol.ending is not None
            or protocol.has_pending_input
            or protocol.wants_buffer
            or self._receive_queue.is_full(protocol.assembling)
        )

    def _read_at_bell(self, bell: Bell) -> bool:
        """Read, unless a receiver has done so, or left something else to be done first.

        Return True at the end of the stream.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            try:
                raise failure
            finally:
                del failure  # its traceback holds this frame
        if not bell.is_rung:
            return False
        if self._has_more_to_do():
            self._read_on()
            return False
        data = self._transport.read_now(self._protocol.unparsed)
        if data:
            self._note(self._protocol.feed_joined(data, most=MAX_FRAMES_PER_TURN))
        return data is not None and not data

    # What arrives

    def _note(self, events: list[ProtocolEvent]) -> None:
        """Renew the lease, and act on what has happened."""
        self._lease.heard(now := trio.current_time())
        # Asked before the events are looked at: a message may be the answer.
        awaiting_answer = self._lease.awaiting_answer
        self._take_in(events, now)
        if awaiting_answer:
            self._heartbeat.arm(self, now)

    def _take_in(self, events: list[ProtocolEvent], now: float) -> None:
        if events and not self._inspects:
            if _MESSAGE_TYPES.issuperset(map(type, events)):
                messages, events = events, []
            else:
                messages = [each for each in events if isinstance(each, (str, bytes))]
                events = [each for each in events if not isinstance(each, (str, bytes))]
            if messages:
                self._receive_queue.put(messages)  # type: ignore[arg-type]
        for event in events:
            self._hand_over(event, now)
        self._writer.after_read()

    def _hand_over(self, event: ProtocolEvent, now: float) -> None:
        if isinstance(event, Chunk):
            self._hand_over_chunk(event, now)
        elif isinstance(event, (str, bytes)):
            if not self._inspect(event, now):
                self._lease.data(now)
                self._receive_queue.put([event])
        else:
            round_trip = self._core.pings.on_pong(bytes(event.payload), now)
            if round_trip is not None:
                self._core.tell("ping_answered", round_trip)

    def _inspect(self, message: str | bytes, now: float) -> bool:
        """Show a whole message to the heartbeats; return True if it is to be hidden."""
        try:
            return self._heartbeat.messages.inspect(message, now)
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            self._core.fail(contain(error))
            return False  # noqa: ASYNC104

    def _hand_over_chunk(self, chunk: Chunk, now: float) -> None:
        if chunk.first and chunk.finished and self._inspect(chunk.data, now):
            # A heartbeat, not data.  The task that streams claims the next message: the reader
            # must not, because messages that came behind the heartbeat may be in `events`.
            self._receive_queue.streamers.unpark_all()
            return
        self._lease.data(now)
        self._receive_queue.put_chunk(chunk)

    # Back-pressure

    async def _wait_for_room(self) -> None:
        """Wait for room in the queue; meanwhile, look after the connection (P12)."""
        queue, protocol = self._receive_queue, self._protocol
        pauses = self._heartbeat.begin_pause(trio.current_time())
        while queue.is_full(protocol.assembling):
            with self._lifetime.shield_reading(pauses.next_wakeup()) as nap:
                await queue.wait_for_room(protocol.assembling)
            if nap.cancelled_caught and queue.is_full(protocol.assembling):
                pauses.act(trio.current_time())
                self._writer.after_change()
        pauses.end(trio.current_time())

    # The heartbeat

    def _after_heartbeat(self, asked: bool, now: float) -> None:
        if not asked:
            self._writer.after_change()
        elif self._writer.flush():
            self._heartbeat.on_handed_over(now)

    def wake_at(self, tick: float) -> None:
        """Wake at this tick and look after the others of our group."""
        self._heartbeat.wake_at(tick)

    def on_tick(self, now: float) -> None:
        """Ask the peer if it is time: another reader of our group is awake, and we sleep on."""
        try:
            self._after_heartbeat(self._heartbeat.act_at_tick(now), now)
        except BaseException as error:  # noqa: ASYNC103 - the task is a neighbour's
            self._core.on_own_error(contain(error))
        self._heartbeat.arm(self, now)
