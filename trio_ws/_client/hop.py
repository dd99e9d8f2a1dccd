"""One URL of an attempt: from there to an open connection, or to a redirect.

    the way to it ─▶ TLS, for wss ─▶ HTTP upgrade ─▶ an opening
    (`dialling`)

Whatever goes wrong, the stream is closed and one exception of ours says where it was and why;
what the network, OpenSSL or the peer had to say is chained to it.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

import trio

from .._errors import HandshakeError, HandshakeTimeout, ProxyError, Rejected, TLSError
from .._handshake.client import ClientHandshake
from .._handshake.opening import Opening, make_key
from .._handshake.redirects import Trail
from .._http import Headers
from .._transport.adapter import transport_on
from .._transport.address_order import current_address_order
from .._transport.base import Transport
from .._transport.entropy import own_entropy
from .dialling import Dialler
from .options import ClientConfig
from .securing import shake_hands, with_tls
from .verdicts import is_alert, is_transient_in_tls

REJECTION_PATIENCE = 1.0
"""Seconds that we wait for the body of a rejection; its status is known already."""


class Opened(NamedTuple):
    """A stream that speaks WebSocket from here on, and what was agreed on."""

    stream: trio.abc.Stream
    opening: Opening


class Hop:
    """One URL: who to call, how far it has got, and what goes wrong."""

    def __init__(
        self,
        trail: Trail,
        config: ClientConfig,
        headers: Headers,
        stream: trio.abc.Stream | None = None,
    ) -> None:
        self._url = trail.url
        self._trail = trail
        self._config = config
        self._stream = stream
        self._stage = ""
        self._handshake = ClientHandshake(
            trail.url,
            subprotocols=config.subprotocols,
            extensions=config.all_extensions,
            headers=headers,
            origin=config.origin,
            user_agent=config.user_agent,
            limits=config.limits,
            came_by=trail.came_by,
        )
        self._dialler = Dialler(
            trail.url, config, self._handshake.request, connect_to=not trail.begun
        )

    async def open(self) -> Opened:
        """Go through all stages; leave no stream open on failure."""
        try:
            if self._stream is None:
                self._stream = await self._dialler.dial()
            self._stream = await self._secured(self._stream)
            opening = await self._upgrade(transport_on(self._stream))
        except BaseException:
            if self._stream is not None:
                await trio.aclose_forcefully(self._stream)
            raise
        if reached := self._dialler.reached:
            current_address_order().worked(reached.host, reached.port, reached.address)
        return Opened(self._stream, opening)

    def timeout(self) -> HandshakeError:
        """Return what the deadline means: a rejection with half a body is still a rejection."""
        seconds = self._config.timeouts.connect
        return (
            self._handshake.rejection()
            or self._dialler.refusal()
            or HandshakeTimeout(
                f"no WebSocket to {self._url} within {seconds:g} s: "
                f"still {self._stage or self._dialler.stage}{self._came_by()}",
                request=self._handshake.request,
                transient=True,
            )
        )

    def _came_by(self) -> str:
        """Tell of what was on the way."""
        proxy = self._dialler.proxy
        by = f", through the proxy {proxy}" if proxy is not None and self._stage else ""
        return by + (f", redirected from {self._trail.first}" if self._trail.begun else "")

    def failed(self, failure: HandshakeError) -> None:
        """Remember an address that is no good, so that another is tried the next time.

        A refusal that is about us says nothing of it,
        and what the server behind a proxy does says nothing of the proxy's.
        """
        reached = self._dialler.reached
        about_us = isinstance(failure, Rejected) and failure.response.status < 500
        through = self._dialler.proxy is not None and self._stage
        behind = through and not isinstance(failure, ProxyError)
        if reached is not None and not about_us and not behind:
            now = trio.current_time()
            current_address_order().failed(reached.host, reached.port, reached.address, now)

    # TLS

    async def _secured(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        """Begin TLS where it is wanted; on a stream of TLS that has begun this does nothing."""
        if isinstance(stream, trio.SSLStream):
            await self._shake_hands(stream)
        elif self._url.tls:
            self._stage = "reading the certificates that the system trusts"
            stream = await with_tls(stream, self._context, self._url.server_name)
            await self._shake_hands(stream)
        return stream

    async def _context(self) -> ssl.SSLContext:
        """Return the context for TLS.

        One that was given may hold a certificate of ours, so another origin does not get it.
        """
        given = None if self._trail.strange else self._config.ssl_context
        return given or await self._dialler.default_context()

    async def _shake_hands(self, stream: trio.abc.Stream) -> None:
        self._stage = "making the connection secure with TLS"
        if failure := await shake_hands(stream):
            cause, transient = failure.cause, failure.transient
            if failure.broke or (self._dialler.proxy and transient and not is_alert(cause)):
                why = f"TLS broke off: {cause}" if transient else f"{cause}"
                raise self._failure(why, transient) from cause
            raise self._no_tls(cause) from cause

    # HTTP

    async def _upgrade(self, transport: Transport) -> Opening:
        self._stage = "waiting for the answer to the HTTP upgrade"
        handshake = self._handshake
        try:
            source = own_entropy(self._stream)
            key = make_key(source) if source is not None else None
            await transport.send_all(handshake.request_bytes(key))
            while (opening := handshake.feed(await transport.receive_some())) is None:
                if handshake.rejected:
                    await self._hear_out(transport)
            return opening
        except HandshakeError as exc:
            if type(exc) is HandshakeError and self._dialler.proxy:  # it ended on the way
                raise self._failure("it ended before the server answered", exc.transient) from exc
            raise
        except trio.BrokenResourceError as exc:
            cause = exc.__cause__ or exc
            failure = handshake.rejection() or self._broken_off(cause)
            raise failure from cause

    async def _hear_out(self, transport: Transport) -> None:
        """Read the body of a rejection, for a moment, and raise it; of a redirect, do not wait."""
        rejection = self._handshake.rejection()
        assert rejection is not None
        if self._trail.is_followed(rejection.response):
            raise rejection
        with trio.move_on_after(REJECTION_PATIENCE):
            while True:
                self._handshake.feed(await transport.receive_some())
        raise self._handshake.rejection() or rejection

    # What went wrong

    def _failure(self, why: str, transient: bool | None) -> HandshakeError:
        return self._dialler.failure(why, transient=transient)

    def _broken_off(self, cause: BaseException) -> HandshakeError:
        return self._no_tls(cause) if is_alert(cause) else self._failure(f"{cause}", transient=True)

    def _no_tls(self, cause: BaseException) -> TLSError:
        hint = _hint(cause)
        if self._trail.strange and self._config.ssl_context is not None:
            hint += f"; the ssl_context that was given is for {self._trail.first} only"
        return TLSError(
            f"no TLS with {self._url}: {cause}{hint}",
            request=self._handshake.request,
            transient=is_transient_in_tls(cause),
        )


def _hint(cause: BaseException) -> str:
    """Say what OpenSSL means when it takes the first bytes of HTTP for a version of TLS."""
    if isinstance(cause, ssl.SSLError) and (getattr(cause, "reason", "") or "") in _NO_TLS_REASONS:
        return "; the server does not speak TLS here: for plain HTTP the URL begins with ws://"
    return ""


_NO_TLS_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}
)
"""How OpenSSL calls bytes that are no TLS, in its several versions."""
