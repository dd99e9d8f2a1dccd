"""Which TLS a stream gets.

On a plain socket it is ours (`tls_transport`), on any other stream Trio's (`tls`).
"""

from __future__ import annotations

import ssl
from typing import TypeAlias, cast

import trio

from .socket import is_plain_socket, socket_transport_on
from .tls import AlertRecorder, MonitoredStream, send_alert, tls_on
from .tls_session import TLSSession
from .tls_transport import TLSTransport

TLSStream: TypeAlias = TLSTransport | trio.SSLStream[MonitoredStream]


def client_tls_on(
    stream: trio.abc.Stream, context: ssl.SSLContext, server_hostname: str
) -> TLSStream:
    """Return TLS of a client on a stream; to be followed by its handshake."""
    if is_plain_socket(stream):
        session = TLSSession(context, server_hostname=server_hostname)
        return TLSTransport(socket_transport_on(stream), session)
    return tls_on(stream, context, server_hostname=server_hostname)


async def accept_tls(stream: trio.abc.Stream, context: ssl.SSLContext) -> TLSStream:
    """Shake hands with a client; tell one that cannot be served why not (RFC 8446 §6.2).

    Without the alert a client that lacks a certificate sees a connection that just ends,
    takes that for a passing trouble, and comes back for ever.

    Raises:
        trio.BrokenResourceError: the handshake failed; the cause is chained.
    """
    made: tuple[TLSStream, TLSSession | AlertRecorder]
    if is_plain_socket(stream):
        session = TLSSession(context, server_side=True)
        made = TLSTransport(socket_transport_on(stream), session), session
    else:
        recorder = AlertRecorder(context)
        made = tls_on(stream, cast(ssl.SSLContext, recorder), server_side=True), recorder
    secure, teller = made
    try:
        await secure.do_handshake()
    except trio.BrokenResourceError:
        if alert := teller.alert():
            await send_alert(stream, alert)  # noqa: ASYNC120 - bounded
        raise
    return secure
