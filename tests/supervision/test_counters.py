"""`trio_ws._supervision.counters`: what a supervisor counts."""

from __future__ import annotations

from trio_ws import HandshakeError
from trio_ws._supervision.counters import Counters, SupervisorStatistics


def test_counters() -> None:
    """Attempts, connections, losses and the time without a connection are in the snapshot."""
    counters = Counters()
    failure = HandshakeError("refused")
    counters.down(10)
    counters.attempt()
    counters.failed(failure)
    counters.attempt()
    assert counters.opened(13) == 3
    counters.lost()
    counters.down(20)
    assert counters.snapshot(25) == SupervisorStatistics(
        attempts=2, connections=1, losses=1, downtime=8, last_failure=failure
    )
    counters.up(30)
    assert counters.snapshot(99).downtime == 13


def test_how_long_it_was_away() -> None:
    """The first attempt, if it succeeds, mends nothing; each later connection tells of its gap."""
    counters = Counters()
    counters.down(0)
    counters.attempt()
    assert counters.opened(1) is None
    counters.down(5)
    counters.attempt()
    assert counters.opened(9) == 4
