"""The client's door: from a URL to an open connection.

    DNS and TCP ─▶ TLS, for wss ─▶ HTTP upgrade ─▶ WebSocket

One deadline lies over all of it, and whatever goes wrong on the way,
the stream is closed and one exception of ours says where it was and why;
what the network, OpenSSL or the peer had to say is chained to it.
"""

from __future__ import annotations

import errno
import itertools
import logging
import socket
import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypedDict, Unpack

import trio

from ._bare import leaves
from ._connection import WebSocket
from ._dial import open_tcp
from ._errors import HandshakeError, HandshakeTimeout, TLSError
from ._options import check_context
from ._policy import Heartbeat, HeartbeatOption, Limits, Policies, Timeouts
from ._sansio.client_handshake import ClientHandshake
from ._sansio.handshake import Opening
from ._scope import ConnectionScope
from ._tls import tls_on
from ._transport import Transport
from ._url import URL, parse_url
from ._values import Headers, HeaderSource

USER_AGENT = "trio_ws"

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

_logger = logging.getLogger("trio_ws.client")
_numbers = itertools.count(1)


class ClientOptions(TypedDict, total=False):
    """The options of `open_websocket`, as `open_websocket_on` takes them."""

    subprotocols: Sequence[str]
    headers: HeaderSource
    ssl_context: ssl.SSLContext | None
    heartbeat: HeartbeatOption
    timeouts: Timeouts
    limits: Limits
    origin: str | None
    user_agent: str | None


def open_websocket(
    url: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: HeaderSource = (),
    ssl_context: ssl.SSLContext | None = None,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
    origin: str | None = None,
    user_agent: str | None = USER_AGENT,
) -> AbstractAsyncContextManager[WebSocket]:
    """Connect to a WebSocket server for the length of a block (RFC 6455 §4.1)::

        async with open_websocket("wss://example.com/feed") as ws:
            async for message in ws:
                ...

    Cancelling while it connects closes whatever was opened.
    Leaving the block closes the connection, whatever the reason:
    normally with 1000, with an exception with 1011, when cancelled with 1001 and at once.
    When the connection is lost meanwhile, the block is cancelled and raises `ConnectionLost`.
    Exactly one exception leaves, and never in a group of our making.

    Args:
        url: ``ws://`` or ``wss://``; user and password in it become Basic authorization.
        subprotocols: offered to the server, in order of preference (RFC 6455 §1.9).
        headers: more headers of the request; they replace ones that we would send,
            but cannot be ones that make up the handshake.
        ssl_context: for ``wss`` only; by default the system's trusted certificates are asked.
        heartbeat: how the peer is kept an eye on; None: not at all.
        timeouts: `Timeouts.connect` bounds DNS, TCP, TLS and HTTP together.
        limits: how much of everything.
        origin: the ``Origin`` header; a browser sends one, others need not.
        user_agent: the ``User-Agent`` header; None: no such header.

    Raises:
        InvalidURL: the URL is no WebSocket URL.
        LocalProtocolError: a header or a subprotocol cannot be sent.
        ValueError, TypeError: another option makes no sense.
        HandshakeTimeout: it took longer than `Timeouts.connect`.
        Rejected: the server answered with another status than 101.
        InvalidHandshake: the server does not speak WebSocket properly.
        TLSError: TLS failed; an untrusted certificate, for instance.
        HandshakeError: no connection came about; the `OSError` is chained.
    """
    return _scope(
        None,
        url,
        subprotocols=subprotocols,
        headers=headers,
        ssl_context=ssl_context,
        heartbeat=heartbeat,
        timeouts=timeouts,
        limits=limits,
        origin=origin,
        user_agent=user_agent,
    )


def open_websocket_on(
    stream: trio.abc.Stream, url: str, **options: Unpack[ClientOptions]
) -> AbstractAsyncContextManager[WebSocket]:
    """As `open_websocket`, with its options, over a stream of your own: a tunnel, a pipe.

    The stream belongs to the connection from the beginning of the block on,
    and is closed with it, also when connecting fails.
    `url` fills in the request (host, target, authorization); nothing is looked up.
    For ``wss`` TLS is begun on the stream, unless it is a `trio.SSLStream` already.
    For a Unix socket, give ``await trio.open_unix_socket(path)``.
    """
    return _scope(stream, url, **options)


def _scope(
    stream: trio.abc.Stream | None,
    text: str,
    *,
    subprotocols: Sequence[str] = (),
    headers: HeaderSource = (),
    ssl_context: ssl.SSLContext | None = None,
    heartbeat: HeartbeatOption = Heartbeat(),
    timeouts: Timeouts = Timeouts(),
    limits: Limits = Limits(),
    origin: str | None = None,
    user_agent: str | None = USER_AGENT,
) -> AbstractAsyncContextManager[WebSocket]:
    url = parse_url(text)
    policies = Policies(heartbeat=heartbeat, timeouts=timeouts, limits=limits)
    check_context(ssl_context, server=False)
    if ssl_context is not None and not url.tls:
        raise ValueError(f"an ssl_context is for wss://, and of no use for {url}")
    handshake = ClientHandshake(
        url,
        subprotocols=subprotocols,
        headers=_checked(headers),
        origin=origin,
        user_agent=user_agent,
        limits=limits,
    )
    dialler = _Dialler(url, handshake, policies, ssl_context, stream)
    return ConnectionScope(dialler.connect)


def _checked(source: HeaderSource) -> Headers:
    """The headers that were given, if that is what they are; values may be secret."""
    with suppress(TypeError, ValueError):
        headers = Headers(source)
        if all(isinstance(part, str) for line in headers.items_all() for part in line):
            return headers
    raise TypeError("headers must be a mapping of str to str, or pairs of them")


class _Dialler:
    """One attempt: who to call, how far it has got, and what goes wrong."""

    def __init__(
        self,
        url: URL,
        handshake: ClientHandshake,
        policies: Policies,
        ssl_context: ssl.SSLContext | None,
        stream: trio.abc.Stream | None,
    ) -> None:
        self._url = url
        self._handshake = handshake
        self._policies = policies
        self._ssl_context = ssl_context
        self._stream = stream
        self._stage = "connecting"
        self._ident = ""
        self._time = trio.CancelScope()
        self._impatient = False

    async def connect(self) -> WebSocket:
        """Go through all stages under one deadline; leave no stream open on failure."""
        self._ident = f"client-{next(_numbers)}"
        self._log("connecting to %s", self._url)
        try:
            with trio.move_on_after(self._policies.timeouts.connect) as self._time:
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
                self._stream = await self._secure(self._stream)
            opening = await self._upgrade(Transport(self._stream))
        except BaseException:
            if self._stream is not None:
                await trio.aclose_forcefully(self._stream)
            raise
        self._log("open, subprotocol %s", opening.subprotocol)
        return WebSocket(
            self._stream, opening, client=True, policies=self._policies, ident=self._ident
        )

    async def _dial(self) -> trio.abc.Stream:
        self._stage = "looking up the host and connecting over TCP"
        try:
            return await open_tcp(self._url.host, self._url.port)
        except OSError as exc:
            causes = list(leaves(exc.__cause__ or exc))
            cause = causes[0] if len(causes) == 1 else exc
            raise self._failure(f"{cause}", is_transient(exc)) from cause

    async def _secure(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        self._stage = "making the connection secure with TLS"
        context = self._ssl_context or ssl.create_default_context()
        secure = tls_on(stream, context, server_hostname=self._url.server_name)
        try:
            await secure.do_handshake()
        except trio.BrokenResourceError as exc:
            cause = exc.__cause__ or exc
            if not isinstance(cause, ssl.SSLError | ssl.CertificateError):
                raise self._failure(f"TLS broke off: {cause}", transient=True) from cause
            raise self._no_tls(cause) from cause
        return secure

    async def _upgrade(self, transport: Transport) -> Opening:
        self._stage = "waiting for the answer to the HTTP upgrade"
        handshake = self._handshake
        try:
            await transport.send_all(handshake.request_bytes())
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
            f"no WebSocket to {self._url} within {self._policies.timeouts.connect:g} s: "
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
            f"no TLS with {self._url}: {cause}",
            request=self._handshake.request,
            transient=isinstance(cause, ssl.SSLEOFError),
        )

    def _log(self, message: str, *args: object) -> None:
        _logger.debug(f"[%s] {message}", self._ident, *args)  # noqa: G004


def is_alert(error: BaseException) -> bool:
    """Whether the peer said that it does not want TLS with us, as it may after our handshake."""
    return isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")


def is_transient(error: OSError) -> bool | None:
    """Whether connecting may work later; None for a name that is not known (yet, or at all)."""
    errors = list(leaves(error.__cause__ or error))
    if any(isinstance(e, socket.gaierror) and e.errno != socket.EAI_AGAIN for e in errors):
        return None
    codes = TRANSIENT | {socket.EAI_AGAIN}
    return any(isinstance(e, OSError) and e.errno in codes for e in errors)
