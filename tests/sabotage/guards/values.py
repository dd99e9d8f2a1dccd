"""Values and words: `log`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a log that fails ends nothing",
        "_log.py",
        (
            "        except BaseException:  # noqa: ASYNC103 - a user's filter may raise "
            "anything\n"
            "            return  # noqa: ASYNC104"
        ),
        (
            "        except BaseException:  # noqa: ASYNC103 - a user's filter may raise "
            "anything\n"
            "            raise"
        ),
        ("test_log.py::test_a_filter_that_raises",),
    ),
]
