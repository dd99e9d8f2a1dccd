"""`trio_ws._liveness.lease`: what the peer's kernel acknowledges proves that the way is alive."""

from __future__ import annotations

import pytest

from trio_ws._liveness.lease import Expiry
from trio_ws._liveness.timer import NOTHING_BEFORE
from trio_ws._policies import Heartbeat, Timeouts

from ..leases import (
    ASK,
    BY_MESSAGE,
    EVERY_20,
    LISTENING,
    LOST,
    STALLED,
    STUCK,
    WAIT,
    Event,
    Kernel,
    at,
    lease_of,
    run,
    tell,
)
from ..send_buffer import RATE, Upload

PING = 14


def uploading(upload: Upload) -> list[Event]:
    """Return what the writer tells of an upload; a ping leaves behind it."""
    return [
        (upload.start, "writing"),
        *at(upload.takes(), "progress"),
        *at([upload.handed], "written", "writing", "written"),
    ]


def kernel_of(upload: Upload) -> Kernel:
    """Return what the kernel says during an upload."""
    return lambda now: (upload.taken(now), upload.taken(now) - upload.acknowledged(now))


# No backlog


def test_without_a_backlog_the_kernel_is_asked_once_a_ping() -> None:
    """A ping with nothing before it costs one look; the timeout runs from its hand-over."""
    looks: list[float] = []
    verdicts = run((21, "heard"), kernel=lambda now: (PING, PING), looks=looks)
    assert verdicts == [(20, ASK), (41, ASK), (51, LOST)]
    assert looks == [20, 41]


def test_a_watchdog_asks_no_kernel() -> None:
    """Where nothing is asked nothing is looked at."""
    looks: list[float] = []
    assert run(policies=[LISTENING], kernel=lambda now: (0, 0), looks=looks) == [(30, LOST)]
    assert looks == []


# A backlog


@pytest.mark.parametrize("end", [60, 300])
def test_a_slow_link(end: float) -> None:
    """While acknowledgements come a ping that has not arrived is waited for (F1.1)."""
    upload = Upload(10, end)
    asked, lost = run(*uploading(upload), kernel=kernel_of(upload))
    assert asked == (20, ASK)
    assert lost == (end + 0.5 + 10, LOST), "half a second after the end it is seen to have arrived"


def test_a_slow_link_without_the_kernels_word() -> None:
    """Where the system does not tell the hand-over stands in, and the same peer is given up."""
    upload = Upload(10, 60)
    assert run(*uploading(upload)) == [(20, ASK), (upload.handed + 10, LOST)]


def test_looks_at_a_backlog() -> None:
    """While bytes or a question are on their way the kernel is asked once a second."""
    looks: list[float] = []
    upload = Upload(10, 60)
    run(*uploading(upload), kernel=kernel_of(upload), looks=looks)
    assert upload.handed == 22.5
    assert looks == [*range(11, 23), *(second + 0.5 for second in range(22, 61))]


@pytest.mark.parametrize("timeout", [1, 2, 20])
def test_how_soon_the_dead_are_found(timeout: float) -> None:
    """Who acknowledges no more is lost within the timeout and a step of the last."""
    upload = Upload(0, 300, death=100.3)
    policy = Heartbeat(interval=20, timeout=timeout)
    *_, (lost_at, verdict) = run(*uploading(upload), policies=[policy], kernel=kernel_of(upload))
    assert verdict is LOST
    assert 100.3 + timeout <= lost_at <= 100.3 + timeout + min(1, timeout / 4)


def test_no_acknowledgement_since_the_ping() -> None:
    """If nothing was acknowledged since the ping was queued the timeout runs from then."""
    upload = Upload(0, 300, death=5)
    assert run(*uploading(upload), kernel=kernel_of(upload)) == [(20, ASK), (30, LOST)]


def test_handed_over_and_not_acknowledged() -> None:
    """What the kernel takes does not help a peer that acknowledges nothing."""
    taking = at(range(10, 30), "writing", "progress", "written")

    def kernel(now: float) -> tuple[int, int]:
        return int(now) * 1000, int(now) * 1000

    assert run(*taking, kernel=kernel) == [(20, ASK), (30, LOST)]
    assert run(*taking, kernel=kernel, policies=[BY_MESSAGE]) == [(20, ASK), (30, LOST)]


@pytest.mark.parametrize(("before", "lost_at"), [(NOTHING_BEFORE, 30), (NOTHING_BEFORE + 1, 31)])
def test_what_counts_as_nothing(before: int, lost_at: float) -> None:
    """A ping alone, under TLS too, has nothing before it; else its arrival is waited for."""

    def kernel(now: float) -> tuple[int, int]:
        return 1000, before if now <= 20 else 0

    assert run(kernel=kernel) == [(20, ASK), (lost_at, LOST)]


def test_bytes_behind_the_ping_do_not_matter() -> None:
    """A ping has arrived once the bytes up to it are acknowledged, whatever is sent after it."""

    def kernel(now: float) -> tuple[int, int]:
        sent = int(now - 10) * 2 * RATE
        return sent, sent // 2

    assert run(kernel=kernel) == [(20, ASK), (40, LOST)]


def test_a_system_that_falls_silent() -> None:
    """If the kernel does not answer it is not asked again, and the hand-over counts."""
    looks: list[float] = []
    verdicts = run(
        (25, "heard"), kernel=lambda now: (0, 1000) if now < 22 else (0, None), looks=looks
    )
    assert verdicts == [(20, ASK), (45, ASK), (55, LOST)]
    assert looks == [20, 21, 22]


# Bounds on sending


def acknowledging_until(last: float) -> Kernel:
    """Return a kernel that acknowledges a byte a second for a while, of a thousand."""
    return lambda now: (1000, 1000 - int(min(now, last)))


@pytest.mark.parametrize(
    ("timeouts", "verdict"),
    [(Timeouts(stall=8), STALLED), (Timeouts(send=8), STUCK), (Timeouts(send=8, stall=9), STUCK)],
)
@pytest.mark.parametrize("in_hand", [False, True])
def test_nothing_acknowledged(timeouts: Timeouts, verdict: object, in_hand: bool) -> None:
    """`send` and `stall` end a connection when nothing is acknowledged, in hand or not."""
    events = [(5.5, "writing" if in_hand else "sending")]
    found = run(*events, policies=[], timeouts=timeouts, kernel=acknowledging_until(30))
    assert found == [(30.5 + 8, verdict)], "the look that first shows the last one is at 30.5"


def test_a_peer_that_talks_and_does_not_read() -> None:
    """Bytes from the peer count for `send`, and not for `stall` (F1.4)."""
    talking = [(1.0, "writing"), *at(range(2, 100), "heard")]
    deaf: Kernel = lambda now: (1000, 1000)  # noqa: E731
    assert run(*talking, timeouts=Timeouts(send=8), until=90, kernel=deaf) == []
    assert run(*talking, timeouts=Timeouts(stall=8), kernel=deaf) == [(9, STALLED)]
    assert run(*talking, timeouts=Timeouts(stall=8)) == [(9, STALLED)], "where it is not told"


def test_what_has_arrived_is_not_waited_for() -> None:
    """Once everything is acknowledged neither clock runs, and the kernel is not asked."""
    looks: list[float] = []
    timeouts = Timeouts(send=8, stall=8)
    arrived: Kernel = lambda now: (1000, 0)  # noqa: E731
    events = [(5, "sending"), (5.25, "sending"), (50, "sending")]
    assert run(*events, policies=[], timeouts=timeouts, kernel=arrived, looks=looks) == []
    assert looks == [6, 51]


def test_a_full_kernel_is_looked_at_only_in_silence() -> None:
    """While bytes move either way a writer that waits costs no looks."""
    looks: list[float] = []
    events = [(1, "writing"), *at(range(2, 9), "progress", "heard"), (30, "written")]
    run(*events, until=31, kernel=lambda now: (int(now), 1), looks=looks)
    assert looks == [*range(9, 31)], "a second after the last, then each second"


def test_nothing_is_asked_where_nothing_depends_on_it() -> None:
    """Without a policy that asks, and without bounds, the kernel is not asked."""
    looks: list[float] = []
    for events in ([(5, "writing")], [(5, "writing"), (6, "written")]):
        assert run(*events, policies=[LISTENING], kernel=lambda now: (9, 9), looks=looks) == [
            (30, LOST)
        ]
    assert run((5, "writing"), (6, "written"), kernel=lambda now: (9, 9), until=19) == []
    assert looks == []


def test_stuck_by_default_counts_acknowledgements() -> None:
    """The default of `send` goes by acknowledgements, too."""
    lease = lease_of(BY_MESSAGE, told=True)
    tell(lease, (0, "writing"))
    for now in range(1, 51):
        tell(lease, (now, "postpone"))
        lease.look(now, 1000, 1000 - min(now, 20))
        assert lease.decide(now).verdict is (WAIT if now < 50 else STUCK)


@pytest.mark.parametrize(
    ("events", "story"),
    [
        ([(5, "writing")], "nothing heard for 30.0 s; nothing of ours acknowledged for 25.0 s"),
        ([(5, "writing"), (9, "heard")], "nothing heard for 21.0 s; nothing of ours "),
    ],
)
def test_story(events: list[Event], story: str) -> None:
    """The story tells since when nothing was acknowledged."""
    lease = lease_of(told=True)
    tell(lease, *events)
    assert lease.describe(Expiry(STALLED), 30).startswith(story)


def test_story_of_a_question_on_its_way() -> None:
    """The story tells whether the question has arrived."""
    lease = lease_of(EVERY_20, told=True)
    tell(lease, (20, "on_asked"), (20, "writing"), (20, "written"))
    lease.look(20, 5000, 5000)
    lost = Expiry(LOST, lease.beats[0])
    assert lease.describe(lost, 30).endswith("a ping sent 10.0 s ago was not acknowledged")
    lease.look(31, 5000, 0)
    assert lease.describe(lost, 40).endswith("a ping sent 20.0 s ago was not answered")
