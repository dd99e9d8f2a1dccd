"""TLS on sockets: `tls_session`, `tls_transport`, `tls_choice`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a client that cannot be served is told why",
        "_transport/tls_choice.py",
        "            await send_alert(stream, alert)  # noqa: ASYNC120 - bounded\n",
        "            pass\n",
        ("transport/test_tls_choice_alerts.py::test_an_alert",),
    ),
    Guard(
        "what the kernel has not taken is not written",
        "_transport/tls_transport.py",
        "            while self._session.push(self._below.send_now) and (",
        "            while (self._session.push(self._below.send_now) or True) and (",
        ("transport/test_tls_transport.py::test_a_full_socket_takes_nothing",),
        hangs=True,
    ),
    Guard(
        "what is sealed is not sealed again",
        "_transport/tls_transport.py",
        "        while data and not self._session.owes:  # noqa",
        "        for _ in range(1):  # noqa",
        ("transport/test_tls_transport.py::test_cancelled_writing",),
        hangs=True,
    ),
    Guard(
        "an answer does not send what the writer has in hand",
        "_transport/tls_transport.py",
        "            if not writing:\n",
        "            if True:\n",
        ("transport/test_tls_transport.py::test_an_answer_does_not_overtake_the_writer",),
        hangs=True,
    ),
    Guard(
        "an answer of TLS is sent by the task that reads",
        "_transport/tls_transport.py",
        "            if not writing:\n",
        "            if False:\n",
        ("transport/test_tls_transport.py::test_answer_to_what_was_read",),
    ),
    Guard(
        "a record that comes in parts is a sign of life",
        "_transport/tls_transport.py",
        "        if data:\n            self._on_arrival(trio.current_time())\n",
        "",
        (
            "transport/test_tls_transport.py::test_parts_of_records_are_seen",
            "transport/test_tls.py::test_a_record_that_crawls_in",
        ),
    ),
    Guard(
        "a batch that leaves in parts is progress",
        "_transport/tls_transport.py",
        "            self._on_departure(trio.current_time())\n",
        "",
        ("transport/test_tls.py::test_a_link_that_is_stuck",),
    ),
    Guard(
        "a writer that TLS lets wait is woken by what is heard",
        "_transport/tls_transport.py",
        "        self._heard.unpark_all()\n",
        "",
        ("transport/test_tls_transport.py::test_a_writer_that_has_to_hear_first",),
        hangs=True,
    ),
    Guard(
        "empty pieces are nothing to wait for",
        "_transport/tls_transport.py",
        (
            "                if not self._session.owes:\n"
            "                    return []  # all of them were empty\n"
        ),
        "",
        ("transport/test_tls_transport.py::test_send_now",),
        hangs=True,
    ),
    Guard(
        "half a record is followed by no close-notify",
        "_transport/tls_session.py",
        "        if not self.sealed:\n            with suppress",
        "        if True:\n            with suppress",
        ("transport/test_tls_session.py::test_no_close_notify_behind_half_a_record",),
    ),
    Guard(
        "what comes before a forged record is given out",
        "_transport/tls_session.py",
        "        if self._error and not count:",
        "        if self._error:",
        ("transport/test_tls_session.py::test_damage",),
    ),
    Guard(
        "an end without close-notify is an end under TLS of ours",
        "_transport/tls_session.py",
        "        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):",
        "        except ssl.SSLZeroReturnError:",
        ("transport/test_tls_session.py::test_truncation",),
    ),
    Guard(
        "what TLS has to say is bounded",
        "_transport/tls_session.py",
        "            if sum(map(len, self.sealed)) > MAX_SEALED:",
        "            if False:",
        ("transport/test_tls_session.py::test_peer_that_asks_and_does_not_listen",),
    ),
    Guard(
        "only so much is given to OpenSSL at once",
        "_transport/tls_session.py",
        "        if len(data) > MAX_BATCH:",
        "        if False:",
        ("transport/test_tls_session.py::test_much_at_once",),
    ),
    Guard(
        "the bell stays rung while something is left to open",
        "_transport/tls_transport.py",
        "        self._ring_for_the_rest()\n        self.bytes_received += count\n",
        "        self.bytes_received += count\n",
        ("transport/test_tls_transport.py::test_what_is_left_to_open_rings",),
    ),
    Guard(
        "what came with the handshake rings the bell",
        "_transport/tls_transport.py",
        "        self._ring_for_the_rest()\n        return True\n",
        "        return True\n",
        ("transport/test_tls_transport.py::test_what_came_with_the_handshake_rings",),
    ),
    Guard(
        "a handshake goes on with the next portion",
        "_transport/tls_session.py",
        "            return not self.hungry and self.shake_hands()\n",
        "            return False\n",
        ("transport/test_tls_session.py::test_a_long_chain",),
    ),
    Guard(
        "what is there now goes behind what was there",
        "_transport/tls_transport.py",
        "            if not count and (data := self._below.receive_now()):",
        "            if data := self._below.receive_now():",
        ("transport/test_tls_transport.py::test_what_is_there_now_goes_behind_what_was_there",),
        hangs=True,
    ),
    Guard(
        "a portion that waits is no hunger",
        "_transport/tls_session.py",
        "        if ahead:\n",
        "        if False:\n",
        ("transport/test_tls_session.py::test_much_at_once",),
        hangs=True,
    ),
    Guard(
        "what has ended is not hungry",
        "_transport/tls_session.py",
        "                    self.ended = True\n                    break\n",
        "                    self.ended = True\n",
        ("transport/test_tls_transport.py::test_behind_a_tail",),
        hangs=True,
    ),
    Guard(
        "only so much is sealed at once",
        "_transport/tls_session.py",
        "        batch.append(memoryview(piece)[:room])",
        "        batch.append(memoryview(piece))",
        ("transport/test_tls_session.py::test_records",),
    ),
]
