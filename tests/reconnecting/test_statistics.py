"""`trio_ws._reconnecting.statistics`: what a reconnecting channel counts."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from trio_ws._reconnecting.statistics import ReconnectingStatistics


def test_a_snapshot() -> None:
    """It is a value that cannot be changed, and has no field that the class does not explain."""
    names = [field.name for field in dataclasses.fields(ReconnectingStatistics)]
    made = ReconnectingStatistics(**dict.fromkeys(names, 1))
    assert dataclasses.asdict(made) == dict.fromkeys(names, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.waiting = 2  # type: ignore[misc]
    explained = inspect.getdoc(ReconnectingStatistics) or ""
    assert all(f"\n    {name}: " in explained for name in names)
