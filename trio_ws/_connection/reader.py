"""The task that reads, and the lease under which it waits.

What arrives goes through the session; messages go into the inbox, pongs to whoever pinged.
The reader never waits for the writer.  It waits for two things only:

* for bytes, in a cancel scope whose deadline is when the next heartbeat policy wants something
  (`_lease`): when the scope expires, `_act_on_lease` does what is due,
  and asks for others whose lease ends at the same time (`_rounds`);
* for room in the inbox, outside that scope, so that the lease is suspended while we do not read.

After the ending it reads on for a moment and drops what comes:
closing a socket with unread data would send a reset, and that could overtake our Close.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from .._concurrency.exceptions import strip_tracebacks
from .._ending import Close, CloseCode, Loss
from .._liveness.heartbeat_timer import TICK, HeartbeatTimer
from .._liveness.lease import Expiry, Verdict
from .._liveness.message_heartbeats import MessageHeartbeats
from .._liveness.pings import PendingPing
from .._liveness.tick_groups import current_tick_groups
from .._policies import FOREVER, MessageHeartbeat
from .._protocol.assembler import Chunk
from .._protocol.protocol import ProtocolEvent
from .._protocol.states import State

if TYPE_CHECKING:
    from .connection import Connection


MAX_FRAMES_PER_TURN = 64
"""After so many frames, or parts of some, that had to be judged by wsproto others run:
a peer can put ten thousand pings into one gulp, and they would take a second."""


class Reader:
    """Reads for the session of `services`."""

    def __init__(
        self, connection: Connection, messages: MessageHeartbeats, trailing: bytes
    ) -> None:
        self._connection = connection
        self._protocol = connection.protocol
        self._receive_queue = connection.receive_queue
        self._lease = connection.lease
        self._transport = connection.transport
        self._messages = messages
        self._trailing = trailing
        self._receive_buffer = connection.options.limits.receive_buffer
        self._lease_scope = trio.CancelScope()
        self._rounds = current_tick_groups()
        self._tick: float | None = None
        self._reserve = min((beat.timeout for beat in connection.lease.beats), default=0.0)
        self._rest: trio.Event | None = None
        self._pause_began = 0.0
        self._paused_until = -FOREVER
        self._sign_at = FOREVER
        self._beat: PendingPing | None = None
        self._interval, self._first_sign = _signs_of_life(connection.lease.beats)
        self._deaf = False
        self._stream_ended = False
        self.mid_stream = False
        self._seconds_paused = 0.0

    # The task

    async def run(self) -> None:
        """Read until the stream ends, or the connection, or its time is up.

        Each wait is a shield of its own: with one around them all an idle connection would be
        in two scopes, and one takes 700 bytes.
        """
        try:
            if self._trailing:
                events = self._protocol.feed(self._trailing, most=MAX_FRAMES_PER_TURN)
                self._take_in(events, trio.current_time())
                self._trailing = b""
            while self._protocol.ending is None and not self._connection.cut_off:
                if self._full():
                    await self._wait_for_room()
                if await self._read_under_lease():
                    self._stream_ended = True
                    self._connection.lose_unless_over(Loss.EOF)
        except trio.BrokenResourceError as error:
            self._stream_ended = True
            self._protocol.lose(Loss.BROKEN, str(error), cause=strip_tracebacks(error))
        finally:
            self._leave_round()

    async def _read_under_lease(self) -> bool:
        """Read until the inbox is full, the connection is over, or a policy wants something.

        Returns whether the stream has ended.
        """
        with trio.CancelScope(shield=True) as self._lease_scope:  # noqa: ASYNC912
            self._arm(trio.current_time())
            while self._protocol.ending is None and not self._full():
                if self._protocol.behind:
                    await trio.lowlevel.checkpoint()
                    events = self._protocol.feed(b"", most=MAX_FRAMES_PER_TURN)
                elif (landing := self._protocol.landing) is not None:
                    if not (count := await self._transport.receive_into(landing)):
                        return True
                    events = self._protocol.landed(count)
                else:
                    if not (data := await self._transport.receive_some()):
                        return True
                    events = self._protocol.feed(data, most=MAX_FRAMES_PER_TURN)
                self._lease.heard(now := trio.current_time())
                questioning = self._lease.questioning
                self._take_in(events, now)
                data, events = b"", []  # we may wait for long: keep nothing of it
                if questioning:
                    self._arm(now)
        self._leave_round()
        if self._lease_scope.cancelled_caught and not self._connection.cut_off:
            self._act_on_lease()
        return False

    async def read_to_the_end(self) -> None:
        """After the ending: give the peer the time to close, so that no reset eats our Close.

        The server is the first to end TCP (RFC 6455 §7.1.1); where the stream cannot end
        one direction, it has to close both.
        """
        ending = self._protocol.ending
        if ending is None or self._stream_ended:
            return
        if ending.clean and not self._connection.client and not self._transport.can_half_close:
            return
        with suppress(trio.BrokenResourceError):
            while await self._transport.receive_some():
                pass

    # What arrives

    def _take_in(self, events: list[ProtocolEvent], now: float) -> None:
        self._connection.writer.may_write_now = True
        if events and self._nothing_special():
            messages = [each for each in events if isinstance(each, (str, bytes))]
            if len(messages) == len(events):
                events = []
            else:
                events = [each for each in events if not isinstance(each, (str, bytes))]
            if messages:
                self._receive_queue.put(messages)
        for happening in events:
            self._hand_over(happening, now)
        self._connection.settle()

    def _nothing_special(self) -> bool:
        """Whether every message simply goes into the inbox."""
        if (
            self._connection.leaving
            or self._deaf
            or self._connection.watches_idle
            or self._messages
        ):
            return False
        return not self._reads_on()

    def _hand_over(self, happening: ProtocolEvent, now: float) -> None:
        if isinstance(happening, Chunk):
            self._hand_over_part(happening, now)
        elif isinstance(happening, (str, bytes)):
            self._hand_over_message(happening, now)
        else:
            self._connection.pings.answer(bytes(happening.payload), now)

    def _hand_over_message(self, message: str | bytes, now: float) -> None:
        if self._inspect(message, now):
            return
        self._lease.data(now)
        if self._listens():
            self._receive_queue.put([message])

    def _inspect(self, message: str | bytes, now: float) -> bool:
        try:
            return self._messages.inspect(message, now)
        except Exception as error:
            self._connection.fail(error)
            return False

    def _hand_over_part(self, part: Chunk, now: float) -> None:
        is_whole = part.finished and not self.mid_stream
        if is_whole and self._inspect(part.data, now):
            self._protocol.stream()  # it was not for the one who streams: the next one is
            return
        self.mid_stream = not part.finished
        self._lease.data(now)
        if self._listens():
            self._receive_queue.put_chunk(part)

    def _listens(self) -> bool:
        """Whether what arrives is kept: not if nobody will take it, or we read on though full.

        Once something was dropped all the rest is, so that what is kept has no holes.
        """
        if self._connection.leaving or (self._reads_on() and self._over_full()):
            self._deaf = True
        return not self._deaf

    def _reads_on(self) -> bool:
        """Whether we read whatever happens: only thus do we hear the peer's Close, or its end."""
        return self._protocol.state is State.CLOSING or self._connection.writer.error is not None

    # Backpressure

    def _over_full(self) -> bool:
        waiting = self._receive_queue.size
        return waiting > 0 and waiting + self._protocol.assembling >= self._receive_buffer

    def _full(self) -> bool:
        """Whether to stop reading, so that TCP stops the peer (P7)."""
        return self._over_full() and not self._reads_on() and self._protocol.ending is None

    async def _wait_for_room(self) -> None:
        """Wait for room in the inbox; say each interval that it is not us who died (P12)."""
        began = self._pause_began = trio.current_time()
        if began - self._paused_until >= self._interval:
            self._sign_at = began + self._first_sign
        while self._full():
            self._rest = trio.Event()
            with trio.CancelScope(shield=True, deadline=self._sign_at) as nap:
                await self._rest.wait()
            self._rest = None
            if nap.cancelled_caught and self._full():
                self._give_sign()
        self._paused_until = now = trio.current_time()
        self._seconds_paused += now - began
        self._lease.resume(now, now - began)

    def _give_sign(self) -> None:
        """Send a pong that nobody asked for, unless something like it waits to be sent."""
        self._sign_at = trio.current_time() + self._interval
        if not self._protocol.send_queue.control_size:
            self._protocol.pong(b"")
            self._connection.settle()

    def go_on(self) -> None:
        """Something that the resting reader waits for may have changed."""
        if self._rest is not None and not self._full():
            self._rest.set()

    @property
    def paused(self) -> bool:
        """Whether the reader rests because the inbox is full."""
        return self._rest is not None

    @property
    def seconds_paused(self) -> float:
        """For how long the reader has rested so far, the pause in progress included."""
        if not self.paused:
            return self._seconds_paused
        return self._seconds_paused + trio.current_time() - self._pause_began

    # The lease

    def _lease_due(self) -> float:
        """A closing connection has a bound already; nobody is pinged any more."""
        return self._lease.due() if self._protocol.state is State.OPEN else FOREVER

    def _arm(self, now: float) -> None:
        """Say when to wake if nothing happens.

        A deadline that is early enough stays: to change it costs more than all else that we do.
        """
        self._leave_round()
        latest = due = self._lease_due()
        if due > now and not due % TICK:
            self._tick = now = due
            if not self._rounds.join(self, due):
                latest += self._reserve
        latest = min(latest, self._connection.cut_off_at)
        if not now < self._lease_scope.deadline <= latest:
            self._lease_scope.deadline = latest

    def _leave_round(self) -> None:
        if self._tick is not None:
            tick, self._tick = self._tick, None
            self._rounds.leave(self, tick)

    def lead(self, tick: float) -> None:
        """Wake at this tick and look after the others of our round."""
        self._lease_scope.deadline = min(self._lease_scope.deadline, tick)

    def look(self, now: float) -> None:
        """Our lease ends, and the reader that leads our round is awake: ask, and sleep on."""
        self._tick = None
        try:
            if self._protocol.state is State.OPEN and (beat := self._lease.question(now)):
                self._ask(beat, now)
        except Exception as error:
            self._connection.on_own_error(error)  # not the neighbour's, whose task this is
        self._arm(now)

    def cut_off(self, at: float) -> None:
        """Wait no longer than this, for whatever."""
        self._lease_scope.deadline = min(self._lease_scope.deadline, at)

    def rearm_lease(self) -> None:
        """Something may be due earlier than the reader expects."""
        if self._protocol.state is State.OPEN:
            self._lease_scope.deadline = min(self._lease_scope.deadline, self._lease.due())

    def _act_on_lease(self) -> None:
        if self._protocol.state is not State.OPEN:
            return  # armed before we began to close: nothing is due any more
        now = trio.current_time()
        due = self._lease.judge(now)
        match due.verdict:
            case Verdict.ASK:
                assert due.beat is not None
                self._ask(due.beat, now)
                return
            case Verdict.LOST:
                self._on_silence(due, now)
            case Verdict.STUCK:
                self._protocol.lose(Loss.SEND_TIMEOUT, self._lease.story(due, now))
            case Verdict.IDLE:
                self._on_idle(now)
            case _:
                pass
        self._connection.settle()

    def _on_silence(self, due: Expiry, now: float) -> None:
        """Give the peer up, unless it is in the middle of a message and cannot say more."""
        assert due.beat is not None
        if self._receiving and self._lease.excuse(due.beat, now):
            return
        farewell = Close(int(CloseCode.INTERNAL_ERROR), "heartbeat timeout")
        self._protocol.lose(Loss.HEARTBEAT, self._lease.story(due, now), farewell=farewell)

    @property
    def _receiving(self) -> bool:
        """Whether a message has begun to arrive."""
        return self._protocol.assembling > 0 or self.mid_stream

    def _on_idle(self, now: float) -> None:
        """Close, unless a message is on its way: to crawl is not to be idle."""
        moved = self._lease.last_moved(receiving=self._receiving)
        if self._lease.is_idle_since(moved, now):
            self._connection.nobody_asked_to_close = True
            self._connection.begin_close(CloseCode.GOING_AWAY, "idle")
        else:
            self._lease.data(moved)

    def _ask(self, beat: HeartbeatTimer, now: float) -> None:
        """Ask for a sign of life, in the way of the beat's policy."""
        if not isinstance(beat.policy, MessageHeartbeat):
            self._connection.pings.forget(self._beat)
            self._beat = self._connection.queue_ping(os.urandom(8), now)
            beat.asked(now)
        elif self._protocol.mid_message:
            beat.postpone(now)
            return
        elif self._queue_message(beat.policy):
            beat.asked(now, frame=self._protocol.send_queue.frames_in)
        if self._connection.writer.write_now():
            self._lease.writing(now, self._protocol.send_queue.frames_out)
            self._lease.written(now)
        else:
            self._connection.settle()

    def _queue_message(self, policy: MessageHeartbeat) -> bool:
        try:
            self._protocol.send(policy.make())
            self._connection.writer.beats_queued += 1
        except Exception as error:
            self._connection.fail(error)
        return self._connection.failure is None


def _signs_of_life(beats: Iterable[HeartbeatTimer]) -> tuple[float, float]:
    """How often, and how soon, a peer with the same policies wants to hear from us.

    It may ask at the very moment when we stop reading, and wait no longer than the timeout.
    """
    asking = [(beat.interval, beat.timeout) for beat in beats if beat.interval is not None]
    often = min((interval for interval, _ in asking), default=FOREVER)
    soon = min((timeout / 2 for _, timeout in asking), default=FOREVER)
    return often, min(often, soon)
