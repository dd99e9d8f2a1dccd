"""Rounds: which sends of a Trio run belong to one burst, whichever tasks they come from.

The first message since anything was waited for shall leave at once, and those of a burst together.
So a writer has to know whether anything was waited for since it wrote last.
Trio does not tell of the turns of its scheduler, but the poller waits for all sockets of a run::

    the poller waits ──▶ begin ──▶ it wakes the tasks for which something has come
                                    │  each reads, and may send to any connection
    the poller waits ──▶ begin ──▶ …

All that these tasks send belongs to one round, be they a hundred that relay to one connection.
The task that waits for the only socket of a run is its own poller (`_transport.lone_socket`).
A single read would not do as a sign: each of the hundred reads, and all in the same turn.

A run whose sockets no poller watches stays in its first round:
there a connection's own reads, and the task that writes, end a burst.
"""

from __future__ import annotations

from typing import final

from .per_run import PerRun


@final
class Rounds:
    """Counts the rounds of one Trio run; see the top of this file.

    Attributes:
        number: how many rounds have begun.
    """

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0

    def begin(self) -> None:
        """Note that something was waited for: what is sent now belongs to no burst of before."""
        self.number += 1


current_rounds = PerRun("trio_ws.rounds", Rounds)
"""Return the rounds of the present Trio run."""
