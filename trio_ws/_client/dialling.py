"""The way to one URL: directly, to another address that was given, or through a proxy.

============================  ==============================================================
``connect_to``                where it says; the environment's proxies are not asked
``connect_to`` and a proxy    through that proxy, to where it says
a proxy, of the environment   through it; the server's name is looked up there, if it does that
otherwise                     to the host of the URL
============================  ==============================================================

A simulated network (`MemoryNetwork`) has no environment: a proxy in it has to be given.
Whatever goes wrong at the proxy, or on the way to it, is a `ProxyError`.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

import trio

from .._concurrency.exceptions import iter_leaves
from .._errors import HandshakeError, ProxyError
from .._handshake.proxy_connect import ProxyHandshake
from .._http import Request
from .._proxy_url import ProxyURL, parse_proxy
from .._text import printable
from .._transport.adapter import transport_on
from .._transport.addresses import remote_address
from .._transport.base import Transport
from .._transport.default_context import default_context
from .._transport.network import TCPNetwork, current_network
from .._transport.tunnel import TunnelStream
from .._url import URL, authority_of
from .environment import proxy_from_environment
from .options import ClientConfig
from .securing import shake_hands, with_tls_to_proxy
from .socks import ask_socks_proxy
from .verdicts import is_transient

REFUSAL_PATIENCE = 1.0
"""Seconds that we wait for the body of a refusal; its status is known already."""


class Reached(NamedTuple):
    """Whom a stream was opened to, over TCP: what the order of addresses is told."""

    host: str
    port: int
    address: str


class Dialler:
    """Opens the stream to one URL.

    Attributes:
        stage: what it waits for.
        proxy: the one on the way, once that is known; None: there is none.
        reached: the TCP connection that has come about; None: there is none.
    """

    def __init__(
        self, url: URL, config: ClientConfig, request: Request, *, connect_to: bool
    ) -> None:
        self._url = url
        self._config = config
        self._request = request
        self._place = config.place if connect_to else None
        self._asking: ProxyHandshake | None = None
        self.stage = "connecting"
        self.proxy: ProxyURL | None = None
        self.reached: Reached | None = None

    async def dial(self) -> trio.abc.Stream:
        """Open the stream; leave none open on failure.

        Raises:
            HandshakeError: it cannot be connected to; the `OSError` is chained.
            ProxyError: the way through the proxy failed.
        """
        if isinstance(self._place, str):
            return await self._connect_unix(self._place)
        self.proxy = await self.choose_proxy()
        host, port = self._place or (self._url.host, self._url.port)
        if self.proxy is None:
            self.stage = "looking up the host and connecting over TCP"
            return await self._connect(host, port)
        self.stage = f"connecting to the proxy {self.proxy}"
        stream = await self._connect(self.proxy.host, self.proxy.port)
        try:
            return await self._ask(stream, self.proxy, host, port)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise

    def refusal(self) -> ProxyError | None:
        """Return what a proxy has refused with, as far as it has come; None if it has not."""
        return self._asking.refusal() if self._asking else None

    def failure(self, why: str, *, transient: bool | None) -> HandshakeError:
        """Return an error that names the URL, and the proxy if there is one."""
        kind, way = HandshakeError, ""
        if self.proxy is not None:
            kind, way = ProxyError, f" through the proxy {self.proxy}"
        elif self._place is not None:
            way = f" at {_shown(self._place)}"
        text = f"no connection to {self._url}{way}: {why}"
        return kind(text, request=self._request, transient=transient)

    async def default_context(self) -> ssl.SSLContext:
        """Return the context that trusts what the system trusts.

        Raises:
            HandshakeError: the certificates cannot be read now.
        """
        try:
            return await default_context()
        except OSError as exc:
            why = f"the certificates that the system trusts cannot be read: {exc}"
            raise self.failure(why, transient=is_transient(exc)) from exc

    async def choose_proxy(self) -> ProxyURL | None:
        """Return the proxy that is to be asked, or None.

        Raises:
            ProxyError: what the environment names is no proxy.
        """
        if isinstance(self._config.proxy, str):
            return parse_proxy(self._config.proxy)
        real = isinstance(current_network(), TCPNetwork)
        if self._config.proxy is None or self._place is not None or not real:
            return None
        self.stage = "reading which proxy the environment names"
        return await proxy_from_environment(self._url, self._request)

    async def _connect(self, host: str, port: int) -> trio.abc.Stream:
        try:
            stream = await current_network().connect(host, port)
        except OSError as exc:
            causes = list(iter_leaves(exc.__cause__ or exc))
            cause = causes[0] if len(causes) == 1 else exc
            raise self.failure(f"{cause}", transient=is_transient(exc)) from cause
        if (address := _ip_address(stream)) is not None:
            self.reached = Reached(host, port, address)
        return stream

    async def _connect_unix(self, path: str) -> trio.abc.Stream:
        self.stage = "connecting to the Unix socket"
        try:
            return await trio.open_unix_socket(path)
        except OSError as exc:
            raise self.failure(f"{exc}", transient=is_transient(exc)) from exc
        except RuntimeError as exc:  # this system has none
            raise self.failure(f"{exc}", transient=False) from exc

    # Through a proxy

    async def _ask(
        self, stream: trio.abc.Stream, proxy: ProxyURL, host: str, port: int
    ) -> trio.abc.Stream:
        if proxy.is_socks:
            self.stage = f"waiting for the proxy {proxy} to connect"
            await ask_socks_proxy(stream, proxy, host, port, self._request)
            return stream
        if proxy.scheme == "https":
            stream = TunnelStream(await self._secure(stream, proxy))
        await self._ask_for_tunnel(stream, proxy, host, port)
        return stream

    async def _secure(self, stream: trio.abc.Stream, proxy: ProxyURL) -> trio.abc.Stream:
        self.stage = f"making the connection to the proxy {proxy} secure with TLS"
        secure = await with_tls_to_proxy(stream, self.default_context, proxy.server_name)
        if failure := await shake_hands(secure):
            why = f"no TLS with the proxy: {failure.cause}"
            raise self.failure(why, transient=failure.transient) from failure.cause
        return secure

    async def _ask_for_tunnel(
        self, stream: trio.abc.Stream, proxy: ProxyURL, host: str, port: int
    ) -> None:
        self.stage = f"waiting for the answer of the proxy {proxy}"
        config = self._config
        self._asking = asking = ProxyHandshake(
            proxy,
            authority_of(host, port),
            limits=config.limits,
            user_agent=config.user_agent,
            request=self._request,
        )
        transport = transport_on(stream)
        try:
            await transport.send_all(asking.request_bytes)
            while not asking.feed(await transport.receive_some()):
                if asking.refused:
                    await _hear_out(asking, transport)
        except trio.BrokenResourceError as exc:
            cause = exc.__cause__ or exc
            failure = asking.refusal() or self.failure(printable(f"{cause}"), transient=True)
            raise failure from cause


async def _hear_out(asking: ProxyHandshake, transport: Transport) -> None:
    """Read the body of a refusal, for a moment, and raise it."""
    with trio.move_on_after(REFUSAL_PATIENCE):
        while True:
            asking.feed(await transport.receive_some())
    refusal = asking.refusal()
    assert refusal is not None
    raise refusal


def _shown(place: tuple[str, int] | str) -> str:
    if isinstance(place, str):
        return f"the Unix socket {printable(place)}"
    return authority_of(*place)


def _ip_address(stream: trio.abc.Stream) -> str | None:
    """Return the IP address that a stream leads to; None if it is no TCP connection."""
    match remote_address(stream):
        case (str() as address, int(), *_):
            return address
    return None
