"""A thousand connections for minutes or hours, and nothing grows.

::

    python -m tests.soak                     two minutes: what CI does
    python -m tests.soak --minutes 60        an hour

One process serves itself over loopback sockets.  Of its clients

* half stay connected, mostly idle, with heartbeats, and say something now and then;
* four in ten come and go: they connect, talk for a while, and leave in all the usual ways;
* one in ten are channels, whose connections the server drops again and again.

Memory, descriptors and tasks are sampled all the time.
The first half is left out: until then caches, free lists and windows of compressors fill.
After it the memory must not rise, as a line through the samples has it.
At the end, descriptors and tasks are as many as at the start, and no connection is left.

What this finds and nothing else here does: what is left behind by each thousandth connection,
and what a kernel does that no simulation thinks of.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from statistics import linear_regression, mean

import trio

from trio_ws import (
    Backoff,
    ConnectionClosed,
    Deflate,
    Heartbeat,
    Throttle,
    Timeouts,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket,
    serve_websocket,
)
from trio_ws._concurrency.suspension import watch_for_suspension
from trio_ws._transport.poller import current_poller

HOST = "127.0.0.1"
CONNECTIONS = 1_000
WARM_UP = 1 / 2
"""Which part of the time does not count."""

ALLOWED = 0.08
"""By which part of itself the memory may seem to rise over the time that counts."""

HEARTBEAT = Heartbeat(interval=5, timeout=30)
TIMEOUTS = Timeouts(connect=60, close=60, goodbye=30)
"""Generous: a thousand clients and their server share one process, and that its core."""

COMPRESSIONS = [None, None, Deflate()]


@dataclass(frozen=True, slots=True)
class Sample:
    """How much there was at one moment."""

    at: float
    memory: int
    descriptors: int
    tasks: int

    @staticmethod
    def take(at: float) -> Sample:
        """Return how much there is now: bytes, descriptors, tasks."""
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        return Sample(
            at,
            pages * resource.getpagesize(),
            len(os.listdir("/proc/self/fd")),
            trio.lowlevel.current_statistics().tasks_living,
        )


def rise(samples: Sequence[Sample]) -> float:
    """Return by which part of its mean the memory rises from the first sample to the last.

    That is the slope of the line through all samples, so that one peak does not count for much.
    """
    times, memory = [each.at for each in samples], [each.memory for each in samples]
    slope, _ = linear_regression(times, memory)
    return slope * (times[-1] - times[0]) / mean(memory)


@dataclass
class Soak:
    """What has happened so far."""

    connections: int
    seconds: float
    pace: float = 1
    """How many times as fast everything is done: for a soak too short for these waits."""
    chance: random.Random = field(default_factory=lambda: random.Random(15))
    counts: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    async def run(self) -> None:
        """Serve, connect, and sample, for as long as it is to last."""
        current_poller()  # its task and its descriptor are there until the run ends
        with watch_for_suspension().kept_going():  # and this one's outlives the last connection
            await self._run()

    async def _run(self) -> None:
        before = await self._settled()
        others = {id(each) for each in _connections()}  # of whatever else this process has done
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                partial(
                    serve_websocket,
                    self._serve,
                    HOST,
                    0,
                    heartbeat=HEARTBEAT,
                    compression=Deflate(),
                    timeouts=TIMEOUTS,
                    on_handler_error=lambda ws, error: None,
                )
            )
            url = f"ws://{HOST}:{server.port}/"
            with trio.move_on_after(self.seconds):
                async with trio.open_nursery() as clients:
                    for number in range(self.connections):
                        kinds = [self._stay] * 5 + [self._come_and_go] * 4 + [self._subscribe]
                        clients.start_soon(kinds[number % 10], url)
                    clients.start_soon(self._sample)
            await server.drain(timeout=60, spread=0)
        self._check(before, await self._settled())
        left = [each for each in _connections() if id(each) not in others]
        assert not left, f"{len(left)} connections are left in memory"

    async def _settled(self) -> Sample:
        """Return what there is when all that ends has ended."""
        await trio.sleep(1)
        gc.collect()
        return Sample.take(0)

    async def _sample(self) -> None:
        began = trio.current_time()
        while True:
            await trio.sleep(max(0.1, self.seconds / 200))
            self.samples.append(Sample.take(trio.current_time() - began))

    def _drawn(self, shortest: float, longest: float) -> float:
        """Return a time to wait, in seconds: between these two, at a pace of one."""
        return self.chance.uniform(shortest, longest) / self.pace

    # Both sides

    async def _serve(self, ws: WebSocket) -> None:
        """Echo; drop a channel's connection now and then, rudely or politely."""
        drops = ws.request.path == "/channel" and self.chance.random() < 0.9
        with trio.move_on_after(self._drawn(1, 10) if drops else float("inf")):
            async for message in ws:
                await ws.send(message)
            return
        self.counts["dropped by the server"] += 1
        if self.chance.random() < 0.5:
            raise RuntimeError("as planned")
        await ws.close(1012)

    async def _talk(self, ws: WebSocket, seconds: float) -> None:
        """Send something now and then, and wait for the echo."""
        until = trio.current_time() + seconds / self.pace
        while trio.current_time() < until:
            await trio.sleep(self._drawn(0.2, seconds))
            message = "x" * int(self.chance.expovariate(1 / 300))
            await ws.send(message)
            assert await ws.receive() == message
            self.counts["messages"] += 1

    async def _stay(self, url: str) -> None:
        async with open_websocket(
            url,
            heartbeat=HEARTBEAT,
            timeouts=TIMEOUTS,
            compression=self.chance.choice(COMPRESSIONS),
        ) as ws:
            self.counts["connections"] += 1
            # The window of a compressor is memory once it has been written to.
            await ws.send(self.chance.randbytes(20_000).hex())
            await ws.receive()
            while True:
                await self._talk(ws, 20)

    async def _come_and_go(self, url: str) -> None:
        while True:
            await trio.sleep(self._drawn(0, 4))
            compression = self.chance.choice(COMPRESSIONS)
            with suppress(ConnectionClosed, ZeroDivisionError):
                with trio.move_on_after(self.chance.choice([1, 1000]) / self.pace):
                    async with open_websocket(
                        url, compression=compression, timeouts=TIMEOUTS
                    ) as ws:
                        self.counts["connections"] += 1
                        await self._talk(ws, self.chance.uniform(0.5, 8))
                        if self.chance.random() < 0.2:
                            raise ZeroDivisionError

    async def _subscribe(self, url: str) -> None:
        async with open_reconnecting_websocket(
            f"{url}channel",
            timeouts=TIMEOUTS,
            backoff=Backoff(
                first=1 / self.pace,
                cap=2 / self.pace,
                stable=1 / self.pace,
                restart=(5 / self.pace, 30 / self.pace),
                max_restarts=1_000_000,
            ),
            throttle=Throttle(retries_per_second=1_000, connecting_per_host=100),
        ) as channel:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._drain, channel)
                    while True:
                        await channel.send("x" * 100)
                        await trio.sleep(self._drawn(0.2, 2))
            finally:
                self.counts["connections"] += channel.statistics().connections
                self.counts["reconnects"] += max(0, channel.statistics().connections - 1)

    async def _drain(self, channel: object) -> None:
        async for _ in channel:  # type: ignore[attr-defined]
            self.counts["messages"] += 1

    # The verdict

    def _check(self, before: Sample, after: Sample) -> None:
        counted = self.samples[int(len(self.samples) * WARM_UP) :]
        most = max(each.descriptors for each in self.samples)
        told = ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        print(f"{told}; at most {most:,} descriptors")
        print(f"memory: {mean(each.memory for each in counted) / 2**20:.0f} MiB, ", end="")
        print(f"rising by {rise(counted):.1%} in {self.seconds * (1 - WARM_UP) / 60:.1f} min")
        print(f"descriptors: {before.descriptors} before, {after.descriptors} after")
        print(f"tasks: {before.tasks} before, {after.tasks} after")
        assert after.descriptors == before.descriptors, "descriptors are left"
        assert after.tasks == before.tasks, "tasks are left"
        assert rise(counted) < ALLOWED, "the memory rises"
        assert most > self.connections, "there were too few connections at a time"


def _connections() -> list[WebSocket]:
    """Return the connections that are in memory."""
    return [each for each in gc.get_objects() if type(each) is WebSocket]


def allow_many_descriptors(wanted: int) -> None:
    """Raise the limit of this process, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def main() -> int:
    """Soak for as long as is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    options = parser.parse_args()
    logging.disable()  # hundreds of lost connections, each with a line
    allow_many_descriptors(4 * options.connections)
    began = time.monotonic()
    trio.run(Soak(options.connections, options.minutes * 60).run)
    print(f"passed in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
