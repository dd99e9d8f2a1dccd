"""Certificates for real TLS in a test."""

from __future__ import annotations

import ssl


def tls_contexts(host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context with a certificate for `host`, and a client's that trusts it.

    Raises:
        ImportError: trustme is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise ImportError(
            "real TLS needs a certificate, which trustme makes: python -m pip install trustme"
        ) from None
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client
