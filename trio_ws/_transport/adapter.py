"""Which transport a stream gets, and which TLS.

On a plain socket, where sockets are file descriptors, the system calls are made by us:
`SocketTransport`, and `TLSTransport` on it.
Any other stream is used by Trio's methods, with `trio.SSLStream` on it.
"""

from __future__ import annotations

import os
import ssl
from typing import TypeAlias, TypeGuard, cast

import trio

from .base import Transport
from .socket import SocketTransport
from .stream import StreamTransport
from .tls import BioRecorder, MonitoredStream, send_alert, tls_on
from .tls_session import TLSSession
from .tls_transport import TLSTransport

TLSStream: TypeAlias = TLSTransport | trio.SSLStream[MonitoredStream]


def transport_on(stream: trio.abc.Stream | Transport) -> Transport:
    """Return the transport over a stream; one that is a transport already stays as it is."""
    if _is_plain_socket(stream):
        return SocketTransport(stream.socket)
    return stream if isinstance(stream, Transport) else StreamTransport(stream)


def _is_plain_socket(stream: object) -> TypeGuard[trio.SocketStream]:
    return isinstance(stream, trio.SocketStream) and os.name == "posix"


def client_tls_on(
    stream: trio.abc.Stream, context: ssl.SSLContext, server_hostname: str
) -> TLSStream:
    """Return TLS of a client on a stream; to be followed by its handshake."""
    if _is_plain_socket(stream):
        session = TLSSession(context, server_hostname=server_hostname)
        return TLSTransport(SocketTransport(stream.socket), session)
    return tls_on(stream, context, server_hostname=server_hostname)


async def accept_tls(stream: trio.abc.Stream, context: ssl.SSLContext) -> TLSStream:
    """Shake hands with a client; tell one that cannot be served why not (RFC 8446 §6.2).

    Without the alert a client that lacks a certificate sees a connection that just ends,
    takes that for a passing trouble, and comes back for ever.

    Raises:
        trio.BrokenResourceError: the handshake failed; the cause is chained.
    """
    teller: TLSSession | BioRecorder
    secure: TLSStream
    if _is_plain_socket(stream):
        teller = TLSSession(context, server_side=True)
        secure = TLSTransport(SocketTransport(stream.socket), teller)
    else:
        teller = BioRecorder(context)
        secure = tls_on(stream, cast(ssl.SSLContext, teller), server_side=True)
    try:
        await secure.do_handshake()
    except trio.BrokenResourceError:
        if alert := teller.alert():
            await send_alert(stream, alert)  # noqa: ASYNC120 - bounded
        raise
    return secure
