"""The client: `verdicts`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "an unknown name is told apart",
        "_client/verdicts.py",
        (
            "    if any(isinstance(e, socket.gaierror) and e.errno in UNKNOWN_NAMES for "
            "e in errors):\n"
            "        return None\n"
        ),
        "",
        ("client/test_verdicts.py::test_an_unknown_name",),
    ),
    Guard(
        "one address that may work is enough",
        "_client/verdicts.py",
        "return not errors or any(not _is_final(e) for e in errors)",
        "return not errors or all(not _is_final(e) for e in errors)",
        ("client/test_verdicts.py::test_several_addresses",),
    ),
    Guard(
        "an alert about us is final",
        "_client/verdicts.py",
        "return is_alert(error) and not FINAL_ALERTS.search(_reason_of(error))",
        "return is_alert(error)",
        ("client/test_verdicts.py::test_alerts_about_us",),
    ),
    Guard(
        "a peer that ends in TLS may come back",
        "_client/verdicts.py",
        (
            "    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | "
            "ssl.SSLSyscallError):\n"
            "        return True\n"
        ),
        "",
        ("client/test_verdicts.py::test_a_peer_that_goes_away",),
    ),
]
