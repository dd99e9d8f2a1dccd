"""Heartbeats: from `lease` to `message_heartbeats`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a verdict that comes late has a grace",
        "_liveness/lease.py",
        (
            "        if judged.verdict is not Verdict.ASK and self._grant_grace(now):\n"
            "            return _WAIT\n"
        ),
        "",
        ("liveness/test_lease_stalls.py::test_a_little_late",),
    ),
    Guard(
        "idleness is reported once",
        "_liveness/lease.py",
        ("        return FOREVER if self._idle_reported else self._last_data + self._idle"),
        "        return self._last_data + self._idle",
        ("liveness/test_lease.py::test_idle_is_said_once",),
        hangs=True,
    ),
    Guard(
        "after a pause the heartbeats begin afresh",
        "_liveness/lease.py",
        (
            "        self._resumed_at, self._paused = now, paused\n"
            "        for beat in self.beats:\n"
            "            beat.renew(now)"
        ),
        "        self._resumed_at, self._paused = now, paused",
        ("liveness/test_lease.py::test_resume",),
    ),
    Guard(
        "a peer that is silent in a message is given up",
        "_liveness/lease.py",
        "if beat.any_byte or now >= self.last_heard + beat.timeout:",
        "if beat.any_byte:",
        ("liveness/test_lease.py::test_excuse",),
    ),
    Guard(
        "a peer that says nothing and takes nothing is stuck",
        "_liveness/lease.py",
        "        return min(due, self._due_stuck(), self._due_stalled())",
        "        return min(due, self._due_stalled())",
        ("liveness/test_lease.py::test_stuck",),
    ),
    Guard(
        "a stalled write is bounded",
        "_liveness/lease.py",
        "        return min(due, self._due_stuck(), self._due_stalled())",
        "        return min(due, self._due_stuck())",
        ("liveness/test_lease_acknowledgements.py::test_nothing_acknowledged",),
    ),
    Guard(
        "what is heard keeps a write from being stuck",
        "_liveness/lease.py",
        "        return max(moved, self.last_heard, self._resumed_at) + self.send",
        "        return max(moved, self._resumed_at) + self.send",
        ("liveness/test_lease.py::test_stuck",),
    ),
    Guard(
        "a pause keeps a write from being stuck",
        "_liveness/lease.py",
        "        return max(moved, self.last_heard, self._resumed_at) + self.send",
        "        return max(moved, self.last_heard) + self.send",
        ("liveness/test_lease.py::test_resume_of_a_writer",),
    ),
    Guard(
        "only some bytes renew a lease",
        "_liveness/lease.py",
        "            if beat.any_byte and self.last_heard > beat.renewed_at:",
        "            if self.last_heard > beat.renewed_at:",
        ("liveness/test_lease.py::test_only_chosen_replies_answer",),
    ),
    Guard(
        "the timeout runs from the arrival of the question",
        "_liveness/timer.py",
        ("        return max(self.queued, progress_at) if self.arrived is None else self.arrived"),
        "        return self.queued",
        ("liveness/test_timer.py::test_it_asks_and_waits",),
    ),
    Guard(
        "what goes before a question is waited for",
        "_liveness/timer.py",
        "        return max(self.queued, progress_at) if self.arrived is None",
        "        return self.queued if self.arrived is None",
        ("liveness/test_timer.py::test_it_asks_and_waits",),
    ),
    Guard(
        "a question behind a backlog has not arrived",
        "_liveness/timer.py",
        ("        if not told:\n            self.arrived = now\n"),
        "        self.arrived = now\n",
        ("liveness/test_timer.py::test_the_arrival_of_a_question",),
    ),
    Guard(
        "a question is asked once",
        "_liveness/timer.py",
        "        return self._ask_at if self.question is None else FOREVER",
        "        return self._ask_at",
        ("liveness/test_timer.py::test_it_asks_and_waits",),
    ),
    Guard(
        "questions are asked at whole ticks",
        "_liveness/timer.py",
        "return math.ceil(at / TICK) * TICK if self.on_ticks else at",
        "return at",
        ("liveness/test_timer.py::test_ticks",),
    ),
    Guard(
        "a fleet does not ask in step",
        "_liveness/timer.py",
        "self._ask_at = self._next_tick(now + phase * self.interval)",
        "self._ask_at = self._next_tick(now + self.interval)",
        ("liveness/test_lease.py::test_phase",),
    ),
    Guard(
        "what is acknowledged selectively is progress",
        "_liveness/outgoing.py",
        ("        if moved or (delivered and self._delivered and delivered != self._delivered):"),
        "        if moved:",
        ("liveness/test_outgoing.py::test_packets_behind_a_lost_one",),
    ),
    Guard(
        "where the kernel tells, only acknowledgements count",
        "_liveness/outgoing.py",
        "        return self.moved_at if self.told else self.taken_at",
        "        return self.taken_at",
        ("liveness/test_outgoing.py::test_the_first_look_shows_no_progress",),
    ),
    Guard(
        "what has arrived does not wait",
        "_liveness/outgoing.py",
        (
            "        if self.waits:\n"
            "            self.wait(now)\n"
            "        else:\n"
            "            self.waiting_since = None"
        ),
        "        self.wait(now)",
        ("liveness/test_outgoing.py::test_what_waits",),
    ),
    Guard(
        "a pause counts from its own beginning",
        "_liveness/pause.py",
        "        self._out.restart(now)\n",
        "",
        ("liveness/test_pause.py::test_nothing_acknowledged_from_the_beginning",),
    ),
    Guard(
        "a paused connection is looked at once a second",
        "_liveness/pause.py",
        ("        return min(self._looked_at + self._lease.step, lost, self._lease.due_idle)"),
        "        return min(lost, self._lease.due_idle)",
        ("liveness/test_pause.py::test_nothing_acknowledged",),
    ),
    Guard(
        "a pause is idle like anything else",
        "_liveness/pause.py",
        ("        if now >= self._lease.due_idle:\n            return self._lease.report_idle()\n"),
        "",
        ("liveness/test_pause.py::test_idle",),
        hangs=True,
    ),
    Guard(
        "a late verdict in a pause has a grace",
        "_liveness/pause.py",
        "            return self._expiry if self._grace is None else _WAIT",
        "            return self._expiry",
        ("liveness/test_pause.py::test_a_late_verdict",),
    ),
    Guard(
        "a grace is extended a limited number of times",
        "_liveness/grace.py",
        "        self._glances -= 1\n",
        "",
        ("liveness/test_grace.py::test_waits_that_end_late",),
    ),
    Guard(
        "a pong answers the pings before it",
        "_liveness/pings.py",
        (
            "        for ping in self._waiting[:count]:\n"
            "            ping.end(now - ping.sent_at)\n"
            "        self._waiting = self._waiting[count:] or ()"
        ),
        ("        newest.end(now - newest.sent_at)\n        self.discard(newest)"),
        ("liveness/test_pings.py::test_a_pong_answers_its_ping_and_all_before_it",),
    ),
    Guard(
        "a pong wakes the task that waits for it",
        "_liveness/pings.py",
        ("        if self._waiting is not None:\n            self._waiting.unpark_all()"),
        "        pass",
        ("liveness/test_pings.py::test_tasks_that_wait",),
        hangs=True,
    ),
    Guard(
        "a tick leaves nothing behind",
        "_liveness/tick_groups.py",
        ("        else:\n            del self._groups[tick]\n"),
        ("        else:\n            pass\n"),
        ("liveness/test_tick_groups.py::test_nothing_is_left_of_a_tick",),
    ),
    Guard(
        "a leader that goes hands on the lead",
        "_liveness/tick_groups.py",
        ("        if members:\n            next(iter(members)).wake_at(tick)\n        else:"),
        ("        if members:\n            pass\n        else:"),
        ("liveness/test_tick_groups.py::test_the_lead_is_handed_on",),
    ),
    Guard(
        "a large group is looked after in steps",
        "_liveness/tick_groups.py",
        "for member in list(islice(members, MAX_PER_WAKE)):",
        "for member in list(members):",
        ("liveness/test_tick_groups.py::test_a_large_round_goes_in_steps",),
    ),
    Guard(
        "only the newest heartbeat message is answered",
        "_liveness/message_heartbeats.py",
        "                self.replies[policy] = message\n",
        "                self.replies.setdefault(policy, message)\n",
        ("liveness/test_message_heartbeats.py::test_only_the_newest_is_answered",),
    ),
]
