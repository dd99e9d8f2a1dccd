"""What stands below a connection: from `checkpoints` to `background`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "calls yield by their number",
        "_concurrency/checkpoints.py",
        "if calls > 1 and left >= 0 and now < self._until:",
        "if left >= 0 and now < self._until:",
        ("concurrency/test_checkpoints.py::test_calls",),
    ),
    Guard(
        "calls yield by their bytes",
        "_concurrency/checkpoints.py",
        "if calls > 1 and left >= 0 and now < self._until:",
        "if calls > 1 and now < self._until:",
        ("concurrency/test_checkpoints.py::test_bytes",),
    ),
    Guard(
        "calls yield by the time",
        "_concurrency/checkpoints.py",
        "if calls > 1 and left >= 0 and now < self._until:",
        "if calls > 1 and left >= 0:",
        ("concurrency/test_checkpoints.py::test_seconds",),
    ),
    Guard(
        "a wait renews calls and bytes, too",
        "_concurrency/checkpoints.py",
        "        self._bytes = BYTES\n        self._until",
        "        self._until",
        ("concurrency/test_checkpoints.py::test_renew_all",),
    ),
    Guard(
        "a cancelled task leaves the parking lot",
        "_concurrency/slim.py",
        "        self._parked = self._parked[:at] + self._parked[at + 1 :]\n",
        "        pass\n",
        ("concurrency/test_slim.py::test_cancelled",),
    ),
    Guard(
        "tasks leave the parking lot in order",
        "_concurrency/slim.py",
        "            woken, self._parked = self._parked[:count], self._parked[count:]",
        "            woken, self._parked = self._parked[-count:], self._parked[:-count]",
        ("concurrency/test_slim.py::test_in_their_order",),
    ),
    Guard(
        "a suspension is noticed",
        "_concurrency/suspension.py",
        "(slept := now - self._seen) > SUSPEND_THRESHOLD:",
        "(slept := now - self._seen) and False:",
        ("concurrency/test_suspension.py::test_suspension",),
    ),
    Guard(
        "a system that refuses the clock is done without",
        "_concurrency/suspension.py",
        "except (AttributeError, OSError):",
        "except AttributeError:",
        ("concurrency/test_suspension.py::test_no_second_clock",),
    ),
    Guard(
        "a refused clock is not asked again",
        "_concurrency/suspension.py",
        "            self._refused = True\n",
        "            pass\n",
        ("concurrency/test_suspension.py::test_no_second_clock",),
    ),
    Guard(
        "the watch ends with the last listener",
        "_concurrency/suspension.py",
        "self._look() if self._listeners else None",
        "self._look()",
        ("concurrency/test_suspension.py::test_who_no_longer_listens",),
    ),
    Guard(
        "a suspension before the first listener came is no news",
        "_concurrency/suspension.py",
        "            self._seen = now  # a suspension before it came is no news to it",
        "            pass",
        ("concurrency/test_suspension.py::test_a_suspension_before_the_first_listener",),
    ),
    Guard(
        "a group with another failure leaves whole",
        "_concurrency/body.py",
        "    if not ends or len(ends) + len(outer) < len(leaves):",
        "    if not ends:",
        ("concurrency/test_body.py::test_unwrapping",),
    ),
    Guard(
        "a coroutine that was not awaited is closed",
        "_concurrency/body.py",
        ("    if isinstance(result, Coroutine):\n        result.close()"),
        "    pass",
        ("concurrency/test_body.py::test_a_coroutine_that_never_began",),
    ),
    Guard(
        "a Ctrl-C passes",
        "_concurrency/exceptions.py",
        "return isinstance(error, KeyboardInterrupt | SystemExit | trio.Cancelled)",
        "return isinstance(error, SystemExit | trio.Cancelled)",
        ("concurrency/test_exceptions.py::test_what_stays",),
    ),
    Guard(
        "a task that fails cancels the block",
        "_concurrency/background.py",
        '            self._body.cancel(reason=f"{self._name} failed")\n',
        "            pass\n",
        ("concurrency/test_background.py::test_the_task_fails",),
        hangs=True,
    ),
    Guard(
        "the task ends with the block",
        "_concurrency/background.py",
        "        self._nursery.cancel_scope.cancel()\n",
        "",
        ("concurrency/test_background.py::test_a_block_that_ends",),
        hangs=True,
    ),
]
