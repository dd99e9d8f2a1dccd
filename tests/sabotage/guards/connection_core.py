"""A connection: `core`, `lifetime`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a full send buffer makes senders wait",
        "_connection/core.py",
        ("return waiting == 0 or waiting + size + QUEUE_ITEM_OVERHEAD <= self._send_buffer"),
        "return True",
        ("connection/test_core.py::test_room",),
    ),
    Guard(
        "one message always has room",
        "_connection/core.py",
        "return waiting == 0 or waiting + size",
        "return waiting + size",
        ("connection/test_core.py::test_room",),
    ),
    Guard(
        "a quick close drops the data that waits",
        "_connection/core.py",
        ("        self.protocol.send_queue.clear()\n        self._begin_end"),
        "        self._begin_end",
        ("connection/test_core.py::test_closing",),
    ),
    Guard(
        "a polite close is bounded",
        "_connection/core.py",
        "self._begin_end(initiator, self.options.timeouts.close)",
        "self._begin_end(initiator, FOREVER)",
        ("connection/test_core.py::test_closing",),
    ),
    Guard(
        "a goodbye is bounded",
        "_connection/core.py",
        "self._begin_end(Initiator.APPLICATION, self.options.timeouts.goodbye)",
        "self._begin_end(Initiator.APPLICATION, FOREVER)",
        ("connection/test_core.py::test_closing",),
    ),
    Guard(
        "the end of the connection wakes the receivers",
        "_connection/core.py",
        "        self.receive_queue.wake_all()\n",
        "",
        ("connection/test_core.py::test_everything_that_waits_is_woken",),
        hangs=True,
    ),
    Guard(
        "the end of the connection wakes the senders",
        "_connection/core.py",
        "        self.room.unpark_all()\n",
        "",
        ("connection/test_core.py::test_everything_that_waits_is_woken",),
        hangs=True,
    ),
    Guard(
        "the end of the connection wakes who waits for a turn",
        "_connection/core.py",
        "                turn.close()\n",
        "                pass\n",
        ("connection/test_core.py::test_turns",),
        hangs=True,
    ),
    Guard(
        "the end of the connection wakes the pings",
        "_connection/core.py",
        "        self.pings.abandon_all()\n",
        "",
        ("connection/test_core.py::test_everything_that_waits_is_woken",),
        hangs=True,
    ),
    Guard(
        "the end of the connection lets the reader go on",
        "_connection/core.py",
        (
            "        self.lifetime.shorten(timeouts.close if ending.clean else "
            "timeouts.goodbye)\n"
            "        self.receive_queue.drain()\n"
        ),
        ("        self.lifetime.shorten(timeouts.close if ending.clean else timeouts.goodbye)\n"),
        ("connection/test_core.py::test_everything_that_waits_is_woken",),
        hangs=True,
    ),
    Guard(
        "our close lets a parked reader go on",
        "_connection/core.py",
        ("        self.lifetime.shorten(seconds)\n        self.receive_queue.drain()\n"),
        "        self.lifetime.shorten(seconds)\n",
        ("connection/test_core.py::test_closing",),
    ),
    Guard(
        "a failed write lets a parked reader go on",
        "_connection/core.py",
        (
            "        self.lifetime.shorten(self.options.timeouts.goodbye)\n"
            "        self.receive_queue.drain()\n"
        ),
        "        self.lifetime.shorten(self.options.timeouts.goodbye)\n",
        ("connection/test_core.py::test_a_write_error_tells_the_cause",),
    ),
    Guard(
        "after the end the tasks are bounded",
        "_connection/core.py",
        ("        self.lifetime.shorten(timeouts.close if ending.clean else timeouts.goodbye)\n"),
        "",
        ("connection/test_core.py::test_a_loss_cancels_the_body",),
    ),
    Guard(
        "a lost connection cancels its block",
        "_connection/core.py",
        ("            if not self.receive_queue:\n                self.cancel_body()"),
        ("            if not self.receive_queue:\n                pass"),
        ("connection/test_core.py::test_a_loss_cancels_the_body",),
    ),
    Guard(
        "a block may read what has arrived before the loss",
        "_connection/core.py",
        ("            if not self.receive_queue:\n                self.cancel_body()"),
        ("            if True:\n                self.cancel_body()"),
        ("connection/test_core.py::test_a_loss_cancels_the_body",),
    ),
    Guard(
        "a block that reads on after a loss is bounded",
        "_connection/core.py",
        "                self._let_body_go_on(self.options.timeouts.close)\n",
        "                pass\n",
        ("connection/test_core.py::test_a_loss_cancels_the_body",),
    ),
    Guard(
        "a supervised block is bounded after the peer's close",
        "_connection/core.py",
        "            self._let_body_go_on(self.supervised.body_grace)\n",
        "            pass\n",
        ("connection/test_core.py::test_a_polite_end_leaves_the_body_alone",),
    ),
    Guard(
        "a close that we asked for is no loss",
        "_connection/core.py",
        "        return self.lifetime.initiator is not Initiator.APPLICATION",
        "        return True",
        ("connection/test_core.py::test_a_close_without_an_answer",),
        hangs=True,
    ),
    Guard(
        "half a message is no normal end",
        "_connection/core.py",
        "if code == CloseCode.NORMAL_CLOSURE and self.protocol.mid_message:",
        "if False:",
        ("connection/test_core.py::test_a_close_half_way",),
    ),
    Guard(
        "a write that failed tells the cause",
        "_connection/core.py",
        ("        if self.write_error is not None:\n            loss"),
        ("        if False:\n            loss"),
        ("connection/test_core.py::test_a_write_error_tells_the_cause",),
    ),
    Guard(
        "nothing is sent while we close",
        "_connection/core.py",
        ("        if self.protocol.state is not State.OPEN:\n            await self.over.wait()"),
        ("        if False:\n            await self.over.wait()"),
        ("connection/test_core.py::test_check_open",),
    ),
    Guard(
        "the reader is shielded",
        "_connection/lifetime.py",
        "self._reading = trio.CancelScope(shield=True,",
        "self._reading = trio.CancelScope(shield=False,",
        ("connection/test_block.py::test_bound_after_cancellation",),
    ),
    Guard(
        "the writer is shielded",
        "_connection/lifetime.py",
        "self._writing = trio.CancelScope(shield=True,",
        "self._writing = trio.CancelScope(shield=False,",
        ("connection/test_block.py::test_close_jumps_the_queue",),
    ),
    Guard(
        "the reader's shield has a deadline",
        "_connection/lifetime.py",
        "shield=True, deadline=min(deadline, self.deadline))",
        "shield=True, deadline=deadline)",
        ("connection/test_lifetime.py::test_a_wait_with_a_deadline_of_its_own",),
    ),
    Guard(
        "a deadline only comes nearer",
        "_connection/lifetime.py",
        ("        if deadline >= self.deadline:\n            return\n"),
        "",
        ("connection/test_lifetime.py::test_the_deadline_only_comes_nearer",),
    ),
    Guard(
        "a running task hears of an earlier deadline",
        "_connection/lifetime.py",
        "                shield.deadline = deadline\n",
        "                pass\n",
        ("connection/test_lifetime.py::test_both_shields_obey",),
        hangs=True,
    ),
    Guard(
        "the first to end a connection counts",
        "_connection/lifetime.py",
        "self.initiator = self.initiator or initiator",
        "self.initiator = initiator",
        ("connection/test_lifetime.py::test_the_first_counts",),
        hangs=True,
    ),
    Guard(
        "the first error counts",
        "_connection/lifetime.py",
        "self.error = self.error or error",
        "self.error = error",
        ("connection/test_lifetime.py::test_the_first_counts",),
    ),
]
