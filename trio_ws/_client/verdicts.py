"""Which failures to connect may pass: what is not known to be final is waited out.

The lists below name what is final: an address of a kind that this system does not have,
a certificate that does not fit.  A list of what passes would always lack something,
and a client that gives up for good because a descriptor was missing for a moment
costs more than one that knocks in vain, since that one says in the log what it does.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl

from .._concurrency.exceptions import iter_leaves

FINAL_ERRNOS = frozenset(
    {
        errno.EAFNOSUPPORT,
        errno.EDESTADDRREQ,
        errno.EINVAL,
        errno.ENOTSOCK,
        errno.EOPNOTSUPP,
        errno.EPFNOSUPPORT,
        errno.EPROTONOSUPPORT,
        errno.EPROTOTYPE,
        errno.ESOCKTNOSUPPORT,
    }
)
"""This system cannot connect to such an address at all."""


def _names(*names: str) -> frozenset[int]:
    return frozenset(getattr(socket, name) for name in names if hasattr(socket, name))


UNKNOWN_NAMES = _names("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
"""The name of the host is not known: misspelt, or not known yet."""

FINAL_LOOKUPS = _names("EAI_BADFLAGS", "EAI_FAMILY", "EAI_SERVICE", "EAI_SOCKTYPE")
"""Such a name cannot be looked up at all; other lookups may succeed later."""

FINAL_ALERTS = re.compile(
    r"""HANDSHAKE_FAILURE | CERTIFICATE | UNKNOWN_CA | ACCESS_DENIED
    | ILLEGAL_PARAMETER | DECODE_ERROR | DECRYPT_ERROR | DECRYPTION_FAILED | EXPORT_RESTRICTION
    | PROTOCOL_VERSION | INSUFFICIENT_SECURITY | INAPPROPRIATE_FALLBACK | NO_RENEGOTIATION
    | UNRECOGNIZED_NAME | EXTENSION | UNKNOWN_PSK_IDENTITY | NO_APPLICATION_PROTOCOL
    | NO_CERT""",
    re.VERBOSE,
)
"""Alerts about us, or about what we support (RFC 8446 §6.2).

A client certificate that is wanted and missing is ``certificate_required`` in TLS 1.3,
and ``handshake_failure`` before (RFC 5246 §7.4.6).
"""


def is_transient(error: OSError) -> bool | None:
    """Return True if connecting may work later; None for a name that is not known.

    Of several addresses one that may work later is enough.
    """
    errors = [leaf for leaf in iter_leaves(error.__cause__ or error) if isinstance(leaf, OSError)]
    if any(isinstance(e, socket.gaierror) and e.errno in UNKNOWN_NAMES for e in errors):
        return None
    return not errors or any(not _is_final(e) for e in errors)


def _is_final(error: OSError) -> bool:
    final = FINAL_LOOKUPS if isinstance(error, socket.gaierror) else FINAL_ERRNOS
    return error.errno in final


def is_alert(error: BaseException) -> bool:
    """Return True if the peer told us why it ended TLS, as it may after our handshake too."""
    return isinstance(error, ssl.SSLError) and "ALERT" in _reason_of(error)


def is_transient_in_tls(error: BaseException) -> bool:
    """Return True if TLS may work later: the peer went away, or told of a trouble of its own.

    What we ourselves found wrong with the peer is final.
    """
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return True
    return is_alert(error) and not FINAL_ALERTS.search(_reason_of(error))


def _reason_of(error: BaseException) -> str:
    """Return OpenSSL's own word for an error; one that was made by Python has none."""
    return getattr(error, "reason", None) or ""
