"""A storm, simulated: ten thousand clients lose their server at the same time.

Only the policies are at work, each client is a handful of numbers;
the server is a counter: it takes so many handshakes a second and refuses the rest,
with or without a ``Retry-After`` that is the same for all.
``python -m tests.storm`` prints the table that the documentation shows.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from trio_ws import Backoff, Remedy
from trio_ws._supervision.backoff import BackoffState

Delays: TypeAlias = Callable[[float | None], float]
"""The delays of one client, one after another; each is told the server's ``Retry-After``."""

Policy: TypeAlias = Callable[[random.Random], Delays]

CLIENTS, CAPACITY = 10_000, 1_000
OUTAGES = (10.0, 30.0, 300.0)
RETRY_AFTERS = (5.0, 30.0, 120.0)


def ours(rng: random.Random) -> Delays:
    """What `supervise` does."""
    streak = BackoffState(Backoff(), rng.random, now=0)

    def delay(told: float | None) -> float:
        failed = streak.failed(0, Remedy.WAIT, retry_after=told)
        return max(failed.seconds, failed.rest)

    return delay


def obedient(rng: random.Random) -> Delays:
    """As ours, but with the server's Retry-After as the least delay."""
    delays = ours(rng)
    return lambda told: max(told or 0.0, delays(None))


def constant(rng: random.Random) -> Delays:
    """Every second."""
    return lambda told: 1.0


def without_jitter(rng: random.Random) -> Delays:
    """1, 2, 4, … 30 s, for everybody the same."""
    delays = iter([1.0, 2.0, 4.0, 8.0, 16.0])
    return lambda told: next(delays, 30.0)


def full_jitter(rng: random.Random) -> Delays:
    """A random part of 1, 2, 4, … 30 s."""
    tops = iter([1.0, 2.0, 4.0, 8.0, 16.0])
    return lambda told: rng.random() * next(tops, 30.0)


POLICIES: dict[str, Policy] = {
    "trio_ws": ours,
    "constant 1 s": constant,
    "exponential": without_jitter,
    "full jitter": full_jitter,
}


@dataclass(frozen=True)
class Result:
    """What a storm was like.

    Attributes:
        peak: most attempts in a second.
        peak_after: most attempts in a second once the server was back.
        attempts: attempts per client while the server was away.
        recovered: seconds after the server was back until 99 of 100 clients were.
        early: attempts that came earlier than the server had told.
    """

    peak: int
    peak_after: int
    attempts: float
    recovered: float
    early: int = 0


def simulate(
    policy: Policy,
    outage: float,
    clients: int,
    capacity: int,
    seed: int = 1,
    retry_after: float | None = None,
) -> Result:
    """All clients lose their connection at 0; the server is back at `outage`.

    Every refusal comes with `retry_after`, during the outage too, as from a balancer before it.
    """
    rng = random.Random(seed)
    delays = [policy(rng) for _ in range(clients)]
    due = [(delays[client](None), client) for client in range(clients)]
    heapq.heapify(due)
    attempts: Counter[int] = Counter()
    accepted: Counter[int] = Counter()
    in_vain = back = early = 0
    recovered = 0.0
    while due:
        now, client = heapq.heappop(due)
        attempts[int(now)] += 1
        if now >= outage and accepted[int(now)] < capacity:
            accepted[int(now)] += 1
            back += 1
            if back == clients * 99 // 100:
                recovered = now - outage
            continue
        in_vain += now < outage
        delay = delays[client](retry_after)
        early += delay < (retry_after or 0.0)
        heapq.heappush(due, (now + delay, client))
    after = max(count for second, count in attempts.items() if second >= outage)
    return Result(max(attempts.values()), after, in_vain / clients, recovered, early)


def table(clients: int = CLIENTS, capacity: int = CAPACITY) -> str:
    """All policies, all outages."""
    lines = [
        f"{clients:,} clients lose a server that takes {capacity:,} handshakes a second",
        "",
        "outage  policy         most attempts  after the outage  attempts    99 % are back",
        "                       in a second    in a second       per client  after",
    ]
    for outage in OUTAGES:
        for name, policy in POLICIES.items():
            result = simulate(policy, outage, clients, capacity)
            lines.append(
                f"{outage:4.0f} s  {name:<13}  {result.peak:13,}  {result.peak_after:16,}  "
                f"{result.attempts:10.1f}  {result.recovered:11.1f} s"
            )
    return "\n".join(lines)


def table_of_retry_after(clients: int = CLIENTS, capacity: int = CAPACITY) -> str:
    """What a Retry-After does that is the same for all, after an outage of 10 s."""
    lines = [
        "the same, and each refusal says when to try again; 10 s outage",
        "",
        "Retry-After  policy              after the outage  99 % are back",
        "                                 in a second       after",
    ]
    for told in RETRY_AFTERS:
        for name, policy in {"trio_ws": ours, "as the least delay": obedient}.items():
            result = simulate(policy, 10, clients, capacity, retry_after=told)
            lines.append(
                f"{told:9.0f} s  {name:<18}  {result.peak_after:16,}  {result.recovered:11.1f} s"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(f"{table()}\n\n{table_of_retry_after()}")
