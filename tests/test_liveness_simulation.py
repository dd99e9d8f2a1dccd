"""A day of traffic: the lease gives no healthy peer up, and finds every dead one in time."""

from __future__ import annotations

import random

import pytest

from trio_ws._liveness.timer import TICK

from . import liveness_simulation as liveness
from .liveness_simulation import ByHandOver, ByLease, ByPongs, Day, Simulation

SIZES = [
    pytest.param(1, 10, id="small"),
    pytest.param(40, 400, id="full", marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
]
BOUND = liveness.INTERVAL + liveness.TIMEOUT


@pytest.mark.parametrize(("days", "deaths"), SIZES)
@pytest.mark.parametrize("trace", liveness.TRACES)
def test_the_lease(trace: str, days: int, deaths: int) -> None:
    """The defaults give hardly anybody up unjustly, and find the dead within both times.

    Those that they do give up were out of reach for longer than interval and timeout together:
    nothing that listens for so long and no longer can tell them from the dead.
    """
    row = liveness.row(liveness.TRACES[trace], ByLease, days, deaths)
    assert row.false <= (0.2 if trace in {"mobile", "TCP loss"} and days > 1 else 0)
    late = {"garbage collection": 121, "TCP loss": 8, "slow reader": BOUND}
    slack = late.get(trace, 0.5) + TICK
    assert row.worst <= BOUND + slack, "unless we do not look, or something comes late"


@pytest.mark.parametrize("trace", ["slow upload", "slow reader"])
def test_the_pong_counter(trace: str) -> None:
    """Who counts pongs gives up healthy peers: the traces are such that it shows."""
    assert liveness.row(liveness.TRACES[trace], ByPongs, 1, 10).false > 1


def test_without_the_kernels_word() -> None:
    """Where nothing tells what was acknowledged, a slow link looks like a dead one (F1.1)."""
    assert liveness.row(liveness.TRACES["slow upload"], ByHandOver, 1, 10).false > 1


def test_a_stall_is_fatal_to_the_pong_counter_only() -> None:
    """If we stand still when the pong is about to come, only the lease looks before it judges."""
    day = Day(our_stalls=[(20.01, 80)])
    verdicts = [Simulation(day, kind(1), random.Random(0)).run(1000) for kind in (ByLease, ByPongs)]
    assert verdicts == [None, 80]


def test_the_line_is_tcp() -> None:
    """What is sent in an outage arrives with the first retransmission after it, in order."""
    simulation = Simulation(Day(outages=[(10, 20)]), ByLease(1), random.Random(0))
    assert simulation.crossing(9, "here") == 9.02
    assert simulation.crossing(10, "here") == pytest.approx(10 + 0.2 * (2**6 - 1) + 0.02)
    assert simulation.crossing(21, "here") == pytest.approx(22.62), "nothing overtakes"
    assert simulation.crossing(21, "there") == 21.02


def test_a_peer_that_is_dead_from_the_start() -> None:
    """Without chance, and without a byte, both find it after 40 s."""
    for kind in (ByLease, ByPongs):
        assert Simulation(Day(), kind(1), random.Random(0), death=0).run(1000) == 40
