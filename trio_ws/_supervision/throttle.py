"""What the supervisors of one Trio run share, so that together they are no storm.

A program with a thousand supervised connections to one service
is a thousand clients to that service when it comes back.
Two things are therefore shared by default:

* *One connecting at a time* per host and port (RFC 6455 §4.1 asks for that per IP address;
  we know the address only after a connection was made, and one host may have several,
  so that we are stricter where two names mean the same host and never laxer for one name).
* *A retry budget*: of all supervisors together only so many retries begin per second.
  The very first attempt of a supervisor is free.

`open_websocket` by itself is subject to neither.
"""

from __future__ import annotations

import math
from typing import Self, final

import trio

from .._concurrency.per_run import PerRun
from .._validation import check_count, check_positive


class RateLimiter:
    """So many per second, and a burst of as many as one second brings; arithmetic only.

    Who comes is told how long to wait; who came earlier goes earlier.
    """

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._burst = max(1.0, rate) * self._interval
        self._next = -math.inf

    def reserve(self, now: float) -> float:
        """Take the next free place; return the seconds until it is there."""
        place = max(self._next, now - self._burst + self._interval)
        self._next = place + self._interval
        return max(0.0, place - now)

    def give_back(self) -> None:
        """A place that was taken is not used: let the next one come so much earlier."""
        self._next -= self._interval


@final
class Throttle:
    """Limits for several supervisors together.

    Those of one Trio run share one, unless they are given others.

    Args:
        connecting_per_host: attempts that may be under way at a time per host and port.
        retries_per_second: retries that may begin per second, whatever the host;
            up to one second's worth at once.
    """

    def __init__(self, *, connecting_per_host: int = 1, retries_per_second: float = 10.0) -> None:
        check_count("connecting_per_host", connecting_per_host)
        check_positive("retries_per_second", retries_per_second)
        self._connecting_per_host = connecting_per_host
        self._budget = RateLimiter(retries_per_second)
        self._hosts: dict[tuple[str, int], trio.Semaphore] = {}
        self._users: dict[tuple[str, int], int] = {}

    async def wait_for_retry(self) -> None:
        """Wait until the budget allows another retry."""
        try:
            await trio.sleep(self._budget.reserve(trio.current_time()))
        except BaseException:
            self._budget.give_back()
            raise

    def slot(self, host: str, port: int) -> Slot:
        """The right to be connecting to a host; ``async with`` waits for it."""
        return Slot(self, (host, port))

    async def _acquire(self, key: tuple[str, int]) -> None:
        self._users[key] = self._users.get(key, 0) + 1
        if key not in self._hosts:
            self._hosts[key] = trio.Semaphore(self._connecting_per_host)
        try:
            await self._hosts[key].acquire()
        except BaseException:
            self._forget(key)
            raise

    def _release(self, key: tuple[str, int]) -> None:
        self._hosts[key].release()
        self._forget(key)

    def _forget(self, key: tuple[str, int]) -> None:
        """One less holds or waits for a slot; with the last one the host is forgotten."""
        self._users[key] -= 1
        if not self._users[key]:
            del self._users[key], self._hosts[key]


@final
class Slot:
    """The right to be connecting to one host; see `Throttle.slot`."""

    def __init__(self, throttle: Throttle, key: tuple[str, int]) -> None:
        self._throttle = throttle
        self._key = key
        self._held = False

    async def __aenter__(self) -> Self:
        """Wait until one is free."""
        await self._throttle._acquire(self._key)
        self._held = True
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give it back, unless that was done before."""
        self.leave()

    def leave(self) -> None:
        """Give it back early, as soon as the connection is there."""
        if self._held:
            self._held = False
            self._throttle._release(self._key)


current_throttle = PerRun("trio_ws.throttle", Throttle)
"""Return the throttle of the present Trio run."""
