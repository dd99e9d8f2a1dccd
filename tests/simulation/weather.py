"""Faults drawn by the seed, one after another, and which of them concern a connection.

Unlike `trio_ws.testing.Chaos` this knows which faults it has injected, and when:
the ending of a connection has to be explained by one of them (`endings`).
It knows all faults of the kit, and what can happen to whole hosts besides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import trio

from trio_ws.testing import Fault, FaultKind, Injection, MemoryNetwork

RESTART, PARTITION, MOVE, AWAY = "restart", "partition", "move", "away"
"""What happens to whole hosts: a crash, a cut line, another address, and a time without a way."""

HOST_EVENTS = (RESTART, PARTITION, MOVE, AWAY)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a host.

    Attributes:
        kind: a `FaultKind`'s value, or one of those that concern whole hosts.
        injection: the record of the fault; None if there is none.
    """

    host: str
    kind: str
    since: float
    until: float
    injection: Injection | None = None


@dataclass(frozen=True, slots=True)
class Climate:
    """How the weather of a host is.

    Attributes:
        every: seconds between two events, on average.
        lasting: seconds that an event lasts which lasts, on average.
        kinds: what happens, with weights.
    """

    every: float
    lasting: float
    kinds: dict[str, float]


class Weather:
    """Lets things happen to hosts, and remembers what."""

    def __init__(self, network: MemoryNetwork, clients: Sequence[str]) -> None:
        self._network = network
        self._clients = clients
        self.events: list[Event] = []

    async def blow(self, host: str, climate: Climate, chance: Random) -> None:
        """Let things happen to a host, until cancelled."""
        kinds, weights = list(climate.kinds), list(climate.kinds.values())
        while kinds:
            await trio.sleep(chance.expovariate(1 / climate.every))
            (kind,) = chance.choices(kinds, weights)
            seconds = chance.expovariate(1 / climate.lasting)
            if kind in HOST_EVENTS:
                self._befall(host, kind, seconds, chance)
            else:
                self._inject(host, FaultKind(kind), seconds, chance)

    def _befall(self, host: str, kind: str, seconds: float, chance: Random) -> None:
        injection = None
        match kind:
            case "restart":
                self._network.restart(host, for_=seconds)
            case "partition":
                other = chance.choice([each for each in self._clients if each != host])
                self._network.partition(host, other, for_=seconds, one_way=chance.random() < 0.3)
            case "move":
                self._network.move(host)
            case _:
                injection = self._network.cut(host, for_=seconds)
        self._note(host, kind, 0.0, seconds, injection)

    def _inject(self, host: str, kind: FaultKind, seconds: float, chance: Random) -> None:
        fault = draw_fault(kind, seconds, chance)
        injection = self._network.inject(host, fault)
        self._note(host, kind.value, fault.at, fault.duration, injection)

    def _note(
        self, host: str, kind: str, at: float, seconds: float, injection: Injection | None
    ) -> None:
        since = trio.current_time() + at
        self.events.append(Event(host, kind, since, since + seconds, injection))

    def during(self, hosts: Sequence[str], since: float, until: float) -> set[str]:
        """Return what happened to hosts in a span of time."""
        return {
            event.kind
            for event in self.events
            if event.host in hosts and event.since <= until + 1 and event.until >= since - 1
        }

    def fired(self) -> Counter[str]:
        """Return how many of the faults of each kind have acted on a connection."""
        return Counter(
            event.kind for event in self.events if event.injection is None or event.injection.fired
        )


LINGERING = frozenset({FaultKind.CUT, FaultKind.RESET, FaultKind.HALF_CLOSE, FaultKind.BLACK_HOLE})
"""Sudden faults that also hit, with `after_bytes`, each connection that gets so far."""

REFUSING = frozenset(
    {FaultKind.REFUSE, FaultKind.UNREACHABLE, FaultKind.SILENCE, FaultKind.TLS_FAILURE}
)


def draw_fault(kind: FaultKind, seconds: float, chance: Random) -> Fault:
    """Draw the numbers of a fault."""
    at = chance.choice([0.0, 0.0, chance.uniform(0, 2)])
    if kind in REFUSING:
        return Fault(kind, at=at, for_=seconds)
    toward = chance.choice(["both", "both", "server", "client"])
    sudden = kind in LINGERING or kind is FaultKind.CORRUPT
    after = int(chance.expovariate(1 / 600)) if sudden and chance.random() < 0.5 else 0
    lasts = None if sudden and not after else seconds
    return Fault(kind, _amount(kind, chance), at, lasts, after, toward)  # type: ignore[arg-type]


def _amount(kind: FaultKind, chance: Random) -> float:
    match kind:
        case FaultKind.LATENCY | FaultKind.JITTER:
            return chance.uniform(0.05, 1.5)
        case FaultKind.BANDWIDTH:
            return chance.uniform(1_000, 50_000)
        case FaultKind.DRIP:
            return chance.uniform(0.002, 0.05)
        case FaultKind.SLICE:
            return chance.randint(1, 200)
        case _:
            return 0.0


SURVIVABLE = {
    kind.value: 1.0 for kind in FaultKind if kind not in (FaultKind.CORRUPT, FaultKind.TLS_FAILURE)
}
HOSTILE = Climate(6, 4, SURVIVABLE | {RESTART: 1.0, AWAY: 0.5})
MOBILE = Climate(
    10, 4, {"stall": 4, "latency": 3, "black_hole": 2, "unreachable": 1, PARTITION: 3, MOVE: 2}
)
SECRET = Climate(6, 4, SURVIVABLE | {"tls_failure": 3.0, AWAY: 0.5})
ROUGH = Climate(6, 4, {"corrupt": 6.0, "slice": 2.0, "reset": 1.0, "drip": 1.0, "jitter": 1.0})
NEVER = Climate(math.inf, 1, {})
