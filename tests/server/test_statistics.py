"""`trio_ws._server.statistics`: what a server counts."""

from __future__ import annotations

import dataclasses

import pytest

from trio_ws import ServerStatistics
from trio_ws._server.statistics import Counters


def test_counters() -> None:
    """Each is counted for itself; what is there now is told beside it."""
    counters = Counters()
    counters.add("accepted")
    counters.add("accepted")
    counters.add("failed")
    assert counters.snapshot(connections=5, handshakes=6) == ServerStatistics(
        connections=5, handshakes=6, accepted=2, refused=0, opened=0, lost=0, failed=1
    )


def test_a_snapshot_stays_as_it_is() -> None:
    """A snapshot does not change when more is counted, nor can it be changed."""
    counters = Counters()
    before = counters.snapshot(connections=0, handshakes=0)
    counters.add("refused")
    assert before.refused == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.refused = 1  # type: ignore[misc]
