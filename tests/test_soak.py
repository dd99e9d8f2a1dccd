"""The soak (`tests/soak.py`): its arithmetic, and a very short one."""

from __future__ import annotations

import pytest

from .soak import ALLOWED, Sample, Soak, rise


def samples(memory: list[int]) -> list[Sample]:
    """Samples of memory, a second apart."""
    return [Sample(at, size, 0, 0) for at, size in enumerate(memory)]


def test_rise() -> None:
    """Memory that stays has no slope, nor has one with a peak in the middle; a leak has."""
    assert rise(samples([100] * 9)) == 0
    assert rise(samples([100, 100, 100, 150, 100, 100, 100])) == pytest.approx(0)
    assert rise(samples([100, 101, 102, 103, 104])) == pytest.approx(4 / 102)
    assert rise(samples(list(range(100, 120)))) > ALLOWED


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_short_soak(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few connections come, go and reconnect, and nothing is left of them."""
    monkeypatch.setattr("tests.soak.ALLOWED", 1.0)  # so short a time has no warm-up
    soak = Soak(connections=30, seconds=6, pace=10)
    await soak.run()
    # A machine on which little else runs has five to ten times as many of the first two.
    assert soak.counts["messages"] > 30
    assert soak.counts["connections"] > 30
    assert soak.counts["reconnects"] > 0
