"""Bursts on many connections leave together, in one step of one task.

What `Writer.flush` does not write at once waits for the turn of a task that writes,
so that a burst leaves in one system call.  If a program sends to a thousand connections,
a thousand tasks would have to be woken, which takes longer than all their writes.

So connections whose bursts begin in the same turn of the scheduler make up a group.
Only the first of them wakes its task, which writes for the others, too::

    send_nowait on A, B, C …     A, the leader, wakes its task; B, C … join
     │  the program waits for something
     ▼
    the task of A                writes what B, C … have queued, then what A has

What the kernel does not take of a member at once is for the member's own task.
After `MAX_PER_TURN` members the next one leads, so that other tasks run (P11).

The rule that no member is forgotten: if there are members, there is a leader,
and its task is about to run.  So a task that is busy cannot lead, since it may wait
for its own slow peer; and a leader whose task ends instead of going on leads before it ends.
"""

from __future__ import annotations

from itertools import islice
from typing import Protocol, final

from .._concurrency.per_run import PerRun

MAX_PER_TURN = 32
"""For how many members a leader writes."""


class Member(Protocol):
    """A writer whose burst waits for a turn."""

    def take_lead(self) -> bool:
        """Wake the task, which calls `SharedTurn.lead`; return False if it is busy or over."""

    def write_burst(self) -> None:
        """Write what is queued, without the task."""


@final
class SharedTurn:
    """The writers of one Trio run that write in the same turn; see the top of this file.

    Attributes:
        leader: whose task will write for all; None if no member waits.
    """

    __slots__ = ("_members", "leader")

    def __init__(self) -> None:
        self._members: dict[Member, None] = {}
        self.leader: Member | None = None

    def join(self, member: Member) -> bool:
        """Have `member` written for; return False if its own task does that, as the leader's."""
        if self.leader is None and member.take_lead():
            self.leader = member
        elif self.leader is not None and member is not self.leader:
            self._members[member] = None
            return True
        return False

    def lead(self) -> None:
        """Write for the members; the leader calls this when its task goes on, or ends."""
        for member in list(islice(self._members, MAX_PER_TURN)):
            del self._members[member]
            member.write_burst()
        self.leader = None
        while self._members and self.leader is None:
            member = next(iter(self._members))
            del self._members[member]
            if member.take_lead():
                self.leader = member


current_shared_turn = PerRun("trio_ws.shared_turn", SharedTurn)
"""Return the group of the present Trio run."""
