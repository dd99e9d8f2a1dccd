"""A connection: `idle_compressors`, `connection`, `block`, `websocket`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "an idle compressor gives its memory back",
        "_connection/idle_compressors.py",
        "            self.codec.release()\n",
        "            pass\n",
        ("connection/test_idle_compressors.py::test_a_new_one_while_the_last_one_ends",),
    ),
    Guard(
        "a busy compressor keeps its memory",
        "_connection/idle_compressors.py",
        "        if self.codec.messages_sent != self.seen:",
        "        if False:",
        ("connection/test_idle_compressors.py::test_release",),
    ),
    Guard(
        "the task ends with the last compressor",
        "_connection/idle_compressors.py",
        "            self._nap.cancel()\n",
        "            pass\n",
        ("connection/test_idle_compressors.py::test_nothing_is_left",),
    ),
    Guard(
        "an end without an answer is a loss",
        "_connection/connection.py",
        '            core.lose_unless_over(Loss.UNANSWERED, "no answer in time")\n',
        "",
        ("connection/test_connection.py::test_a_failure_in_the_last_step",),
    ),
    Guard(
        "a stream that does not close is closed by force",
        "_connection/connection.py",
        (
            "                with trio.CancelScope(shield=True, deadline=-FOREVER):\n"
            "                    await core.transport.aclose()"
        ),
        (
            "                with trio.CancelScope(shield=True):\n"
            "                    await core.transport.aclose()"
        ),
        ("connection/test_block.py::test_bound_with_everything_stuck",),
        hangs=True,
    ),
    Guard(
        "a resumed machine asks every peer",
        "_connection/connection.py",
        "        self.heartbeat.probe(trio.current_time())\n",
        "        pass\n",
        ("connection/test_connection.py::test_pings",),
    ),
    Guard(
        "a connection that is over is not told of a suspension",
        "_connection/connection.py",
        "            suspension.tell_no_more(self)\n",
        "            pass\n",
        ("connection/test_block.py::test_nothing_is_left",),
    ),
    Guard(
        "a cancelled goodbye becomes a quick one",
        "_connection/block.py",
        "            connection.hurry()\n",
        "            pass\n",
        ("connection/test_block.py::test_bound_shortened",),
    ),
    Guard(
        "an exception closes with 1011",
        "_connection/block.py",
        "connection.close_gracefully(CloseCode.INTERNAL_ERROR)",
        "connection.close_gracefully(CloseCode.NORMAL_CLOSURE)",
        ("connection/test_block.py::test_a_log_that_raises",),
    ),
    Guard(
        "a cancellation closes with 1001, quickly",
        "_connection/block.py",
        "            elif all(map(may_pass, iter_leaves(failure))):",
        "            elif False:",
        ("connection/test_block.py::test_close_jumps_the_queue",),
    ),
    Guard(
        "a message that is sent is no idleness",
        "_connection/websocket.py",
        (
            "        if self._core.watches_idle:\n"
            "            self._core.lease.data(trio.current_time())\n"
            "        if self._receive_queue"
        ),
        "        if self._receive_queue",
        ("connection/test_heartbeat.py::test_what_is_sent_into_a_stuck_window_is_not_idleness",),
    ),
]
