"""Supervision: `loop`, `throttle`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a supervised attempt holds a slot",
        "_supervision/loop.py",
        ("        if place is not None:\n            await slot.acquire(place.host, place.port)\n"),
        "",
        ("supervision/test_loop.py::test_a_ticket_for_the_slot_that_is_there",),
    ),
    Guard(
        "a slot is given back when the connection is there",
        "_supervision/loop.py",
        ("                    slot.leave()\n                    return"),
        "                    return",
        ("supervision/test_loop.py::test_one_connecting_at_a_time",),
    ),
    Guard(
        "a handshake error of the session is its own",
        "_supervision/loop.py",
        ("            if ws is not None:\n                raise\n            return error"),
        "            return error",
        ("supervision/test_loop.py::test_the_session_raises_an_error_of_a_handshake",),
    ),
    Guard(
        "the end of another connection is the session's own error",
        "_supervision/loop.py",
        (
            "            if ws is None or not is_end_of(error, ws.ending):\n"
            "                raise\n"
            "            return error"
        ),
        "            return error",
        ("supervision/test_loop.py::test_the_end_of_another_connection",),
        hangs=True,
    ),
    Guard(
        "a fresh ticket is fetched when its slot is there",
        "_supervision/loop.py",
        "if waits == MAX_SLOT_WAITS or not await slot.acquire(place.host, place.port):",
        "if True:",
        ("supervision/test_loop.py::test_a_ticket_is_fresh",),
    ),
    Guard(
        "an endpoint function that moves on is followed so often",
        "_supervision/loop.py",
        "if waits == MAX_SLOT_WAITS or not await",
        "if not await",
        ("supervision/test_loop.py::test_a_function_that_names_another_host_each_time",),
    ),
    Guard(
        "the endpoint function's time counts",
        "_supervision/loop.py",
        "            spent += trio.current_time() - began\n",
        "",
        ("supervision/test_loop.py::test_asking_counts_against_the_time_to_connect",),
    ),
    Guard(
        "a connection that lasts resets the backoff",
        "_supervision/loop.py",
        "            self._backoff.succeeded(trio.current_time())\n",
        "",
        ("supervision/test_loop.py::test_stable",),
    ),
    Guard(
        "a success leads back to the preferred endpoint",
        "_supervision/loop.py",
        "            self._endpoints.succeeded()\n",
        "",
        ("supervision/test_loop.py::test_the_preferred_endpoint",),
    ),
    Guard(
        "on_connect has its time",
        "_supervision/loop.py",
        "        with trio.move_on_after(limit) as scope:",
        "        with trio.CancelScope() as scope:",
        ("supervision/test_loop.py::test_preparing_takes_too_long",),
        hangs=True,
    ),
    Guard(
        "a supervisor gives up",
        "_supervision/loop.py",
        "        if why := self._backoff.is_exhausted(now + delay.seconds):",
        "        if (why := self._backoff.is_exhausted(now + delay.seconds)) and False:",
        ("supervision/test_loop.py::test_preparing_takes_too_long",),
        hangs=True,
    ),
    Guard(
        "what failed for good everywhere is raised",
        "_supervision/loop.py",
        ("        if self._endpoints.all_failed_for_good:\n            raise error"),
        ("        if False:\n            raise error"),
        ("supervision/test_loop.py::test_fatal_closes",),
        hangs=True,
    ),
    Guard(
        "credentials are refreshed once",
        "_supervision/loop.py",
        "return can_refresh and not self._backoff.refreshed",
        "return can_refresh",
        ("supervision/test_loop.py::test_a_token_that_ran_out",),
        hangs=True,
    ),
    Guard(
        "a known host may be unknown for a while",
        "_supervision/loop.py",
        "            self._known_hosts.add(self._host)\n",
        "            pass\n",
        ("supervision/test_loop.py::test_an_unknown_host",),
    ),
    Guard(
        "a classify function returns a Remedy",
        "_supervision/loop.py",
        ("        if not isinstance(remedy, Remedy):\n            raise TypeError"),
        ("        if False:\n            raise TypeError"),
        ("supervision/test_loop.py::test_classify_that_returns_nonsense",),
        hangs=True,
    ),
    Guard(
        "a retry waits for the budget",
        "_supervision/loop.py",
        ('        await self._throttle.wait_for_retry(expected.host if expected else "")\n'),
        "        await trio.lowlevel.checkpoint()\n",
        ("supervision/test_loop.py::test_the_budget",),
    ),
    Guard(
        "a machine that wakes up tries with short delays",
        "_supervision/loop.py",
        "            self._backoff.resumed()\n",
        "            pass\n",
        ("supervision/test_loop.py::test_the_machine_wakes_up",),
    ),
    Guard(
        "a loss counts towards the restart intensity",
        "_supervision/loop.py",
        "            self._backoff.lost(now)\n",
        "            pass\n",
        ("supervision/test_loop.py::test_flapping",),
    ),
    Guard(
        "a Reconnect beside another failure is none",
        "_supervision/loop.py",
        (
            "        elif not isinstance(leaf, trio.Cancelled) and not is_end_of(leaf, "
            "ws.ending):\n"
            "            return None"
        ),
        ("        elif False:\n            return None"),
        ("supervision/test_loop.py::test_a_request_that_is_not_alone",),
        hangs=True,
    ),
    Guard(
        "the retry budget is kept",
        "_supervision/throttle.py",
        "        self._budget.take(now)\n",
        "",
        ("supervision/test_throttle.py::test_retries_wait_for_the_budget",),
    ),
    Guard(
        "the retry that goes next is woken",
        "_supervision/throttle.py",
        ("        self._budget.take(now)\n        self._wake_first()\n"),
        "        self._budget.take(now)\n",
        ("supervision/test_throttle.py::test_the_budget_is_fair",),
        hangs=True,
    ),
    Guard(
        "a retry that gives up wakes the next",
        "_supervision/throttle.py",
        ("            self._retries.remove(host, retry)\n            self._wake_first()\n"),
        "            self._retries.remove(host, retry)\n",
        ("supervision/test_throttle.py::test_the_first_gives_up",),
    ),
    Guard(
        "a retry that gives up leaves the queue",
        "_supervision/throttle.py",
        ("            self._retries.remove(host, retry)\n            self._wake_first()\n"),
        "            self._wake_first()\n",
        ("supervision/test_throttle.py::test_a_thousand_dead_hosts",),
    ),
    Guard(
        "retries are fair between hosts",
        "_supervision/throttle.py",
        "last = self._last.get(host, -math.inf)",
        "last = -math.inf",
        ("supervision/test_throttle.py::test_the_budget_is_fair",),
    ),
    Guard(
        "hosts without retries are forgotten",
        "_supervision/throttle.py",
        ("        self._forget(now)\n\n    def remove"),
        ("\n    def remove"),
        ("supervision/test_throttle.py::test_nothing_is_left_of_hosts",),
    ),
    Guard(
        "a slot is taken per host",
        "_supervision/throttle.py",
        "            await self._hosts[key].acquire()\n",
        "            await trio.lowlevel.checkpoint()\n",
        ("supervision/test_throttle.py::test_one_at_a_time",),
    ),
    Guard(
        "a cancelled wait for a slot counts down",
        "_supervision/throttle.py",
        (
            "        except BaseException:\n"
            "            self._forget(key)\n"
            "            raise\n"
            "        return must_wait"
        ),
        ("        except BaseException:\n            raise\n        return must_wait"),
        ("supervision/test_throttle.py::test_a_slot_is_given_back_once",),
    ),
    Guard(
        "a host without users is forgotten",
        "_supervision/throttle.py",
        "            del self._users[key], self._hosts[key]\n",
        "            pass\n",
        ("supervision/test_throttle.py::test_one_at_a_time",),
    ),
    Guard(
        "a slot is given back once",
        "_supervision/throttle.py",
        "            key, self._key = self._key, None\n",
        "            key = self._key\n",
        ("supervision/test_throttle.py::test_a_slot_is_given_back_once",),
    ),
]
