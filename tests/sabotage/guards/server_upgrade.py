"""The server: `upgrade`, `log`, `server`, `answers`, `auth`, `paths`, `routing`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a strange origin is refused",
        "_server/upgrade.py",
        "        if not terms.origins.allows(request.headers):",
        "        if False:",
        ("server/test_upgrade.py::test_log_of_an_origin",),
    ),
    Guard(
        "a connection takes its slot",
        "_server/upgrade.py",
        "        slot.acquire(terms.quota)\n",
        "",
        ("server/test_handler.py::test_async_report",),
    ),
    Guard(
        "on_request is asked within the deadline",
        "_server/upgrade.py",
        "        with trio.CancelScope(deadline=http.slot.deadline):",
        "        with trio.CancelScope():",
        ("server/test_upgrade.py::test_slow_hook",),
    ),
    Guard(
        "there is time to say that it took too long",
        "_server/upgrade.py",
        "            http.slot.extend(LINGER)  # to say so\n",
        "",
        ("server/test_upgrade.py::test_slow_hook",),
    ),
    Guard(
        "a mistake of the application is a 500",
        "_server/upgrade.py",
        (
            "            outcome.let_pass()\n"
            '            self._counters.add("refused")\n'
            "            return FAILED  # noqa: ASYNC104"
        ),
        "            raise",
        ("server/test_upgrade.py::test_bad_choice",),
    ),
    Guard(
        "a draining server ends connections with its answer",
        "_server/upgrade.py",
        "        close = self._admission.closed\n",
        "        close = False\n",
        ("server/test_server.py::test_drain_waits_for_a_request",),
    ),
    Guard(
        "an answer that cannot be sent is a 500",
        "_server/upgrade.py",
        (
            "        except LocalProtocolError as exc:\n"
            "            log_application_error(http.name, exc)"
        ),
        (
            "        except FloatingPointError as exc:\n"
            "            log_application_error(http.name, exc)"
        ),
        ("server/test_upgrade.py::test_on_request_fails",),
    ),
    Guard(
        "refused origins make a line a minute",
        "_server/log.py",
        "        if now < self._silent_until:",
        "        if False:",
        ("server/test_log.py::test_foreign_origins",),
    ),
    Guard(
        "what a peer says is shortened for the log",
        "_server/log.py",
        "return printable(text[:MAX_LOGGED_TEXT])",
        "return printable(text, 100000)",
        ("server/test_log.py::test_answers",),
    ),
    Guard(
        "a failed connection ends no server",
        "_server/server.py",
        (
            "        except BaseException as exc:  # noqa: ASYNC103 - what must pass does\n"
            "            _log_failure(name, exc)\n"
            "            split(exc).let_pass()\n        finally:\n"
        ),
        (
            "        except FloatingPointError as exc:  # noqa: ASYNC103 - what must "
            "pass does\n"
            "            _log_failure(name, exc)\n"
            "            split(exc).let_pass()\n        finally:\n"
        ),
        ("server/test_server.py::test_seat_of_a_peer_that_vanished",),
    ),
    Guard(
        "a stream is closed whatever happened",
        "_server/server.py",
        ("                await _close(stream, name)  # noqa: ASYNC102 - does not wait"),
        "                pass",
        ("server/test_server.py::test_cancel",),
        hangs=True,
    ),
    Guard(
        "a stream that fails to close stops no Ctrl-C",
        "_server/server.py",
        (
            "            await close_by_force(stream)\n"
            "    except BaseException as exc:  # noqa: ASYNC103 - what must pass does"
        ),
        (
            "            await close_by_force(stream)\n"
            "    except FloatingPointError as exc:  # noqa: ASYNC103 - what must pass does"
        ),
        ("server/test_server.py::test_a_stream_that_cannot_be_closed_stops_no_ctrl_c",),
    ),
    Guard(
        "what on_request decides is checked",
        "_server/answers.py",
        ('    if not isinstance(answer, Response):\n        raise TypeError(f"on_request'),
        ('    if False:\n        raise TypeError(f"on_request'),
        ("server/test_answers.py::test_no_decisions",),
    ),
    Guard(
        "a password is checked",
        "_server/auth.py",
        "        if given is not None and await _is_right(check, *given):",
        "        if given is not None:",
        ("server/test_auth.py::test_wrong",),
    ),
    Guard(
        "a password is compared in constant time",
        "_server/auth.py",
        "return compare_digest(_digest(password), expected)",
        "return _digest(password) == expected",
        ("server/test_auth.py::test_every_comparison_takes_the_same_steps",),
    ),
    Guard(
        "what leads nowhere is a 404",
        "_server/routing.py",
        ("        if found is None:\n            raise nowhere()"),
        (
            "        if found is None:\n"
            "            found = next(iter(self._table)) if False else None\n"
            '            raise nowhere() if False else Refusal(405, "")'
        ),
        ("server/test_routing.py::test_refused",),
    ),
]
