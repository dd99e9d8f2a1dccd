"""What many ratios say together: their median, and how far it can be trusted.

The ratios come from pairs of measurements, each pair made within a second or two.
Their median does not mind a few that were disturbed.
How sure it is follows from their order alone, whatever their distribution:
the true median lies between the k-th smallest and the k-th largest of n ratios
with a probability that only the binomial distribution of n throws of a coin decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median, quantiles

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """A median, the interval that holds the true one, and the middle half of the values."""

    count: int
    middle: float
    low: float
    high: float
    lower_quarter: float
    upper_quarter: float

    def reaches(self, least: float) -> bool:
        """Return True if the median is at least `least`."""
        return self.middle >= least

    def leaves_open(self, least: float) -> bool:
        """Return True if the true median may lie on either side of `least`."""
        return self.low < least <= self.high


def spread_of(values: Sequence[float]) -> Spread:
    """Sum up at least two values."""
    ordered = sorted(values)
    rank = certain_rank(len(ordered))
    quarters = quantiles(ordered, n=4, method="inclusive")
    return Spread(
        count=len(ordered),
        middle=median(ordered),
        low=ordered[rank],
        high=ordered[-1 - rank],
        lower_quarter=quarters[0],
        upper_quarter=quarters[2],
    )


def certain_rank(count: int) -> int:
    """Return how many values may be cut off at each end while the rest still holds the median.

    With few values it is none, and then the interval is less certain than `CONFIDENCE`.
    """
    rank, outside = 0, 2 / 2**count
    while (outside := outside + 2 * comb(count, rank + 1) / 2**count) <= 1 - CONFIDENCE:
        rank += 1
    return rank
