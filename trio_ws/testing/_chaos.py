"""Profiles of bad networks: faults drawn by chance, the same ones from the same seed.

A `Chaos` says how often something happens, and how likely each kind is.
`Chaos.draw` turns that into faults, one after another, for as long as it is asked.
The times between them are exponential, as of things that happen independently.

The numbers are guesses at what people call such a network; they are not measured.
Change them with `dataclasses.replace`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import final

from ._faults import SUDDEN, Fault, FaultKind, check_number

FINAL = frozenset({FaultKind.CORRUPT, FaultKind.TLS_FAILURE})
"""What no supervisor tries again."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """A kind of bad network.

    Attributes:
        every: seconds between two faults, on average.
        lasting: seconds that a fault lasts which lasts, on average.
        latency: seconds of latency that is always there.
        jitter: seconds of jitter that is always there.
        bandwidth: bytes per second, at best.
        kinds: how likely each kind of fault is, by its name, as weights.
    """

    every: float
    lasting: float
    latency: float
    jitter: float
    bandwidth: float
    kinds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("every", "lasting", "latency", "jitter", "bandwidth"):
            check_number(name, getattr(self, name))
        if not self.every or not self.bandwidth:
            raise ValueError("every and bandwidth must be more than 0")
        if unknown := set(self.kinds) - {kind.value for kind in FaultKind}:
            raise ValueError(f"no such kinds of faults: {', '.join(sorted(unknown))}")

    @staticmethod
    def mobile() -> Chaos:
        """Return a telephone on a train: stalls of seconds, a new connection every few minutes."""
        return Chaos(
            every=40,
            lasting=4,
            latency=0.05,
            jitter=0.05,
            bandwidth=500_000,
            kinds={"stall": 5, "latency": 3, "bandwidth": 2, "black_hole": 1, "reset": 1},
        )

    @staticmethod
    def office() -> Chaos:
        """Return a good line behind a firewall that forgets and a proxy that restarts."""
        return Chaos(
            every=600,
            lasting=10,
            latency=0.005,
            jitter=0.005,
            bandwidth=10_000_000,
            kinds={"black_hole": 3, "cut": 2, "refuse": 1, "latency": 2},
        )

    @staticmethod
    def satellite() -> Chaos:
        """Return a line that is long, narrow, and gone for a while now and then."""
        return Chaos(
            every=120,
            lasting=15,
            latency=0.3,
            jitter=0.1,
            bandwidth=100_000,
            kinds={"stall": 4, "unreachable": 1, "slice": 2},
        )

    @staticmethod
    def hostile() -> Chaos:
        """Return a line on which everything happens that a client should survive.

        Changed bytes and bad certificates are none of that: a supervisor gives up for good.
        """
        return Chaos(
            every=5,
            lasting=5,
            latency=0.02,
            jitter=0.2,
            bandwidth=200_000,
            kinds={kind.value: 1.0 for kind in FaultKind if kind not in FINAL},
        )

    def draw(self, random: Random) -> Iterator[Fault]:
        """Yield faults without end; the `at` of each counts from the one before it."""
        yield Fault(FaultKind.LATENCY, self.latency)
        yield Fault(FaultKind.JITTER, self.jitter)
        yield Fault(FaultKind.BANDWIDTH, self.bandwidth)
        names, weights = list(self.kinds), list(self.kinds.values())
        while names:
            (name,) = random.choices(names, weights)
            at = random.expovariate(1 / self.every)
            yield self._make(FaultKind(name), random, at)

    def _make(self, kind: FaultKind, random: Random, at: float) -> Fault:
        if kind in SUDDEN:
            return Fault(kind, at=at)
        seconds = random.expovariate(1 / self.lasting) if self.lasting else 0.0
        return Fault(kind, self._amount(kind, random), at=at, for_=seconds)

    def _amount(self, kind: FaultKind, random: Random) -> float:
        match kind:
            case FaultKind.LATENCY | FaultKind.JITTER:
                return random.uniform(0.1, 1.0)
            case FaultKind.BANDWIDTH:
                return self.bandwidth * random.uniform(0.01, 0.1)
            case FaultKind.SLICE:
                return random.randint(1, 100)
            case _:
                return 0.0
