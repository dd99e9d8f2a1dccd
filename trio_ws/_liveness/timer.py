"""One heartbeat policy's share in a lease: since when the peer is silent, and whether it was asked.

* `Heartbeat` asks with a ping, and any byte is an answer.
* `Watchdog` never asks: it only gives up.  Any byte counts, or only chosen messages.
* `MessageHeartbeat` asks with a message.  Any byte is an answer, or only chosen messages.

A question passes through the hands that `outgoing` is about,
and the timeout runs from when it arrived (P12)::

    queued ──▶ handed to our kernel ──▶ arrived ──timeout──▶ lost
       └──── timeout since the last progress ────▶ lost

A short question with nothing before it counts as arrived when it is handed over.
Its arrival is not waited for: a peer that is gone acknowledges nothing,
and the timeout has to begin somewhere.
Before it has arrived the timeout runs from the last progress of what goes before it.
If there was none since, it runs from the queueing.
"""

from __future__ import annotations

import enum
import math

from .._policies import FOREVER, BeatPolicy, Heartbeat, Watchdog
from .outgoing import Outgoing

TICK = 1 / 16
"""A question may be asked so many seconds late, together with those of other connections.

A power of two, so that the arithmetic is exact."""

POSTPONEMENT = 1.0
"""How many seconds later a question is due that could not be asked."""

NOTHING_BEFORE = 128
"""If no more bytes are unacknowledged, they are the question itself, perhaps under TLS."""


class Verdict(enum.Enum):
    """What is due."""

    WAIT = "nothing yet"
    ASK = "ask the peer for a sign of life"
    LOST = "the peer gave none"
    STUCK = "the peer takes nothing and says nothing"
    STALLED = "the peer takes nothing, whatever it says"
    IDLE = "no message was sent or received for long"


class Question:
    """A question that was asked, and how far it has got."""

    __slots__ = ("_position", "arrived", "frame", "handed", "in_hand", "queued")

    def __init__(self, now: float, frame: int) -> None:
        self.queued = now
        self.frame = frame
        self.in_hand = False
        self.handed: float | None = None
        self.arrived: float | None = None
        self._position: int | None = None

    def take_in_hand(self, frames: int) -> None:
        """Note what the writer took in hand: pings, and data up to this number of frames."""
        self.in_hand = self.frame <= frames

    def hand_over(self, now: float, *, told: bool) -> bool:
        """Note that the kernel took all that the writer had; return True if this was in it."""
        if not self.in_hand or self.handed is not None:
            return False
        self.handed = now
        if not told:
            self.arrived = now
        return True

    def look(self, now: float, sent: int, outgoing: Outgoing) -> None:
        """Note whether it has arrived; the first look is at its hand-over."""
        if self.handed is None or self.arrived is not None:
            return
        if self._position is None:
            self._position = sent
        acknowledged = sent - outgoing.unacknowledged
        if outgoing.unacknowledged <= NOTHING_BEFORE or acknowledged >= self._position:
            self.arrived = now

    def since(self, progress_at: float) -> float:
        """Return when the timeout began to run."""
        return max(self.queued, progress_at) if self.arrived is None else self.arrived

    @property
    def fate(self) -> str:
        """Return how far it has got."""
        if self.handed is None:
            return "not even taken"
        return "not acknowledged" if self.arrived is None else "not answered"


class HeartbeatTimer:
    """When one policy wants to ask, or gives the peer up."""

    __slots__ = (
        "_ask_at",
        "any_byte",
        "interval",
        "on_ticks",
        "pings",
        "policy",
        "question",
        "renewed_at",
        "timeout",
    )

    def __init__(self, policy: BeatPolicy, *, now: float, phase: float) -> None:
        self.policy = policy
        self.timeout = policy.timeout
        self.interval = None if isinstance(policy, Watchdog) else policy.interval
        self.pings = isinstance(policy, Heartbeat)
        self.any_byte = _any_byte_counts(policy)
        # An interval so short that a tick is much of it has none.
        self.on_ticks = self.interval is not None and self.interval >= 16 * TICK
        self.renewed_at = now
        self.question: Question | None = None
        """The question that waits for its answer."""
        self._ask_at = FOREVER
        if self.interval is not None:
            self._ask_at = self._next_tick(now + phase * self.interval)

    def renew(self, now: float) -> None:
        """Note the sign of life that this policy is about."""
        self.renewed_at = now
        self.question = None
        if self.interval is not None:
            self._ask_at = self._next_tick(now + self.interval)

    def _next_tick(self, at: float) -> float:
        return math.ceil(at / TICK) * TICK if self.on_ticks else at

    def probe(self, now: float) -> None:
        """Ask now, unless it has been asked already."""
        if self.interval is not None and now < self._ask_at:
            self._ask_at = now

    def postpone(self, now: float) -> None:
        """Ask a moment later: it cannot be asked now, for a reason of our own."""
        self._ask_at = now + POSTPONEMENT

    def on_asked(self, now: float, *, frame: int = 0) -> None:
        """Note that the question was queued; what the writer has in hand goes before it.

        `frame` is the number of its data frame; a ping has none, it overtakes the data.
        """
        self.question = Question(now, frame)

    def writing(self, frames: int) -> None:
        """Note what the writer took in hand: pings, and data up to this number of frames."""
        if self.question is not None:
            self.question.take_in_hand(frames)

    def written(self, now: float, *, told: bool = False) -> bool:
        """Note that the kernel took all that the writer had; return True if that held the question.

        With `told` a look has to follow.
        """
        return self.question is not None and self.question.hand_over(now, told=told)

    def look(self, now: float, sent: int, outgoing: Outgoing) -> None:
        """Note what the kernel says of our bytes."""
        if self.question is not None:
            self.question.look(now, sent, outgoing)

    @property
    def awaiting_answer(self) -> bool:
        """Return True if it has asked, and has not been renewed since."""
        return self.question is not None

    @property
    def next_question_at(self) -> float:
        """Return when it will ask; never, if it has asked or only listens."""
        return self._ask_at if self.question is None else FOREVER

    def due(self, progress_at: float) -> float:
        """Return when this policy wants something; `progress_at` is that of our own bytes."""
        if self.interval is None:
            return self.renewed_at + self.timeout
        if self.question is None:
            return self._ask_at
        return self.question.since(progress_at) + self.timeout

    def decide(self) -> Verdict:
        """Return what is due once it is due."""
        waits = self.interval is not None and self.question is None
        return Verdict.ASK if waits else Verdict.LOST

    def describe(self, now: float) -> str:
        """Return what was waited for, and since when."""
        silence = f"{self._expected()} for {now - self.renewed_at:.1f} s"
        if self.question is None:
            return silence
        kind = "ping" if self.pings else "heartbeat message"
        age = now - self.question.queued
        return f"{silence}; a {kind} sent {age:.1f} s ago was {self.question.fate}"

    def _expected(self) -> str:
        if self.any_byte:
            return "nothing heard"
        return "no beat" if isinstance(self.policy, Watchdog) else "no reply"


def _any_byte_counts(policy: BeatPolicy) -> bool:
    if isinstance(policy, Watchdog):
        return policy.is_beat is None
    return isinstance(policy, Heartbeat) or policy.is_reply is None
