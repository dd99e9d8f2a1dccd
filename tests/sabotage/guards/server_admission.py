"""The server: `admission`, `http_connection`, `isolation`, `handler`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "handshakes have a number",
        "_server/admission.py",
        "        if len(self.handshakes) >= self._max_handshakes:",
        "        if False:",
        ("server/test_admission.py::test_a_lost_slot_stays_lost",),
    ),
    Guard(
        "the oldest handshake is displaced",
        "_server/admission.py",
        "next(iter(self.handshakes)).displace",
        "next(reversed(self.handshakes)).displace",
        ("server/test_admission.py::test_an_answer_moves_to_the_end",),
    ),
    Guard(
        "a handshake has a deadline",
        "_server/admission.py",
        "self._scope = trio.CancelScope(deadline=self.deadline)",
        "self._scope = trio.CancelScope()",
        ("server/test_admission.py::test_more_of_the_first_request_is_no_new_time",),
    ),
    Guard(
        "a further request has its own time",
        "_server/admission.py",
        (
            "        if self.phase is Phase.IDLE:\n"
            "            self._set_deadline(trio.current_time() + self._admission.connect)\n"
        ),
        "",
        ("server/test_admission.py::test_time",),
    ),
    Guard(
        "an idle connection is kept for as long as announced",
        "_server/admission.py",
        "            self._set_deadline(trio.current_time() + self._admission.keep_alive)\n",
        "            pass\n",
        ("server/test_admission.py::test_time",),
    ),
    Guard(
        "an answered connection waits least",
        "_server/admission.py",
        "        self.handshakes[slot] = self.handshakes.pop(slot)\n",
        "",
        ("server/test_admission.py::test_an_answer_moves_to_the_end",),
    ),
    Guard(
        "connections have a number",
        "_server/admission.py",
        (
            "if self._max_connections is not None and len(self.connections) >= "
            "self._max_connections:"
        ),
        "if False:",
        ("server/test_admission.py::test_connections",),
    ),
    Guard(
        "a draining server lets nothing in",
        "_server/admission.py",
        ("        if self._closed_until is not None:\n            wait"),
        ("        if False:\n            wait"),
        ("server/test_admission.py::test_closed",),
    ),
    Guard(
        "clients are not all told the same time",
        "_server/admission.py",
        "math.ceil(seconds * random.uniform(1, 2))",
        "math.ceil(seconds)",
        ("server/test_admission.py::test_not_all_come_back_at_once",),
    ),
    Guard(
        "a connection slot is given back",
        "_server/admission.py",
        "        self.connections.pop(slot, None)\n",
        "",
        ("server/test_admission.py::test_connections",),
    ),
    Guard(
        "a handshake slot is given back",
        "_server/admission.py",
        "        self.handshakes.pop(slot, None)\n",
        "",
        ("server/test_admission.py::test_a_lost_slot_stays_lost",),
    ),
    Guard(
        "a released connection ends the draining",
        "_server/admission.py",
        (
            "        self.connections.pop(slot, None)\n"
            "        if self._released:\n"
            "            self._released.unpark_all()\n"
        ),
        "        self.connections.pop(slot, None)\n",
        ("server/test_handler.py::test_async_report",),
    ),
    Guard(
        "draining ends what waits for nothing",
        "_server/admission.py",
        ("            if slot.phase is Phase.IDLE:\n                slot.displace"),
        ("            if False:\n                slot.displace"),
        ("server/test_admission.py::test_what_waits_when_it_ends",),
    ),
    Guard(
        "draining leaves a new stream a moment only",
        "_server/admission.py",
        ("                slot.shorten(NEW_GRACE)\n\n    # Connections"),
        ("                pass\n\n    # Connections"),
        ("server/test_admission.py::test_what_waits_when_it_ends",),
    ),
    Guard(
        "a handler that drains does not wait for itself",
        "_server/admission.py",
        "> self._is_taken(but):",
        "> 0:",
        ("server/test_admission.py::test_wait_empty",),
        hangs=True,
    ),
    Guard(
        "a quota counts its connections",
        "_server/admission.py",
        ("            self._quota = quota\n            quota.acquire(self)"),
        "            self._quota = quota",
        ("server/test_admission.py::test_a_quota",),
    ),
    Guard(
        "a quota gets its connections back",
        "_server/admission.py",
        "            self._quota.release(self)\n",
        "            pass\n",
        ("server/test_admission.py::test_a_quota",),
    ),
    Guard(
        "an answer is read before the connection closes",
        "_server/http_connection.py",
        ("        await self._linger()\n        return False"),
        "        return False",
        ("server/test_http_connection.py::test_the_last_answer",),
    ),
    Guard(
        "a wait for a request has a deadline",
        "_server/http_connection.py",
        "            self.slot.acquire()\n            data",
        "            data",
        ("server/test_http_connection.py::test_what_waits_has_a_deadline",),
        hangs=True,
    ),
    Guard(
        "a peer that does not take its answer has a deadline",
        "_server/http_connection.py",
        "            self.slot.acquire()\n            await",
        "            await",
        ("server/test_http_connection.py::test_what_waits_has_a_deadline",),
        hangs=True,
    ),
    Guard(
        "lingering is bounded",
        "_server/http_connection.py",
        "        with trio.move_on_after(LINGER):",
        "        with trio.CancelScope():",
        ("server/test_upgrade.py::test_linger",),
    ),
    Guard(
        "many requests at once let others run",
        "_server/http_connection.py",
        (
            "        await trio.lowlevel.checkpoint()  # a peer may have sent a hundred "
            "requests at once\n"
        ),
        "",
        ("server/test_upgrade.py::test_others_run_between_requests",),
    ),
    Guard(
        "what a handler raises stays with its connection",
        "_server/isolation.py",
        ("        if may_pass(error):\n            return Outcome(passing=error)"),
        ("        if True:\n            return Outcome(passing=error)"),
        ("server/test_isolation.py::test_groups",),
    ),
    Guard(
        "a Ctrl-C in a group passes",
        "_server/isolation.py",
        "    passing, failures = error.split(_is_leaf(may_pass))",
        "    passing, failures = None, error",
        ("server/test_isolation.py::test_groups",),
    ),
    Guard(
        "the end of its connection is no failure of a handler",
        "_server/handler.py",
        "is_no_failure=partial(is_end_of, ending=ws.ending)",
        "is_no_failure=lambda leaf: False",
        ("server/test_handler.py::test_own_end_is_no_failure",),
    ),
    Guard(
        "a hook that fails ends nothing",
        "_server/handler.py",
        (
            "        try:\n"
            "            await ask_unprotected(self._on_handler_error, ws, failure)\n"
            "        except BaseException as exc:  # noqa: ASYNC103 - what must pass does"
        ),
        (
            "        try:\n"
            "            await ask_unprotected(self._on_handler_error, ws, failure)\n"
            "        except FloatingPointError as exc:  # noqa: ASYNC103 - what must "
            "pass does"
        ),
        ("server/test_handler.py::test_async_report_fails",),
    ),
    Guard(
        "a connection let in while draining is closed",
        "_server/handler.py",
        "                if close_with is not None:",
        "                if False:",
        ("server/test_handler.py::test_closed_from_the_beginning",),
    ),
]
