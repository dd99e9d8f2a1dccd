"""Values and words: `errors`, `ending`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "an ending's cause is chained",
        "_errors.py",
        "    error.__cause__ = ending.cause\n",
        "",
        ("test_errors.py::test_cause_is_chained",),
    ),
    Guard(
        "the end of one connection is not that of another",
        "_errors.py",
        "return isinstance(error, ConnectionClosed) and error.ending is ending",
        "return isinstance(error, ConnectionClosed)",
        ("test_errors.py::test_whose_end",),
    ),
    Guard(
        "a Location's secrets are not shown",
        "_errors.py",
        "printable(_without_secrets(location))",
        "printable(location)",
        ("test_errors.py::test_where_a_server_points_to",),
    ),
    Guard(
        "codes that stand for no frame are never sent",
        "_ending.py",
        "_NAMED = frozenset(CloseCode) - NEVER_SENT",
        "_NAMED = frozenset(CloseCode)",
        ("test_ending.py::test_codes_that_may_not_be_sent",),
    ),
]
