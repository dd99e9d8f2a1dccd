"""Who plays the servers of a network: handlers of ours, or scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NoReturn, TypeAlias

import trio

from .._concurrency.body import call_unprotected
from .._options import config_from
from .._policies import FOREVER
from .._server.options import ServerConfig, ServerOptions
from .._server.router import Router
from .._server.server import Server
from .._validation import check_callable
from ._dialling import Exchange
from ._hosts import Host
from ._listener import MemoryListener, Security
from ._script import ScriptedPeer
from ._site import Handler, Site
from ._stream import MemoryStream
from ._where import Place

Script: TypeAlias = Callable[[ScriptedPeer], Awaitable[object]]


class Cast:
    """The servers and the scripts of one network.

    Attributes:
        peers: the scripts that were played.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.peers: list[ScriptedPeer] = []
        self._exchange = exchange
        self._sites: dict[tuple[str, int], Site] = {}

    @property
    def sites(self) -> list[Site]:
        """Return all servers."""
        return list(self._sites.values())

    @property
    def busy(self) -> bool:
        """Return True if a handler runs."""
        return any(site.running for site in self.sites)

    def sites_on(self, host: Host) -> Iterator[Site]:
        """Yield the servers that run on a host."""
        for (name, _), site in self._sites.items():
            if self._exchange.hosts.find(name) is host:
                yield site

    async def serve(
        self, nursery: trio.Nursery, place: Place, handler: Handler, options: ServerOptions
    ) -> Server:
        """Let a handler serve a URL; see `MemoryNetwork.serve`."""
        if isinstance(handler, Router):
            raise TypeError(
                "handler must be a function, not a Router: serve a Router as your program does, "
                f"in “with network.on({place.host!r}):”, by serve_websocket"
            )
        check_callable("handler", handler)
        config_from(ServerConfig, options, "serve")  # so that it fails here, and by this name
        where = place.host, place.port
        if (site := self._sites.get(where)) is not None and not site.ended:
            if options:
                raise ValueError(
                    f"port {place.port} of {place.host} has a server: "
                    "give its options with the first of its URLs"
                )
            site.add(place.path, place.url, handler)
            return await site.wait_server()
        real_tls = options.get("ssl_context") is not None
        listener = self.listen(place, real_tls=real_tls)
        again = partial(self.listen, place, real_tls=real_tls)
        site = Site(listener, again, options, self._exchange.tell_of_change)
        site.add(place.path, place.url, handler)
        try:
            await nursery.start(site.run)
        except BaseException:
            # Shielded: its own cancellation would take the place of what is on its way.
            with trio.CancelScope(shield=True, deadline=-FOREVER):
                await listener.aclose()
            raise
        self._sites[where] = site
        return await site.wait_server()

    def listen(self, place: Place, *, real_tls: bool = False) -> MemoryListener:
        """Listen where a URL leads.

        Raises:
            ValueError: another server does already.
        """
        security: Security = "none" if not place.tls else "real" if real_tls else "stand-in"
        try:
            return self._exchange.listen(place.host, place.port, security)
        except OSError:
            raise ValueError(
                f"{place.url} cannot be served: port {place.port} of {place.host} has a server; "
                "one URL has one server, and a script has its port for itself"
            ) from None

    async def play_all(self, listener: MemoryListener, place: Place, script: Script) -> NoReturn:
        """Play a script with each connection that `listener` accepts."""
        async with trio.open_nursery() as nursery, listener:
            while True:
                stream = await listener.accept()
                nursery.start_soon(self._play, self.cast(stream, place, client=False), script)

    async def _play(self, peer: ScriptedPeer, script: Script) -> None:
        await call_unprotected("a script", script, peer)
        # If the script fails that is to be seen first, and not what the end of the stream causes.
        await peer.aclose()

    def cast(self, stream: MemoryStream, place: Place, *, client: bool) -> ScriptedPeer:
        """Return a peer for a script to play."""
        peer = ScriptedPeer(stream, client=client, name=place.url)
        self.peers.append(peer)
        return peer
