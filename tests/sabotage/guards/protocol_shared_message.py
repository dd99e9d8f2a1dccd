"""The protocol: `shared_message`, `runs`, `diagnosis`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a shared frame is masked with a key of its own",
        "_protocol/shared_message.py",
        (
            "        if keys is None:\n"
            "            return frame\n"
            "        return encode_data(self._first | RSV1, blob, masked=True, keys=keys)"
        ),
        "        return frame",
        ("protocol/test_shared_message.py::test_frames_are_shared",),
    ),
    Guard(
        "a small shared message is not compressed",
        "_protocol/shared_message.py",
        "if codec is None or self.size < codec.min_size:",
        "if codec is None:",
        ("protocol/test_shared_message.py::test_plain",),
    ),
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
