"""Is the peer alive?  A lease that bytes renew, as arithmetic.

The peer holds a lease on our patience.
Any byte that arrives renews it, whatever the byte belongs to (P12).
The reader waits for bytes inside a cancel scope whose deadline is `Lease.due`;
when the scope expires it asks `Lease.judge` what is due, does that, and waits again::

    last byte ──interval──▶ ASK ──timeout──▶ LOST
        ▲                    │
        └──── any byte ──────┘

Each heartbeat policy has a `Beat` of its own in the lease:

* `Heartbeat` asks with a ping, and any byte is an answer.
* `Watchdog` never asks: it only gives up.  Any byte counts, or only chosen messages.
* `MessageHeartbeat` asks with a message.  Any byte is an answer, or only chosen messages.

Questions are asked at whole ticks (`TICK`) of the clock.
With ten thousand connections the process wakes 16 times a second for them, not 500 times,
and only one of their tasks each time (`_rounds`): to wake up is most of what a beat would cost.

Five things keep the verdict honest:

* Renewal is lazy: a byte only notes the time.  The deadline is computed when the scope expires,
  so a busy connection pays nothing.  Only behind a question, while the lease is `questioning`,
  the reader looks at once: the next one is due an interval after the answer,
  which may be long before the timeout of this one.
* While we do not read, silence proves nothing, and the reader asks for no verdict;
  `resume` starts afresh.
* Where only chosen messages count, none of them can come in the middle of another message:
  as long as the bytes of that one arrive, the wait for the chosen one is excused.
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

import enum
import math
from collections.abc import Iterable
from typing import NamedTuple

from .._policies import FOREVER, BeatPolicy, Heartbeat, Timeouts, Watchdog

STALLED = 0.1
"""A deadline noticed so many seconds late means that our own loop had stalled."""

TICK = 1 / 16
"""A question may be asked so many seconds late, together with those of other connections.

A power of two, so that the arithmetic is exact."""

GRACE = 1.0
"""How many seconds the reader may look once more after a stall."""


class Verdict(enum.Enum):
    """What is due."""

    WAIT = "nothing yet"
    ASK = "ask the peer for a sign of life"
    LOST = "the peer gave none"
    STUCK = "the peer takes nothing and says nothing"
    IDLE = "nobody has sent a message for long"


class HeartbeatTimer:
    """One policy's share in a lease: since when the peer is silent, and whether it was asked."""

    def __init__(self, policy: BeatPolicy, *, now: float, phase: float) -> None:
        self.policy = policy
        self.timeout = policy.timeout
        self.interval = None if isinstance(policy, Watchdog) else policy.interval
        self.pings = isinstance(policy, Heartbeat)
        self.any_byte = _any_byte_counts(policy)
        self.renewed_at = now
        self._ask_at = FOREVER
        if self.interval is not None:
            self._ask_at = self._on_tick(now + phase * self.interval)
        self._queued: float | None = None
        self._frame = 0
        self._in_hand = False
        self._handed: float | None = None

    def renew(self, now: float) -> None:
        """The peer gave the sign of life that this policy is about."""
        self.renewed_at = now
        self._queued = self._handed = None
        self._in_hand = False
        if self.interval is not None:
            self._ask_at = self._on_tick(now + self.interval)

    def _on_tick(self, at: float) -> float:
        """The next tick; an interval so short that a tick is much of it has none."""
        assert self.interval is not None
        return math.ceil(at / TICK) * TICK if self.interval >= 16 * TICK else at

    def probe(self, now: float) -> None:
        """Ask now, unless it has been asked already."""
        if self.interval is not None:
            self._ask_at = min(self._ask_at, now)

    def postpone(self, now: float) -> None:
        """It cannot be asked now, for a reason of our own: look again in a moment."""
        self._ask_at = now + GRACE

    def asked(self, now: float, *, frame: int = 0) -> None:
        """The question was queued; what the writer has in hand goes before it.

        `frame` is the number of its data frame; a ping has none, it overtakes the data.
        """
        self._queued = now
        self._frame = frame
        self._in_hand = False
        self._handed = None

    def writing(self, frames: int) -> None:
        """The writer took something in hand: pings, and data up to this number of frames."""
        self._in_hand = self._queued is not None and self._frame <= frames

    def written(self, now: float) -> None:
        """The kernel took all that the writer had in hand."""
        if self._in_hand and self._handed is None:
            self._handed = now

    @property
    def questioning(self) -> bool:
        """Whether it has asked, and has not been renewed since."""
        return self._queued is not None

    def due(self, last_progress: float) -> float:
        """When this policy wants something."""
        if self.interval is None:
            return self.renewed_at + self.timeout
        if self._queued is None:
            return self._ask_at
        since = self._handed
        return (max(self._queued, last_progress) if since is None else since) + self.timeout

    def judge(self) -> Verdict:
        """What is due once it is due."""
        waits = self.interval is not None and self._queued is None
        return Verdict.ASK if waits else Verdict.LOST

    def story(self, now: float) -> str:
        """What was waited for, and since when."""
        silence = f"{self._expected()} for {now - self.renewed_at:.1f} s"
        if self._queued is None:
            return silence
        question = "ping" if isinstance(self.policy, Heartbeat) else "heartbeat message"
        fate = "not even taken" if self._handed is None else "not answered"
        return f"{silence}; a {question} sent {now - self._queued:.1f} s ago was {fate}"

    def _expected(self) -> str:
        if self.any_byte:
            return "nothing heard"
        return "no beat" if isinstance(self.policy, Watchdog) else "no reply"


def _any_byte_counts(policy: BeatPolicy) -> bool:
    if isinstance(policy, Watchdog):
        return policy.is_beat is None
    return isinstance(policy, Heartbeat) or policy.is_reply is None


class Expiry(NamedTuple):
    """A verdict, and the beat that it is about, if it is about one."""

    verdict: Verdict
    beat: HeartbeatTimer | None = None


_WAIT = Expiry(Verdict.WAIT)


class Lease:
    """What is due when, for one connection."""

    def __init__(
        self, policies: Iterable[BeatPolicy], timeouts: Timeouts, *, now: float, phase: float
    ) -> None:
        self.beats = [HeartbeatTimer(policy, now=now, phase=phase) for policy in policies]
        self._idle = FOREVER if timeouts.idle is None else timeouts.idle
        self._send = _send_timeout(self.beats, timeouts)
        self._last_data = self._last_progress = now
        self.last_heard = self._resumed_at = now
        self._paused = 0.0
        self._writing = False
        # The last stall of ours: how long, which deadline it made late, and until when we wait.
        self._stall = 0.0
        self._granted_for = self._granted_until = -FOREVER

    # What happens

    def heard(self, now: float) -> None:
        """Bytes arrived."""
        self.last_heard = now

    def data(self, now: float) -> None:
        """A message arrived, or was accepted for sending."""
        self._last_data = now

    def writing(self, now: float, frames: int = 0) -> None:
        """The writer took something in hand: so many data frames so far, and every ping."""
        self._writing = True
        self._last_progress = now
        for beat in self.beats:
            beat.writing(frames)

    def progress(self, now: float) -> None:
        """The kernel took bytes."""
        self._last_progress = now

    def written(self, now: float) -> None:
        """The kernel took all that the writer had in hand."""
        self._writing = False
        for beat in self.beats:
            beat.written(now)

    def resume(self, now: float, paused: float = 0.0) -> None:
        """We read again, after so many seconds in which we did not: the silence was ours."""
        self._resumed_at, self._paused = now, paused
        for beat in self.beats:
            beat.renew(now)

    def excuse(self, beat: HeartbeatTimer, now: float) -> bool:
        """Whether the peer is excused: it is busy with another message, and is heard."""
        if beat.any_byte or now >= self.last_heard + beat.timeout:
            return False
        beat.renew(self.last_heard)
        return True

    def probe(self, now: float) -> None:
        """Something happened to us (a suspended machine): ask every peer now."""
        self.due()  # lets what was heard renew
        for beat in self.beats:
            beat.probe(now)

    def last_moved(self, *, receiving: bool) -> float:
        """When a message on its way moved last: one that we write, or one half received."""
        written = self._last_progress if self._writing else -FOREVER
        return max(written, self.last_heard, self._resumed_at) if receiving else written

    def is_idle_since(self, moved: float, now: float) -> bool:
        """Whether there was no progress since `moved` for as long as counts as idle."""
        return now >= moved + self._idle

    # What is due

    @property
    def questioning(self) -> bool:
        """Whether an answer may make something due earlier than it was."""
        for beat in self.beats:  # noqa: SIM110 - this is asked for each read, and a loop is faster
            if beat.questioning:
                return True
        return False

    def due(self) -> float:
        """When to ask for a verdict, if nothing happens until then."""
        due = self._due_without_grace()
        return max(due, self._granted_until) if due == self._granted_for else due

    def judge(self, now: float) -> Expiry:
        """What is due now; if several things are, one after the other."""
        if now < self.due():
            return _WAIT
        if now >= self._due_idle():
            self._last_data = FOREVER
            return Expiry(Verdict.IDLE)
        judged = self._judge_silence(now)
        if judged.verdict is not Verdict.ASK and self._grant_grace(now):
            return _WAIT
        return judged

    def question(self, now: float) -> HeartbeatTimer | None:
        """The beat that has to ping now, if that is all that is due."""
        if now < self._due_without_grace() or now >= self._due_idle():
            return None
        for beat in self.beats:
            if now >= beat.due(self._last_progress):
                return beat if beat.pings and not beat.questioning else None
        return None

    def _grant_grace(self, now: float) -> bool:
        """Whether a verdict has to wait, once, because it comes late."""
        due = self._due_without_grace()
        if now - due <= STALLED or due == self._granted_for:
            return False
        self._stall = now - due
        self._granted_for, self._granted_until = due, now + GRACE
        return True

    def _judge_silence(self, now: float) -> Expiry:
        for beat in self.beats:
            if now >= beat.due(self._last_progress):
                return Expiry(beat.judge(), beat)
        return Expiry(Verdict.STUCK)

    def _due_without_grace(self) -> float:
        """When something is due; what was heard since the last look renews what any byte renews."""
        due = self._last_data + self._idle
        for beat in self.beats:
            if beat.any_byte and self.last_heard > beat.renewed_at:
                beat.renew(self.last_heard)
            due = min(due, beat.due(self._last_progress))
        return min(due, self._due_stuck()) if self._writing else due

    def _due_stuck(self) -> float:
        return max(self._last_progress, self.last_heard, self._resumed_at) + self._send

    def _due_idle(self) -> float:
        return self._last_data + self._idle

    def story(self, due: Expiry, now: float) -> str:
        """What a verdict rests on, for the exception that reports it."""
        silence = f"nothing heard for {now - self.last_heard:.1f} s"
        story = silence if due.beat is None else due.beat.story(now)
        if self._paused and self.last_heard <= self._resumed_at:
            story += f"; we had not read for {self._paused:.1f} s before"
        if self._due_without_grace() == self._granted_for:
            story += f"; our own event loop had stalled for {self._stall:.1f} s before"
        return story


def _send_timeout(beats: Iterable[HeartbeatTimer], timeouts: Timeouts) -> float:
    if timeouts.send is not None:
        return timeouts.send
    active = [beat.interval + beat.timeout for beat in beats if beat.interval is not None]
    return min(active, default=FOREVER)
