"""Percentiles by the nearest rank."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._cli.percentiles import percentile


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 2), (0.75, 3), (0.9, 4), (1.0, 4), (0.25, 1), (0.0, 1)]
)
def test_a_percentile_is_a_value_of_the_list(share: float, value: float) -> None:
    """The smallest that so many are not above."""
    assert percentile([1, 2, 3, 4], share) == value


@given(st.lists(st.floats(0, 1), min_size=1).map(sorted), st.floats(0, 1))
def test_that_share_of_all_is_not_above_it(ordered: list[float], share: float) -> None:
    """By definition."""
    value = percentile(ordered, share)
    assert sum(other <= value for other in ordered) >= share * len(ordered)
