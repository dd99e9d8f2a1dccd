"""TLS to a server, and to a proxy: how it begins, and what its failure means."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

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


Contexts: TypeAlias = Callable[[], Awaitable[ssl.SSLContext]]
"""What returns the context for TLS; it may have to read certificates first."""


async def with_tls(stream: trio.abc.Stream, context: Contexts, server_name: str) -> trio.abc.Stream:
    """Return TLS on a stream, before its handshake."""
    if _is_tls_itself(stream):
        return stream
    return client_tls_on(stream, await context(), server_name)


async def with_tls_to_proxy(
    stream: trio.abc.Stream, context: Contexts, proxy_name: str
) -> trio.abc.Stream:
    """Return TLS to a proxy, before its handshake: Trio's, since a tunnel is to stand on it."""
    if _is_tls_itself(stream):
        return stream
    return tls_on(stream, await context(), server_hostname=proxy_name)


def _is_tls_itself(stream: trio.abc.Stream) -> bool:
    """Return True if the stream stands for TLS, so that no context is needed.

    To read certificates takes a thread, whose time no virtual clock knows:
    a simulation that waited for one would not be the same again.
    """
    return isinstance(stream, TLSStandIn) and stream.expects_tls


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
