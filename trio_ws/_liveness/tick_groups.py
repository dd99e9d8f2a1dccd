"""Leases that end at the same tick are looked after in one go.

Each reader waits under a lease of its own (`lease`), and could wait for its end by itself.
But to wake a task takes many times as long as the ping that it then sends:
with ten thousand connections that would be most of what their heartbeats cost.

So the readers whose leases end at the same tick of the clock make up a group.
The first of them leads: it wakes at the tick, and asks for the others too; they sleep on::

    tick        the leader wakes and asks for all of the group
     │ pong ──▶ each joins its next group, an interval later
     ▼
    timeout     the lease of one whose peer did not answer ends: it wakes by itself

A member gives up its own peer: only a verdict wakes it.
A leader that goes before the tick hands the lead on to the next member.
A large group is looked after in steps, each by another leader, so that other tasks run.
There is no task for this, and nothing is left of it when the last connection has gone.
"""

from __future__ import annotations

from itertools import islice
from typing import Protocol

import trio

from .._concurrency.per_run import PerRun

MAX_PER_WAKE = 64
"""After this many members of a group other tasks run."""


class Member(Protocol):
    """A reader that waits under a lease."""

    def wake_at(self, tick: float) -> None:
        """Wake at this tick."""

    def on_tick(self, now: float) -> None:
        """Do what is due, without waking."""


class TickGroups:
    """Which readers wait for which tick, in one Trio run; see the top of this file."""

    def __init__(self) -> None:
        self._groups: dict[float, dict[Member, None]] = {}

    def join(self, member: Member, tick: float) -> bool:
        """Have `member` looked after at `tick`.

        Return True if it leads, and so has to wake by itself.
        """
        members = self._groups.setdefault(tick, {})
        members[member] = None
        return len(members) == 1

    def leave(self, member: Member, tick: float) -> None:
        """Forget `member`; if it led, look after the others when it is time, or hand on."""
        members = self._groups[tick]
        led = next(iter(members)) is member
        del members[member]
        if led:
            self._go_on(tick, members)

    def _go_on(self, tick: float, members: dict[Member, None]) -> None:
        now = trio.current_time()
        if now >= tick:
            for member in list(islice(members, MAX_PER_WAKE)):
                del members[member]
                member.on_tick(now)
        if members:
            next(iter(members)).wake_at(tick)
        else:
            del self._groups[tick]


current_tick_groups = PerRun("trio_ws.tick_groups", TickGroups)
"""Return the groups of the present Trio run."""
