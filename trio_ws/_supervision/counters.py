"""What a supervisor counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .._errors import Reconnect
from .retry_rules import Failure

Cause: TypeAlias = Failure | Reconnect
"""What ends an attempt or a connection, and may be followed by another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStatistics:
    """A snapshot of one supervisor; see `Supervisor.statistics`.

    Attributes:
        attempts: attempts that were begun.
        connections: connections that were opened.
        losses: connections that ended and were worth another attempt.
        downtime: seconds without a connection since `Supervisor.run` began.
        last_failure: what ended the last attempt or connection that failed, or None.
    """

    attempts: int
    connections: int
    losses: int
    downtime: float
    last_failure: Cause | None


@dataclass(slots=True)
class Counters:
    """The counters of one supervisor."""

    attempts: int = 0
    connections: int = 0
    losses: int = 0
    downtime: float = 0.0
    down_since: float | None = None
    last_failure: Cause | None = None

    def attempt(self) -> None:
        """Count an attempt."""
        self.attempts += 1

    def opened(self, now: float) -> float | None:
        """Count a connection; return the seconds without one, if there was anything to mend."""
        mended = self.attempts > 1
        self.connections += 1
        before = self.downtime
        self.up(now)
        return self.downtime - before if mended else None

    def failed(self, cause: Cause) -> None:
        """Note what ended an attempt or a connection."""
        self.last_failure = cause

    def lost(self) -> None:
        """Count a connection that was worth another attempt."""
        self.losses += 1

    def down(self, now: float) -> None:
        """Begin to count the time without a connection."""
        self.down_since = now

    def up(self, now: float) -> None:
        """Stop to count it: there is a connection, or none is wanted any more."""
        self.downtime = self.downtime_until(now)
        self.down_since = None

    def downtime_until(self, now: float) -> float:
        """Return the seconds without a connection."""
        return self.downtime + (0.0 if self.down_since is None else now - self.down_since)

    def snapshot(self, now: float) -> SupervisorStatistics:
        """Return what users see."""
        return SupervisorStatistics(
            attempts=self.attempts,
            connections=self.connections,
            losses=self.losses,
            downtime=self.downtime_until(now),
            last_failure=self.last_failure,
        )
