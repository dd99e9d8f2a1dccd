"""Days of traffic, simulated: whom the lease gives up unjustly, and how soon it finds the dead.

``python -m tests.liveness_simulation`` prints a small table,
``--full`` the one of the documentation.

Each trace is a day of one connection whose peer is healthy all day,
so every verdict in it is a false one.
Then the peer dies, at a random moment of such a day, and the time until the verdict counts.
Two policies with the same 20 s / 20 s look at the same traces:

* the *lease*: `trio_ws._liveness.lease.Lease`, the arithmetic that connections use;
* the *pong counter*: a timer that pings every 20 s, and gives up if that pong has not been read
  within 20 s, whatever else arrives.  That is how a heartbeat is usually written.

The line is TCP: what is sent during an outage, or lost, is sent again
after 0.2, 0.4, 0.8, … seconds, and nothing overtakes it.
A long message goes through the kernel's send buffer (`send_buffer`).
"""

from __future__ import annotations

import argparse
import heapq
import random
from bisect import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tests.send_buffer import Upload
from trio_ws._liveness.lease import Lease
from trio_ws._liveness.pause import Pause
from trio_ws._liveness.timer import Verdict
from trio_ws._policies import Heartbeat, Timeouts

HOUR = 3600.0
DAY = 24 * HOUR
INTERVAL = TIMEOUT = 20.0

Span = tuple[float, float]

PONG = 6
"""How many bytes a pong has that the peer did not ask for: one each interval while we rest."""

Kernel = Callable[[float], tuple[int, int]]
"""What our kernel says at a time: how many bytes were sent, and how many are unacknowledged."""


# A day ----------------------------------------------------------------------------------------


@dataclass
class Day:
    """What happens on one connection; spans of time are ordered and do not overlap."""

    latency: float = 0.02
    loss: float = 0.0
    outages: list[Span] = field(default_factory=list)
    our_stalls: list[Span] = field(default_factory=list)
    peer_stalls: list[Span] = field(default_factory=list)
    pauses: list[Span] = field(default_factory=list)
    uploads: list[Span] = field(default_factory=list)
    messages: list[float] = field(default_factory=list)


def spans(chance: random.Random, every: float, lasting: Callable[[], float]) -> list[Span]:
    """Spans that begin after an exponential gap and last as long as the function says."""
    found: list[Span] = []
    start = chance.expovariate(1 / every)
    while start < DAY:
        end = start + lasting()
        found.append((start, end))
        start = end + 1 + chance.expovariate(1 / every)
    return found


def after(when: float, among: list[Span]) -> float:
    """The same moment, or the end of the span that it falls into."""
    index = bisect(among, (when, float("inf"))) - 1
    return max(when, among[index][1]) if index >= 0 else when


def chat(chance: random.Random, every: float = 300) -> list[float]:
    """The moments at which the peer says something."""
    return [start for start, _ in spans(chance, every, lambda: 0)]


def steady(chance: random.Random) -> Day:
    """A good line between two data centres."""
    return Day(messages=chat(chance))


def mobile(chance: random.Random) -> Day:
    """A telephone: lifts, tunnels, hand-overs between cells, up to 12 s long."""
    outages = spans(chance, 600, lambda: min(12, chance.lognormvariate(0.7, 1)))
    return Day(latency=0.15, outages=outages, loss=0.01, messages=chat(chance))


def collections(chance: random.Random) -> Day:
    """Either process stands still now and then: garbage collection, a busy host, a debugger."""

    def peers() -> float:
        return min(15, chance.lognormvariate(0, 1.2))

    def ours() -> float:
        return min(120, chance.lognormvariate(1, 1.5))

    ours_now, peers_now = spans(chance, 900, ours), spans(chance, 900, peers)
    return Day(our_stalls=ours_now, peer_stalls=peers_now, messages=chat(chance))


def lossy(chance: random.Random) -> Day:
    """One segment in five is lost, also of those that are sent again."""
    return Day(latency=0.1, loss=0.2, messages=chat(chance))


def uploading(chance: random.Random) -> Day:
    """Large messages crawl out for minutes, and a ping waits until one has gone."""
    uploads = spans(chance, HOUR, lambda: chance.uniform(10, 300))
    return Day(uploads=uploads, messages=chat(chance))


def slow_reader(chance: random.Random) -> Day:
    """The application does not read for a while, and its buffers are full."""
    pauses = spans(chance, HOUR, lambda: chance.uniform(1, 300))
    return Day(pauses=pauses, messages=chat(chance))


TRACES = {
    "steady": steady,
    "mobile": mobile,
    "garbage collection": collections,
    "TCP loss": lossy,
    "slow upload": uploading,
    "slow reader": slow_reader,
}


# Policies ---------------------------------------------------------------------------------------


class Judge(Protocol):
    """A heartbeat as the simulation drives it."""

    def due(self) -> float:
        """When it wants to be asked."""

    def act(self, now: float, kernel: Kernel) -> str:
        """What it wants: ``"ping"``, ``"lost"`` or nothing."""

    def handed(self, now: float, kernel: Kernel) -> None:
        """The ping was handed to the kernel."""

    def progress(self, now: float) -> None:
        """The kernel took bytes that go before the ping."""

    def heard(self, now: float, pong: bool) -> None:
        """Bytes were read."""

    def pause(self, now: float) -> None:
        """Reading stops: the application takes nothing."""

    def resume(self, now: float) -> None:
        """Reading goes on after a pause."""


class ByLease:
    """The library's way."""

    looks_at_the_socket_first = True
    told = True

    def __init__(self, phase: float) -> None:
        policy = Heartbeat(interval=INTERVAL, timeout=TIMEOUT)
        self.lease = Lease([policy], Timeouts(), now=0, phase=phase, told=self.told)
        self.rest: Pause | None = None
        self.progress = self.lease.progress

    def due(self) -> float:
        """Go by the lease, or by the pause."""
        return self.lease.next_wakeup().at if self.rest is None else self.rest.due()

    def act(self, now: float, kernel: Kernel) -> str:
        """Ask the lease, or the pause."""
        if self.rest is not None:
            if self.told:
                self.lease.look(now, *kernel(now))
            return "lost" if self.rest.decide(now).verdict is Verdict.LOST else ""
        if self.lease.wants_look(now):
            self.lease.look(now, *kernel(now))
        verdict, beat = self.lease.decide(now)
        if verdict is Verdict.ASK and beat is not None:
            beat.on_asked(now)
            return "ping"
        return "lost" if verdict is Verdict.LOST else ""

    def handed(self, now: float, kernel: Kernel) -> None:
        """As the writer tells it."""
        self.lease.writing(now)
        if self.lease.written(now):
            self.lease.look(now, *kernel(now))

    def heard(self, now: float, pong: bool) -> None:
        """Any byte counts."""
        self.lease.heard(now)

    def pause(self, now: float) -> None:
        """Go by what is acknowledged."""
        self.rest = Pause(self.lease, now)

    def resume(self, now: float) -> None:
        """The silence was ours."""
        self.rest = None
        self.lease.resume(now)


class ByHandOver(ByLease):
    """The library's way where the system does not tell what was acknowledged."""

    told = False


class ByPongs:
    """The usual way."""

    looks_at_the_socket_first = False

    def __init__(self, phase: float) -> None:
        self.next_ping = phase * INTERVAL
        self.deadline: float | None = None

    def due(self) -> float:
        """The next ping, or the verdict on the last."""
        return self.next_ping if self.deadline is None else self.deadline

    def act(self, now: float, kernel: Kernel) -> str:
        """Ping, or give up."""
        if now < self.due():
            return ""
        if self.deadline is not None:
            return "lost"
        self.next_ping, self.deadline = now + INTERVAL, now + TIMEOUT
        return "ping"

    def heard(self, now: float, pong: bool) -> None:
        """Only pongs count."""
        if pong:
            self.deadline = None

    def handed(self, now: float, kernel: Kernel) -> None:
        """It does not know."""

    def progress(self, now: float) -> None:
        """It does not know."""

    pause = resume = progress


# The simulation -------------------------------------------------------------------------------


class Simulation:
    """One day under one judge; a verdict ends it."""

    def __init__(
        self, day: Day, judge: ByLease | ByPongs, chance: random.Random, death: float = DAY
    ) -> None:
        self.day, self.judge, self.chance, self.death = day, judge, chance, death
        self.events: list[tuple[float, int, str]] = []
        self.arrived = {"there": 0.0, "here": 0.0}
        for when in day.messages:
            self.put(when, "said")
        self.pongs: list[float] = []
        for start, end in day.pauses:
            self.put(start, "pause")
            self.put(end, "resume")
            self.pongs += [start + TIMEOUT / 2 + n * INTERVAL for n in range(20)]
            self.pongs = [pong for pong in self.pongs if pong < end]
        self.uploads = [Upload(start, end, death) for start, end in day.uploads]
        for upload in self.uploads:
            for when in upload.takes():
                self.put(when, "progress")

    def put(self, when: float, what: str) -> None:
        """Something happens; of what happens at once, bytes come before anything else."""
        heapq.heappush(self.events, (when, 0 if what in ("message", "pong") else 1, what))

    def crossing(self, sent: float, end: str) -> float:
        """When bytes that are sent now arrive."""
        wait, when = 0.2, sent
        while after(when, self.day.outages) > when or self.chance.random() < self.day.loss:
            when, wait = when + wait, wait * 2
        self.arrived[end] = max(self.arrived[end], when + self.day.latency)
        return self.arrived[end]

    def deliver(self, sent: float, what: str) -> None:
        """The peer sends something, if it lives, and it waits until we look."""
        sent = after(sent, self.day.peer_stalls)
        if sent < self.death:
            read = after(self.crossing(sent, "here"), self.day.our_stalls)
            self.put(after(read, self.day.pauses), what)

    def ping(self, now: float) -> None:
        """A ping is queued, goes out behind the upload in hand, and is answered.

        When the peer dies in the middle of the upload, its kernel takes no more.
        """
        upload = self.upload(now)
        handed = now if upload is None else max(now, upload.handed)
        if handed == float("inf"):
            return
        self.put(handed, "handed")
        leaves = handed if upload is None else upload.end
        self.deliver(self.crossing(leaves, "there"), "pong")

    def upload(self, now: float) -> Upload | None:
        """Return the message that is on its way, if there is one."""
        index = bisect(self.uploads, (now, float("inf"))) - 1
        return self.uploads[index] if index >= 0 and now < self.uploads[index].end else None

    def kernel(self, now: float) -> tuple[int, int]:
        """Tell how many bytes were sent, and how many of them are unacknowledged."""
        arrived = min(now, self.death) - 2 * self.day.latency
        sent = sum(upload.taken(now) for upload in self.uploads)
        sent += PONG * bisect(self.pongs, now)
        acknowledged = sum(upload.acknowledged(now) for upload in self.uploads)
        acknowledged += PONG * bisect(self.pongs, arrived)
        return sent, sent - acknowledged

    def wake(self) -> float:
        """When the judge is asked: not while we stand still."""
        return after(self.judge.due(), self.day.our_stalls)

    def run(self, until: float) -> float | None:
        """The moment of the verdict, if there is one before the end."""
        while True:
            when, rank, what = self.events[0] if self.events else (until, 1, "")
            wake = self.wake()
            first = self.judge.looks_at_the_socket_first and rank == 0
            if when < wake or (first and when == wake):
                if when >= until:
                    return None
                heapq.heappop(self.events)
                self.happen(when, what)
                continue
            if wake >= until:
                return None
            match self.judge.act(wake, self.kernel):
                case "ping":
                    self.ping(wake)
                case "lost":
                    return wake

    def happen(self, now: float, what: str) -> None:
        """Tell the judge."""
        match what:
            case "said":
                self.deliver(now, "message")
            case "message" | "pong":
                self.judge.heard(now, what == "pong")
            case "handed":
                self.judge.handed(now, self.kernel)
            case "progress":
                self.judge.progress(now)
            case "pause":
                self.judge.pause(now)
            case "resume":
                self.judge.resume(now)


def false_verdicts(trace: Callable[[random.Random], Day], kind: type, seed: int) -> int:
    """How often a healthy peer is given up in a day; each time the client connects again."""
    chance = random.Random(seed)
    day, count, since = trace(chance), 0, 0.0
    while since < DAY:
        rest = shifted(day, since)
        lost = Simulation(rest, kind(chance.random()), chance).run(DAY - since)
        if lost is None:
            break
        count, since = count + 1, since + lost + 1
    return count


def shifted(day: Day, since: float) -> Day:
    """What is left of a day."""

    def rest(whole: Iterable[Span]) -> list[Span]:
        return [(start - since, end - since) for start, end in whole if start > since]

    return Day(
        latency=day.latency,
        loss=day.loss,
        outages=rest(day.outages),
        our_stalls=rest(day.our_stalls),
        peer_stalls=rest(day.peer_stalls),
        pauses=rest(day.pauses),
        uploads=rest(day.uploads),
        messages=[when - since for when in day.messages if when > since],
    )


def detection(trace: Callable[[random.Random], Day], kind: type, seed: int) -> float | None:
    """Seconds from the death of the peer to the verdict; None if there was a false one before."""
    chance = random.Random(seed)
    day, death = trace(chance), chance.uniform(0, HOUR)
    lost = Simulation(day, kind(chance.random()), chance, death).run(DAY)
    assert lost is not None, "a dead peer was never given up"
    return lost - death if lost >= death else None


# The table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What one policy did on one kind of trace."""

    false: float
    median: float
    worst: float

    def __str__(self) -> str:
        return f"{self.false:8.2f} {self.median:8.0f} s {self.worst:6.0f} s"


def row(trace: Callable[[random.Random], Day], kind: type, days: int, deaths: int) -> Row:
    """Simulate so many days, and so many deaths."""
    false = sum(false_verdicts(trace, kind, seed) for seed in range(days)) / days
    found = [detection(trace, kind, seed) for seed in range(deaths)]
    times = sorted(time for time in found if time is not None)
    return Row(false, times[len(times) // 2], times[-1])


def table(days: int, deaths: int) -> Iterable[str]:
    """The lines of the table."""
    yield f"{'':20}{'lease':^28}  {'pong counter':^28}"
    head = f"{'false':>8} {'found in':>10} {'at most':>8}"
    yield f"{'a day of':20}{head:28}  {head:28}"
    for name, trace in TRACES.items():
        yield f"{name:20}{row(trace, ByLease, days, deaths)!s:28}  " + str(
            row(trace, ByPongs, days, deaths)
        )
    yield f"({days} days and {deaths} deaths each; false verdicts per day; median and maximum)"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a hundred days and a thousand deaths")
    full = parser.parse_args().full
    for line in table(*((100, 1000) if full else (3, 30))):
        print(line.rstrip())


if __name__ == "__main__":
    main()
