"""Leases to test: policies with easy numbers, and the reader's and writer's part in a lease."""

from __future__ import annotations

from collections.abc import Iterable

from trio_ws._liveness.lease import Expiry, Lease
from trio_ws._liveness.timer import Verdict
from trio_ws._policies import BeatPolicy, Heartbeat, MessageHeartbeat, Timeouts, Watchdog

WAIT, ASK, LOST, STUCK, IDLE = Verdict

EVERY_20 = Heartbeat(interval=20, timeout=10)
LISTENING = Watchdog(timeout=30)
BY_MESSAGE = MessageHeartbeat(message="?", interval=20, timeout=10)
CHOSEN_BEATS = Watchdog(timeout=30, is_beat=bool)
CHOSEN_REPLIES = MessageHeartbeat(message="?", interval=20, timeout=10, is_reply=bool)
ASKING = [EVERY_20, BY_MESSAGE, CHOSEN_REPLIES]
ALL = [*ASKING, LISTENING, CHOSEN_BEATS]

Event = tuple[float, str]
"""When, and which method of `Lease` or `Beat` tells of it."""


def lease_of(*policies: BeatPolicy, timeouts: Timeouts = Timeouts(), phase: float = 1) -> Lease:
    """A lease that begins at 0."""
    return Lease(policies, timeouts, now=0, phase=phase)


def tell(lease: Lease, *events: Event) -> None:
    """Tell the lease what happens; what is about beats goes to all of them."""
    for time, event in events:
        if event in ("on_asked", "renew", "postpone"):
            for beat in lease.beats:
                getattr(beat, event)(time)
        elif event:
            getattr(lease, event)(time)


def at(times: Iterable[float], *events: str) -> list[Event]:
    """The same events at each of several times."""
    return [(time, event) for time in times for event in events]


def run(
    *events: Event,
    policies: Iterable[BeatPolicy] = (EVERY_20,),
    timeouts: Timeouts = Timeouts(),
    phase: float = 1,
    until: float = 1000,
) -> list[tuple[float, Verdict]]:
    """Do what the reader and the writer do, and tell which verdicts came when.

    A question is handed over at once if the writer has nothing in hand.
    """
    lease = lease_of(*policies, timeouts=timeouts, phase=phase)
    verdicts: list[tuple[float, Verdict]] = []
    busy = False
    for time, event in [*events, (until, "")]:
        while (now := lease.next_wakeup().at) < time:
            verdict, beat = lease.judge(now)
            verdicts.append((now, verdict))
            if verdict is ASK and beat:
                beat.on_asked(now)
                if not busy:
                    tell(lease, (now, "writing"), (now, "written"))
            if verdict in (LOST, STUCK):
                return verdicts
        busy = {"writing": True, "written": False}.get(event, busy)
        tell(lease, (time, event))
    return verdicts


def late_lease(judged_at: float) -> Lease:
    """A lease whose question of second 20 brought nothing until 30, which was noticed later."""
    lease = lease_of(EVERY_20)
    tell(lease, (20, "on_asked"), (20, "writing"), (20, "written"))
    assert lease.next_wakeup().at == 30
    assert lease.judge(29.5) == Expiry(WAIT)
    assert lease.judge(judged_at) == Expiry(WAIT)
    return lease
