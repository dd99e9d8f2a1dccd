"""When to try again: delays as arithmetic.

A client that reconnects without thought is dangerous twice:
alone it hammers a server that accepts and then closes;
together with ten thousand others it beats down a server that has just come back.
So each delay is drawn at random from a range, and the ranges grow::

    draw:    low + U(0, 1) × (high - low)

    failure                          low                  high
    the first after things went well 0                    first
    the k-th after that one          min(cap, 3^(k-1))    min(2 cap, 5 × 3^(k-1))

and they are moved where the server knows better::

    1012, the server restarts        max(low, restart[0])     max(high + restart[0], restart[1])
    1013, from the only endpoint      max(low, overload)       max(high + overload, 2 overload)
    restart intensity reached        cap                      2 cap
    Retry-After                      max(low, Retry-After)    that, and 3 high

A lower bound that a server gives is the same for all its clients.
So it moves the range, and never replaces it: a client that is told "in 5 s" with a thousand others
must not come back with them in the same moment.
Of `Retry-After` at most `longest_retry_after` seconds are believed.

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

SPREAD = 3.0
"""By how many times the upper end of the range that was due anyway a ``Retry-After`` is spread.

Without this factor 10,000 clients that a server has told the same ask it 1,800 times in a second,
with it 700 to 810 times (``tests/storm.py``).
"""


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
        longest_retry_after: a server's ``Retry-After`` is obeyed up to here;
            the delay is longer than it by a random time, at most three times ``high``.
        max_restarts: after this many losses within `restart_window` the delay jumps to the cap
            (a number).
        restart_window: see `max_restarts`.
        max_attempts: give up after so many attempts without a stable connection
            (a number); None: never.
        max_elapsed: give up when this many seconds have passed since the last stable connection;
            None: never.
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
    """What comes of a failure.

    Attributes:
        seconds: how long to wait.
        flapping: whether restart intensity set it.
        rest: how long the endpoint that failed is to be left alone, if it asked for that;
            zero otherwise.
    """

    seconds: float
    flapping: bool = False
    rest: float = 0.0


class BackoffState:
    """The failures since things last went well, and the delay that follows from them.

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

    # What happens

    def attempt(self) -> int:
        """Begin an attempt; return its number, counted from 1."""
        self.attempts += 1
        return self.attempts

    def stable_after(self) -> float:
        """Return for how many seconds a connection must be up to count as a success."""
        return max(self._backoff.stable, self._last_delay)

    def succeeded(self, now: float) -> None:
        """Note that a connection was up for `stable_after`, and still is."""
        self._begin(now)
        self._last_delay = 0.0

    def lost(self, now: float) -> None:
        """Note that an open connection was lost; to be followed by `failed`."""
        self._losses.append(now)
        if not self.attempts:
            self._began = now

    def failed(self, now: float, remedy: Remedy, *, retry_after: float | None = None) -> Delay:
        """Return how long to wait after a failed attempt or a lost connection."""
        flapping = self._is_flapping(now)
        low, high = self._range(flapping=flapping)
        draw = self._rng()
        if remedy is Remedy.REFRESH:
            self.refreshed = True
        self._failures += 1
        rest = self._rest(draw, low, high, remedy, retry_after)
        return Delay(low + draw * (high - low), flapping, rest)

    def requested(self, now: float, seconds: float | None) -> Delay:
        """Return how long to wait after a session asked for another connection.

        If it said when, it is then, unless the restart intensity is reached.
        """
        delay = self.failed(now, Remedy.WAIT)
        if seconds is None or (delay.flapping and seconds < delay.seconds):
            return delay
        return Delay(seconds, delay.flapping)

    def will_wait(self, seconds: float) -> None:
        """Note the delay that came of all this."""
        self._last_delay = seconds

    def resumed(self) -> None:
        """Begin with short delays again: what failed before a suspension says nothing now."""
        self._failures = 0

    # What follows

    def _is_flapping(self, now: float) -> bool:
        """Return True if the restart intensity is reached."""
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

    def _rest(
        self, draw: float, low: float, high: float, remedy: Remedy, retry_after: float | None
    ) -> float:
        """Return for how long an endpoint asks to be left alone: its bound moves the range."""
        backoff = self._backoff
        if remedy is Remedy.RESTART:
            least, most = backoff.restart
        elif remedy is Remedy.ELSEWHERE:
            least, most = backoff.overload, 2 * backoff.overload
        elif retry_after is not None:
            least = most = 0.0
        else:
            return 0.0
        low, high = max(low, least), max(high + least, most)
        if retry_after is not None:
            told = max(low, min(retry_after, backoff.longest_retry_after))
            low, high = told, told + SPREAD * high
        return low + draw * (high - low)

    def is_exhausted(self, next_attempt_at: float) -> str:
        """Return why no attempt may be made at that time; empty if one may."""
        backoff = self._backoff
        if backoff.max_attempts is not None and self.attempts >= backoff.max_attempts:
            return f"{self.attempts} of {backoff.max_attempts} attempts failed"
        if backoff.max_elapsed is not None and next_attempt_at - self._began > backoff.max_elapsed:
            return f"the next attempt would be later than {backoff.max_elapsed:g} s after the last"
        return ""
