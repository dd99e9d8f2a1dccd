"""When to try again: delays as arithmetic.

A client that reconnects without thought is dangerous twice:
alone it hammers a server that accepts and then closes;
together with ten thousand others it beats down a server that has just come back.
So each delay is drawn at random from a range, and the ranges grow::

    draw:    low + U(0, 1) × (high - low)

    failure                          low                  high
    the first after things went well 0                    first
    the k-th after that one          min(cap, 3^(k-1))    min(2 cap, 5 × 3^(k-1))

and they are stretched where somebody knows better::

    1012, the server restarts        max(low, restart[0])     max(high, restart[1])
    1013, and nobody else to ask     max(low, overload)       max(high, 2 overload)
    restart intensity reached        cap                      2 cap
    Retry-After                      the delay is no shorter, up to `longest_retry_after`

"Things went well" means that a connection was up for ``max(stable, the last delay)`` seconds.
That it was opened proves nothing: the server that accepts and then closes does that, too.

The *restart intensity* is that of Erlang's supervisors:
what opens and is lost `max_restarts` times within `restart_window` seconds
does not get better by being restarted quickly.

Why these ranges: they are wide, so that ten thousand clients which lost the same server at once
have spread over more than ten seconds when it comes back ten seconds later,
and it is never asked more often than it can answer (``tests/storm.py`` is the proof;
the usual ``2^k`` with its narrower ranges asks it twice as often).

There is no clock in here and no chance: every method is told the time,
and the random numbers come from a source that is given.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from .._validation import check_count, check_fields, check_positive, check_seconds
from .retry_rules import Remedy

GROWTH = 3.0
"""By which factor the ranges grow with each failure."""

WIDTH = 5.0
"""How many times the lower end of a range the upper one is."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a supervisor waits before it tries again, in seconds.

    The first attempt of all is made at once.
    The delay after the first failure is ``U(0, first)``, as RFC 6455 §7.2.3 advises;
    that after the k-th failure behind it is ``U(low, high)``
    with ``low = min(cap, 3^(k-1))`` and ``high = min(2 cap, 5 × 3^(k-1))``, for k = 1, 2, …
    By default: 0 to 5 s, 1 to 5, 3 to 15, 9 to 45, 27 to 60, and 30 to 60 from then on.
    The count starts afresh once a connection was up for ``max(stable, the last delay)``.

    Attributes:
        first: the upper end of the first delay.
        cap: where the growth stops; the longest delay is twice that.
        stable: how long a connection must be up before it counts as a success.
        restart: the range of the delay after a close with 1012 (service restart).
        overload: the shortest delay after 1013 (try again later) from the only endpoint.
        longest_retry_after: a server's ``Retry-After`` is obeyed up to here.
        max_restarts: so many connections that were lost within `restart_window`
            send the delay straight to the cap (a number).
        restart_window: see `max_restarts`.
        max_attempts: give up after so many attempts without a stable connection
            (a number); None: never.
        max_elapsed: give up rather than try so long after the last stable connection; None: never.
        suspend_after: after so long without any connection the supervisor
            says "suspended" instead of "waiting".
    """

    first: float = 5.0
    cap: float = 30.0
    stable: float = 10.0
    restart: tuple[float, float] = (5.0, 30.0)
    overload: float = 30.0
    longest_retry_after: float = 300.0
    max_restarts: int = 5
    restart_window: float = 30.0
    max_attempts: int | None = None
    max_elapsed: float | None = None
    suspend_after: float = 120.0

    def __post_init__(self) -> None:
        check_fields(
            self, check_seconds, "cap", "stable", "overload", "restart_window", "suspend_after"
        )
        check_fields(self, check_seconds, "first", "longest_retry_after", zero=True)
        check_fields(self, check_positive, "max_elapsed", optional=True)
        check_fields(self, check_count, "max_restarts")
        check_fields(self, check_count, "max_attempts", optional=True)
        self._check_restart()

    def _check_restart(self) -> None:
        what = "Backoff.restart must be two numbers of seconds, the lesser one first"
        restart: object = self.restart
        if not isinstance(restart, tuple) or len(restart) != 2:
            raise TypeError(f"{what}; got {restart!r}")
        for bound in restart:
            check_seconds("each bound of Backoff.restart", bound, zero=True)
        if restart[0] > restart[1]:
            raise ValueError(f"{what}; got {restart!r}")


@dataclass(frozen=True, slots=True)
class Delay:
    """What comes of a failure: how long to wait, and whether restart intensity set it."""

    seconds: float
    flapping: bool = False


class BackoffState:
    """What happened since things last went well, and the delay that follows from it.

    `rng` returns numbers of ``[0, 1)``; exactly one is drawn for each failure.
    """

    def __init__(self, backoff: Backoff, rng: Callable[[], float], *, now: float) -> None:
        self._backoff = backoff
        self._rng = rng
        self._losses: deque[float] = deque(maxlen=backoff.max_restarts)
        self._last_delay = 0.0
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._began = now
        self._failures = 0
        self.attempts = 0
        self.refreshed = False
        self.overloads = 0

    # What happens

    def attempt(self) -> int:
        """An attempt begins; return its number, counted from 1."""
        self.attempts += 1
        return self.attempts

    def stable_after(self) -> float:
        """How many seconds a connection must be up to count as a success."""
        return max(self._backoff.stable, self._last_delay)

    def succeeded(self, now: float) -> None:
        """The connection was up for `stable_after`; `now` it still is."""
        self._begin(now)
        self._last_delay = 0.0

    def lost(self, now: float) -> None:
        """An open connection was lost; to be followed by `failed`."""
        self._losses.append(now)
        if not self.attempts:
            self._began = now

    def failed(
        self,
        now: float,
        remedy: Remedy,
        *,
        retry_after: float | None = None,
        endpoints: int = 1,
    ) -> Delay:
        """An attempt failed or a connection was lost: return how long to wait."""
        flapping = self._is_flapping(now)
        low, high = self._range(flapping=flapping)
        if remedy is Remedy.REFRESH:
            self.refreshed = True
        elif remedy is Remedy.RESTART:
            low, high = self._stretched(low, high, *self._backoff.restart)
        elif remedy is Remedy.ELSEWHERE:
            self.overloads += 1
            if self.overloads >= endpoints:
                overload = self._backoff.overload
                low, high = self._stretched(low, high, overload, 2 * overload)
        seconds = low + self._rng() * (high - low)
        if retry_after is not None:
            seconds = max(seconds, min(retry_after, self._backoff.longest_retry_after))
        self._failures += 1
        self._last_delay = seconds
        return Delay(seconds, flapping)

    # What follows

    def _is_flapping(self, now: float) -> bool:
        """Whether the restart intensity is reached."""
        losses = self._losses
        return len(losses) == losses.maxlen and now - losses[0] <= self._backoff.restart_window

    def _range(self, *, flapping: bool) -> tuple[float, float]:
        backoff = self._backoff
        if flapping:
            # Stay at the cap from here on.
            self._failures = max(self._failures, math.ceil(math.log(backoff.cap, GROWTH)) + 1)
            return backoff.cap, 2 * backoff.cap
        if self._failures == 0:
            return 0.0, backoff.first
        grown = GROWTH ** min(self._failures - 1, 63)
        return min(backoff.cap, grown), min(2 * backoff.cap, WIDTH * grown)

    @staticmethod
    def _stretched(low: float, high: float, least: float, most: float) -> tuple[float, float]:
        return max(low, least), max(high, most)

    def is_exhausted(self, next_attempt_at: float) -> str:
        """Why no attempt may be made at that time; empty if one may."""
        backoff = self._backoff
        if backoff.max_attempts is not None and self.attempts >= backoff.max_attempts:
            return f"{self.attempts} of {backoff.max_attempts} attempts failed"
        if backoff.max_elapsed is not None and next_attempt_at - self._began > backoff.max_elapsed:
            return f"the next attempt would be later than {backoff.max_elapsed:g} s after the last"
        return ""
