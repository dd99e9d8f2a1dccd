"""Is the peer alive?  A lease that bytes renew, as arithmetic.

A peer is considered alive until its lease expires.
Any byte that arrives renews it, whatever the byte belongs to (P12).
The reader waits for bytes inside a cancel scope whose deadline is `Lease.next_wakeup`;
when the scope expires it asks `Lease.decide` what is due, does that, and waits again::

    last byte ──interval──▶ ASK ──timeout──▶ LOST
        ▲                    │
        └──── any byte ──────┘

Each heartbeat policy has a `HeartbeatTimer` of its own in the lease.
Questions are asked at whole ticks (`TICK`) of the clock.
With ten thousand connections the process wakes 16 times a second for them, not 500 times,
and only one of their tasks each time (`tick_groups`): to wake up is most of what a beat would cost.

Six things keep the verdict honest:

* Renewal is lazy: a byte only notes the time.  The deadline is computed when the scope expires,
  so a busy connection pays nothing.  Only behind a question, while the lease is `awaiting_answer`,
  the reader looks at once: the next one is due an interval after the answer,
  which may be long before the timeout of this one.
* While we do not read, silence proves nothing (`pause`); `resume` starts afresh.
* Where only chosen messages count, none of them can come in the middle of another message:
  as long as the bytes of that one arrive, the wait for the chosen one is extended.
* The timeout runs from when the question arrived, and before that from the last progress
  of what goes before it (`outgoing`): a long message on a slow link is not a dead peer.
* The kernel is asked before a verdict.  While something `wants_look`, a look is due
  every `step` seconds, so that a verdict is at most so late.  Without a backlog
  nothing wants one but the hand-over of the question.
* A verdict that comes later than it was due means that our own loop may have stood still,
  and the answer may wait in the socket: one more read cycle is granted (`grace`).

There is no clock in here: every method is told the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .._policies import FOREVER, BeatPolicy, Timeouts
from .grace import Grace
from .outgoing import Outgoing
from .timer import HeartbeatTimer, Verdict

LONGEST_STEP = 1.0
"""The kernel is asked at least once in so many seconds while it matters what it says."""


class Expiry(NamedTuple):
    """A verdict, and the beat that it is about, if it is about one."""

    verdict: Verdict
    beat: HeartbeatTimer | None = None


_WAIT = Expiry(Verdict.WAIT)


class Wakeup(NamedTuple):
    """When something is due; `shared`: it is a question at a tick, which others may ask for us."""

    at: float
    shared: bool


class Lease:
    """What is due when, for one connection.

    With `told` the system tells what the peer's kernel has acknowledged.
    """

    __slots__ = (
        "_grace",
        "_idle",
        "_idle_reported",
        "_last_data",
        "_paused",
        "_resumed_at",
        "beats",
        "bounds_sending",
        "last_heard",
        "outgoing",
        "send",
        "stall",
    )

    def __init__(
        self,
        policies: Iterable[BeatPolicy],
        timeouts: Timeouts,
        *,
        now: float,
        phase: float,
        told: bool = False,
    ) -> None:
        self.beats = tuple([HeartbeatTimer(each, now=now, phase=phase) for each in policies])
        self.outgoing = Outgoing(now, told=told)
        self._idle = FOREVER if timeouts.idle is None else timeouts.idle
        self.send = _send_timeout(self.beats, timeouts)
        self.stall = FOREVER if timeouts.stall is None else timeouts.stall
        self.bounds_sending = timeouts.send is not None or timeouts.stall is not None
        """Whether every byte of ours is bounded, also while no question waits for its answer."""
        self._last_data = now
        self._idle_reported = False
        self.last_heard = self._resumed_at = now
        self._paused = 0.0
        self._grace: Grace | None = None

    # What happens

    def heard(self, now: float) -> None:
        """Note that bytes arrived."""
        self.last_heard = now

    def data(self, now: float) -> None:
        """Note that a message arrived, or was accepted for sending."""
        self._last_data = now
        self._idle_reported = False

    def sending(self, now: float) -> bool:
        """Note that bytes left inline; return True if something may be due earlier.

        This has to be told only if the lease `bounds_sending`, and the system tells what arrives.
        """
        return self.outgoing.told and self.outgoing.wait(now)

    def writing(self, now: float, frames: int = 0) -> None:
        """Note what the writer took in hand: so many data frames so far, and every ping."""
        self.outgoing.begin(now)
        for beat in self.beats:
            beat.writing(frames)

    def progress(self, now: float) -> None:
        """Note that the kernel took bytes."""
        self.outgoing.take(now)

    def written(self, now: float) -> bool:
        """Note that the kernel took all that the writer had; return True if a `look` is due."""
        told = self.outgoing.told
        self.outgoing.finish()
        handed = False
        for beat in self.beats:
            handed |= beat.written(now, told=told)
        return handed and told

    def look(self, now: float, sent: int, unacknowledged: int | None, delivered: int = 0) -> None:
        """Note what the kernel said (`Outgoing.look`)."""
        self.outgoing.look(now, sent, unacknowledged, delivered)
        for beat in self.beats:
            beat.look(now, sent, self.outgoing)

    def resume(self, now: float, paused: float = 0.0) -> None:
        """Read again, after so many seconds in which we did not: the silence was ours."""
        self._resumed_at, self._paused = now, paused
        for beat in self.beats:
            beat.renew(now)

    def extend_for_message(self, beat: HeartbeatTimer, now: float) -> bool:
        """Extend the wait for a peer in the middle of another message, if it is still heard.

        Return False if the wait is over.
        """
        if beat.any_byte or now >= self.last_heard + beat.timeout:
            return False
        beat.renew(self.last_heard)
        return True

    def probe(self, now: float) -> None:
        """Ask every peer now: the machine was suspended."""
        self._renew()
        for beat in self.beats:
            beat.probe(now)

    def last_moved(self, *, receiving: bool) -> float:
        """Return when a message on its way moved last: one that we write, or one half received."""
        written = self.outgoing.progress_at if self.outgoing.in_hand else -FOREVER
        return max(written, self.last_heard, self._resumed_at) if receiving else written

    def is_idle_since(self, moved: float, now: float) -> bool:
        """Return True if there was no progress since `moved` for as long as counts as idle."""
        return now >= moved + self._idle

    # What is due

    @property
    def awaiting_answer(self) -> bool:
        """Return True if an answer may make something due earlier than it was."""
        for beat in self.beats:  # noqa: SIM110 - this is asked for each read, and a loop is faster
            if beat.question is not None:
                return True
        return False

    def wants_look(self, now: float) -> bool:
        """Return True if it matters what was acknowledged: ask the kernel before `decide`."""
        return self.outgoing.looked_at < now and self._due_look() < FOREVER

    def next_wakeup(self) -> Wakeup:
        """Renew what was heard to renew; return when something is due, or a look, then."""
        self._renew()
        due = self._earliest()
        look = self._due_look()
        if self._grace is not None and self._grace.deadline == due:
            return Wakeup(min(self._grace.until, look), shared=False)
        if look < due:
            return Wakeup(look, shared=False)
        for beat in self.beats:
            if beat.on_ticks and beat.next_question_at == due:
                return Wakeup(due, shared=True)
        return Wakeup(due, shared=False)

    def decide(self, now: float) -> Expiry:
        """Return what is due now; if several things are, one after the other."""
        self._renew()
        if now < self._due_with_grace():
            return _WAIT
        if now >= self.due_idle:
            return self.report_idle()
        judged = self._judge_silence(now)
        if judged.verdict is not Verdict.ASK and self._grant_grace(now):
            return _WAIT
        return judged

    def question(self, now: float) -> HeartbeatTimer | None:
        """Return the beat that has to ping now, if that is all that is due."""
        self._renew()
        if now < self._earliest() or now >= self.due_idle:
            return None
        for beat in self.beats:
            if now >= beat.due(self.outgoing.progress_at):
                return beat if beat.pings and not beat.awaiting_answer else None
        return None

    @property
    def due_idle(self) -> float:
        """Return when the connection has been idle for too long."""
        return FOREVER if self._idle_reported else self._last_data + self._idle

    def report_idle(self) -> Expiry:
        """Say once that the connection is idle."""
        self._idle_reported = True
        return Expiry(Verdict.IDLE)

    def _renew(self) -> None:
        """Let what was heard since the last look renew what any byte renews."""
        for beat in self.beats:
            if beat.any_byte and self.last_heard > beat.renewed_at:
                beat.renew(self.last_heard)

    def _judge_silence(self, now: float) -> Expiry:
        for beat in self.beats:
            if now >= beat.due(self.outgoing.progress_at):
                return Expiry(beat.decide(), beat)
        return Expiry(Verdict.STALLED if now >= self._due_stalled() else Verdict.STUCK)

    def _grant_grace(self, now: float) -> bool:
        """Return True if a verdict has to wait because it comes late."""
        due = self._earliest()
        if self._grace is not None and self._grace.deadline == due:
            return self._grace.extend(now)
        self._grace = Grace.for_late(due, now)
        return self._grace is not None

    def _due_with_grace(self) -> float:
        due = self._earliest()
        if self._grace is not None and self._grace.deadline == due:
            return self._grace.until
        return due

    def _earliest(self) -> float:
        """Return when something is due, without looks and without grace."""
        due = self.due_idle
        progress_at = self.outgoing.progress_at
        for beat in self.beats:
            due = min(due, beat.due(progress_at))
        if self.outgoing.waiting_since is None:
            return due
        return min(due, self._due_stuck(), self._due_stalled())

    def _due_stuck(self) -> float:
        out = self.outgoing
        if out.waiting_since is None or not (out.in_hand or self.bounds_sending):
            return FOREVER
        moved = max(out.taken_at, out.moved_at, out.waiting_since)
        return max(moved, self.last_heard, self._resumed_at) + self.send

    def _due_stalled(self) -> float:
        assert self.outgoing.waiting_since is not None
        return max(self.outgoing.progress_at, self.outgoing.waiting_since) + self.stall

    @property
    def step(self) -> float:
        """Return how many seconds may pass between two looks."""
        timeouts = [beat.timeout for beat in self.beats if beat.interval is not None]
        return min(LONGEST_STEP, *[each / 4 for each in (*timeouts, self.send, self.stall)])

    def _due_look(self) -> float:
        """Return when the kernel is to be asked."""
        out = self.outgoing
        if not out.told:
            return FOREVER
        for beat in self.beats:
            if beat.question is not None and beat.question.arrived is None:
                return max(out.looked_at, beat.question.queued) + self.step
        if out.waiting_since is None:
            return FOREVER
        if self.bounds_sending:
            return max(out.looked_at, out.waiting_since) + self.step
        if out.in_hand and self.send < FOREVER:
            return max(out.looked_at, out.taken_at, self.last_heard) + self.step
        return FOREVER

    def describe(self, due: Expiry, now: float) -> str:
        """Return what a verdict rests on, for the exception that reports it."""
        silence = f"nothing heard for {now - self.last_heard:.1f} s"
        story = silence if due.beat is None else due.beat.describe(now)
        if due.verdict in (Verdict.STUCK, Verdict.STALLED):
            story += f"; {self.outgoing.describe(now)}"
        if self._paused and self.last_heard <= self._resumed_at:
            story += f"; we had not read for {self._paused:.1f} s before"
        if self._grace is not None and self._grace.deadline == self._earliest():
            story += self._grace.story
        return story


def _send_timeout(beats: Iterable[HeartbeatTimer], timeouts: Timeouts) -> float:
    if timeouts.send is not None:
        return timeouts.send
    active = [beat.interval + beat.timeout for beat in beats if beat.interval is not None]
    return min(active, default=FOREVER)
