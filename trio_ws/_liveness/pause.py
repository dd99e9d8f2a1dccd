"""Is the peer alive while we do not read?

When the receive queue is full the reader rests, so that TCP stops the peer.
Then the lease is suspended: silence proves nothing while nothing is read.
Three clocks run all the same (P12):

* The connection is looked at once a second: an error, a hang-up or the peer's end shows
  without reading.
* If bytes of ours wait and none makes progress, the peer is lost after the timeout
  of what asks, after `Timeouts.send` or `Timeouts.stall`, whichever is shortest.
  It counts from the last progress, or from the beginning of the rest if that was later.
  The reader sends a pong now and then that the peer did not ask for,
  so there is something to wait for.
* `Timeouts.idle` runs.  An application that takes messages from the queue is not idle.

There is no clock in here, as in `lease`.
"""

from __future__ import annotations

from .._policies import FOREVER
from .grace import Grace
from .lease import Expiry, Lease
from .timer import Verdict

_WAIT = Expiry(Verdict.WAIT)


class Pause:
    """One rest of the reader."""

    def __init__(self, lease: Lease, now: float) -> None:
        self._lease = lease
        self._out = lease.outgoing
        self._began = self._looked_at = now
        self._bound, self._expiry = _shortest(lease)
        self._grace: Grace | None = None
        self._out.restart(now)

    def due(self) -> float:
        """Return when to look and to `decide`, if nothing happens until then."""
        lost = self._due_lost()
        if self._grace is not None and self._grace.deadline == lost:
            lost = self._grace.until
        return min(self._looked_at + self._lease.step, lost, self._lease.due_idle)

    def decide(self, now: float) -> Expiry:
        """Return what is due now; the kernel has just been asked if it tells."""
        self._looked_at = now
        if now >= self._lease.due_idle:
            return self._lease.report_idle()
        lost = self._due_lost()
        if now < lost:
            return _WAIT
        if self._grace is None or self._grace.deadline != lost:
            self._grace = Grace.for_late(lost, now)
            return self._expiry if self._grace is None else _WAIT
        if now < self._grace.until or self._grace.extend(now):
            return _WAIT
        return self._expiry

    def describe(self, now: float) -> str:
        """Return what a verdict rests on."""
        return f"{self._out.describe(now)}; we have not read for {now - self._began:.1f} s"

    def _due_lost(self) -> float:
        if self._out.waiting_since is None:
            return FOREVER
        return max(self._out.progress_at, self._out.waiting_since) + self._bound


def _shortest(lease: Lease) -> tuple[float, Expiry]:
    """Return the shortest of the bounds, and the verdict when it has passed."""
    bounds = [
        (beat.timeout, Expiry(Verdict.LOST, beat))
        for beat in lease.beats
        if beat.interval is not None
    ]
    bounds += [(lease.send, Expiry(Verdict.STUCK)), (lease.stall, Expiry(Verdict.STALLED))]
    return min(bounds, key=lambda bound: bound[0])
