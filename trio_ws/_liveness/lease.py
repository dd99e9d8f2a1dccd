"""Is the peer alive?  A lease that bytes renew, as arithmetic.

A peer is considered alive until its lease expires.
Any byte that arrives renews it, whatever the byte belongs to (P12).
The reader waits for bytes inside a cancel scope whose deadline is `Lease.next_wakeup`;
when the scope expires it asks `Lease.judge` what is due, does that, and waits again::

    last byte ──interval──▶ ASK ──timeout──▶ LOST
        ▲                    │
        └──── any byte ──────┘

Each heartbeat policy has a `HeartbeatTimer` of its own in the lease:

* `Heartbeat` asks with a ping, and any byte is an answer.
* `Watchdog` never asks: it only gives up.  Any byte counts, or only chosen messages.
* `MessageHeartbeat` asks with a message.  Any byte is an answer, or only chosen messages.

Questions are asked at whole ticks (`TICK`) of the clock.
With ten thousand connections the process wakes 16 times a second for them, not 500 times,
and only one of their tasks each time (`tick_groups`): to wake up is most of what a beat would cost.

Five things keep the verdict honest:

* Renewal is lazy: a byte only notes the time, and `judge`, `next_wakeup` and `question` renew
  what it renews, so a busy connection pays nothing.
  Only after a question, while the lease is `awaiting_answer`, the reader looks at once:
  the next one is due an interval after the answer,
  which may be long before the timeout of this one.
* While we do not read, silence proves nothing, and the reader asks for no verdict;
  `resume` starts afresh.
* Where only chosen messages count, none of them can come in the middle of another message:
  as long as the bytes of that one arrive, the wait for the chosen one is extended.
* The timeout runs from the moment when the question was handed to the kernel;
  until then from the last byte that the kernel took, because a long upload over a slow link
  is not a dead peer; if it took none, from the moment when the question was queued,
  because a closed window is.
* A verdict that comes much later than it was due means that our own loop stood still,
  and the answer may wait in the socket: one more wait of `GRACE` seconds is granted
  for each deadline.

There is no clock in here: every method is told the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .._policies import FOREVER, BeatPolicy, Timeouts
from .timer import GRACE, HeartbeatTimer, Verdict

STALLED = 0.1
"""A deadline noticed so many seconds late means that our own loop had stalled."""


class Expiry(NamedTuple):
    """A verdict, and the timer that it is about, if it is about one."""

    verdict: Verdict
    beat: HeartbeatTimer | None = None


_WAIT = Expiry(Verdict.WAIT)


class Wakeup(NamedTuple):
    """When something is due; `shared`: it is a question at a tick, which others may ask for us."""

    at: float
    shared: bool


class Grace(NamedTuple):
    """One more wait, granted because a deadline was noticed `stall` seconds late."""

    deadline: float
    until: float
    stall: float


class Lease:
    """What is due when, for one connection."""

    def __init__(
        self, policies: Iterable[BeatPolicy], timeouts: Timeouts, *, now: float, phase: float
    ) -> None:
        self.beats = [HeartbeatTimer(policy, now=now, phase=phase) for policy in policies]
        self._idle = FOREVER if timeouts.idle is None else timeouts.idle
        self._send = _send_timeout(self.beats, timeouts)
        self._last_data = self._last_progress = now
        self._idle_reported = False
        self.last_heard = self._resumed_at = now
        self._paused = 0.0
        self._writing = False
        self._grace: Grace | None = None

    # What happens

    def heard(self, now: float) -> None:
        """Note that bytes arrived."""
        self.last_heard = now

    def data(self, now: float) -> None:
        """Note that a message arrived, or was accepted for sending."""
        self._last_data = now
        self._idle_reported = False

    def writing(self, now: float, frames: int = 0) -> None:
        """Note what the writer has in hand: so many data frames so far, and every ping."""
        self._writing = True
        self._last_progress = now
        for beat in self.beats:
            beat.writing(frames)

    def progress(self, now: float) -> None:
        """Note that the kernel took bytes."""
        self._last_progress = now

    def written(self, now: float) -> None:
        """Note that the kernel took all that the writer had in hand."""
        self._writing = False
        for beat in self.beats:
            beat.written(now)

    def resume(self, now: float, paused: float = 0.0) -> None:
        """Start afresh: we read again, after so many seconds in which we did not."""
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
        """Have every peer asked now: something happened to us (a suspended machine)."""
        self._renew()
        for beat in self.beats:
            beat.probe(now)

    def last_moved(self, *, receiving: bool) -> float:
        """Return when a message on its way moved last: one that we write, or one half received."""
        written = self._last_progress if self._writing else -FOREVER
        return max(written, self.last_heard, self._resumed_at) if receiving else written

    def is_idle_since(self, moved: float, now: float) -> bool:
        """Return True if there was no progress since `moved` for as long as counts as idle."""
        return now >= moved + self._idle

    # What is due

    @property
    def awaiting_answer(self) -> bool:
        """Return True if an answer may make something due earlier than it was."""
        for beat in self.beats:  # noqa: SIM110 - this is asked for each read, and a loop is faster
            if beat.awaiting_answer:
                return True
        return False

    def next_wakeup(self) -> Wakeup:
        """Renew what was heard to renew; return when something is due then."""
        self._renew()
        due = self._earliest()
        if self._grace is not None and self._grace.deadline == due:
            return Wakeup(max(due, self._grace.until), shared=False)
        for beat in self.beats:
            if beat.on_ticks and beat.next_question_at == due:
                return Wakeup(due, shared=True)
        return Wakeup(due, shared=False)

    def judge(self, now: float) -> Expiry:
        """Return what is due now; if several things are, one after the other."""
        if now < self.next_wakeup().at:
            return _WAIT
        if now >= self._due_idle():
            self._idle_reported = True
            return Expiry(Verdict.IDLE)
        judged = self._judge_silence(now)
        if judged.verdict is not Verdict.ASK and self._grant_grace(now):
            return _WAIT
        return judged

    def question(self, now: float) -> HeartbeatTimer | None:
        """Return the timer that has to ping now, if that is all that is due."""
        self._renew()
        if now < self._earliest() or now >= self._due_idle():
            return None
        for beat in self.beats:
            if now >= beat.due(self._last_progress):
                return beat if beat.pings and not beat.awaiting_answer else None
        return None

    def _renew(self) -> None:
        """Let what was heard since the last look renew what any byte renews."""
        for beat in self.beats:
            if beat.any_byte and self.last_heard > beat.renewed_at:
                beat.renew(self.last_heard)

    def _grant_grace(self, now: float) -> bool:
        """Return True if a verdict has to wait, once, because it comes late.

        A loop that stood still may have the answer in the socket, and has not read it yet.
        """
        due = self._earliest()
        if now - due <= STALLED or (self._grace is not None and self._grace.deadline == due):
            return False
        self._grace = Grace(deadline=due, until=now + GRACE, stall=now - due)
        return True

    def _judge_silence(self, now: float) -> Expiry:
        for beat in self.beats:
            if now >= beat.due(self._last_progress):
                return Expiry(beat.judge(), beat)
        return Expiry(Verdict.STUCK)

    def _earliest(self) -> float:
        """Return when something is due, without grace."""
        due = self._due_idle()
        for beat in self.beats:
            due = min(due, beat.due(self._last_progress))
        return min(due, self._due_stuck()) if self._writing else due

    def _due_stuck(self) -> float:
        return max(self._last_progress, self.last_heard, self._resumed_at) + self._send

    def _due_idle(self) -> float:
        return FOREVER if self._idle_reported else self._last_data + self._idle

    def describe(self, due: Expiry, now: float) -> str:
        """Return what a verdict rests on, for the exception that reports it."""
        silence = f"nothing heard for {now - self.last_heard:.1f} s"
        story = silence if due.beat is None else due.beat.describe(now)
        if self._paused and self.last_heard <= self._resumed_at:
            story += f"; we had not read for {self._paused:.1f} s before"
        if self._grace is not None and self._grace.deadline == self._earliest():
            story += f"; our own event loop had stalled for {self._grace.stall:.1f} s before"
        return story


def _send_timeout(beats: Iterable[HeartbeatTimer], timeouts: Timeouts) -> float:
    if timeouts.send is not None:
        return timeouts.send
    active = [beat.interval + beat.timeout for beat in beats if beat.interval is not None]
    return min(active, default=FOREVER)
