"""The protocol: `runs`, `diagnosis`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "frames of a run have the same header",
        "_protocol/runs.py",
        "        count -= len(column.lstrip(bytes((byte,))))\n",
        "        pass\n",
        ("protocol/test_runs.py::test_where_a_run_ends",),
    ),
    Guard(
        "a run has no more frames than are there",
        "_protocol/runs.py",
        "    count = min((len(data) - position) // stride, most)",
        "    count = most",
        ("protocol/test_runs.py::test_where_a_run_ends",),
    ),
    Guard(
        "codes of applications break no rule",
        "_protocol/diagnosis.py",
        "    if 3000 <= code <= 4999 or code in frozenset(CloseCode):",
        "    if code in frozenset(CloseCode):",
        ("protocol/test_diagnosis.py::test_a_code_that_may_be_sent",),
    ),
]
