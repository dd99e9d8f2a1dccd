"""Values and words: `errors`, `ending`, `instrument`, `dump`, `prometheus`."""

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
    Guard(
        "an instrument that raises ends nothing",
        "_instrument.py",
        (
            "            except BaseException as error:  # noqa: ASYNC103 - what may "
            "pass does\n"
            "                self.on_error(event, method, error)"
        ),
        (
            "            except FloatingPointError as error:  # noqa: ASYNC103 - what "
            "may pass does\n"
            "                self.on_error(event, method, error)"
        ),
        ("test_instrument.py::test_one_that_raises_is_told_of_nothing_more",),
    ),
    Guard(
        "an instrument that raised is told no more",
        "_instrument.py",
        "                instrument._take_out(event, error)\n",
        "                pass\n",
        ("test_instrument.py::test_one_that_raises_is_told_of_nothing_more",),
    ),
    Guard(
        "an instrument of Trio's is refused kindly",
        "_instrument.py",
        "    if isinstance(instrument, trio.abc.Instrument):",
        "    if False:",
        ("test_instrument.py::test_an_instrument_of_trio",),
    ),
    Guard(
        "a dump shows no query",
        "debug/_dump.py",
        "    path = printable(core.request.path)",
        "    path = printable(core.request.target)",
        ("debug/test_dump.py::test_a_server",),
    ),
    Guard(
        "codes of applications make few series",
        "instruments/_prometheus.py",
        'return "peer", str(code) if code < 3000 else f"{code // 1000}xxx"',
        'return "peer", str(code)',
        ("instruments/test_prometheus.py::test_codes_of_a_peer",),
    ),
]
