"""The test kit: `site`, `dialling`, `script`, `proxy`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a URL that nothing serves is a 404",
        "testing/_paths.py",
        "            return NOT_FOUND",
        "            return Response(200)",
        ("testing/test_paths.py::test_paths",),
    ),
    Guard(
        "the handlers of a router are watched",
        "testing/_paths.py",
        "return selection._replace(handler=partial(self._watch, name, selection.handler))",
        "return selection",
        ("testing/test_paths.py::test_handlers_of_a_router_are_watched",),
    ),
    Guard(
        "a router comes with the first URL of its port",
        "testing/_cast.py",
        "            if options or routes:",
        "            if options:",
        ("testing/test_cast.py::test_where_a_router_cannot_be",),
    ),
    Guard(
        "a client that gives up before TLS leaves no connection",
        "testing/_stream.py",
        "            self.tls = None\n            self.server.forget()\n",
        "            self._on_close(self)\n",
        ("testing/test_dialling.py::test_a_client_that_gives_up_during_tls",),
    ),
    Guard(
        "unread messages of a handler are noted",
        "testing/_site.py",
        "                self.unread.append((name, size))\n",
        "                pass\n",
        ("testing/test_site.py::test_messages_that_a_handler_leaves",),
    ),
    Guard(
        "a port that is taken is refused",
        "testing/_dialling.py",
        "        if (host.name, port) in self._listeners:",
        "        if False:",
        ("testing/test_dialling.py::test_a_port_that_is_taken",),
    ),
    Guard(
        "a black hole swallows an attempt",
        "testing/_dialling.py",
        "return max([route.held_until(now), *(hole.until for hole in holes)])",
        "return route.held_until(now)",
        ("testing/test_dialling.py::test_a_black_hole_that_ends",),
    ),
    Guard(
        "a frame that the script does not expect fails it",
        "testing/_script.py",
        "        if not fits(frame):\n",
        "        if False:\n",
        ("testing/test_script.py::test_the_difference_is_shown",),
    ),
    Guard(
        "a script waits for a bounded time",
        "testing/_script.py",
        "        with trio.move_on_after(self._timeout):",
        "        with trio.CancelScope():",
        ("testing/test_script.py::test_another_thing_than_expected",),
        hangs=True,
    ),
    Guard(
        "a script's end of stream is checked",
        "testing/_script.py",
        '            raise self._mismatch("the end of the stream", describe(frame))',
        "            pass",
        ("testing/test_script.py::test_no_end",),
    ),
    Guard(
        "a script's silence is checked",
        "testing/_script.py",
        '            raise self._mismatch(f"nothing for {seconds:g} s", got)',
        "            pass",
        ("testing/test_script.py::test_silence",),
    ),
    Guard(
        "a script expects an upgrade",
        "testing/_script.py",
        "        if not head.is_upgrade:",
        "        if False:",
        ("testing/test_script.py::test_no_upgrade",),
    ),
    Guard(
        "a script expects a status",
        "testing/_script.py",
        "        if head.status != status:",
        "        if False:",
        ("testing/test_script.py::test_a_request_that_is_rejected_as_expected",),
    ),
    Guard(
        "a proxy forgets a fault that is over",
        "testing/_proxy.py",
        "            self._injections.remove(injection)\n",
        "            pass\n",
        ("testing/test_proxy.py::test_a_fault_ends_by_itself",),
    ),
]
