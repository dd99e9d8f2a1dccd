"""One more read cycle for a verdict that was noticed late.

A deadline fires late when our own loop stood still at that moment.
Then the answer may wait in the socket, and if the peer lives in the same process
it could not even answer.
So the reader waits once more before the verdict, for however short a stall::

    deadline ──late by more than `STALLED`──▶ `GRACE` seconds more
        └──────late by anything──────────────▶ `GLANCE` seconds more, up to `GLANCES` times again

A real clock is always a little late, so a verdict comes some hundredths of a second after its time.
A wait is at least one turn of the event loop, however long the turn takes.
In a few turns a peer in the same process is woken, reads the question and answers, and so do we.
A wait that ends late itself may have been one such turn: another follows.
"""

from __future__ import annotations

from typing import Self

STALLED = 0.1
"""If a deadline is noticed so many seconds late, the answer may have a long way to go."""

GRACE = 1.0
"""How many seconds the reader may look once more after such a stall."""

GLANCE = 1 / 64
"""How many seconds it may look once more if the deadline was only a little late."""

GLANCES = 5
"""How often again."""

PUNCTUAL = 1e-6
"""So many seconds late is not late: times are rounded."""


class Grace:
    """A deadline that was noticed late, and until when its verdict waits."""

    __slots__ = ("_glances", "_stall", "deadline", "until")

    def __init__(self, deadline: float, now: float) -> None:
        self.deadline = deadline
        self._stall = now - deadline
        self.until = now + (GRACE if self._stall > STALLED else GLANCE)
        self._glances = GLANCES

    @classmethod
    def for_late(cls, deadline: float, now: float) -> Self | None:
        """Return a grace for a deadline that is noticed now; None if that is in time."""
        return cls(deadline, now) if now - deadline > PUNCTUAL else None

    def extend(self, now: float) -> bool:
        """Wait once more if the end of this wait is noticed late; return True if so."""
        if now - self.until <= PUNCTUAL or not self._glances:
            return False
        self._glances -= 1
        self.until = now + GLANCE
        return True

    @property
    def story(self) -> str:
        """Return a clause about the stall, if it is worth one."""
        if self._stall <= STALLED:
            return ""
        return f"; our own event loop had stalled for {self._stall:.1f} s before"
