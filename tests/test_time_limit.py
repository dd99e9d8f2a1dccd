"""The limit of a test is told as what it is, also in a test of Hypothesis.

The property test of 100,000 streams once failed in a run beside other work,
with an example that did not fail again in 416,000 trials.
That is what it looks like if the limit of a test (1,200 s) ends it in the middle of an example:
pytest-timeout raises there, Hypothesis plays the example again, and calls it flaky.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import TimeIsOver, tell_the_limit


def over(number: int, frame: object) -> None:
    """Do what the handler of pytest-timeout does."""
    pytest.fail("Timeout (>1200.0s) from pytest-timeout.")


def test_a_limit_is_no_example() -> None:
    """What leaves is the limit, at once; no example is played again, and none is called flaky."""
    played = []

    @settings(max_examples=20, database=None)
    @given(st.integers())
    def look(number: int) -> None:
        played.append(number)
        if len(played) == 5:
            tell_the_limit(over)(14, None)

    with pytest.raises(TimeIsOver, match="Timeout"):
        look()
    assert len(played) == 5


def test_without_it_a_limit_looks_like_a_flaky_example() -> None:
    """Hypothesis takes what pytest-timeout raises for a failure, which comes and goes."""
    played = []

    @settings(max_examples=20, database=None)
    @given(st.integers())
    def look(number: int) -> None:
        played.append(number)
        if len(played) == 5:
            over(14, None)

    with pytest.raises(BaseExceptionGroup, match="unreliable results"):  # noqa: ASYNC401
        look()
    assert len(played) > 5
