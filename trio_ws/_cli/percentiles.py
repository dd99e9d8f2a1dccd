"""Percentiles of what was measured."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of all is not above: the nearest rank."""
    rank = max(1, -int(-share * len(ordered) // 1))
    return ordered[rank - 1]
