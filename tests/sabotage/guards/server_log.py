"""The server: `log`, `server`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
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
            "            split(exc).let_pass()\n"
            "        finally:"
        ),
        (
            "        except FloatingPointError as exc:  # noqa: ASYNC103 - what must "
            "pass does\n"
            "            _log_failure(name, exc)\n"
            "            split(exc).let_pass()\n"
            "        finally:"
        ),
        ("server/test_server.py::test_seat_of_a_peer_that_vanished",),
    ),
    Guard(
        "a stream is closed whatever happened",
        "_server/server.py",
        (
            "        finally:\n"
            "            await _close(stream, name)  # noqa: ASYNC102 - does not wait"
        ),
        ("        finally:\n            pass"),
        ("server/test_server.py::test_cancel",),
        hangs=True,
    ),
    Guard(
        "a stream that fails to close ends no server",
        "_server/server.py",
        (
            "            await close_by_force(stream)\n"
            "    except BaseException as exc:  # noqa: ASYNC103 - what must pass does"
        ),
        (
            "            await close_by_force(stream)\n"
            "    except FloatingPointError as exc:  # noqa: ASYNC103 - what must pass does"
        ),
        ("server/test_server.py::test_a_stream_that_cannot_be_closed",),
    ),
]
