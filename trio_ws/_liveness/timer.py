"""One heartbeat policy's share in a lease: when it asks, and when it gives the peer up.

`lease` puts the shares of one connection together, and says what is due first.
There is no clock in here: every method is told the time.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

from .._policies import FOREVER, BeatPolicy, Heartbeat, Watchdog

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
    IDLE = "no message was sent or received for long"


class Question(NamedTuple):
    """A question on its way to the peer.

    `frame` is the number of its data frame; a ping has none, it overtakes the data.
    `in_hand`: the writer has taken it.  `handed_at`: when the kernel had taken it.
    """

    queued_at: float
    frame: int
    in_hand: bool = False
    handed_at: float | None = None


class HeartbeatTimer:
    """One policy's share in a lease: since when the peer is silent, and whether it was asked."""

    def __init__(self, policy: BeatPolicy, *, now: float, phase: float) -> None:
        self.policy = policy
        self.timeout = policy.timeout
        self.interval = None if isinstance(policy, Watchdog) else policy.interval
        self.pings = isinstance(policy, Heartbeat)
        self.any_byte = _any_byte_counts(policy)
        # An interval so short that a tick is much of it has none.
        self.on_ticks = self.interval is not None and self.interval >= 16 * TICK
        self.renewed_at = now
        self._ask_at = FOREVER
        if self.interval is not None:
            self._ask_at = self._next_tick(now + phase * self.interval)
        self._question: Question | None = None

    def renew(self, now: float) -> None:
        """Note the sign of life that this policy is about."""
        self.renewed_at = now
        self._question = None
        if self.interval is not None:
            self._ask_at = self._next_tick(now + self.interval)

    def _next_tick(self, at: float) -> float:
        return math.ceil(at / TICK) * TICK if self.on_ticks else at

    def probe(self, now: float) -> None:
        """Ask now, unless it has been asked already."""
        if self.interval is not None and now < self._ask_at:
            self._ask_at = now

    def postpone(self, now: float) -> None:
        """Look again in a moment: it cannot be asked now, for a reason of our own."""
        self._ask_at = now + GRACE

    def on_asked(self, now: float, *, frame: int = 0) -> None:
        """Note that the question was queued, behind what the writer has in hand."""
        self._question = Question(now, frame)

    def writing(self, frames: int) -> None:
        """Note what the writer has in hand: pings, and data up to this number of frames."""
        if (question := self._question) is not None:
            self._question = question._replace(in_hand=question.frame <= frames)

    def written(self, now: float) -> None:
        """Note that the kernel took all that the writer had in hand."""
        question = self._question
        if question is not None and question.in_hand and question.handed_at is None:
            self._question = question._replace(handed_at=now)

    @property
    def awaiting_answer(self) -> bool:
        """Return True if it has asked, and has not been renewed since."""
        return self._question is not None

    @property
    def next_question_at(self) -> float:
        """Return when it will ask; never, if it has asked or only listens."""
        return self._ask_at if self._question is None else FOREVER

    def due(self, last_progress: float) -> float:
        """Return when this policy wants something."""
        if self.interval is None:
            return self.renewed_at + self.timeout
        if (question := self._question) is None:
            return self._ask_at
        if question.handed_at is not None:
            return question.handed_at + self.timeout
        return max(question.queued_at, last_progress) + self.timeout

    def judge(self) -> Verdict:
        """Return what is due once it is due."""
        waits = self.interval is not None and self._question is None
        return Verdict.ASK if waits else Verdict.LOST

    def describe(self, now: float) -> str:
        """Return what was waited for, and since when."""
        silence = f"{self._expected()} for {now - self.renewed_at:.1f} s"
        if (asked := self._question) is None:
            return silence
        what = "ping" if isinstance(self.policy, Heartbeat) else "heartbeat message"
        fate = "not even taken" if asked.handed_at is None else "not answered"
        return f"{silence}; a {what} sent {now - asked.queued_at:.1f} s ago was {fate}"

    def _expected(self) -> str:
        if self.any_byte:
            return "nothing heard"
        return "no beat" if isinstance(self.policy, Watchdog) else "no reply"


def _any_byte_counts(policy: BeatPolicy) -> bool:
    if isinstance(policy, Watchdog):
        return policy.is_beat is None
    return isinstance(policy, Heartbeat) or policy.is_reply is None
