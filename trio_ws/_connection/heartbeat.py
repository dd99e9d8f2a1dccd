"""Drives the heartbeats of one connection: when to wake, what to do then.

The lease (`_liveness.lease`) says what is due when; the reader waits for bytes in a scope
whose deadline is set here::

    arm ──▶ the reader waits ──▶ bytes come: the lease is renewed, and arm is called again
                             ──▶ the deadline: act ──▶ ask the peer, or end the connection

To change a deadline, and to wake a task, cost more than everything else that a heartbeat does:

* A deadline that is early enough stays.
* Questions are asked at whole ticks of the clock, and one reader asks for all
  whose leases end at the same tick (`_liveness.tick_groups`).
  The others sleep on until the answer is overdue.

The kernel is asked what the peer's kernel has acknowledged when a question was handed over,
and before a verdict that depends on it (`_liveness.outgoing`).

While the reader waits for room in the receive queue, the lease is suspended (`pausing`).
"""

from __future__ import annotations

from typing import final

import trio

from .._concurrency.chance import draw_bytes
from .._concurrency.exceptions import contain
from .._ending import Close, CloseCode, Loss
from .._liveness.lease import Expiry
from .._liveness.message_heartbeats import message_heartbeats
from .._liveness.pings import PendingPing
from .._liveness.tick_groups import Member, current_tick_groups
from .._liveness.timer import HeartbeatTimer, Verdict
from .._policies import FOREVER, MessageHeartbeat
from .._protocol.assembler import Chunk
from .._protocol.states import State
from .core import ConnectionCore
from .lifetime import Initiator
from .pausing import Pauses

_OPEN = State.OPEN

LONGEST_HEARTBEAT = 1024
"""A message in chunks is a heartbeat only if it has no more bytes than this.

So many are held back until the message is whole or longer; more would delay a long message."""


@final
class HeartbeatDriver:
    """Does what the lease says; see the top of this file.

    It changes the protocol and never writes: `Writer.after_change` has to follow.

    Attributes:
        messages: looks for heartbeats among the messages.
        pauses: the pauses in reading; None before the first.
    """

    __slots__ = (
        "_core",
        "_fallback_delay",
        "_group_tick",
        "_lease",
        "_messages_queued",
        "_ping",
        "_protocol",
        "_shield",
        "messages",
        "pauses",
    )

    def __init__(self, core: ConnectionCore) -> None:
        self._core = core
        self._protocol = core.protocol
        self._lease = core.lease
        self._group_tick: float | None = None
        self._fallback_delay = min((beat.timeout for beat in core.lease.beats), default=0.0)
        self._shield: trio.CancelScope | None = None
        self._ping: PendingPing | None = None
        self._messages_queued = 0
        self.messages = message_heartbeats(core.options.heartbeats, core.lease.beats)
        self.pauses: Pauses | None = None

    # When to wake

    def shield_reading(self) -> trio.CancelScope:
        """Return the scope for the reader's wait for bytes; `arm` sets its deadline."""
        self._shield = self._core.lifetime.shield_reading()
        return self._shield

    def arm(self, member: Member, now: float) -> None:
        """Choose when the reader wakes if nothing happens; `member` is asked at a shared tick."""
        assert self._shield is not None
        self.leave_group(member)
        earliest, latest = now, FOREVER
        if self._protocol.state is _OPEN:  # if not, a deadline stands, and no peer is asked
            latest, shared = self._lease.next_wakeup()
            if shared and latest > now:
                earliest = self._group_tick = latest
                if not current_tick_groups().join(member, latest):
                    # Another reader asks for us.  Should the answer be overdue, we wake ourselves.
                    latest += self._fallback_delay
        latest = min(latest, self._core.lifetime.deadline)
        if not earliest < self._shield.deadline <= latest:
            self._shield.deadline = latest

    def rearm(self) -> None:
        """Wake earlier if something has become due earlier."""
        if self._protocol.state is _OPEN:
            self.wake_at(self._lease.next_wakeup().at)

    def wake_at(self, at: float) -> None:
        """Wake the reader at this time at the latest, if it waits for bytes."""
        if self._shield is not None:
            self._shield.deadline = min(self._shield.deadline, at)

    def leave_group(self, member: Member) -> None:
        """Leave the group of readers whose leases end at the same tick."""
        if self._group_tick is not None:
            tick, self._group_tick = self._group_tick, None
            current_tick_groups().leave(member, tick)

    def probe(self, now: float) -> None:
        """Ask for a sign of life at once."""
        self._lease.probe(now)
        self.rearm()

    # What to do then

    def act(self, now: float) -> bool:
        """Do what is due; return True if a question was queued."""
        if self._protocol.state is not _OPEN:
            return False  # armed before we began to close: nothing is due any more
        if self._lease.wants_look(now):
            self._core.look(now)
        due = self._lease.decide(now)
        match due.verdict:
            case Verdict.ASK:
                assert due.beat is not None
                return self._ask(due.beat, now)
            case Verdict.LOST:
                self._on_silence(due, now)
            case Verdict.STUCK | Verdict.STALLED:
                self._protocol.lose(Loss.SEND_TIMEOUT, self._lease.describe(due, now))
            case Verdict.IDLE:
                self._on_idle(now)
            case _:
                pass
        return False

    def act_at_tick(self, now: float) -> bool:
        """Ask if that is all that is due at the tick of our group; return True if we did."""
        self._group_tick = None  # the group has let us go
        if self._protocol.state is not _OPEN:
            return False
        beat = self._lease.question(now)
        return beat is not None and self._ask(beat, now)

    def _ask(self, beat: HeartbeatTimer, now: float) -> bool:
        if not isinstance(beat.policy, MessageHeartbeat):
            # Any byte answers: of the pings without a pong, the newest will do.
            self._core.pings.discard(self._ping)
            self._ping = self.queue_ping(draw_bytes(8), now)
            beat.on_asked(now)
            return True
        if self._protocol.mid_message:
            beat.postpone(now)
            return False
        if not self._queue_message(beat.policy):
            return False
        beat.on_asked(now, frame=self._protocol.send_queue.frames_in)
        return True

    def _on_silence(self, due: Expiry, now: float) -> None:
        """End the connection, unless the peer is in the middle of a message."""
        assert due.beat is not None
        receiving = self._protocol.receiving_message
        if receiving and self._lease.extend_for_message(due.beat, now):
            return
        farewell = Close(int(CloseCode.INTERNAL_ERROR), "heartbeat timeout")
        self._protocol.lose(Loss.HEARTBEAT, self._lease.describe(due, now), farewell=farewell)

    def _on_idle(self, now: float) -> None:
        """Close, unless a message is on its way: a slow message is not an idle connection."""
        moved = self._lease.last_moved(receiving=self._protocol.receiving_message)
        if self._lease.is_idle_since(moved, now):
            self._core.begin_close(CloseCode.GOING_AWAY, "idle", initiator=Initiator.IDLE)
        else:
            self._lease.data(moved)

    def on_handed_over(self, now: float) -> None:
        """Note that the kernel has taken what `act` queued."""
        self._lease.writing(now, self._protocol.send_queue.frames_out)
        self.on_written(now)

    def on_written(self, now: float) -> None:
        """Note that the kernel has taken what was in hand; ask it what was before a question."""
        if self._lease.written(now):
            self._core.look(now)
        if self._lease.bounds_sending:
            self.rearm()

    def on_sent_inline(self) -> None:
        """Watch what left, if `Timeouts.send` or `Timeouts.stall` bounds it."""
        if self._lease.bounds_sending and self._lease.sending(trio.current_time()):
            self.rearm()

    # Pings and messages

    def queue_ping(self, payload: bytes, now: float) -> PendingPing:
        """Queue a ping and remember it until its pong comes."""
        self._protocol.ping(payload)
        frames_before = self._protocol.send_queue.frames_out
        return self._core.pings.add(payload, now=now, frames_before=frames_before)

    def send_replies(self) -> None:
        """Answer the peer's heartbeat messages, unless that would break into a message."""
        while self.messages.replies and self._protocol.state is _OPEN:
            if self._protocol.mid_message or not self._core.has_room(0):
                return
            try:
                self._protocol.send(self.messages.make_reply())
                self._messages_queued += 1
            except BaseException as error:  # noqa: ASYNC103 - what may pass does
                self._core.fail(contain(error))

    def stream(self) -> Chunk | None:
        """Have the message in progress, or the next one, passed on in chunks.

        What could be a heartbeat is held back until it can be inspected as a whole.
        Return what is there already and is too long for one.
        """
        return self._protocol.stream(hold=LONGEST_HEARTBEAT if self.messages else 0)

    def _queue_message(self, policy: MessageHeartbeat) -> bool:
        try:
            self._protocol.send(policy.make())
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            self._core.fail(contain(error))
            return False  # noqa: ASYNC104
        self._messages_queued += 1
        return True

    def on_flushed(self, frames: int) -> None:
        """Note that the kernel has so many data frames more.

        Heartbeats do not keep a connection from being idle.
        """
        if frames > self._messages_queued:
            self._lease.data(trio.current_time())
        if not self._protocol.send_queue.size:
            self._messages_queued = 0

    # Pauses in reading

    def begin_pause(self, now: float) -> Pauses:
        """Note that the reader stops reading."""
        if self.pauses is None:
            self.pauses = Pauses(self._core)
        self.pauses.begin(now)
        return self.pauses
