"""A connection: `fanout`, `shared_turn`, and what the writer does for them."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a shared burst does not pass what waits",
        "_protocol/send_queue.py",
        "        if self.size or self._leftover or self._pongs or self._control or self._close:\n",
        "        if self._leftover or self._pongs or self._control or self._close:\n",
        ("connection/test_fanout.py::test_behind_what_waits",),
    ),
    Guard(
        "a shared burst does not break into a message",
        "_connection/websocket.py",
        "        if protocol.state is not _OPEN or (turn is not None and turn.is_held):",
        "        if protocol.state is not _OPEN:",
        ("connection/test_fanout.py::test_amid_fragments",),
    ),
    Guard(
        "a client does not send frames that others share",
        "_connection/websocket.py",
        "            or burst.largest >= protocol.shares_below\n",
        "",
        ("connection/test_websocket_nowait.py::test_a_burst_that_is_not_written_as_it_is",),
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
        "a message does not pass what the task has in hand",
        "_connection/writer.py",
        "            phase is _WRITING\n            or phase is _ENDED\n            or not",
        "            phase is _ENDED\n            or not",
        ("connection/test_writer_inline.py::test_nothing_passes_what_is_in_the_way",),
    ),
    Guard(
        "in a new round any connection writes at once",
        "_transport/poller.py",
        "                self._rounds.begin()\n",
        "",
        (
            "connection/test_writer_rounds.py::test_in_a_new_round_any_connection_writes_at_once",
            "transport/test_poller.py::test_a_wakeup_begins_a_round",
        ),
    ),
    Guard(
        "behind a read an answer leaves at once",
        "_connection/writer.py",
        "        self._wrote_in = _NEVER\n        # Not for data",
        "        # Not for data",
        ("connection/test_writer_phases.py::test_an_answer_leaves_at_once",),
    ),
    Guard(
        "a read on one connection ends the burst of no other",
        "_connection/writer.py",
        "        self._wrote_in = _NEVER\n        # Not for data",
        "        self._rounds.begin()\n        # Not for data",
        (
            "connection/test_writer_rounds.py::test_many_relay_to_one",
            "connection/test_writer_rounds.py::test_a_hub",
        ),
    ),
    Guard(
        "a descriptor is not remembered beyond the watch",
        "_transport/socket.py",
        "        number, self._watched = self._watched, -1\n",
        "        number = self._watched\n",
        ("transport/test_socket_watched.py::test_the_number_is_known_while_it_is_watched",),
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
        "    return max(1, min(AT_ONCE, BYTES // (burst.size or 1)))",
        "    return 1_000_000",
        ("connection/test_fanout.py::test_other_tasks_run_in_between",),
    ),
    Guard(
        "a busy task does not lead",
        "_connection/shared_turn.py",
        "            if member.take_lead():\n                self.leader = member\n",
        "            member.take_lead()\n            self.leader = member\n",
        ("connection/test_shared_turn.py::test_a_busy_task_does_not_lead",),
    ),
    Guard(
        "a turn that is shared lets other tasks run",
        "_connection/shared_turn.py",
        "MAX_PER_TURN = 32",
        "MAX_PER_TURN = 64",
        ("connection/test_shared_turn.py::test_the_turn_of_one_is_short",),
    ),
    Guard(
        "a leader that ends leads first",
        "_connection/writer.py",
        "            self.ended.set()\n            self._lead()\n",
        "            self.ended.set()\n",
        ("connection/test_writer_turns.py::test_a_leader_that_is_cancelled_leads",),
    ),
    Guard(
        "a task that is handed the lead before it writes leads",
        "_connection/writer.py",
        "            await self._coalesce()\n            self._lead()",
        "            await self._coalesce()\n            pass",
        ("connection/test_writer_turns.py::test_a_task_that_collects_answers_may_lead",),
    ),
    Guard(
        "who was led can join again",
        "_connection/writer.py",
        "        self._in_turn = False\n        if self._turn.leader is self:",
        "        if self._turn.leader is self:",
        ("connection/test_writer_turns.py::test_a_large_group_has_several_leaders",),
        hangs=True,
    ),
    Guard(
        "a single frame goes alone only if nothing else waits",
        "_protocol/send_queue.py",
        "        if len(self._data) != 1 or self._masked or self._leftover or self.is_urgent:",
        "        if len(self._data) != 1 or self._masked:",
        ("protocol/test_send_queue.py::test_no_single_frame",),
    ),
]
