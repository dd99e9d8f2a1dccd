"""The storm: what a fleet of clients does to a server that comes back (``tests/storm.py``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import storm

SIZES = [1_000, pytest.param(10_000, marks=pytest.mark.slow)]
TOP = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("clients", SIZES)
@pytest.mark.parametrize("outage", storm.OUTAGES)
def test_our_storm_is_weathered(outage: float, clients: int) -> None:
    """At most half the fleet asks at once, and no more than the server can answer once it is back.

    Nobody asks more than six times in 30 s.
    """
    capacity = clients // 10
    result = storm.simulate(storm.ours, outage, clients, capacity)
    assert result.peak <= clients / 2
    assert result.peak_after <= capacity
    assert outage > 30 or result.attempts <= 6
    assert result.recovered <= 60


@pytest.mark.parametrize("name", sorted(set(storm.POLICIES) - {"trio_ws"}))
def test_other_policies_do_worse(name: str) -> None:
    """Every other policy has a peak of all clients at once, or asks more than can be answered."""
    result = storm.simulate(storm.POLICIES[name], 10, 1_000, 100)
    assert result.peak >= 1_000
    assert result.peak_after > 100


@pytest.mark.parametrize("clients", SIZES)
@pytest.mark.parametrize("told", storm.RETRY_AFTERS)
def test_a_server_that_tells_all_the_same(told: float, clients: int) -> None:
    """Clients that all get the same Retry-After come when they may, and not in one moment."""
    capacity = clients // 10
    result = storm.simulate(storm.ours, 10, clients, capacity, retry_after=told)
    assert result.early == 0
    assert result.peak_after <= capacity


@pytest.mark.parametrize("told", storm.RETRY_AFTERS)
def test_retry_after_as_the_least_delay(told: float) -> None:
    """Clients that take it for the least delay ask more than can be answered."""
    result = storm.simulate(storm.obedient, 10, 1_000, 100, retry_after=told)
    assert result.early == 0
    assert result.peak_after > 100


@pytest.mark.slow
def test_the_table_is_the_one_in_the_documentation() -> None:
    """The documentation shows what the simulation prints."""
    assert (TOP / "docs" / "output" / "storm.txt").read_text(encoding="utf-8") == (
        f"{storm.table()}\n\n{storm.table_of_retry_after()}\n"
    )
