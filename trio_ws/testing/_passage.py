"""What the faults do to one direction of one connection, as arithmetic.

A `Passage` counts the bytes that went one way and is asked, at each step, what the faults say:
how long a segment takes, how large it may be, whether anything passes at all.
It takes `now` and answers; the simulated network and the TCP proxy do what it says.
So a fault means the same on both.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple, TypeAlias, final

from ._faults import HOLDING, REFUSING, SUDDEN, Fault, FaultKind

Direction: TypeAlias = Literal["server", "client"]


@final
class Injection:
    """A fault that was injected: when it is armed, and how often it did something.

    Attributes:
        fault: what was injected.
        fired: how many times it acted on a connection, or on an attempt to make one.
    """

    def __init__(
        self,
        fault: Fault,
        now: float,
        *,
        expected: bool = True,
        part_of: Injection | None = None,
    ) -> None:
        self.fault = fault
        self.fired = 0
        self._expected = expected and part_of is None
        self._part_of = part_of
        self._since = now + fault.at
        self._until = self._since + fault.duration

    def __repr__(self) -> str:
        return f"<{self.fault}, fired {self.fired} times>"

    @property
    def since(self) -> float:
        """Return the time from which it is armed."""
        return self._since

    @property
    def until(self) -> float:
        """Return the time until which it is armed."""
        return self._until

    @property
    def missed(self) -> bool:
        """Return True if it never did anything, and a test should hear of that."""
        return self._expected and not self.fired

    def armed(self, now: float) -> bool:
        """Return True if it acts at `now`; what lasts no time acts in its moment."""
        return self._since <= now < self._until or self._since == now == self._until

    def fire(self) -> None:
        """Count that it acted."""
        self.fired += 1
        if self._part_of is not None:
            self._part_of.fire()

    def disarm(self, now: float) -> None:
        """Let it be over."""
        if self._until > now:
            self._since = self._until = -math.inf


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a line carries bytes: what it is when no fault is armed.

    Attributes:
        latency: seconds that each byte is under way.
        jitter: up to so many seconds more for each segment.
        bandwidth: bytes per second; infinite unless given.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float = math.inf

    @property
    def steady(self) -> bool:
        """Return True if each segment takes the same time, whatever its size."""
        return not self.jitter and self.bandwidth == math.inf

    def __add__(self, other: Conditions) -> Conditions:
        """Return how two lines, one behind the other, carry bytes."""
        if other == PERFECT:
            return self
        return Conditions(
            self.latency + other.latency,
            self.jitter + other.jitter,
            min(self.bandwidth, other.bandwidth),
        )


PERFECT = Conditions()


class Step(NamedTuple):
    """How the next segment goes.

    Attributes:
        size: how many bytes it has.
        pause: seconds until the next one may go.
        delay: seconds that it is under way.
    """

    size: int
    pause: float
    delay: float


class Passage:
    """One direction of a connection; see the top of this file.

    Args:
        injections: lists of faults; what is added to them later counts as well.
        direction: where this direction leads.
        random: what jitter, slices and the turned bit are drawn from.
    """

    def __init__(
        self, injections: Sequence[Sequence[Injection]], direction: Direction, random: Random
    ) -> None:
        self._lists = injections
        self._direction = direction
        self._random = random
        self._hit: set[Injection] = set()
        self.passed = 0

    def held_until(self, now: float, kinds: Collection[FaultKind] | None = None) -> float:
        """Return when something passes again: `now`, if no fault (of these kinds) holds it."""
        until = now
        for injection in self._armed(now):
            if injection.fault.kind in (HOLDING if kinds is None else kinds):
                self._fire_once(injection)
                until = max(until, injection.until)
        return until

    def next_step(self, wanted: int, now: float, conditions: Conditions) -> Step:
        """Return how the next segment goes; `wanted` bytes wait, one at least."""
        if not any(self._lists) and conditions.steady:
            return Step(wanted, 0.0, conditions.latency)
        size, rate, every = wanted, conditions.bandwidth, 0.0
        delay, jitter = conditions.latency, conditions.jitter
        for injection in self._armed(now):
            amount = injection.fault.amount
            match injection.fault.kind:
                case FaultKind.LATENCY:
                    delay += amount
                case FaultKind.JITTER:
                    jitter += amount
                case FaultKind.BANDWIDTH:
                    rate = min(rate, amount)
                case FaultKind.DRIP:
                    size, every = 1, max(every, amount)
                case FaultKind.SLICE:
                    size = min(size, self._random.randint(1, int(amount)))
                case _:
                    continue
            self._fire_once(injection)
        if jitter:
            delay += self._random.uniform(0, jitter)
        size = int(min(size, _share_of(rate), self._until_next_fault(now)))
        return Step(size, max(size / rate, every), delay)

    def ending(self, now: float) -> FaultKind | None:
        """Return the sudden fault that hits now and ends the connection, if there is one."""
        for injection in self._armed(now):
            kind = injection.fault.kind
            if kind in SUDDEN and kind is not FaultKind.CORRUPT and self._hits(injection):
                return kind
        return None

    def carry(self, data: bytes, now: float) -> bytes:
        """Count the bytes and return what arrives of them: the same, or a bit of it turned over."""
        for injection in self._armed(now):
            if injection.fault.kind is FaultKind.CORRUPT and self._hits(injection):
                bit = 1 << self._random.randrange(8)
                data = bytes([data[0] ^ bit]) + data[1:]
        self.passed += len(data)
        return data

    def _armed(self, now: float) -> list[Injection]:
        """List the faults that act on this direction now."""
        if not any(self._lists):  # as a rule; this is asked for each segment
            return []
        return [
            injection
            for injections in self._lists
            for injection in injections
            if injection.armed(now)
            and injection.fault.kind not in REFUSING
            and self.passed >= injection.fault.after_bytes
            and self._concerns_us(injection.fault)
        ]

    def _concerns_us(self, fault: Fault) -> bool:
        if fault.kind is FaultKind.HALF_CLOSE and fault.toward == "both":
            return self._direction == "client"
        return fault.toward in (self._direction, "both")

    def _until_next_fault(self, now: float) -> float:
        """Return how many bytes may pass before a fault is to be looked at again."""
        return min(
            (
                injection.fault.after_bytes - self.passed
                for injections in self._lists
                for injection in injections
                if injection.armed(now)
                and injection.fault.after_bytes > self.passed
                and self._concerns_us(injection.fault)
            ),
            default=math.inf,
        )

    def _hits(self, injection: Injection) -> bool:
        """Return True the first time that a sudden fault meets this direction."""
        if injection in self._hit:
            return False
        self._fire_once(injection)
        return True

    def _fire_once(self, injection: Injection) -> None:
        if injection not in self._hit:
            self._hit.add(injection)
            injection.fire()


def _share_of(rate: float) -> float:
    """Return how many bytes go as one segment, so that a slow line is seen to make progress."""
    return rate if rate == math.inf else max(1, int(rate / 50))
