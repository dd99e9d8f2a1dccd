"""The test kit: from `guard` to `transcript`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a clock that does not jump is refused",
        "testing/_guard.py",
        ('        if clock.autojump_threshold < float("inf"):\n            return'),
        ("        if True:\n            return"),
        ("testing/test_guard.py::test_a_virtual_clock_that_does_not_jump",),
    ),
    Guard(
        "no real socket is made in a simulated network",
        "testing/_guard.py",
        "    factory = trio.socket.set_custom_socket_factory(NoSockets())",
        "    factory = trio.socket.set_custom_socket_factory(None)",
        ("testing/test_guard.py::test_no_real_sockets",),
    ),
    Guard(
        "no name is looked up in a simulated network",
        "testing/_guard.py",
        "    resolver = trio.socket.set_custom_hostname_resolver(NoLookups())",
        "    resolver = trio.socket.set_custom_hostname_resolver(None)",
        ("testing/test_guard.py::test_no_real_sockets",),
    ),
    Guard(
        "two tasks do not use one stream",
        "testing/_busy.py",
        "        if self._busy:",
        "        if False:",
        ("testing/test_busy.py::test_one_task_in_each_direction",),
        hangs=True,
    ),
    Guard(
        "a task that is left is a leak",
        "testing/_leaks.py",
        "    for task in after.tasks - before.tasks:",
        "    for task in ():",
        ("testing/test_leaks.py::test_a_task_and_its_nursery",),
    ),
    Guard(
        "a descriptor that is left is a leak",
        "testing/_leaks.py",
        "    for descriptor in sorted(after.descriptors - before.descriptors):",
        "    for descriptor in ():",
        ("testing/test_leaks.py::test_a_descriptor",),
    ),
    Guard(
        "a connection that is left is a leak",
        "testing/_leaks.py",
        "    for ws in after.connections - before.connections:",
        "    for ws in ():",
        ("testing/test_leaks.py::test_a_connection",),
    ),
    Guard(
        "a fault that never fired is told",
        "testing/_left.py",
        "            if injection.missed:",
        "            if False:",
        ("testing/test_left.py::test_a_fault_that_never_fired",),
    ),
    Guard(
        "unread frames are told",
        "testing/_left.py",
        "        if peer.unread:",
        "        if False:",
        ("testing/test_left.py::test_frames_that_a_script_did_not_read",),
    ),
    Guard(
        "a connection that is left is told",
        "testing/_left.py",
        "open_ones = [connection for connection in connections if not connection.over]",
        "open_ones = []",
        ("testing/test_left.py::test_nothing_is_left",),
    ),
    Guard(
        "a host that does not exist is refused kindly",
        "testing/_hosts.py",
        ("        host = self.find(name)\n        if host is None:\n            names"),
        (
            "        host = self.find(name) or self.add(name)\n"
            "        if host is None:\n"
            "            names"
        ),
        ("testing/test_hosts.py::test_a_host_that_is_not_there",),
    ),
    Guard(
        "a host's name is text",
        "testing/_hosts.py",
        '        check_text("host", name)\n',
        "",
        ("testing/test_hosts.py::test_a_name_is_text",),
    ),
    Guard(
        "what serves is a function",
        "testing/_cast.py",
        '        check_callable("handler", handler)\n',
        "",
        ("testing/test_cast.py::test_what_cannot_serve",),
    ),
    Guard(
        "bytes arrive in order",
        "testing/_wire.py",
        "self._last_arrival = max(self._last_arrival, leaves_at + delay)",
        "self._last_arrival = leaves_at + delay",
        ("testing/test_wire.py::test_a_slow_line_takes_one_segment_after_the_other",),
    ),
    Guard(
        "a sender's buffer is bounded",
        "testing/_wire.py",
        "count = min(len(data), BUFFER - len(self._unsent))",
        "count = len(data)",
        ("testing/test_wire.py::test_buffers",),
    ),
    Guard(
        "a reset loses what was not read",
        "testing/_wire.py",
        (
            "            self._unsent.clear()\n"
            "            self._received.clear()\n"
            "            self.wake()"
        ),
        ("            self._unsent.clear()\n            self.wake()"),
        ("testing/test_weather.py::test_chaos_is_drawn_by_the_seed",),
        hangs=True,
    ),
    Guard(
        "a sudden fault hits a connection once",
        "testing/_passage.py",
        ("        if injection in self._hit:\n            return False\n"),
        "",
        ("testing/test_passage.py::test_a_sudden_fault_hits_what_is_there_in_its_moment",),
    ),
    Guard(
        "a fault waits for its bytes",
        "testing/_passage.py",
        "            and self.passed >= injection.fault.after_bytes\n",
        "",
        ("testing/test_passage.py::test_corrupt_turns_one_bit_over_once",),
    ),
    Guard(
        "a fault has its direction",
        "testing/_passage.py",
        'return fault.toward in (self._direction, "both")',
        "return True",
        ("testing/test_passage.py::test_a_sudden_fault_after_bytes",),
    ),
    Guard(
        "a number of a fault is checked",
        "testing/_faults.py",
        "    if not 0 <= value < math.inf and not (endless and value == math.inf):",
        "    if False:",
        ("testing/test_faults.py::test_timing_that_makes_no_sense",),
    ),
    Guard(
        "a refusing fault has no direction",
        "testing/_faults.py",
        'if self.kind in REFUSING and (self.after_bytes or self.toward != "both"):',
        "if False:",
        ("testing/test_faults.py::test_refusing_has_no_direction",),
    ),
    Guard(
        "the order of tasks comes from the seed",
        "testing/_determinism.py",
        "    drawn.seed(seed)\n",
        "",
        ("testing/test_determinism.py::test_a_seed_is_an_order_of_tasks",),
    ),
    Guard(
        "the order of tasks is restored",
        "testing/_determinism.py",
        "        drawn.setstate(state)\n",
        "",
        ("testing/test_determinism.py::test_the_scheduler_is_left_as_it_was",),
    ),
    Guard(
        "batches of tasks are sorted",
        "testing/_determinism.py",
        "    _sort_batches(True)\n",
        "",
        ("testing/test_determinism.py::test_the_scheduler_is_left_as_it_was",),
    ),
    Guard(
        "a close with another code is no match",
        "testing/_peer.py",
        "        if got != code:",
        "        if False:",
        ("testing/test_peer.py::test_disappointment",),
    ),
    Guard(
        "a frame with another payload is no match",
        "testing/_peer.py",
        "        if frame.opcode != opcode or payload not in (None, frame.payload):",
        "        if frame.opcode != opcode:",
        ("testing/test_peer.py::test_disappointment",),
    ),
    Guard(
        "a transcript that differs fails",
        "testing/_transcript.py",
        "        if golden != text:",
        "        if False:",
        ("testing/test_transcript.py::test_golden_files",),
    ),
    Guard(
        "a golden file that is missing fails",
        "testing/_transcript.py",
        "        if not file.exists():",
        "        if False:",
        ("testing/test_transcript.py::test_golden_files",),
    ),
    Guard(
        "real times are left out of transcripts",
        "testing/_transcript.py",
        "        if name.lower() not in CLOCKS:",
        "        if True:",
        ("testing/test_transcript.py::test_the_other_end",),
    ),
]
