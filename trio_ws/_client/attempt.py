"""The client's door: from a URL to an open connection.

    DNS and TCP ─▶ TLS, for wss ─▶ HTTP upgrade ─▶ WebSocket

One deadline lies over all of it, and whatever goes wrong on the way,
the stream is closed and one exception of ours says where it was and why;
what the network, OpenSSL or the peer had to say is chained to it.
"""

from __future__ import annotations

import errno
import itertools
import socket
import ssl
from typing import Any

import trio

from .._concurrency.exceptions import iter_leaves
from .._connection.websocket import WebSocket
from .._errors import HandshakeError, HandshakeTimeout, TLSError
from .._handshake.client import ClientHandshake
from .._handshake.opening import Opening, make_key
from .._log import Log
from .._transport.adapter import transport_on
from .._transport.base import Transport
from .._transport.default_context import default_context
from .._transport.entropy import own_entropy
from .._transport.network import current_network
from .._transport.tls import MonitoredStream, TLSStandIn, tls_on
from .._url import URL
from .options import ClientConfig

REJECTION_PATIENCE = 1.0
"""Seconds that we wait for the body of a rejection; its status is known already."""

TRANSIENT = frozenset(
    {
        errno.EADDRNOTAVAIL,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EPIPE,
        errno.ETIMEDOUT,
    }
)
"""What may be otherwise in a minute."""

_log = Log("trio_ws.client")
_numbers = itertools.count(1)


class ConnectAttempt:
    """One attempt: who to call, how far it has got, and what goes wrong."""

    def __init__(
        self,
        url: URL,
        config: ClientConfig,
        stream: trio.abc.Stream | None = None,
    ) -> None:
        self._url = url
        self._config = config
        self._stream = stream
        self._handshake = ClientHandshake(
            url,
            subprotocols=config.subprotocols,
            headers=config.headers,
            origin=config.origin,
            user_agent=config.user_agent,
            limits=config.limits,
        )
        self._stage = "connecting"
        self._name = ""
        self._time = trio.CancelScope()
        self._impatient = False

    async def connect(self) -> WebSocket:
        """Go through all stages under one deadline; leave no stream open on failure."""
        self._name = f"client-{next(_numbers)}"
        self._log("connecting to %s", self._url)
        try:
            with trio.move_on_after(self._config.timeouts.connect) as self._time:
                return await self._connect()
            raise self._timeout()
        except HandshakeError as exc:
            self._log("failed: %s", exc)
            raise

    async def _connect(self) -> WebSocket:
        try:
            if self._stream is None:
                self._stream = await self._dial()
            if self._url.tls and not isinstance(self._stream, trio.SSLStream):
                self._stream = await self._tls_on(self._stream)
            if isinstance(self._stream, trio.SSLStream) or (
                isinstance(self._stream, TLSStandIn) and self._url.tls
            ):
                await self._shake_hands(self._stream)
            opening = await self._upgrade(transport_on(self._stream))
        except BaseException:
            if self._stream is not None:
                await trio.aclose_forcefully(self._stream)
            raise
        self._log("open, subprotocol %s", opening.subprotocol)
        return WebSocket(self._stream, opening, client=True, options=self._config, name=self._name)

    async def _dial(self) -> trio.abc.Stream:
        self._stage = "looking up the host and connecting over TCP"
        try:
            return await current_network().connect(self._url.host, self._url.port)
        except OSError as exc:
            causes = list(iter_leaves(exc.__cause__ or exc))
            cause = causes[0] if len(causes) == 1 else exc
            raise self._failure(f"{cause}", is_transient(exc)) from cause

    async def _tls_on(
        self, stream: trio.abc.Stream
    ) -> trio.SSLStream[MonitoredStream] | TLSStandIn:
        if isinstance(stream, TLSStandIn) and stream.expects_tls:
            return stream
        self._stage = "reading the certificates that the system trusts"
        context = self._config.ssl_context or await default_context()
        return tls_on(stream, context, server_hostname=self._url.server_name)

    async def _shake_hands(self, stream: trio.SSLStream[Any] | TLSStandIn) -> None:
        """Begin TLS, which does nothing on a stream that has begun."""
        self._stage = "making the connection secure with TLS"
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as exc:
            cause = exc.__cause__ or exc
            if not isinstance(cause, ssl.SSLError | ssl.CertificateError):
                raise self._failure(f"TLS broke off: {cause}", transient=True) from cause
            raise self._no_tls(cause) from cause
        except trio.ClosedResourceError as exc:
            raise self._failure(f"{exc}", transient=None) from exc

    async def _upgrade(self, transport: Transport) -> Opening:
        self._stage = "waiting for the answer to the HTTP upgrade"
        handshake = self._handshake
        try:
            source = own_entropy(self._stream)
            key = make_key(source) if source is not None else None
            await transport.send_all(handshake.request_bytes(key))
            while (opening := handshake.feed(await transport.receive_some())) is None:
                if handshake.rejected:
                    self._lose_patience()
            return opening
        except trio.BrokenResourceError as exc:
            cause = exc.__cause__ or exc
            failure = handshake.rejection() or self._broken_off(cause)
            raise failure from cause

    def _lose_patience(self) -> None:
        """Wait for the rest of a rejection, but not much longer."""
        if not self._impatient:
            self._impatient = True
            soon = trio.current_time() + REJECTION_PATIENCE
            self._time.deadline = min(self._time.deadline, soon)

    def _timeout(self) -> HandshakeError:
        """What the deadline means: a rejection with half a body is still a rejection."""
        return self._handshake.rejection() or HandshakeTimeout(
            f"no WebSocket to {self._url} within {self._config.timeouts.connect:g} s: "
            f"still {self._stage}",
            request=self._handshake.request,
            transient=True,
        )

    def _failure(self, why: str, transient: bool | None) -> HandshakeError:
        return HandshakeError(
            f"no connection to {self._url}: {why}",
            request=self._handshake.request,
            transient=transient,
        )

    def _broken_off(self, cause: BaseException) -> HandshakeError:
        return self._no_tls(cause) if is_alert(cause) else self._failure(f"{cause}", transient=True)

    def _no_tls(self, cause: BaseException) -> TLSError:
        return TLSError(
            f"no TLS with {self._url}: {cause}{_hint(cause)}",
            request=self._handshake.request,
            transient=isinstance(cause, ssl.SSLEOFError),
        )

    def _log(self, message: str, *args: object) -> None:
        _log.debug(f"[%s] {message}", self._name, *args)


def _hint(cause: BaseException) -> str:
    """Say what OpenSSL means when it takes the first bytes of HTTP for a version of TLS."""
    if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", "") in _NO_TLS_REASONS:
        return "; the server does not speak TLS here: for plain HTTP the URL begins with ws://"
    return ""


_NO_TLS_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}
)
"""How OpenSSL calls bytes that are no TLS, in its several versions."""


def is_alert(error: BaseException) -> bool:
    """Whether the peer said that it does not want TLS with us, as it may after our handshake."""
    return isinstance(error, ssl.SSLError) and "ALERT" in (getattr(error, "reason", "") or "")


def is_transient(error: OSError) -> bool | None:
    """Whether connecting may work later; None for a name that is not known (yet, or at all)."""
    errors = list(iter_leaves(error.__cause__ or error))
    if any(isinstance(e, socket.gaierror) and e.errno != socket.EAI_AGAIN for e in errors):
        return None
    codes = TRANSIENT | {socket.EAI_AGAIN}
    return any(isinstance(e, OSError) and e.errno in codes for e in errors)
