"""Which task reads: `bell`, `reader`, `poller`."""

from __future__ import annotations

from ..guard import Guard

RULE = ("connection/test_bell.py::test_no_task_sleeps_on_unread_bytes",)

GUARDS = [
    Guard(
        "a bell that rings while the reader is awake stays rung",
        "_connection/bell.py",
        "        self.is_rung = True\n        if self._reader is None:\n            return\n",
        "        if self._reader is None:\n            return\n        self.is_rung = True\n",
        RULE,
    ),
    Guard(
        "the reader does not sleep while the bell is rung",
        "_connection/bell.py",
        "        if self.is_rung:\n            return trio",
        "        if False:\n            return trio",
        RULE,
        hangs=True,
    ),
    Guard(
        "a read that may have left something leaves the bell rung",
        "_connection/bell.py",
        "        self.is_rung = more or self._lasting\n",
        "        self.is_rung = False\n",
        RULE,
    ),
    Guard(
        "an end behind what was read is not forgotten",
        "_connection/bell.py",
        "        self.is_rung = more or self._lasting\n",
        "        self.is_rung = more\n",
        ("connection/test_bell.py::test_what_lasts",),
    ),
    Guard(
        "one receiver is woken at a time",
        "_connection/bell.py",
        "        if self.is_rung:\n            return  # the task",
        "        if False:\n            return  # the task",
        ("connection/test_bell.py::test_ringing_wakes_a_receiver",),
    ),
    Guard(
        "what a receiver cannot do is left to the reader",
        "_connection/reader.py",
        "self._must_act():\n                bell.wake_reader()\n",
        "self._must_act():\n                pass\n",
        RULE,
        hangs=True,
    ),
    Guard(
        "a receiver stops reading where the queue is full",
        "_connection/reader.py",
        "            or self._receive_queue.is_full(protocol.assembling)\n",
        "",
        ("connection/test_reader_bell.py::test_backpressure",),
    ),
    Guard(
        "pending input is left to the reader",
        "_connection/reader.py",
        "            or protocol.has_pending_input\n",
        "",
        ("connection/test_reader_bell.py::test_many_frames_at_once",),
    ),
    Guard(
        "an error that a receiver meets is told",
        "_connection/reader.py",
        "            self._failure = error\n",
        "            pass\n",
        ("connection/test_reader_bell.py::test_an_error_that_a_receiver_meets",),
    ),
    Guard(
        "what has to be closed at once is, if a receiver reads the Close",
        "_connection/reader.py",
        "return self._has_more_to_do() and not self._waits_for_the_end",
        "return self._has_more_to_do() and self._protocol.ending is None",
        ("connection/test_reader_bell.py::test_a_close_that_a_receiver_reads_on_a_one_way_stream",),
    ),
    Guard(
        "what comes behind a Close is dropped",
        "_connection/reader.py",
        '            if bell.is_rung:\n                data = self._transport.read_now(b"")\n',
        '            if bell.is_rung:\n                data = b""\n',
        ("connection/test_reader_bell.py::test_the_end_behind_a_close",),
    ),
    Guard(
        "a receiver that was woken too early keeps its place",
        "_connection/websocket.py",
        "receivers.parking(first=woken)",
        "receivers.parking(first=False)",
        ("connection/test_reader_bell.py::test_receivers_keep_their_order",),
    ),
    Guard(
        "a message does not overtake those in the queue",
        "_connection/receive_queue.py",
        "return not self.messages and not self.streamers and self.mode is _BOUNDED",
        "return True",
        ("connection/test_receive_queue.py::test_passing",),
    ),
    Guard(
        "the poller forgets a socket before it is closed",
        "_connection/reader.py",
        "            self._transport.unwatch()\n",
        "",
        ("connection/test_reader_bell.py::test_unwatched_in_the_end",),
    ),
    Guard(
        "a descriptor that is another's now is left alone",
        "_transport/poller.py",
        "        if self._bells.get(fileno) is not bell:\n            return\n",
        "",
        ("transport/test_poller.py::test_a_number_that_is_used_again",),
    ),
    Guard(
        "a child leaves its parent's epoll alone",
        "_transport/poller.py",
        "        if os.getpid() == self._pid:",
        "        if True:",
        ("transport/test_poller.py::test_fork",),
    ),
    Guard(
        "the epoll is closed with the run",
        "_transport/poller.py",
        "            self._lone.close()\n            self._epoll.close()\n",
        "            self._lone.close()\n",
        ("transport/test_poller.py::test_the_end_of_the_run",),
    ),
    Guard(
        "a poller that ends tells the connections that outlive it",
        "_transport/poller.py",
        "                bell.fall_silent()\n",
        "                pass\n",
        ("transport/test_poller.py::test_the_end_of_the_run",),
    ),
    Guard(
        "without the poller the reader waits by itself",
        "_connection/reader.py",
        "bell is None or bell.is_silent or",
        "bell is None or",
        ("connection/test_reader_bell.py::test_without_the_poller",),
    ),
    Guard(
        "a message does not pass by a task that waits to stream the next one",
        "_connection/receive_queue.py",
        "not self.messages and not self.streamers and",
        "not self.messages and",
        ("connection/test_reader_bell.py::test_a_task_that_streams_has_its_turn",),
    ),
    Guard(
        "a lent stream is waited for in Trio's way",
        "_transport/socket.py",
        "LentSocketTransport if is_lent(stream) else SocketTransport",
        "SocketTransport",
        ("transport/test_socket_watched.py::test_lent",),
    ),
]
