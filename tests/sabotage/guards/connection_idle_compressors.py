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
        "an exception of the block outranks the loss",
        "_connection/block.py",
        ("        if self._is_own(error):\n            return 3"),
        ("        if self._is_own(error):\n            return 0"),
        ("connection/test_block_verdict.py::test_table",),
    ),
    Guard(
        "a Ctrl-C outranks all",
        "_connection/block.py",
        "return 1 if isinstance(error, Exception | BaseExceptionGroup) else 0",
        "return 1",
        ("connection/test_block_verdict.py::test_ctrl_c_in_the_goodbye",),
    ),
    Guard(
        "the loss is the origin of what it caused",
        "_connection/block.py",
        (
            "        if isinstance(verdict, Exception) and core.cancels_body:\n"
            "            self._add_loss(verdict, ending)\n"
        ),
        "",
        ("connection/test_block_verdict.py::test_table",),
    ),
    Guard(
        "a block is entered once",
        "_connection/block.py",
        ("        if connect is None:\n            raise RuntimeError"),
        ("        if False:\n            raise RuntimeError"),
        ("connection/test_block.py::test_entered_once",),
    ),
    Guard(
        "an exception that leaves keeps its context",
        "_connection/block.py",
        "            verdict.__context__ = context  # Python has put `exc` there\n",
        "",
        ("connection/test_block_verdict.py::test_table",),
    ),
    Guard(
        "a message that is sent is no idleness",
        "_connection/websocket.py",
        (
            "        if self._core.watches_idle:\n"
            "            self._core.lease.data(trio.current_time())\n"
            "        self._writer.send("
        ),
        "        self._writer.send(",
        ("connection/test_heartbeat.py::test_what_is_sent_into_a_stuck_window_is_not_idleness",),
    ),
    Guard(
        "a sender gives its turn back",
        "_connection/websocket.py",
        (
            "            self._queue(message, size, compress)\n"
            "        finally:\n"
            "            turn.release()"
        ),
        ("            self._queue(message, size, compress)\n        finally:\n            pass"),
        ("connection/test_websocket.py::test_many_senders",),
        hangs=True,
    ),
    Guard(
        "a message waits for the fragments before it",
        "_connection/websocket.py",
        ("        if (turn is not None and turn.is_held) or not self._core.has_room(size):"),
        "        if not self._core.has_room(size):",
        (
            "connection/test_websocket_nowait.py::test_a_sender_behind_fragments_is_woken_by_the_end",
        ),
    ),
    Guard(
        "send_nowait does not break into a message",
        "_connection/websocket.py",
        (
            "            (turn is not None and turn.is_held)\n"
            "            or not core.has_room(size)\n"
            "            or"
        ),
        ("            not core.has_room(size)\n            or"),
        ("connection/test_websocket_nowait.py::test_amid_fragments",),
    ),
    Guard(
        "send_nowait keeps to the buffer",
        "_connection/websocket.py",
        ("            or not core.has_room(size)\n            or"),
        "            or",
        ("connection/test_websocket_nowait.py::test_no_room",),
    ),
    Guard(
        "a cancelled ping leaves no entry",
        "_connection/websocket.py",
        ("            self._core.pings.discard(ping)\n        if ping.rtt"),
        ("            pass\n        if ping.rtt"),
        ("connection/test_websocket.py::test_cancelled_ping",),
    ),
    Guard(
        "a ping whose pong never comes raises",
        "_connection/websocket.py",
        (
            "        if ping.rtt is None:\n"
            "            assert self.ending is not None\n"
            "            raise closed(self.ending)\n"
        ),
        ("        if ping.rtt is None:\n            return 0.0\n"),
        ("connection/test_websocket.py::test_end_in_place_of_a_pong",),
    ),
    Guard(
        "a cancelled close goes on quickly",
        "_connection/websocket.py",
        ("            self._connection.close_quickly(code, reason)\n            raise"),
        "            raise",
        ("connection/test_websocket_closing.py::test_cancelled_close",),
    ),
    Guard(
        "a receiver is woken by the end",
        "_connection/websocket.py",
        (
            "            if self._protocol.ending is not None:\n"
            "                self._check_more_comes()\n"
            "            alone = "
        ),
        "            alone = ",
        ("connection/test_websocket.py::test_receive",),
        hangs=True,
    ),
    Guard(
        "a receiver yields now and then",
        "_connection/websocket.py",
        "            await self._budget.checkpoint(len(receive_queue.messages[-1]))",
        "            pass",
        ("connection/test_websocket.py::test_cancelled_receive",),
    ),
    Guard(
        "an iteration raises what is no normal end",
        "_connection/websocket.py",
        ("if error.ending.clean and error.ending.code in self._core.supervised.quiet_close_codes:"),
        "if True:",
        ("connection/test_websocket.py::test_iteration_raises",),
    ),
    Guard(
        "a loss cancels the body once all was read",
        "_connection/websocket.py",
        (
            "            if self._core.cancels_body:\n"
            "                self._core.cancel_body()\n"
            "            raise"
        ),
        "            raise",
        ("connection/test_incoming_message.py::test_end_half_way",),
    ),
]
