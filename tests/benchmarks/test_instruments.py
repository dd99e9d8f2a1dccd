"""The cost of instruments is measured in turns, and shown as a ratio."""

from __future__ import annotations

import pytest

from . import instruments


async def test_a_turn_of_each() -> None:
    """Each kind of instruments has a turn in each round."""
    seconds = await instruments.measure(2, messages=100)
    assert list(seconds) == list(instruments.kinds())
    assert all(len(turns) == 2 and min(turns) > 0 for turns in seconds.values())


def test_the_ratio_is_that_of_a_turn() -> None:
    """Whatever else the machine does in a turn, it does to both."""
    seconds = {"none": [1.0, 10.0, 2.0], "no-op": [2.0, 20.0, 2.0]}
    assert instruments.ratio(seconds, "no-op") == 2
    table = instruments.shown(seconds).splitlines()
    assert table[-1].split() == ["no-op", "2000000.00", "2.000"]


@pytest.mark.parametrize(
    ("cost", "scrape", "code"), [(1.04, 0.04, 0), (1.06, 0.04, 1), (1.04, 0.06, 1)]
)
def test_a_bar_that_is_missed(
    cost: float,
    scrape: float,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code tells whether what does nothing costs too much, or a scrape takes too long."""

    async def measure(turns: int) -> dict[str, list[float]]:
        return {"none": [1.0], "no-op": [cost]}

    monkeypatch.setattr(instruments, "measure", measure)
    monkeypatch.setattr(instruments, "scrape_seconds", lambda: scrape)
    assert instruments.main([]) == code
    assert f"{scrape * 1000:.1f} ms" in capsys.readouterr().out
