"""Supervision: `endpoints`, `retry_rules`, `supervise`, `counters`, `states`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "the endpoint that failed longest ago is next",
        "_supervision/endpoints.py",
        "self._current = min(ready, key=lambda each: each.failed_at)",
        "self._current = ready[0]",
        ("supervision/test_endpoints.py::test_several",),
    ),
    Guard(
        "an endpoint that rests is left alone",
        "_supervision/endpoints.py",
        "ready = [each for each in self._candidates if each.rests_until <= now + delay]",
        "ready = list(self._candidates)",
        ("supervision/test_endpoints.py::test_one_that_rests",),
    ),
    Guard(
        "an endpoint function has its time",
        "_supervision/endpoints.py",
        "        with trio.move_on_after(limit) as scope:",
        "        with trio.CancelScope() as scope:",
        ("supervision/test_endpoints.py::test_a_function_that_hangs",),
        hangs=True,
    ),
    Guard(
        "an endpoint function returns text",
        "_supervision/endpoints.py",
        (
            "        if not isinstance(url, str):\n"
            '            raise TypeError(f"the endpoint function'
        ),
        ('        if False:\n            raise TypeError(f"the endpoint function'),
        ("supervision/test_endpoints.py::test_a_function_that_returns_nonsense",),
    ),
    Guard(
        "a rejection is classified by its status",
        "_supervision/retry_rules.py",
        "        return look_up(HTTP_STATUSES, error.response.status)",
        "        return Remedy.WAIT",
        ("supervision/test_retry_rules.py::test_rejections",),
    ),
    Guard(
        "a loss is classified by its kind",
        "_supervision/retry_rules.py",
        "    if ending.loss is not None and ending.loss in LOSSES:",
        "    if False:",
        ("supervision/test_retry_rules.py::test_losses",),
    ),
    Guard(
        "a close of ours is classified by our code",
        "_supervision/retry_rules.py",
        (
            "    if ending.sent is not None and not ending.received_first:\n"
            "        return look_up(CLOSE_CODES, ending.sent.code)\n"
        ),
        "",
        ("supervision/test_retry_rules.py::test_who_closed",),
    ),
    Guard(
        "what no rule names is fatal",
        "_supervision/retry_rules.py",
        ("            return rule.remedy\n    return Remedy.NONE"),
        ("            return rule.remedy\n    return Remedy.WAIT"),
        ("supervision/test_retry_rules.py::test_close_codes",),
    ),
    Guard(
        "an unknown name is fatal until it was known",
        "_supervision/retry_rules.py",
        "passes = host_is_known if is_unknown_name(error) else error.transient",
        "passes = True if is_unknown_name(error) else error.transient",
        ("supervision/test_retry_rules.py::test_names",),
    ),
    Guard(
        "a supervisor runs once",
        "_supervision/supervise.py",
        ("        if self._finished is not None:\n            raise RuntimeError"),
        ("        if False:\n            raise RuntimeError"),
        ("supervision/test_supervise.py::test_it_runs_once",),
    ),
    Guard(
        "leaving the block ends the run",
        "_supervision/supervise.py",
        '        self._scope.cancel(reason="the block of open_supervisor was left")\n',
        "",
        ("supervision/test_supervise.py::test_leaving_the_block",),
        hangs=True,
    ),
    Guard(
        "downtime is counted",
        "_supervision/counters.py",
        "        self.downtime = self.downtime_until(now)\n",
        "",
        ("supervision/test_counters.py::test_counters",),
    ),
    Guard(
        "a step that the table does not have is a fault",
        "_supervision/states.py",
        '    assert state in TABLE[previous], f"a',
        '    assert True, f"a',
        ("supervision/test_states.py::test_steps",),
    ),
]
