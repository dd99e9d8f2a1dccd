"""Leases to test: policies with easy numbers, and the reader's and writer's part in a lease."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trio_ws._liveness.lease import Expiry, Lease
from trio_ws._liveness.timer import Verdict
from trio_ws._policies import BeatPolicy, Heartbeat, MessageHeartbeat, Timeouts, Watchdog

WAIT, ASK, LOST, STUCK, STALLED, IDLE = Verdict

EVERY_20 = Heartbeat(interval=20, timeout=10)
LISTENING = Watchdog(timeout=30)
BY_MESSAGE = MessageHeartbeat(message="?", interval=20, timeout=10)
CHOSEN_BEATS = Watchdog(timeout=30, is_beat=bool)
CHOSEN_REPLIES = MessageHeartbeat(message="?", interval=20, timeout=10, is_reply=bool)
ASKING = [EVERY_20, BY_MESSAGE, CHOSEN_REPLIES]
ALL = [*ASKING, LISTENING, CHOSEN_BEATS]

Event = tuple[float, str]
"""When, and which method of `Lease` or `Beat` tells of it."""


Kernel = Callable[[float], tuple[int, int | None]]
"""What the kernel says at a time: the bytes sent so far, and how many are unacknowledged."""


def lease_of(
    *policies: BeatPolicy,
    timeouts: Timeouts = Timeouts(),
    phase: float = 1,
    told: bool = False,
) -> Lease:
    """Return a lease that begins at 0; with `told` the system tells of acknowledgements."""
    return Lease(policies, timeouts, now=0, phase=phase, told=told)


def tell(lease: Lease, *events: Event, kernel: Kernel | None = None) -> None:
    """Tell the lease what happens; what is about beats goes to all of them."""
    for time, event in events:
        if event in ("on_asked", "renew", "postpone"):
            for beat in lease.beats:
                getattr(beat, event)(time)
        elif event and getattr(lease, event)(time) and event == "written" and kernel:
            lease.look(time, *kernel(time))


def at(times: Iterable[float], *events: str) -> list[Event]:
    """Return the same events at each of several times."""
    return [(time, event) for time in times for event in events]


def run(
    *events: Event,
    policies: Iterable[BeatPolicy] = (EVERY_20,),
    timeouts: Timeouts = Timeouts(),
    phase: float = 1,
    until: float = 1000,
    kernel: Kernel | None = None,
    looks: list[float] | None = None,
) -> list[tuple[float, Verdict]]:
    """Do what the reader and the writer do, and return which verdicts came when.

    A question is handed over at once if the writer has nothing in hand.
    With a `kernel` the lease is told of acknowledgements; when it was asked is put into `looks`.
    """
    lease = lease_of(*policies, timeouts=timeouts, phase=phase, told=kernel is not None)
    asked_kernel: list[float] = [] if looks is None else looks
    verdicts: list[tuple[float, Verdict]] = []
    busy = False

    def ask_kernel(now: float) -> tuple[int, int | None]:
        assert kernel is not None
        asked_kernel.append(now)
        return kernel(now)

    for time, event in [*events, (until, "")]:
        while (now := lease.next_wakeup().at) < time:
            if lease.wants_look(now):
                lease.look(now, *ask_kernel(now))
            verdict, beat = lease.decide(now)
            if verdict is not WAIT:
                verdicts.append((now, verdict))
            if verdict is ASK and beat:
                beat.on_asked(now)
                if not busy:
                    tell(lease, (now, "writing"), (now, "written"), kernel=ask_kernel)
                elif lease.wants_look(now):
                    lease.look(now, *ask_kernel(now))
            if verdict in (LOST, STUCK, STALLED):
                return verdicts
        busy = {"writing": True, "written": False}.get(event, busy)
        tell(lease, (time, event), kernel=ask_kernel)
    return verdicts


def late_lease(judged_at: float) -> Lease:
    """A lease whose question of second 20 brought nothing until 30, which was noticed later."""
    lease = lease_of(EVERY_20)
    tell(lease, (20, "on_asked"), (20, "writing"), (20, "written"))
    assert lease.next_wakeup().at == 30
    assert lease.decide(29.5) == Expiry(WAIT)
    assert lease.decide(judged_at) == Expiry(WAIT)
    return lease
