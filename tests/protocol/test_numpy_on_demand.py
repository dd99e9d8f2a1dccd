"""`trio_ws._protocol.numpy_on_demand`: numpy is fetched once, when it is worth while."""

from __future__ import annotations

import sys
from types import ModuleType

from trio_ws._protocol.numpy_on_demand import WORTH_IT, NumpyOnDemand, Provide


class Fetches:
    """It writes down that numpy is to be fetched, and by whom it is awaited."""

    def __init__(self) -> None:
        self.provide: list[Provide] = []

    def __call__(self, provide: Provide) -> None:
        self.provide.append(provide)


def test_it_is_fetched_once_there_is_enough_to_do() -> None:
    """One byte less than `WORTH_IT` is too little; from there on it is fetched, once."""
    numpy, fetch = NumpyOnDemand(), Fetches()
    numpy.fetch_with(fetch)
    numpy.missed(WORTH_IT - 1)
    assert fetch.provide == []
    numpy.missed(1)
    assert len(fetch.provide) == 1
    numpy.missed(WORTH_IT)
    assert len(fetch.provide) == 1


def test_it_is_none_until_it_is_provided() -> None:
    """To fetch it takes no time: the module is there when the fetch provides it, not before."""
    numpy, fetch = NumpyOnDemand(), Fetches()
    numpy.fetch_with(fetch)
    numpy.missed(WORTH_IT)
    assert numpy.module is None
    stand_in = ModuleType("numpy")
    fetch.provide[0](stand_in)
    assert numpy.module is stand_in


def test_without_a_way_to_fetch_it_there_is_none() -> None:
    """The protocol alone, without a floor above it, imports nothing."""
    numpy = NumpyOnDemand()
    numpy.missed(WORTH_IT)
    assert numpy.module is None


def test_what_was_missed_before_counts() -> None:
    """It is fetched by the first miss after there is a way to."""
    numpy, fetch = NumpyOnDemand(), Fetches()
    numpy.missed(sys.maxsize)
    numpy.fetch_with(fetch)
    assert fetch.provide == []
    numpy.missed(1)
    assert len(fetch.provide) == 1
