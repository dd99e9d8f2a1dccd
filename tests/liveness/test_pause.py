"""`trio_ws._liveness.pause`: what ends a connection while the reader rests."""

from __future__ import annotations

import pytest

from trio_ws._liveness.grace import GLANCE, GLANCES, GRACE
from trio_ws._liveness.lease import Lease
from trio_ws._liveness.pause import Pause
from trio_ws._liveness.timer import Verdict
from trio_ws._policies import BeatPolicy, Heartbeat, Timeouts, Watchdog

from ..leases import (
    BY_MESSAGE,
    EVERY_20,
    IDLE,
    LISTENING,
    LOST,
    STALLED,
    STUCK,
    WAIT,
    Event,
    Kernel,
    at,
    lease_of,
    tell,
)

BEGAN = 100


def rest(
    *events: Event,
    policies: tuple[BeatPolicy, ...] = (EVERY_20,),
    timeouts: Timeouts = Timeouts(),
    kernel: Kernel | None = None,
    until: float = 1000,
) -> tuple[float, Verdict] | None:
    """Rest from second 100 on, as the reader does, and return the verdict and its time."""
    lease = lease_of(*policies, timeouts=timeouts, told=kernel is not None)
    tell(lease, *[event for event in events if event[0] <= BEGAN])
    pause = Pause(lease, BEGAN)
    for time, event in [*[event for event in events if event[0] > BEGAN], (until, "")]:
        while (now := pause.due()) < time:
            if kernel is not None:
                lease.look(now, *kernel(now))
            if (verdict := pause.decide(now).verdict) is not WAIT:
                return now, verdict
        tell(lease, (time, event), kernel=kernel)
    return None


def acknowledging_until(last: float) -> Kernel:
    """Return a kernel that acknowledges a byte a second for a while, of a thousand."""
    return lambda now: (1000, 1000 - int(min(now, last)))


def test_silence_proves_nothing() -> None:
    """While we do not read and nothing of ours waits nobody is given up."""
    assert rest() is None
    assert rest((50, "heard"), policies=(LISTENING,), kernel=lambda now: (500, 0)) is None


def test_a_peer_that_acknowledges() -> None:
    """A peer whose kernel acknowledges is not given up, however long we rest."""
    assert rest(kernel=acknowledging_until(1000), until=990) is None


@pytest.mark.parametrize(
    ("policies", "timeouts", "bound", "verdict"),
    [
        ([EVERY_20], Timeouts(), 10, LOST),
        ([BY_MESSAGE, LISTENING], Timeouts(), 10, LOST),
        ([EVERY_20, Heartbeat(timeout=4)], Timeouts(stall=5), 4, LOST),
        ([EVERY_20], Timeouts(stall=5), 5, STALLED),
        ([], Timeouts(stall=5, send=8), 5, STALLED),
        ([], Timeouts(stall=8, send=5), 5, STUCK),
        ([Watchdog(timeout=2)], Timeouts(send=5), 5, STUCK),
    ],
)
def test_nothing_acknowledged(
    policies: list[BeatPolicy], timeouts: Timeouts, bound: float, verdict: Verdict
) -> None:
    """The shortest bound counts, from the last acknowledgement that a look has shown."""
    found = rest(policies=tuple(policies), timeouts=timeouts, kernel=acknowledging_until(120))
    assert found == (120 + bound, verdict)


def test_nothing_acknowledged_from_the_beginning() -> None:
    """With no acknowledgement it counts from the first look, a second after the rest began."""
    assert rest((50, "writing"), kernel=lambda now: (1000, 1000)) == (110, LOST)
    assert rest(kernel=lambda now: (1000, 1000)) == (111, LOST)


def test_what_was_sent_later() -> None:
    """A pong that we send counts from when it is seen to wait, not from the beginning."""

    def kernel(now: float) -> tuple[int, int]:
        return (1014, 14) if now >= 150 else (1000, 0)

    assert rest(kernel=kernel) == (160, LOST)


def test_what_was_acknowledged_between_two_looks() -> None:
    """Each pong that arrives is progress, also if another waits at every look."""
    assert rest(kernel=lambda now: (int(now) * 14, 14)) is None


def test_a_writer_in_the_middle_of_a_message() -> None:
    """Where the system does not tell the bytes that the kernel takes count."""
    assert rest((90, "writing")) == (110, LOST)
    assert rest((90, "writing"), *at(range(104, 140, 4), "progress")) == (146, LOST)
    assert rest((90, "writing"), (105, "written")) is None


def test_no_bound() -> None:
    """Without a heartbeat that asks, and without bounds, only idleness ends a rest."""
    kernel: Kernel = lambda now: (1000, 1000)  # noqa: E731
    assert rest((90, "writing"), policies=(LISTENING,), kernel=kernel) is None
    assert rest(policies=(), timeouts=Timeouts(idle=500), kernel=kernel) == (500, IDLE)


@pytest.mark.parametrize(
    ("events", "idle_at"),
    [([], 150), ([(90, "data")], 240), ([(130, "data")], 280), ([(130, "heard")], 150)],
)
def test_idle(events: list[Event], idle_at: float) -> None:
    """`Timeouts.idle` runs while we rest; what the application takes or sends puts it off."""
    assert rest(*events, timeouts=Timeouts(idle=150)) == (idle_at, IDLE)


def test_looks() -> None:
    """The connection is looked at once a second, and four times in a short timeout."""
    steps: list[tuple[BeatPolicy, float]] = [
        (EVERY_20, 1),
        (Heartbeat(timeout=2), 0.5),
        (LISTENING, 1),
    ]
    for policy, step in steps:
        pause = Pause(lease_of(policy), BEGAN)
        for number in range(1, 100):
            assert pause.due() == BEGAN + number * step
            assert pause.decide(pause.due()).verdict is WAIT


def stuck_pause() -> tuple[Lease, Pause]:
    """Return a rest in which the verdict is due at second 110."""
    lease = lease_of(EVERY_20)
    tell(lease, (90, "writing"))
    return lease, Pause(lease, BEGAN)


def test_a_late_verdict() -> None:
    """A verdict that is noticed late waits for a grace; bytes that are taken meanwhile help."""
    lease, pause = stuck_pause()
    assert pause.decide(130).verdict is WAIT
    tell(lease, (130.5, "progress"))
    assert pause.decide(131).verdict is WAIT
    assert pause.decide(140.5).verdict is LOST


def test_a_late_verdict_that_stands() -> None:
    """If nothing comes of the grace, and of the glances after it, the verdict stands."""
    _, pause = stuck_pause()
    assert pause.decide(130).verdict is WAIT
    assert pause.decide(130.5).verdict is WAIT
    now = 130 + GRACE
    assert pause.decide(now).verdict is LOST
    _, pause = stuck_pause()
    now = 110.05
    for _ in range(GLANCES + 1):
        assert pause.decide(now).verdict is WAIT
        assert pause.due() == now + GLANCE
        now = pause.due() + 0.05
    assert pause.decide(now).verdict is LOST


def test_story() -> None:
    """The story tells since when nothing moves, and for how long we have not read."""
    _, pause = stuck_pause()
    assert pause.describe(110) == "nothing of ours taken for 10.0 s; we have not read for 10.0 s"
