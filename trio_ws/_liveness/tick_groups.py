"""Leases that end at the same tick are looked after in one go.

Each reader waits under a lease of its own (`_lease`), and could wait for its end by itself.
But to wake a task takes many times as long as the ping that it then sends:
with ten thousand connections that would be most of what their heartbeats cost.

So the readers whose leases end at the same tick of the clock make up a round.
The first of them leads: it wakes at the tick, and asks for the others too; they sleep on::

    tick        the leader wakes and asks for all of the round
     │ pong ──▶ each joins its next round, an interval later
     ▼
    timeout     the lease of one whose peer did not answer ends: it wakes by itself

The end of a member's own lease is its peer's last chance, and it alone pronounces that verdict.
A leader that goes before the tick hands the lead on to the next.
A round that is large is looked after in steps, each by another leader, so that others run.
There is no task for this, and nothing is left of it when the last connection has gone.
"""

from __future__ import annotations

from itertools import islice
from typing import Protocol

import trio

MAX_PER_WAKE = 64
"""After so many of a round others run."""


class Member(Protocol):
    """A reader that waits under a lease."""

    def lead(self, tick: float) -> None:
        """Wake at this tick."""

    def look(self, now: float) -> None:
        """Do what is due, without waking."""


class TickGroups:
    """Who waits for which tick, in one Trio run; see the top of this file."""

    def __init__(self) -> None:
        self._rounds: dict[float, dict[Member, None]] = {}

    def join(self, member: Member, tick: float) -> bool:
        """Have `member` looked after at `tick`; whether it leads, and has to wake by itself."""
        members = self._rounds.setdefault(tick, {})
        members[member] = None
        return len(members) == 1

    def leave(self, member: Member, tick: float) -> None:
        """Forget `member`; if it led, look after the others when it is time, or hand on."""
        members = self._rounds[tick]
        led = next(iter(members)) is member
        del members[member]
        if led:
            self._go_on(tick, members)

    def _go_on(self, tick: float, members: dict[Member, None]) -> None:
        now = trio.current_time()
        if now >= tick:
            for member in list(islice(members, MAX_PER_WAKE)):
                del members[member]
                member.look(now)
        if members:
            next(iter(members)).lead(tick)
        else:
            del self._rounds[tick]


_rounds: trio.lowlevel.RunVar[TickGroups] = trio.lowlevel.RunVar("trio_ws.rounds")


def current_tick_groups() -> TickGroups:
    """The rounds of the Trio run that we are in."""
    try:
        return _rounds.get()
    except LookupError:
        rounds = TickGroups()
        _rounds.set(rounds)
        return rounds
