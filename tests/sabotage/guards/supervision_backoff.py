"""Supervision: `backoff`, `retry_timer`, `transitions`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "the delay grows",
        "_supervision/backoff.py",
        "grown = GROWTH ** min(self._failures - 1, 63)",
        "grown = 1.0",
        ("supervision/test_backoff.py::test_the_lower_ends",),
    ),
    Guard(
        "the delay is capped",
        "_supervision/backoff.py",
        "return min(backoff.cap, grown), min(2 * backoff.cap, WIDTH * grown)",
        "return grown, WIDTH * grown",
        ("supervision/test_backoff.py::test_the_lower_ends",),
    ),
    Guard(
        "the first delay is short",
        "_supervision/backoff.py",
        ("        if self._failures == 0:\n            return 0.0, backoff.first\n"),
        "",
        ("supervision/test_backoff.py::test_the_lower_ends",),
    ),
    Guard(
        "a stable connection resets the delay",
        "_supervision/backoff.py",
        ("        self._begin(now)\n        self._last_delay = 0.0\n"),
        "        pass\n",
        ("supervision/test_backoff.py::test_success_begins_afresh",),
    ),
    Guard(
        "a connection must last longer than the last delay",
        "_supervision/backoff.py",
        "return max(self._backoff.stable, self._last_delay)",
        "return self._backoff.stable",
        ("supervision/test_backoff.py::test_what_counts_as_a_success",),
    ),
    Guard(
        "flapping is noticed",
        "_supervision/backoff.py",
        "        low, high = self._range(flapping=flapping)",
        "        low, high = self._range(flapping=False)",
        ("supervision/test_backoff.py::test_a_request_cannot_spin",),
    ),
    Guard(
        "old losses are no flapping",
        "_supervision/backoff.py",
        ("return len(losses) == losses.maxlen and now - losses[0] <= self._backoff.restart_window"),
        "return len(losses) == losses.maxlen",
        ("supervision/test_backoff.py::test_restart_intensity_lasts",),
    ),
    Guard(
        "Retry-After is believed up to a bound",
        "_supervision/backoff.py",
        "told = max(low, min(retry_after, backoff.longest_retry_after))",
        "told = max(low, retry_after)",
        ("supervision/test_backoff.py::test_retry_after",),
    ),
    Guard(
        "Retry-After moves the range",
        "_supervision/backoff.py",
        "low, high = told, told + SPREAD * high",
        "low, high = told, told",
        ("supervision/test_backoff.py::test_retry_after",),
    ),
    Guard(
        "a restarting server is left alone",
        "_supervision/backoff.py",
        "            least, most = backoff.restart\n",
        "            least, most = 0.0, 0.0\n",
        ("supervision/test_backoff.py::test_what_stretches",),
    ),
    Guard(
        "an overloaded server is left alone",
        "_supervision/backoff.py",
        "            least, most = backoff.overload, 2 * backoff.overload\n",
        "            least, most = 0.0, 0.0\n",
        ("supervision/test_backoff.py::test_what_stretches",),
    ),
    Guard(
        "attempts have a number",
        "_supervision/backoff.py",
        "if backoff.max_attempts is not None and self.attempts >= backoff.max_attempts:",
        "if False:",
        ("supervision/test_backoff.py::test_max_attempts",),
    ),
    Guard(
        "attempts have a time",
        "_supervision/backoff.py",
        (
            "if backoff.max_elapsed is not None and next_attempt_at - self._began > "
            "backoff.max_elapsed:"
        ),
        "if False:",
        ("supervision/test_backoff.py::test_max_elapsed",),
    ),
    Guard(
        "large exponents do not overflow",
        "_supervision/backoff.py",
        "min(self._failures - 1, 63)",
        "(self._failures - 1)",
        ("supervision/test_backoff.py::test_a_long_streak",),
    ),
    Guard(
        "a session's wish does not beat the restart intensity",
        "_supervision/backoff.py",
        "if seconds is None or (delay.flapping and seconds < delay.seconds):",
        "if seconds is None:",
        ("supervision/test_backoff.py::test_a_request_cannot_spin",),
    ),
    Guard(
        "a wait that is brought forward ends",
        "_supervision/retry_timer.py",
        ("        self.due = min(self.due, due)\n        self._moved.set()\n"),
        "        self.due = min(self.due, due)\n",
        ("supervision/test_retry_timer.py::test_the_machine_wakes_up",),
    ),
    Guard(
        "a machine that woke up waits for a random moment",
        "_supervision/retry_timer.py",
        "trio.current_time() + RESUME_JITTER * self._jitter()",
        "trio.current_time()",
        ("supervision/test_retry_timer.py::test_the_machine_wakes_up",),
    ),
    Guard(
        "a wait that is over listens no more",
        "_supervision/retry_timer.py",
        "            watch.tell_no_more(self)\n",
        "            pass\n",
        ("supervision/test_retry_timer.py::test_nothing_listens_afterwards",),
    ),
    Guard(
        "a hook that failed is not called again",
        "_supervision/transitions.py",
        "        on_transition, self._on_transition = self._on_transition, None\n",
        "        on_transition = self._on_transition\n",
        ("supervision/test_transitions.py::test_an_observer_that_fails",),
    ),
    Guard(
        "an async hook is refused",
        "_supervision/transitions.py",
        "        if isawaitable(result):",
        "        if False:",
        ("supervision/test_transitions.py::test_an_async_observer",),
    ),
    Guard(
        "an observer that waits leaves no entry",
        "_supervision/transitions.py",
        "                self._waiters.remove(waiter)\n",
        "                pass\n",
        ("supervision/test_transitions.py::test_a_cancelled_wait",),
    ),
]
