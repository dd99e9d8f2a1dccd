"""Is the peer alive?  A lease that bytes renew, as arithmetic.

The peer holds a lease on our patience.
Any byte that arrives renews it, whatever the byte belongs to (P12).
The reader waits for bytes inside a cancel scope whose deadline is `Lease.due`;
when the scope expires it asks `Lease.judge` what is due, does that, and waits again::

    last byte ──interval──▶ PING ──timeout──▶ LOST
        ▲                     │
        └──── any byte ───────┘

Four things keep the verdict honest:

* Renewal is lazy: a byte only notes the time.  The deadline is computed when the scope expires,
  so a busy connection pays nothing.
* While we do not read, silence proves nothing, and the reader asks for no verdict;
  `resume` starts afresh.
* The timeout runs from the moment when the ping was handed to the kernel;
  until then from the last byte that the kernel took, because a long upload over a slow link
  is not a dead peer; if it took none, from the moment when the ping was queued,
  because a closed window is.
* A verdict that comes much later than it was due means that our own loop stood still,
  and the answer may wait in the socket: one more wait of `GRACE` seconds is granted.

There is no clock in here: every method is told the time.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ._policy import FOREVER, Heartbeat, Timeouts

STALLED = 0.1
"""A deadline noticed so many seconds late means that our own loop had stalled."""

GRACE = 1.0
"""How many seconds the reader may look once more after a stall."""


class Verdict(enum.Enum):
    """What is due."""

    WAIT = "nothing yet"
    PING = "send a ping"
    LOST = "the peer did not answer"
    STUCK = "the peer takes nothing and says nothing"
    IDLE = "nobody has sent a message for long"


@dataclass(slots=True)
class _Ping:
    """A ping that no byte has followed yet: when it was queued, when the kernel had it."""

    queued: float
    in_hand: bool = False
    handed: float | None = None


class Lease:
    """What is due when, for one connection."""

    def __init__(
        self, heartbeat: Heartbeat | None, timeouts: Timeouts, *, now: float, phase: float
    ) -> None:
        self._heartbeat = heartbeat
        self._idle = FOREVER if timeouts.idle is None else timeouts.idle
        self._send = _send_timeout(heartbeat, timeouts)
        self._last_data = self._last_progress = now
        self.last_heard = now
        self._ping_due = FOREVER if heartbeat is None else now + phase * heartbeat.interval
        self._ping: _Ping | None = None
        self._writing = False
        self._granted_until = -FOREVER
        self._stall = 0.0

    # What happens

    def heard(self, now: float) -> None:
        """Bytes arrived."""
        self.last_heard = now
        self._ping = None
        self._granted_until = -FOREVER
        self._stall = 0.0
        if self._heartbeat is not None:
            self._ping_due = now + self._heartbeat.interval

    def data(self, now: float) -> None:
        """A message arrived, or was accepted for sending."""
        self._last_data = now

    def writing(self, now: float) -> None:
        """The writer took something in hand, and with it a ping if one waited."""
        self._writing = True
        self._last_progress = now
        if self._ping is not None:
            self._ping.in_hand = True

    def progress(self, now: float) -> None:
        """The kernel took bytes."""
        self._last_progress = now

    def written(self, now: float) -> None:
        """The kernel took all that the writer had in hand."""
        self._writing = False
        if self._ping is not None and self._ping.in_hand and self._ping.handed is None:
            self._ping.handed = now

    def pinged(self, now: float) -> None:
        """The ping that was due was queued; what the writer has in hand goes before it."""
        self._ping = _Ping(queued=now)

    def resume(self, now: float) -> None:
        """We read again, after a time in which we did not: the silence was ours."""
        self.heard(now)

    # What is due

    def due(self) -> float:
        """When to ask for a verdict, if nothing happens until then."""
        return max(min(self._due_ping(), self._due_stuck(), self._due_idle()), self._granted_until)

    def judge(self, now: float) -> Verdict:
        """What is due now."""
        due = self.due()
        if now < due:
            return Verdict.WAIT
        if now >= self._due_idle():
            self._last_data = FOREVER
            return Verdict.IDLE
        verdict = self._judge_silence(now)
        if verdict in (Verdict.LOST, Verdict.STUCK) and now - due > STALLED:
            self._stall = now - due
            self._granted_until = now + GRACE
            return Verdict.WAIT
        return verdict

    def _judge_silence(self, now: float) -> Verdict:
        if now >= self._due_stuck():
            return Verdict.STUCK
        return Verdict.PING if self._ping is None else Verdict.LOST

    def _due_ping(self) -> float:
        if self._heartbeat is None or self._ping is None:
            return self._ping_due
        if self._ping.handed is None:
            return max(self._ping.queued, self._last_progress) + self._heartbeat.timeout
        return self._ping.handed + self._heartbeat.timeout

    def _due_stuck(self) -> float:
        if not self._writing:
            return FOREVER
        return max(self._last_progress, self.last_heard) + self._send

    def _due_idle(self) -> float:
        return self._last_data + self._idle

    def story(self, now: float) -> str:
        """What a verdict rests on, for the exception that reports it."""
        story = f"nothing heard for {now - self.last_heard:.1f} s"
        if self._ping is not None:
            fate = "not even taken" if self._ping.handed is None else "not answered"
            story += f"; a ping sent {now - self._ping.queued:.1f} s ago was {fate}"
        if self._stall:
            story += f"; our own event loop had stalled for {self._stall:.1f} s"
        return story


def _send_timeout(heartbeat: Heartbeat | None, timeouts: Timeouts) -> float:
    if timeouts.send is not None:
        return timeouts.send
    return FOREVER if heartbeat is None else heartbeat.interval + heartbeat.timeout
