"""`trio_ws.testing.Chaos`: faults drawn by chance, the same ones from the same seed."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import pytest

from trio_ws.testing import Chaos, Fault
from trio_ws.testing._faults import SUDDEN, FaultKind

PROFILES = [Chaos.mobile(), Chaos.office(), Chaos.satellite(), Chaos.hostile()]


def drawn(profile: Chaos, number: int, seed: int = 1) -> list[Fault]:
    return list(islice(profile.draw(Random(seed)), number))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_same_seed_draws_the_same_faults(profile: Chaos) -> None:
    """A profile and a seed make a list of faults, another seed another list."""
    assert drawn(profile, 50) == drawn(profile, 50)
    assert drawn(profile, 50) != drawn(profile, 50, seed=2)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_begins_with_what_is_always_there(profile: Chaos) -> None:
    """Latency, jitter and bandwidth come first, at once and for ever."""
    assert drawn(profile, 3) == [
        Fault.latency(profile.latency),
        Fault.jitter(profile.jitter),
        Fault.bandwidth(profile.bandwidth),
    ]


@pytest.mark.parametrize("profile", PROFILES)
def test_faults_come_as_often_as_the_profile_says(profile: Chaos) -> None:
    """Of 5,000 faults the mean distance, the mean duration and the kinds are those given."""
    faults = drawn(profile, 5003)[3:]
    assert sum(fault.at for fault in faults) / 5000 == pytest.approx(profile.every, rel=0.1)
    lasting = [fault.duration for fault in faults if fault.kind not in SUDDEN]
    assert sum(lasting) / len(lasting) == pytest.approx(profile.lasting, rel=0.1)
    assert {fault.kind.value for fault in faults} == set(profile.kinds)


def test_hostile_has_every_kind_that_is_worth_another_attempt() -> None:
    """Changed bytes and bad certificates are left out."""
    kinds = {kind.value for kind in FaultKind} - {"corrupt", "tls_failure"}
    assert set(Chaos.hostile().kinds) == kinds


def test_a_profile_without_faults() -> None:
    """Without kinds there is a bad line and nothing more; faults may also last no time."""
    calm = replace(Chaos.office(), kinds={})
    assert len(list(calm.draw(Random(1)))) == 3
    short = replace(Chaos.office(), kinds={"stall": 1}, lasting=0)
    assert drawn(short, 4)[3].duration == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"every": 0}, "every and bandwidth must be more than 0"),
        ({"bandwidth": 0}, "every and bandwidth must be more than 0"),
        ({"latency": -1}, "latency must be 0 or more"),
        ({"kinds": {"flood": 1, "stall": 1}}, "no such kinds of faults: flood"),
    ],
)
def test_a_profile_that_makes_no_sense(change: Any, said: str) -> None:
    """A value that makes no sense is refused where it is given."""
    with pytest.raises(ValueError, match=said):
        replace(Chaos.office(), **change)
