"""The client's door: from a URL to an open connection.

    DNS and TCP ─▶ TLS, for wss ─▶ HTTP upgrade ─▶ WebSocket

One deadline lies over all of it, and whatever goes wrong on the way,
the stream is closed and one exception of ours says where it was and why;
what the network, OpenSSL or the peer had to say is chained to it.
"""

from __future__ import annotations

import itertools
import ssl
from typing import Any

import trio

from .._concurrency.exceptions import iter_leaves
from .._connection.websocket import WebSocket
from .._errors import HandshakeError, HandshakeTimeout, Rejected, TLSError
from .._handshake.client import ClientHandshake
from .._handshake.opening import Opening, make_key
from .._log import Log
from .._transport.adapter import transport_on
from .._transport.address_order import current_address_order
from .._transport.addresses import remote_address
from .._transport.base import Transport
from .._transport.default_context import default_context
from .._transport.entropy import own_entropy
from .._transport.network import current_network
from .._transport.tls import MonitoredStream, TLSStandIn, tls_on
from .._url import URL
from .options import ClientConfig
from .verdicts import is_alert, is_transient, is_transient_in_tls

REJECTION_PATIENCE = 1.0
"""Seconds that we wait for the body of a rejection; its status is known already."""

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
            extensions=config.all_extensions,
            headers=config.headers,
            origin=config.origin,
            user_agent=config.user_agent,
            limits=config.limits,
        )
        self._stage = "connecting"
        self._name = ""
        self._time = trio.CancelScope()
        self._impatient = False
        self._address: str | None = None

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
            self._config.observers.tell("connection_failed", exc)
            self._try_another_address_next_time(exc)
            raise

    async def _connect(self) -> WebSocket:
        try:
            if self._stream is None:
                self._stream = await self._dial()
                self._address = _ip_address(self._stream)
            self._stream = await self._secured(self._stream)
            opening = await self._upgrade(transport_on(self._stream))
        except BaseException:
            if self._stream is not None:
                await trio.aclose_forcefully(self._stream)
            raise
        self._log("open, subprotocol %s", opening.subprotocol)
        if self._address is not None:
            current_address_order().worked(self._url.host, self._url.port, self._address)
        return WebSocket(self._stream, opening, client=True, options=self._config, name=self._name)

    def _try_another_address_next_time(self, failure: HandshakeError) -> None:
        """Remember an address that is no good; a refusal that is about us says nothing of it."""
        about_us = isinstance(failure, Rejected) and failure.response.status < 500
        if self._address is not None and not about_us:
            url, now = self._url, trio.current_time()
            current_address_order().failed(url.host, url.port, self._address, now)

    async def _dial(self) -> trio.abc.Stream:
        self._stage = "looking up the host and connecting over TCP"
        try:
            return await current_network().connect(self._url.host, self._url.port)
        except OSError as exc:
            causes = list(iter_leaves(exc.__cause__ or exc))
            cause = causes[0] if len(causes) == 1 else exc
            raise self._failure(f"{cause}", is_transient(exc)) from cause

    async def _secured(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        """Begin TLS where it is wanted; on a stream of TLS that has begun this does nothing."""
        if isinstance(stream, trio.SSLStream):
            await self._shake_hands(stream)
        elif self._url.tls:
            standing_in = isinstance(stream, TLSStandIn) and stream.expects_tls
            stream = stream if standing_in else await self._tls_on(stream)
            await self._shake_hands(stream)
        return stream

    async def _tls_on(self, stream: trio.abc.Stream) -> trio.SSLStream[MonitoredStream]:
        self._stage = "reading the certificates that the system trusts"
        try:
            context = self._config.ssl_context or await default_context()
        except OSError as exc:
            why = f"the certificates that the system trusts cannot be read: {exc}"
            raise self._failure(why, is_transient(exc)) from exc
        return tls_on(stream, context, server_hostname=self._url.server_name)

    async def _shake_hands(self, stream: Any) -> None:
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
        """Raise what the deadline means: a rejection with half a body is still a rejection."""
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
            transient=is_transient_in_tls(cause),
        )

    def _log(self, message: str, *args: object) -> None:
        _log.debug(f"[%s] {message}", self._name, *args)


def _ip_address(stream: trio.abc.Stream) -> str | None:
    """Return the IP address that a stream leads to; None if it is no TCP connection."""
    match remote_address(stream):
        case (str() as address, int(), *_):
            return address
    return None


def _hint(cause: BaseException) -> str:
    """Say what OpenSSL means when it takes the first bytes of HTTP for a version of TLS."""
    if isinstance(cause, ssl.SSLError) and _reason_of(cause) in _NO_TLS_REASONS:
        return "; the server does not speak TLS here: for plain HTTP the URL begins with ws://"
    return ""


def _reason_of(error: ssl.SSLError) -> str:
    """Return OpenSSL's own word for an error; one that was made by Python has none."""
    return getattr(error, "reason", None) or ""


_NO_TLS_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}
)
"""How OpenSSL calls bytes that are no TLS, in its several versions."""
