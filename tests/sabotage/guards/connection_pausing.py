"""A connection: `pausing`, `heartbeat`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a paused connection is looked at",
        "_connection/pausing.py",
        ("        if self._has_ended(now):\n            return\n"),
        "",
        ("connection/test_pausing.py::test_what_shows_without_reading",),
        hangs=True,
    ),
    Guard(
        "a paused connection sends a pong now and then",
        "_connection/pausing.py",
        "            self._send_pong(now)\n",
        "            pass\n",
        ("connection/test_pausing.py::test_pongs_in_a_pause",),
    ),
    Guard(
        "many short pauses bring no more pongs",
        "_connection/pausing.py",
        "        if now - self._ended >= self._interval:",
        "        if True:",
        ("connection/test_pausing.py::test_many_short_pauses",),
    ),
    Guard(
        "pongs do not pile up",
        "_connection/pausing.py",
        "        if not self._core.protocol.send_queue.control_size:",
        "        if True:",
        ("connection/test_heartbeat.py::test_sign_of_life_to_one_who_takes_nothing",),
    ),
    Guard(
        "an application that takes messages may read to the end",
        "_connection/pausing.py",
        (
            "        if now < self._taken_at + self._core.options.timeouts.close:\n"
            "            return False\n"
        ),
        "",
        ("connection/test_pausing.py::test_an_application_that_takes_messages",),
    ),
    Guard(
        "a paused connection is given up",
        "_connection/pausing.py",
        "            self._lose(expiry, self._pause.describe(now))\n",
        "            pass\n",
        ("connection/test_pausing.py::test_a_write_that_stands_still",),
        hangs=True,
    ),
    Guard(
        "an application that takes messages is not idle",
        "_connection/pausing.py",
        ("            self._taken_at = now\n            self._core.lease.data(now)"),
        "            self._taken_at = now",
        ("connection/test_pausing.py::test_who_takes_or_sends_is_not_idle",),
    ),
    Guard(
        "a pause suspends the lease",
        "_connection/pausing.py",
        "        self._core.lease.resume(now, now - self._began)\n",
        "",
        ("test_heartbeats.py::test_dead_after_a_pause",),
    ),
    Guard(
        "a pong of a pause does not wait for the next look",
        "_connection/pausing.py",
        "return min(self.next_pong_at, self._pause.due())",
        "return self._pause.due()",
        ("connection/test_pausing.py::test_a_pong_does_not_wait_for_the_next_look",),
    ),
    Guard(
        "a change brings the wake-up forward",
        "_connection/heartbeat.py",
        "self._shield.deadline = min(self._shield.deadline, at)",
        "pass",
        ("connection/test_heartbeat.py::test_stuck",),
        hangs=True,
    ),
    Guard(
        "a connection that ends leaves its group",
        "_connection/heartbeat.py",
        "            current_tick_groups().leave(member, tick)\n",
        "            pass\n",
        ("connection/test_heartbeat_groups.py::test_one_reader_wakes_for_all",),
    ),
    Guard(
        "only the newest of our pings is kept",
        "_connection/heartbeat.py",
        "            self._core.pings.discard(self._ping)\n",
        "",
        ("connection/test_heartbeat.py::test_heartbeat",),
    ),
    Guard(
        "a heartbeat message does not break into another",
        "_connection/heartbeat.py",
        (
            "        if self._protocol.mid_message:\n"
            "            beat.postpone(now)\n"
            "            return False\n"
        ),
        "",
        ("connection/test_heartbeat.py::test_message_heartbeat_waits_its_turn",),
    ),
    Guard(
        "a slow message is not an idle connection",
        "_connection/heartbeat.py",
        "        if self._lease.is_idle_since(moved, now):",
        "        if True:",
        ("connection/test_heartbeat.py::test_a_message_that_crawls_in_is_not_idleness",),
    ),
    Guard(
        "heartbeats do not keep a connection from being idle",
        "_connection/heartbeat.py",
        "        if frames > self._messages_queued:",
        "        if True:",
        ("connection/test_heartbeat_driver.py::test_heartbeats_that_wait_to_be_written",),
    ),
    Guard(
        "a reply does not break into a message",
        "_connection/heartbeat.py",
        "if self._protocol.mid_message or not self._core.has_room(0):",
        "if not self._core.has_room(0):",
        ("connection/test_heartbeat.py::test_message_reply_waits_its_turn",),
    ),
    Guard(
        "replies wait for room",
        "_connection/heartbeat.py",
        "if self._protocol.mid_message or not self._core.has_room(0):",
        "if self._protocol.mid_message:",
        ("connection/test_heartbeat.py::test_message_reply_needs_room",),
    ),
    Guard(
        "a peer that is given up is told",
        "_connection/heartbeat.py",
        ("self._lease.describe(due, now), farewell=farewell)\n\n    def _on_idle"),
        ("self._lease.describe(due, now))\n\n    def _on_idle"),
        ("connection/test_heartbeat.py::test_silence",),
    ),
    Guard(
        "a peer in the middle of a message is waited for",
        "_connection/heartbeat.py",
        (
            "        if receiving and self._lease.extend_for_message(due.beat, now):\n"
            "            return\n"
        ),
        "",
        (
            "connection/test_heartbeat.py::test_busy_with_another_message",
            "test_heartbeats.py::test_peer_that_is_busy_sending",
        ),
    ),
    Guard(
        "what leaves inline is watched",
        "_connection/heartbeat.py",
        (
            "        if self._lease.bounds_sending and "
            "self._lease.sending(trio.current_time()):\n"
            "            self.rearm()"
        ),
        "        pass",
        ("connection/test_heartbeat_acknowledgements.py::test_a_peer_that_talks_and_never_reads",),
        hangs=True,
    ),
]
