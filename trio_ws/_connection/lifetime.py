"""Until when the tasks of a connection may run, and why they end.

Both tasks wait in shielded scopes, so that a cancelled application can still say goodbye.
A shield without a bound would be a trap.
So from the moment when the connection begins to end, whatever the reason,
all of them have one deadline, and it only comes nearer.
"""

from __future__ import annotations

import enum
from typing import final

import trio

from .._policies import FOREVER


class Initiator(enum.Enum):
    """What began to end a connection."""

    APPLICATION = "the application closed it, or left the block"
    IDLE = "no message was sent or received for `Timeouts.idle`"
    PEER = "the peer sent its Close first"
    LOSS = "it was lost while it was open"


@final
class Lifetime:
    """The end of one connection: its deadline, what began it, and the error that caused it.

    Attributes:
        deadline: when the tasks are cut off, as a time of Trio's clock.
        initiator: what began the end; None while the connection is open.
        error: what leaves the block: the first exception of the policies' functions,
            or of the tasks themselves.
    """

    __slots__ = ("_reading", "_writing", "deadline", "error", "initiator")

    def __init__(self) -> None:
        self.deadline = FOREVER
        self.initiator: Initiator | None = None
        self.error: BaseException | None = None
        self._reading: trio.CancelScope | None = None
        self._writing: trio.CancelScope | None = None

    @property
    def expired(self) -> bool:
        """Return True if the deadline has passed."""
        return trio.current_time() >= self.deadline

    def begin_end(self, initiator: Initiator) -> None:
        """Note what began the end; the first call counts."""
        self.initiator = self.initiator or initiator

    def fail(self, error: BaseException) -> None:
        """Note the error that has to leave the block; the first call counts."""
        self.error = self.error or error

    def shorten(self, seconds: float) -> None:
        """End the tasks in so many seconds at the latest; an earlier deadline stays."""
        deadline = trio.current_time() + seconds
        if deadline >= self.deadline:
            return
        self.deadline = deadline
        for shield in (self._reading, self._writing):
            if shield is not None and shield.deadline > deadline:
                shield.deadline = deadline

    # Each task is in at most one scope at a time.  One around the whole task, and another for
    # each wait within it, would cost 700 bytes for each idle connection.

    def shield_reading(self, deadline: float = FOREVER) -> trio.CancelScope:
        """Return a scope for the next wait of the reading task, bounded by the lifetime too."""
        self._reading = trio.CancelScope(shield=True, deadline=min(deadline, self.deadline))
        return self._reading

    def shield_writing(self) -> trio.CancelScope:
        """Return a scope for the writing task, bounded by the lifetime."""
        self._writing = trio.CancelScope(shield=True, deadline=self.deadline)
        return self._writing
