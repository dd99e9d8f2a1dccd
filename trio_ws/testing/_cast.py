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
from .._server.router import Router, selector_for
from .._server.selection import FixedHandler, Handler, HandlerSelector
from .._server.server import Server
from ._dialling import Exchange
from ._hosts import Host
from ._listener import MemoryListener, Security
from ._script import ScriptedPeer
from ._site import Site
from ._stream import MemoryStream
from ._where import Place

Script: TypeAlias = Callable[[ScriptedPeer], Awaitable[object]]


class Cast:
    """The servers and the scripts of one network.

    Attributes:
        peers: the scripts that were played.
        unplayed: the URLs of the scripts that were not.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.peers: list[ScriptedPeer] = []
        self.unplayed: dict[str, None] = {}
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
        self,
        nursery: trio.Nursery,
        place: Place,
        handler: Handler | Router,
        options: ServerOptions,
    ) -> Server:
        """Let a handler serve a URL; see `MemoryNetwork.serve`."""
        selector = selector_for(handler)
        routes = not isinstance(selector, FixedHandler)
        if routes and place.path != "/":
            raise ValueError(
                f"the URL of a router must have no path, not {place.path!r}: "
                "its routes are the paths"
            )
        config_from(ServerConfig, options, "serve")  # so that it fails here, and by this name
        where = place.host, place.port
        if (site := self._sites.get(where)) is not None and not site.ended:
            if options or routes:
                raise ValueError(
                    f"port {place.port} of {place.host} has a server: "
                    "give its options, or its router, with the first of its URLs"
                )
            site.add(place.path, place.url, selector)
            return await site.wait_server()
        site = self._sites[where] = await self._begin(nursery, place, selector, options)
        return await site.wait_server()

    async def _begin(
        self,
        nursery: trio.Nursery,
        place: Place,
        selector: HandlerSelector,
        options: ServerOptions,
    ) -> Site:
        real_tls = options.get("ssl_context") is not None
        listener = self.listen(place, real_tls=real_tls)
        again = partial(self.listen, place, real_tls=real_tls)
        site = Site(listener, again, options, self._exchange.tell_of_change)
        site.add(place.path, place.url, selector)
        try:
            await nursery.start(site.run)
        except BaseException:
            # Shielded: its own cancellation would take the place of what is on its way.
            with trio.CancelScope(shield=True, deadline=-FOREVER):
                await listener.aclose()
            raise
        return site

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

    def play(
        self, nursery: trio.Nursery, listener: MemoryListener, place: Place, script: Script
    ) -> None:
        """Let a script be played with each connection that `listener` accepts."""
        self.unplayed[place.url] = None
        nursery.start_soon(self._play_all, listener, place, script)

    async def _play_all(self, listener: MemoryListener, place: Place, script: Script) -> NoReturn:
        async with trio.open_nursery() as nursery, listener:
            while True:
                stream = await listener.accept()
                self.unplayed.pop(place.url, None)
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
