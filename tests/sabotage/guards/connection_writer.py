"""A connection: `writer`, `delivery`, `fragments`, `incoming_message`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "the writer owns what is in hand",
        "_connection/writer.py",
        ("        if phase is _WRITING or phase is _ENDED:\n            return False\n"),
        ("        if phase is _ENDED:\n            return False\n"),
        ("connection/test_writer_inline.py::test_what_the_writer_has_goes_first",),
    ),
    Guard(
        "what the kernel left over goes back",
        "_connection/writer.py",
        (
            "        if rest:\n"
            "            self._send_queue.put_back(rest)\n"
            "            return False\n"
            "        self._note"
        ),
        ("        if rest:\n            return False\n        self._note"),
        ("connection/test_writer_inline.py::test_half_a_frame_and_the_end",),
    ),
    Guard(
        "a written batch makes room for senders",
        "_connection/writer.py",
        ("        self.frames_flushed = frames\n        self._announce_room()\n"),
        "        self.frames_flushed = frames\n",
        ("connection/test_writer.py::test_flush",),
    ),
    Guard(
        "a batch in hand makes room for senders",
        "_connection/writer.py",
        ("        frames = self._send_queue.frames_out\n        self._announce_room()\n"),
        "        frames = self._send_queue.frames_out\n",
        ("connection/test_writer.py::test_what_is_in_hand_takes_no_room",),
    ),
    Guard(
        "a slow write shows its progress",
        "_connection/writer.py",
        ("            self._lease.progress(trio.current_time())\n            whole"),
        "            whole",
        ("connection/test_heartbeat.py::test_a_message_that_crawls_out_is_not_idleness",),
    ),
    Guard(
        "what the writer has in hand is known to the lease",
        "_connection/writer.py",
        ("        self._lease.writing(now, frames)\n        if pieces:"),
        "        if pieces:",
        ("connection/test_heartbeat.py::test_a_message_that_crawls_out_is_not_idleness",),
    ),
    Guard(
        "an error of the writer leaves the block",
        "_connection/writer.py",
        (
            "            self._core.on_own_error(contain(error))  # noqa: ASYNC104\n"
            "        finally:\n"
            "            self.phase = _ENDED"
        ),
        ("            pass\n        finally:\n            self.phase = _ENDED"),
        ("connection/test_writer_phases.py::test_an_error_of_the_stream_itself",),
    ),
    Guard(
        "a client leaves the end of TCP to the server",
        "_connection/writer.py",
        "return not (self._core.client and ending.clean)",
        "return True",
        ("connection/test_reader.py::test_who_ends_tcp",),
    ),
    Guard(
        "a server waits for its client for a moment only",
        "_connection/writer.py",
        "            self._core.lifetime.shorten(self._core.options.timeouts.goodbye)\n",
        "            pass\n",
        ("connection/test_block.py::test_bound_with_everything_stuck",),
    ),
    Guard(
        "room is waited for again after a wake-up",
        "_connection/writer.py",
        "while self._protocol.ending is None and not self._core.has_room(size):",
        "if self._protocol.ending is None and not self._core.has_room(size):",
        ("connection/test_writer.py::test_some_room_may_not_be_enough",),
    ),
    Guard(
        "control frames of ours are bounded",
        "_connection/writer.py",
        "self._send_queue.control_size > limit:",
        "False:",
        ("connection/test_writer.py::test_room_for_control_frames",),
        hangs=True,
    ),
    Guard(
        "a flush that cannot end raises",
        "_connection/writer.py",
        (
            "            if self._protocol.ending is not None:\n"
            "                raise closed(self._protocol.ending)\n"
            "            await self._room.park()"
        ),
        (
            "            if self._protocol.ending is not None:\n"
            "                return\n"
            "            await self._room.park()"
        ),
        ("connection/test_writer.py::test_the_end_wakes_who_waits_to_write",),
    ),
    Guard(
        "a burst of answers leaves together",
        "_connection/writer.py",
        ("            await trio.lowlevel.checkpoint()\n\n    async def _end_our"),
        ("            return\n\n    async def _end_our"),
        ("connection/test_writer.py::test_a_burst_of_answers_holds_no_control_frame_back",),
    ),
    Guard(
        "control frames never wait for a burst",
        "_connection/writer.py",
        "(self._wrote_in == self._rounds.number and not self._send_queue.is_urgent)",
        "self._wrote_in == self._rounds.number",
        ("connection/test_writer_phases.py::test_control_frames_leave_inline_and_are_no_burst",),
        hangs=True,
    ),
    Guard(
        "a closing handshake that we began confirms",
        "_connection/delivery.py",
        "ending.clean and not ending.received_first:",
        "ending.clean:",
        ("connection/test_delivery.py::test_a_close_of_the_peers_confirms_nothing",),
    ),
    Guard(
        "what was taken back is not sent",
        "_connection/delivery.py",
        ("        self._waiting.clear()\n        self._queue.clear()\n        return taken"),
        ("        self._waiting.clear()\n        return taken"),
        ("reconnecting/test_channel.py::test_never_handed_over_twice",),
    ),
    Guard(
        "a message that breaks off closes the connection",
        "_connection/fragments.py",
        ("        sending.fail(error)\n        raise"),
        "        raise",
        ("connection/test_fragments.py::test_cancelled_half_way",),
        hangs=True,
    ),
    Guard(
        "a peer has time to answer for half a message",
        "_connection/fragments.py",
        "self._connection.close_gracefully(CloseCode.INTERNAL_ERROR, BROKEN_OFF)",
        "self._connection.close_quickly(CloseCode.INTERNAL_ERROR, BROKEN_OFF)",
        ("connection/test_fragments.py::test_a_peer_has_time_to_answer_for_half_a_message",),
    ),
    Guard(
        "a message of which nothing is out may fail",
        "_connection/fragments.py",
        ("        if self._end is None:\n            return\n        if may_pass"),
        "        if may_pass",
        ("connection/test_fragments.py::test_cancelled_before_the_first_fragment",),
    ),
    Guard(
        "a fragment waits for the kernel",
        "_connection/fragments.py",
        "        await self._writer.wait_until_flushed()\n",
        "",
        ("connection/test_fragments.py::test_each_fragment_is_flushed",),
    ),
    Guard(
        "a fragment waits for room",
        "_connection/fragments.py",
        "        await self._writer.wait_for_room(size)\n",
        "",
        ("connection/test_fragments.py::test_cancelled_before_the_first_fragment",),
    ),
    Guard(
        "a fragment keeps the connection from being idle",
        "_connection/fragments.py",
        "        self._core.lease.data(trio.current_time())\n",
        "",
        ("connection/test_heartbeat.py::test_what_is_sent_into_a_stuck_window_is_not_idleness",),
    ),
    Guard(
        "a generator of fragments is closed at once",
        "_connection/fragments.py",
        "            await fragments.aclose()\n",
        "            pass\n",
        ("connection/test_fragments.py::test_failure_before_the_first_fragment",),
    ),
    Guard(
        "a file is not sent by lines",
        "_connection/fragments.py",
        '    if hasattr(message, "readline"):',
        "    if False:",
        ("connection/test_fragments.py::test_files",),
    ),
    Guard(
        "a left stream gives its turn back",
        "_connection/incoming_message.py",
        ("        assert self._turn is not None\n        self._turn.release()"),
        "        assert self._turn is not None",
        ("connection/test_incoming_message.py::test_a_streamer_in_turn_is_woken_by_the_end",),
    ),
    Guard(
        "a left stream drops its chunks",
        "_connection/incoming_message.py",
        (
            "        while self._receive_queue.chunks:\n"
            "            self._receive_queue.take_chunk()\n"
        ),
        "",
        ("connection/test_incoming_message.py::test_left_early",),
    ),
    Guard(
        "a left stream drops the rest",
        "_connection/incoming_message.py",
        "            self._protocol.assembler.skip_rest()\n",
        "            pass\n",
        ("connection/test_incoming_message.py::test_left_early",),
    ),
    Guard(
        "a stream is entered once",
        "_connection/incoming_message.py",
        "        if self._state is not State.NEW:",
        "        if False:",
        ("connection/test_incoming_message.py::test_a_stream_is_entered_once",),
        hangs=True,
    ),
    Guard(
        "a message that is buffered is not claimed",
        "_connection/incoming_message.py",
        "self._protocol.assembler.is_claimed or self._protocol.buffering:",
        "self._protocol.assembler.is_claimed:",
        ("connection/test_incoming_message.py::test_behind_a_long_frame",),
    ),
    Guard(
        "the reader claims nothing behind a hidden heartbeat",
        "_connection/reader.py",
        "            self._receive_queue.streamers.unpark_all()\n            return\n",
        "            self._heartbeat.stream()\n            return\n",
        ("connection/test_incoming_message_heartbeats.py::test_begun_right_behind_a_heartbeat",),
        hangs=True,
    ),
    Guard(
        "a claim that a heartbeat used up is made again",
        "_connection/incoming_message.py",
        "if self._given or self._protocol.assembler.is_claimed or ",
        "if self._state is State.STREAMING or ",
        ("connection/test_incoming_message_heartbeats.py::test_heartbeats_in_a_row",),
        hangs=True,
    ),
    Guard(
        "what fills a write begins no burst",
        "_connection/writer.py",
        "        if 0 < self._send_queue.size <= COALESCE_LIMIT:",
        "        if self._send_queue.size:",
        ("connection/test_writer_phases.py::test_the_last_answer_leaves_at_once",),
    ),
]
