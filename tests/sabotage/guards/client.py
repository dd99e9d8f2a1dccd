"""The client: `attempt`, `hop`, `verdicts`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "connecting has a deadline",
        "_client/attempt.py",
        "            with trio.move_on_after(self._config.timeouts.connect):",
        "            with trio.CancelScope():",
        ("client/test_attempt.py::test_a_function_that_takes_long",),
        hangs=True,
    ),
    Guard(
        "a rejection's body is not waited for for long",
        "_client/hop.py",
        "        with trio.move_on_after(REJECTION_PATIENCE):",
        "        with trio.CancelScope():",
        ("client/test_hop.py::test_slow_endless_body",),
    ),
    Guard(
        "a refusal that is about us says nothing of the address",
        "_client/hop.py",
        "about_us = isinstance(failure, Rejected) and failure.response.status < 500",
        "about_us = False",
        ("client/test_hop.py::test_the_next_attempt_begins_elsewhere",),
    ),
    Guard(
        "the attempts after a failure begin elsewhere",
        "_client/hop.py",
        (
            "            current_address_order().failed(reached.host, reached.port, "
            "reached.address, now)\n"
        ),
        "            pass\n",
        ("client/test_hop.py::test_the_next_attempt_begins_elsewhere",),
    ),
    Guard(
        "half a rejection is a rejection",
        "_client/hop.py",
        "        raise self._handshake.rejection() or rejection",
        "        await trio.sleep_forever()",
        ("client/test_hop.py::test_slow_endless_body",),
    ),
    Guard(
        "a redirect is not waited for",
        "_client/hop.py",
        ("        if self._trail.is_followed(rejection.response):\n            raise rejection\n"),
        "",
        ("client/test_hop.py::test_a_redirect_is_not_heard_out",),
    ),
    Guard(
        "what a server does says nothing of its proxy",
        "_client/hop.py",
        "        behind = through and not isinstance(failure, ProxyError)",
        "        behind = False",
        ("client/test_hop.py::test_the_addresses_of_a_proxy",),
    ),
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
