"""TLS to a server, and to a proxy: how it begins, and what its failure means."""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple

import trio

from .._transport.tls import TLSStandIn, tls_on
from .._transport.tls_choice import client_tls_on
from .verdicts import is_transient_in_tls


class TLSFailure(NamedTuple):
    """What went wrong with TLS.

    Attributes:
        cause: what the network or OpenSSL says.
        broke: whether the connection broke, and TLS is not to blame.
        transient: whether it may work later.
    """

    cause: BaseException
    broke: bool
    transient: bool | None


def with_tls(stream: trio.abc.Stream, context: ssl.SSLContext, server_name: str) -> trio.abc.Stream:
    """Return TLS on a stream, before its handshake; a stand-in for TLS is TLS itself."""
    if isinstance(stream, TLSStandIn) and stream.expects_tls:
        return stream
    return client_tls_on(stream, context, server_name)


def with_tls_to_proxy(
    stream: trio.abc.Stream, context: ssl.SSLContext, proxy_name: str
) -> trio.abc.Stream:
    """Return TLS to a proxy, before its handshake: Trio's, since a tunnel is to stand on it."""
    if isinstance(stream, TLSStandIn) and stream.expects_tls:
        return stream
    return tls_on(stream, context, server_hostname=proxy_name)


async def shake_hands(stream: Any) -> TLSFailure | None:
    """Do the handshake of TLS; return what went wrong, or None."""
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as exc:
        cause = exc.__cause__ or exc
        broke = not isinstance(cause, ssl.SSLError | ssl.CertificateError)
        return TLSFailure(cause, broke, broke or is_transient_in_tls(cause))
    except trio.ClosedResourceError as exc:
        return TLSFailure(exc, broke=True, transient=None)
    return None
