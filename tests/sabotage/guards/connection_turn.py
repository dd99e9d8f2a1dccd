"""A connection: `turn`, `receive_queue`, `reader`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a cancelled wait for the turn leaves no entry",
        "_connection/turn.py",
        (
            "            if turn in self._waiting:\n"
            "                self._waiting.remove(turn)\n"
            "            else:"
        ),
        ("            if turn in self._waiting:\n                pass\n            else:"),
        ("connection/test_turn.py::test_a_cancelled_task_gives_way",),
    ),
    Guard(
        "a turn that came during a cancellation is handed on",
        "_connection/turn.py",
        (
            "            else:  # the turn came when the cancellation was under way "
            "already\n"
            "                self.release()\n"
        ),
        "",
        ("connection/test_turn.py::test_a_turn_is_not_lost_with_a_cancelled_task",),
        hangs=True,
    ),
    Guard(
        "turns come in order",
        "_connection/turn.py",
        "self._waiting.pop(0).set()",
        "self._waiting.pop().set()",
        ("connection/test_turn.py::test_closed",),
    ),
    Guard(
        "after the end no turn is waited for",
        "_connection/turn.py",
        ("        if self._closed:\n            return False\n"),
        "",
        ("connection/test_turn.py::test_made_after_the_end",),
        hangs=True,
    ),
    Guard(
        "a full queue stops the reader",
        "_connection/receive_queue.py",
        "return size > 0 and size + arriving >= self._limit and self.mode is _BOUNDED",
        "return False",
        ("connection/test_receive_queue.py::test_full",),
    ),
    Guard(
        "a message that is waited for fills nothing",
        "_connection/receive_queue.py",
        "            arrived_cost = 0\n",
        "            arrived_cost = wire_sizes(arrived)\n",
        ("connection/test_receive_queue.py::test_a_message_that_is_waited_for_fills_nothing",),
    ),
    Guard(
        "nor one for a receiver that reads itself",
        "_connection/receive_queue.py",
        "(awake or self.receivers.first_is_parked)",
        "self.receivers.first_is_parked",
        ("connection/test_receive_queue.py::test_a_receiver_that_reads_alone_fills_nothing",),
    ),
    Guard(
        "a receiver that reads wakes no other for its own message",
        "_connection/receive_queue.py",
        "self.receivers.unpark(max(0, len(arrived) - awake))",
        "self.receivers.unpark(len(arrived))",
        ("connection/test_reader_bell.py::test_no_receiver_is_woken_for_nothing",),
    ),
    Guard(
        "a queue that keeps nothing wakes nobody",
        "_connection/receive_queue.py",
        "self.receivers.unpark(max(0, len(arrived) - awake))",
        "self.receivers.unpark(len(arrived) - awake)",
        ("connection/test_receive_queue.py::test_nothing_that_arrives_wakes_no_receiver",),
    ),
    Guard(
        "a receiver that has read nothing is awake no longer",
        "_connection/reader.py",
        "            finally:\n                self._receive_queue.set_awake(0)\n",
        "            finally:\n                pass\n",
        ("connection/test_reader_alone.py::test_a_long_message_that_is_there",),
    ),
    Guard(
        "a message for a receiver that may have been cancelled is counted",
        "_concurrency/slim.py",
        "return isinstance(next(iter(self._parked), None), trio.lowlevel.Task)",
        "return bool(self._parked)",
        ("connection/test_receive_queue.py::test_a_receiver_that_may_be_gone",),
    ),
    Guard(
        "only one that is waited for",
        "_connection/receive_queue.py",
        "if len(arrived) == 1 and (awake or self.receivers.first_is_parked) and not self.messages:",
        "if len(arrived) == 1 and not self.messages:",
        ("connection/test_receive_queue.py::test_full",),
    ),
    Guard(
        "only a single one",
        "_connection/receive_queue.py",
        "if len(arrived) == 1 and (awake or self.receivers.first_is_parked) and not self.messages:",
        "if (awake or self.receivers.first_is_parked) and not self.messages:",
        ("connection/test_receive_queue.py::test_several_messages_that_are_waited_for",),
    ),
    Guard(
        "only the first one",
        "_connection/receive_queue.py",
        "if len(arrived) == 1 and (awake or self.receivers.first_is_parked) and not self.messages:",
        "if len(arrived) == 1 and (awake or self.receivers.first_is_parked):",
        ("connection/test_receive_queue.py::test_a_message_that_is_waited_for_fills_nothing",),
    ),
    Guard(
        "what is arriving counts in the queue",
        "_connection/receive_queue.py",
        "size + arriving >= self._limit",
        "size >= self._limit",
        ("connection/test_receive_queue.py::test_full",),
    ),
    Guard(
        "a message over the limit may arrive if none waits",
        "_connection/receive_queue.py",
        "return size > 0 and size + arriving",
        "return size + arriving",
        ("connection/test_receive_queue.py::test_full",),
    ),
    Guard(
        "a receiver that takes wakes the reader",
        "_connection/receive_queue.py",
        ("            self._arrived, self._arrived_cost = (), 0\n        self._wake_reader()\n"),
        "            self._arrived, self._arrived_cost = (), 0\n",
        ("connection/test_receive_queue.py::test_the_reader_waits_for_room",),
    ),
    Guard(
        "a streamer that takes wakes the reader",
        "_connection/receive_queue.py",
        ("        self._counted -= cost(chunk.data)\n        self._wake_reader()\n"),
        "        self._counted -= cost(chunk.data)\n",
        ("connection/test_receive_queue.py::test_the_reader_waits_for_room",),
    ),
    Guard(
        "a draining queue wakes the reader",
        "_connection/receive_queue.py",
        ("            self.mode = _DRAINING\n        self._wake_reader()\n"),
        "            self.mode = _DRAINING\n",
        ("connection/test_receive_queue.py::test_the_reader_waits_for_room",),
    ),
    Guard(
        "a closed queue wakes the reader",
        "_connection/receive_queue.py",
        ("        self.mode = _CLOSED\n        self._wake_reader()\n"),
        "        self.mode = _CLOSED\n",
        ("connection/test_receive_queue.py::test_the_reader_waits_for_room",),
    ),
    Guard(
        "a message wakes who waits for a chunk",
        "_connection/receive_queue.py",
        (
            "        self.receivers.unpark(max(0, len(arrived) - awake))\n"
            "        self.streamers.unpark_all()\n"
        ),
        "        self.receivers.unpark(max(0, len(arrived) - awake))\n",
        ("connection/test_receive_queue.py::test_a_message_wakes_the_streamer_too",),
    ),
    Guard(
        "a draining queue has its limit",
        "_connection/receive_queue.py",
        ("        if 0 < size >= self._limit:\n            self.mode = _CLOSED\n"),
        "",
        ("connection/test_receive_queue.py::test_draining",),
    ),
    Guard(
        "once an item was dropped, none is kept",
        "_connection/receive_queue.py",
        ("            self.mode = _CLOSED\n        return self.mode is not _CLOSED"),
        ("            return False\n        return self.mode is not _CLOSED"),
        ("connection/test_receive_queue.py::test_draining",),
    ),
    Guard(
        "a portion counts in full until it is used up",
        "_connection/receive_queue.py",
        "        self._counted -= self._portion_cost\n",
        "        self._counted = 0\n",
        ("connection/test_receive_queue.py::test_what_is_counted",),
    ),
    Guard(
        "a queued message counts with what it costs to keep",
        "_connection/receive_queue.py",
        "return wire_size(message) + QUEUE_ITEM_OVERHEAD",
        "return wire_size(message)",
        ("connection/test_receive_queue.py::test_draining",),
    ),
    Guard(
        "messages are taken in order",
        "_connection/receive_queue.py",
        "        arrived.reverse()\n",
        "",
        ("connection/test_receive_queue.py::test_order",),
    ),
    Guard(
        "the reader lets others run behind many frames",
        "_connection/reader.py",
        (
            "        if self._protocol.has_pending_input:\n"
            "            await trio.lowlevel.checkpoint()\n"
        ),
        "        if self._protocol.has_pending_input:\n",
        ("connection/test_reader.py::test_gulp_of_many_frames",),
    ),
    Guard(
        "the reader takes a limited number of frames",
        "_connection/reader.py",
        ("events = self._protocol.feed_joined(data, most=MAX_FRAMES_PER_TURN)\n        self._note"),
        ("events = self._protocol.feed_joined(data)\n        self._note"),
        ("connection/test_reader.py::test_gulp_of_many_frames",),
    ),
    Guard(
        "the reader stops while the queue is full",
        "_connection/reader.py",
        (
            "                if self._receive_queue.is_full(self._protocol.assembling):\n"
            "                    await self._wait_for_room()"
        ),
        ("                if False:\n                    await self._wait_for_room()"),
        ("connection/test_reader.py::test_close_at_the_instant_of_a_sign_of_life",),
        hangs=True,
    ),
    Guard(
        "the reader stops in the middle of a burst",
        "_connection/reader.py",
        (
            "        return self._protocol.ending is None and not self._receive_queue.is_full(\n"
            "            self._protocol.assembling\n"
            "        )\n"
        ),
        "        return self._protocol.ending is None\n",
        ("connection/test_reader.py::test_close_with_a_full_inbox",),
    ),
    Guard(
        "the pause is looked after",
        "_connection/reader.py",
        (
            "            if nap.cancelled_caught and queue.is_full(protocol.assembling):\n"
            "                pauses.act(trio.current_time())"
        ),
        ("            if False:\n                pauses.act(trio.current_time())"),
        ("connection/test_pausing.py::test_a_write_that_stands_still",),
        hangs=True,
    ),
    Guard(
        "after a pause the silence was ours",
        "_connection/reader.py",
        "        pauses.end(trio.current_time())\n",
        "",
        ("connection/test_reader.py::test_signs_of_life_of_a_paused_reader",),
    ),
    Guard(
        "an answer is looked at before the next question",
        "_connection/reader.py",
        ("        if awaiting_answer:\n            self._heartbeat.arm(self, now)\n"),
        "",
        ("connection/test_heartbeat.py::test_interval_shorter_than_timeout",),
    ),
    Guard(
        "any byte is a sign of life",
        "_connection/reader.py",
        "        self._lease.heard(now := trio.current_time())",
        "        now = trio.current_time()",
        ("connection/test_reader_heartbeats.py::test_messages_keep_a_connection_from_idling",),
    ),
    Guard(
        "what followed the handshake is read",
        "_connection/reader.py",
        ("        if self._trailing:\n            events"),
        ("        if False:\n            events"),
        ("connection/test_reader.py::test_trailing_bytes",),
        hangs=True,
    ),
    Guard(
        "a peer has time to read our Close",
        "_connection/reader.py",
        ("        while await self._transport.receive_some():\n            pass"),
        "        pass",
        ("connection/test_reader.py::test_discarding_is_no_listening",),
    ),
    Guard(
        "an error in a neighbour's beat stays with its connection",
        "_connection/reader.py",
        (
            "        except BaseException as error:  # noqa: ASYNC103 - the task is a "
            "neighbour's\n"
            "            self._core.on_own_error(contain(error))"
        ),
        (
            "        except FloatingPointError as error:  # noqa: ASYNC103 - the task is "
            "a neighbour's\n"
            "            self._core.on_own_error(contain(error))"
        ),
        ("connection/test_reader_heartbeats.py::test_a_question_that_fails",),
    ),
    Guard(
        "a chunk keeps the connection from being idle",
        "_connection/reader.py",
        ("        self._lease.data(now)\n        self._receive_queue.put_chunk(chunk)"),
        "        self._receive_queue.put_chunk(chunk)",
        ("connection/test_reader_heartbeats.py::test_messages_keep_a_connection_from_idling",),
    ),
]
