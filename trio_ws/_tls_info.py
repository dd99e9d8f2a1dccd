"""`TLSInfo`: what TLS has established about one connection, as a plain fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

PeerCertificate: TypeAlias = Mapping[str, Any]
"""A certificate that was verified, in the form of `ssl.SSLSocket.getpeercert`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TLSInfo:
    """What TLS has established: see `WebSocket.tls` and `Request.tls`.

    Attributes:
        version: ``"TLSv1.3"``, for instance.
        cipher: the name of the cipher.
        peer_certificate: the peer's certificate, as `ssl.SSLSocket.getpeercert` gives it;
            empty if it was not verified, None if the peer has shown none.
        alpn: the protocol that was agreed on by ALPN (RFC 7301), or None.
    """

    version: str | None
    cipher: str | None
    peer_certificate: PeerCertificate | None = field(default=None, hash=False)
    alpn: str | None = None
