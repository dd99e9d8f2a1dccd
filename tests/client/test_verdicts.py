"""`trio_ws._client.verdicts`: which failures to connect may pass."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from trio_ws._client.verdicts import FINAL_ERRNOS, is_alert, is_transient, is_transient_in_tls

FAILED_LOOKUPS = ["EAI_AGAIN", "EAI_FAIL", "EAI_MEMORY", "EAI_SYSTEM"]
SHORTAGES = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]
FORBIDDEN = ["EPERM", "EACCES", "ENETRESET", "ENONET"]
NETWORK = [
    *["EADDRINUSE", "EADDRNOTAVAIL", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN"],
    *["EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "EPIPE", "EPROTO", "ETIMEDOUT", "EINTR"],
]


@pytest.mark.parametrize("name", [*SHORTAGES, *FORBIDDEN, *NETWORK])
def test_what_may_pass(name: str) -> None:
    """What we are short of, what a firewall forbids and what the network says may all pass."""
    assert is_transient(OSError(getattr(errno, name), "x")) is True


def test_what_no_list_names() -> None:
    """An error that nobody has foreseen is waited out; so is one without a number."""
    unforeseen = set(errno.errorcode) - FINAL_ERRNOS
    assert all(is_transient(OSError(code, "x")) for code in unforeseen)
    assert is_transient(OSError("no results")) is True
    assert is_transient(ConnectionRefusedError()) is True


@pytest.mark.parametrize("code", sorted(FINAL_ERRNOS))
def test_what_is_final(code: int) -> None:
    """An address of a kind that this system does not have is final."""
    assert is_transient(OSError(code, "x")) is False


@pytest.mark.parametrize("name", FAILED_LOOKUPS)
def test_a_lookup_that_fails(name: str) -> None:
    """A lookup that failed for another reason than the name may succeed later."""
    assert is_transient(socket.gaierror(getattr(socket, name), "x")) is True


@pytest.mark.parametrize("name", ["EAI_NONAME", "EAI_NODATA"])
def test_an_unknown_name(name: str) -> None:
    """Of a name that is not known nobody can tell whether it will be."""
    assert is_transient(socket.gaierror(getattr(socket, name), "x")) is None


def test_an_impossible_lookup() -> None:
    """A lookup that makes no sense is final."""
    assert is_transient(socket.gaierror(socket.EAI_FAMILY, "x")) is False


def test_several_addresses() -> None:
    """Of several addresses one that may work later is enough."""
    never = OSError(errno.EAFNOSUPPORT, "no IPv6 here")
    later = OSError(errno.ECONNREFUSED, "refused")
    for causes, transient in (([never, later], True), ([never, never], False)):
        error = OSError("all attempts to connect failed")
        error.__cause__ = ExceptionGroup("multiple", causes)
        assert is_transient(error) is transient


def test_a_cause_of_another_kind() -> None:
    """A network of the user's own may chain what it wants."""
    error = OSError("tunnel")
    error.__cause__ = ValueError()
    assert is_transient(error) is True


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    "reason",
    [
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_NO_CERTIFICATE",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV13_ALERT_MISSING_EXTENSION",
    ],
)
def test_alerts_about_us(reason: str) -> None:
    """An alert about our certificate, or about what we support, is final."""
    assert is_alert(alert(reason))
    assert not is_transient_in_tls(alert(reason))


@pytest.mark.parametrize(
    "reason",
    [
        "TLSV1_ALERT_INTERNAL_ERROR",
        "TLSV1_ALERT_USER_CANCELLED",
        "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        "SSLV3_ALERT_BAD_RECORD_MAC",
        "TLSV1_ALERT_RECORD_OVERFLOW",
    ],
)
def test_alerts_that_may_pass(reason: str) -> None:
    """A front that restarts, or a line that garbles, may be otherwise next time."""
    assert is_transient_in_tls(alert(reason))


@pytest.mark.parametrize("kind", [ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError])
def test_a_peer_that_goes_away(kind: type[ssl.SSLError]) -> None:
    """An end within the handshake, polite or not, is no verdict."""
    assert is_transient_in_tls(kind())


@pytest.mark.parametrize("reason", ["CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER"])
def test_what_we_found_wrong(reason: str) -> None:
    """A certificate that we do not trust and a peer that speaks no TLS are final."""
    assert not is_alert(alert(reason))
    assert not is_transient_in_tls(alert(reason))
    assert not is_alert(OSError())
