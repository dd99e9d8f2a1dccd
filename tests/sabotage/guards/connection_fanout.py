"""A connection: `fanout`, and what the writer does for it."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a shared burst does not pass what waits",
        "_connection/writer.py",
        "            or not self._send_queue.is_empty\n            or (turn",
        "            or (turn",
        ("connection/test_fanout.py::test_behind_what_waits",),
    ),
    Guard(
        "a shared burst does not break into a message",
        "_connection/writer.py",
        "            or (turn is not None and turn.is_held)\n            or phase is _WRITING",
        "            or phase is _WRITING",
        ("connection/test_fanout.py::test_amid_fragments",),
    ),
    Guard(
        "a client does not send frames that others share",
        "_connection/writer.py",
        "            or burst.largest >= self._protocol.shares_below\n",
        "",
        ("connection/test_writer_inline.py::test_nothing_passes_what_is_in_the_way",),
    ),
    Guard(
        "what the kernel left over of a burst goes back",
        "_connection/writer.py",
        "            self._send_queue.put_back([memoryview(data)[count:]])\n",
        "",
        ("connection/test_fanout.py::test_the_kernel_takes_a_part",),
        hangs=True,
    ),
    Guard(
        "a fan-out that has begun reaches all connections",
        "_connection/fanout.py",
        "await trio.lowlevel.cancel_shielded_checkpoint()",
        "await trio.lowlevel.checkpoint()",
        ("connection/test_fanout.py::test_cancelled_before_it_begins",),
    ),
    Guard(
        "a fan-out lets other tasks run",
        "_connection/fanout.py",
        "    return max(1, min(CALLS, BYTES // (burst.size or 1)))",
        "    return 1_000_000",
        ("connection/test_fanout.py::test_other_tasks_run_in_between",),
    ),
]
