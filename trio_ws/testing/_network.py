"""A network in memory and in virtual time: any URL, no socket, the weather of your choice.

::

    async with MemoryNetwork(seed=7) as network:
        await network.serve("ws://api.example/feed", handler)
        network.link("api.example", latency=0.03)
        async with open_websocket("ws://api.example/feed") as ws:
            network.cut("api.example", for_=60)

While the block lasts, `open_websocket`, `supervise` and all above them find what is served here,
without sockets and without patching; also `serve_websocket` then listens here.
Parts: `_hosts` is the map, `_dialling` makes connections, `_wire` carries their bytes,
`_passage` lets faults happen to them, `_agenda` does each thing at its time.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from types import TracebackType
from typing import Any, Self, Unpack, final

import trio

from .._concurrency.exceptions import unwrapping
from .._connection.websocket import WebSocket
from .._server.options import ServerOptions
from .._server.router import Router
from .._server.selection import Handler
from .._server.server import Server
from .._transport.network import Network, current_network, use_network
from .._validation import check_callable
from ._agenda import Agenda
from ._cast import Cast, Script
from ._determinism import choose_seed, how_to_repeat, repeatable_run, source
from ._dialling import Exchange
from ._guard import check_clock, no_real_sockets
from ._left import LeftBehind, what_is_left
from ._script import ScriptedPeer, playing
from ._stream import MemoryStream
from ._tls import tls_contexts
from ._weather import Weather
from ._where import current_host, find_name, find_place

SETTLING = 60.0
"""So many seconds at the end of the block connections and handlers have to come to their end.

That is long enough for a heartbeat to find out that the peer has vanished.
"""


@final
class MemoryNetwork(Weather):
    """A simulated network, for the length of an ``async with`` block.

    Args:
        seed: what all chance is drawn from: jitter, faults, masks, and the order of tasks.
            None: ``--trio-ws-seed`` or the variable ``TRIO_WS_SEED``, or a fresh one.
            An exception that leaves the block says which seed it was.
        strict: whether to raise `LeftBehind` if something is left at the end of the block.
        allow_real_sockets: whether hosts that this network does not have
            are looked for in the real one.  If not, a socket that Trio makes, and a name
            that it looks up, is a RuntimeError; sockets of the standard library are not caught.
        any_clock: whether a clock that does not jump will do.

    Hosts are made by `serve` and by `on`; code that is on no host is on the host ``client``.

    Raises:
        RuntimeError: it is entered twice, or inside another, or the clock does not jump.
        LeftBehind: at the end of the block something is left.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        strict: bool = True,
        allow_real_sockets: bool = False,
        any_clock: bool = False,
    ) -> None:
        self._seed = choose_seed(seed)
        self._drawn = seed is None
        self._strict = strict
        self._allow_real_sockets = allow_real_sockets
        self._any_clock = any_clock
        self._agenda = Agenda()
        random = source(self._seed, "faults")
        exchange = Exchange(self._agenda, random, source(self._seed, "entropy").randbytes)
        super().__init__(exchange, Cast(exchange), random)
        self._block: AbstractAsyncContextManager[Self] | None = None
        self._outside: Network

    @property
    def seed(self) -> int:
        """Return the seed; the same seed and the same program do the same again."""
        return self._seed

    # The block

    async def __aenter__(self) -> Self:
        """Begin."""
        if self._block is not None:
            raise RuntimeError("a MemoryNetwork can be entered once; make another one")
        self._outside = current_network()
        if isinstance(self._outside, MemoryNetwork):
            raise RuntimeError(  # noqa: TRY004 - its type is right, its place is not
                "this is inside another MemoryNetwork: give it one more host"
            )
        if not self._any_clock:
            check_clock()
        self._block = self._run()
        return await self._block.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Wait for the connections to end, stop the servers, and tell what is left."""
        assert self._block is not None
        return await self._block.__aexit__(kind, error, traceback)  # noqa: ASYNC102 - its own

    @asynccontextmanager
    async def _run(self) -> AsyncGenerator[Self]:
        off = nullcontext() if self._allow_real_sockets else no_real_sockets()
        try:
            again = repeatable_run(self._seed)
            with unwrapping(), off, again, use_network(self):
                async with trio.open_nursery() as self._nursery:
                    self._nursery.start_soon(self._agenda.run)
                    yield self
                    await self._settle()
                    left = self.left()
                    self._nursery.cancel_scope.cancel(reason="the network's block has ended")
            self._complain(left)
        except Exception as error:
            command = how_to_repeat(self._seed if self._drawn else None)
            error.add_note(f"This was MemoryNetwork(seed={self._seed}). Repeat it with: {command}")
            raise

    def _complain(self, left: list[str]) -> None:
        if left and self._strict:
            raise LeftBehind(left)

    async def _settle(self) -> None:
        with trio.move_on_after(SETTLING):  # noqa: ASYNC912 - nothing to wait for is fine
            while self._exchange.connections or self._cast.busy:
                await self._exchange.wait_for_change()

    def left(self) -> list[str]:
        """Return a sentence for each thing that is left: connections, tasks, messages, …"""
        exchange, cast = self._exchange, self._cast
        return what_is_left(
            exchange.hosts, cast.sites, exchange.connections, cast.peers, cast.unplayed
        )

    # Servers and scripts

    async def serve(
        self, url: str, handler: Handler | Router, **options: Unpack[ServerOptions]
    ) -> Server:
        """Serve a URL, as `serve_websocket` would with these options; return the `Server`.

        Several URLs of one host and port have one server: give its options with the first.
        A `Router` is given with the first, too, and with a URL that has no path:
        its routes are the paths, and beside it other URLs may have handlers.
        ``wss`` needs no certificate: a stand-in takes the place of TLS.
        For real TLS give an `ssl_context` (`tls_contexts` makes one).

        Raises:
            ValueError: the URL is served already, or its port is and there are options or a router;
                or the URL of a router has a path.
            InvalidURL: this is no WebSocket URL.
        """
        place, nursery = find_place(url), self._running()
        with self.on(place.host):
            return await self._cast.serve(nursery, place, handler, options)

    def peer(self, url: str) -> Callable[[Script], Script]:
        """Let a script be the server of a URL, for each connection anew; a decorator::

            @network.peer("ws://api.example/")
            async def script(peer: ScriptedPeer) -> None:
                await peer.accept()
                await peer.expect(Text("hello"))

        When the script returns, its end of the connection is closed.
        A script that no connection has played is among what is left at the end of the block.
        What it raises leaves the block of the network.

        Raises:
            ValueError: the port of the URL is served already.
            InvalidURL: this is no WebSocket URL.
        """
        place, nursery = find_place(url), self._running()
        listener = self._cast.listen(place)

        def play(script: Script) -> Script:
            check_callable("a script", script)
            with self.on(place.host):
                self._cast.play(nursery, listener, place, script)
            return script

        return play

    @asynccontextmanager
    async def open_peer(self, url: str) -> AsyncGenerator[ScriptedPeer]:
        """Connect to a server as a `ScriptedPeer`; its first line is `ScriptedPeer.request`."""
        place = find_place(url)
        self._running()
        here = self._exchange.hosts.add(current_host.get())
        stream = await self._exchange.connect(here, place.host, place.port)
        async with playing(self._cast.cast(stream, place, client=True)) as peer:
            if place.tls:
                await stream.do_handshake()
            yield peer

    def tls_contexts(self, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        """Return contexts for real TLS: for the server of a host, and for its clients.

        Raises:
            ImportError: trustme, which makes the certificate, is not installed.
        """
        return tls_contexts(host)

    # Hosts

    @contextmanager
    def on(self, host: str) -> Generator[None]:
        """Let the code in the block, and the tasks that it starts, run on a host."""
        self._exchange.hosts.add(host)
        token = current_host.set(host.lower())
        try:
            yield
        finally:
            current_host.reset(token)

    # The seam to the library: what `current_network` gives it

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        """Connect as the code in the block does: from the host that it is on.

        Raises:
            OSError: as a real network would say it.
        """
        self._running()
        here, name = self._exchange.hosts.add(current_host.get()), find_name(host)
        if self._allow_real_sockets and self._exchange.hosts.find(name) is None:
            return await self._outside.connect(host, port)
        return await self._exchange.connect(here, name, port)

    async def listen(
        self,
        host: str | None,
        port: int,
        backlog: int | None = None,  # noqa: ARG002 - all are let in here
    ) -> list[trio.abc.Listener[Any]]:
        """Listen as the code in the block does; on the host that it is on if none is named.

        Raises:
            OSError: the port is taken.
        """
        self._running()
        await trio.lowlevel.checkpoint()
        return [self._exchange.listen(find_name(host), port)]

    def _stream_of(self, ws: WebSocket) -> MemoryStream | None:
        """Return the stream under a connection of this network; None if it has none, or ended."""
        return self._exchange.find_stream(ws.local_address, ws.remote_address)
