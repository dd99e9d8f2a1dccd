"""What the supervisors of one Trio run share, so that together they are no storm.

A program with a thousand supervised connections to one service
is a thousand clients to that service when it comes back.
Two things are therefore shared by default:

* *One connecting at a time* per host and port (RFC 6455 §4.1 asks for that per IP address;
  we know the address only after a connection was made, and one host may have several,
  so that we are stricter where two names mean the same host and never laxer for one name).
* *A retry budget*: of all supervisors together only so many retries begin per second.
  The very first attempt of a supervisor is free.

The budget is fair between hosts: of those that wait, the one whose last retry is longest ago
goes first.  So a thousand dead hosts, which use up all of it,
do not delay one that has just lost its connection.

`open_websocket` by itself is subject to neither.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from typing import Self, TypeAlias, final

import trio

from .._concurrency.per_run import PerRun
from .._validation import check_count, check_positive

FORGET_AFTER = 600.0
"""After so many seconds without a retry a host counts as one that never had one."""

_Key: TypeAlias = tuple[str, int]


class RateLimiter:
    """So many per second, and a burst of as many as one second brings; arithmetic only."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._burst = max(1.0, rate) * self._interval
        self.free_at = -math.inf
        """When the next place is free."""

    def take(self, now: float) -> None:
        """Use a place that is free."""
        self.free_at = max(self.free_at, now - self._burst + self._interval) + self._interval


class Retry:
    """A retry that waits for its turn."""

    def __init__(self) -> None:
        self._woken = trio.Event()

    def wake(self) -> None:
        """Let it look again."""
        self._woken.set()

    async def wait_until(self, time: float) -> None:
        """Wait until it is woken, or for a time."""
        self._woken = trio.Event()
        with trio.move_on_at(time):
            await self._woken.wait()


class RetryQueue:
    """The retries that wait for the budget, in fair order: a queue per host, and a heap of hosts.

    A host stands in the heap while retries of it wait, and once:
    by when its last one began, and of equals by when it came.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Retry]] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._last: dict[str, float] = {}
        self._arrivals = itertools.count()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, host: str, retry: Retry) -> None:
        """Let a retry wait."""
        if host not in self._waiting:
            self._waiting[host] = deque()
            self._push(host)
        self._waiting[host].append(retry)

    def _push(self, host: str) -> None:
        last = self._last.get(host, -math.inf)
        heapq.heappush(self._heap, (last, next(self._arrivals), host))

    def first(self) -> Retry | None:
        """Return the retry that goes next, or None."""
        while self._heap:
            host = self._heap[0][2]
            if retries := self._waiting.get(host):
                return retries[0]
            heapq.heappop(self._heap)
            self._waiting.pop(host, None)
        return None

    def take_first(self, now: float) -> None:
        """Let the retry that goes next begin."""
        host = heapq.heappop(self._heap)[2]
        self._waiting[host].popleft()
        self._last.pop(host, None)
        self._last[host] = now
        if self._waiting[host]:
            self._push(host)
        else:
            del self._waiting[host]
        self._forget(now)

    def remove(self, host: str, retry: Retry) -> None:
        """Take out a retry that was given up; its host leaves the heap when it is found there."""
        self._waiting[host].remove(retry)

    def _forget(self, now: float) -> None:
        """Forget hosts without a retry for long; the dict is in the order of their last ones.

        One of them has just had one.
        """
        while now - self._last[oldest := next(iter(self._last))] >= FORGET_AFTER:
            del self._last[oldest]


@final
class Throttle:
    """Limits for several supervisors together.

    Those of one Trio run share one, unless they are given others.

    Args:
        connecting_per_host: attempts that may be under way at a time per host and port.
        retries_per_second: retries that may begin per second, whatever the host;
            up to one second's worth at once.  Of the hosts that wait,
            the one whose last retry is longest ago goes first.
    """

    def __init__(self, *, connecting_per_host: int = 1, retries_per_second: float = 10.0) -> None:
        check_count("connecting_per_host", connecting_per_host)
        check_positive("retries_per_second", retries_per_second)
        self._connecting_per_host = connecting_per_host
        self._budget = RateLimiter(retries_per_second)
        self._retries = RetryQueue()
        self._hosts: dict[_Key, trio.Semaphore] = {}
        self._users: dict[_Key, int] = {}

    async def wait_for_retry(self, host: str) -> None:
        """Wait until the budget allows another retry, to this host.

        Only the retry that goes next has an eye on the clock; the others sleep until it is gone.
        """
        retry = Retry()
        self._retries.add(host, retry)
        try:
            await trio.lowlevel.checkpoint()
            while not self._may_begin(retry):
                is_first = self._retries.first() is retry
                await retry.wait_until(self._budget.free_at if is_first else math.inf)
        except BaseException:
            self._retries.remove(host, retry)
            self._wake_first()
            raise
        now = trio.current_time()
        self._retries.take_first(now)
        self._budget.take(now)
        self._wake_first()

    def _may_begin(self, retry: Retry) -> bool:
        return self._retries.first() is retry and self._budget.free_at <= trio.current_time()

    def _wake_first(self) -> None:
        if (first := self._retries.first()) is not None:
            first.wake()

    def slot(self) -> Slot:
        """Return a context that may hold a slot, of no host yet, and gives it back."""
        return Slot(self)

    async def _acquire(self, key: _Key) -> bool:
        """Wait for a slot; return True if there was none when it was asked for."""
        self._users[key] = self._users.get(key, 0) + 1
        if key not in self._hosts:
            self._hosts[key] = trio.Semaphore(self._connecting_per_host)
        must_wait = not self._hosts[key].value
        try:
            await self._hosts[key].acquire()
        except BaseException:
            self._forget(key)
            raise
        return must_wait

    def _release(self, key: _Key) -> None:
        self._hosts[key].release()
        self._forget(key)

    def _forget(self, key: _Key) -> None:
        """Count down those that hold or wait for a slot; with the last one forget the host."""
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key], self._hosts[key]


@final
class Slot:
    """The right to be connecting to one host at a time; see `Throttle.slot`."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._key: _Key | None = None

    async def __aenter__(self) -> Self:
        """Begin; nothing is held yet."""
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give back what is held."""
        self.leave()

    async def acquire(self, host: str, port: int) -> bool:
        """Hold a slot of this host, in place of another; return True if it had to be waited for."""
        key = (host, port)
        if key == self._key:
            await trio.lowlevel.checkpoint()
            return False
        self.leave()
        waited = await self._throttle._acquire(key)
        self._key = key
        return waited

    def leave(self) -> None:
        """Give it back early, as soon as the connection is there."""
        if self._key is not None:
            key, self._key = self._key, None
            self._throttle._release(key)


current_throttle = PerRun("trio_ws.throttle", Throttle)
"""Return the throttle of the present Trio run."""
