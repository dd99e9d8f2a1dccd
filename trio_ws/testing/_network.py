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

import logging
import math
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar
from random import Random
from types import TracebackType
from typing import Literal, Self, TypeAlias, Unpack, final

import trio

from .._concurrency.exceptions import unwrapping
from .._server.serve import ServerOptions
from .._server.server import Server
from .._url import parse_url
from ._agenda import Agenda
from ._cast import Cast, Script
from ._chaos import Chaos
from ._determinism import choose_seed, fresh_run, how_to_repeat, seeded_scheduler
from ._dialling import Exchange
from ._faults import Fault, check_number
from ._guard import check_clock, no_real_sockets
from ._hosts import Host
from ._left import LeftBehind, what_is_left
from ._passage import Conditions, Injection
from ._script import ScriptedPeer, playing
from ._site import Handler
from ._stream import MemoryStream

Way: TypeAlias = Literal["to", "from", "both"]

SETTLING = 10.0
"""So many seconds at the end of the block the connections have to come to their end."""

_logger = logging.getLogger("trio_ws.testing")
_where: ContextVar[str] = ContextVar("trio_ws.testing.host", default="client")


@final
class MemoryNetwork:
    """A simulated network, for the length of an ``async with`` block.

    Args:
        seed: what all chance is drawn from: jitter, faults, masks, and the order of tasks.
            None: ``--trio-ws-seed`` or the variable ``TRIO_WS_SEED``, or a fresh one.
            An exception that leaves the block says which seed it was.
        strict: whether to raise `LeftBehind` if something is left at the end of the block.
        allow_real_sockets: whether hosts that this network does not have
            are looked for in the real one.
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
        self._random = Random(self._seed)
        self._agenda = Agenda()
        self._exchange = Exchange(self._agenda, self._random)
        self._cast = Cast(self._exchange)
        self._nursery: trio.Nursery | None = None
        self._block: AbstractAsyncContextManager[Self] | None = None

    @property
    def seed(self) -> int:
        """The seed; the same seed and the same program do the same again."""
        return self._seed

    # The block

    async def __aenter__(self) -> Self:
        """Begin."""
        if self._block is not None:
            raise RuntimeError("a MemoryNetwork can be entered once; make another one")
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
        return await self._block.__aexit__(kind, error, traceback)

    @asynccontextmanager
    async def _run(self) -> AsyncGenerator[Self]:
        off = nullcontext() if self._allow_real_sockets else no_real_sockets()
        try:
            with unwrapping(), off, seeded_scheduler(self._seed), fresh_run():
                async with trio.open_nursery() as self._nursery:
                    self._nursery.start_soon(self._agenda.run)
                    yield self
                    await self._settle()
                    left = self.left()
                    self._nursery.cancel_scope.cancel(reason="the network's block has ended")
            self._complain(left)
        except Exception as error:
            again = how_to_repeat(self._seed if self._drawn else None)
            error.add_note(f"This was MemoryNetwork(seed={self._seed}). Repeat it with: {again}")
            raise

    def _complain(self, left: list[str]) -> None:
        if left and self._strict:
            raise LeftBehind(left)

    async def _settle(self) -> None:
        with trio.move_on_after(SETTLING):
            await self._exchange.wait_all_over()

    def left(self) -> list[str]:
        """Return a sentence for each thing that is left: connections, tasks, messages, faults."""
        exchange, cast = self._exchange, self._cast
        return what_is_left(exchange.hosts, cast.sites, exchange.connections, cast.peers)

    # Servers and scripts

    async def serve(self, url: str, handler: Handler, **options: Unpack[ServerOptions]) -> Server:
        """Serve a URL, as `serve_websocket` would with these options; return the `Server`.

        Several URLs of one host and port have one server: give its options with the first.
        ``wss`` needs no certificate: a stand-in takes the place of TLS.
        For real TLS give an `ssl_context` (`tls_contexts` makes one).

        Raises:
            ValueError: the URL is served already, or its port is and there are options.
            InvalidURL: this is no WebSocket URL.
        """
        parsed = parse_url(url)
        nursery = self._running()
        with self.on(parsed.host):
            return await self._cast.serve(nursery, parsed, url, handler, options)

    def peer(self, url: str) -> Callable[[Script], Script]:
        """Let a script be the server of a URL, for each connection anew; a decorator::

            @network.peer("ws://api.example/")
            async def script(peer: ScriptedPeer) -> None:
                await peer.accept()
                await peer.expect(Text("hello"))

        When the script returns, its end of the connection is closed.
        What it raises leaves the block of the network.

        Raises:
            ValueError: the port of the URL is served already.
            InvalidURL: this is no WebSocket URL.
        """
        parsed = parse_url(url)
        nursery = self._running()
        listener = self._cast.listen(parsed)

        def play(script: Script) -> Script:
            with self.on(parsed.host):
                nursery.start_soon(self._cast.play_all, listener, url, script)
            return script

        return play

    @asynccontextmanager
    async def open_peer(self, url: str) -> AsyncGenerator[ScriptedPeer]:
        """Connect to a server as a `ScriptedPeer`; its first line is `ScriptedPeer.request`."""
        parsed = parse_url(url)
        stream = await self.connect(parsed.host, parsed.port)
        if stream.expects_tls:
            await stream.start_tls()
        async with playing(self._cast.cast(stream, client=True, name=url)) as peer:
            yield peer

    # Hosts and lines

    @contextmanager
    def on(self, host: str) -> Generator[None]:
        """Let the code in the block, and the tasks that it starts, run on a host."""
        self._exchange.hosts.add(host)
        token = _where.set(host.lower())
        try:
            yield
        finally:
            _where.reset(token)

    def link(
        self,
        host: str,
        *,
        latency: float = 0.0,
        jitter: float = 0.0,
        bandwidth: float = math.inf,
        way: Way = "both",
    ) -> None:
        """Say how the lines of a host carry bytes.

        Args:
            host: whose lines.
            latency: seconds that each byte is under way.
            jitter: up to so many seconds more for each segment, drawn by the seed.
            bandwidth: bytes per second, for all connections of the host together.
            way: "to" the host, "from" it, or "both".

        Raises:
            ValueError: there is no such host, or a number makes no sense.
        """
        found = self._exchange.hosts.get(host)
        check_number("latency", latency)
        check_number("jitter", jitter)
        if check_number("bandwidth", bandwidth, endless=True) == 0:
            raise ValueError("a bandwidth of 0 is Fault.stall()")
        if way not in ("to", "from", "both"):
            raise ValueError(f'way must be "to", "from" or "both"; got {way!r}')
        conditions = Conditions(latency, jitter, bandwidth)
        if way != "from":
            found.inward.change(conditions)
        if way != "to":
            found.outward.change(conditions)
        self._exchange.look_again()

    # What happens to hosts

    def inject(self, host: str, fault: Fault) -> Injection:
        """Let a fault happen to the connections of a host; return the record of it.

        Raises:
            ValueError: there is no such host.
            TypeError: this is no `Fault`.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"a Fault is wanted, not {type(fault).__name__}")
        return self._inject(self._exchange.hosts.get(host), Injection(fault, trio.current_time()))

    def _inject(self, host: Host, injection: Injection) -> Injection:
        _logger.debug("%s on %s", injection.fault, host.name)
        self._exchange.inject(host, injection)
        return injection

    def chaos(self, host: str, profile: Chaos) -> None:
        """Let faults happen to a host from now on, as the profile and the seed have it."""
        found = self._exchange.hosts.get(host)
        self._running().start_soon(self._play_chaos, found, profile)

    async def _play_chaos(self, host: Host, profile: Chaos) -> None:
        for fault in profile.draw(Random(self._random.random())):
            self._inject(host, Injection(fault, trio.current_time(), expected=False))
            await trio.sleep(fault.at)

    def cut(self, host: str, *, for_: float = math.inf) -> Injection:
        """Break all connections of a host; for so many seconds it cannot be reached.

        Both sides are told at once.  For a cut that neither side hears of see `partition`.
        """
        found, now = self._exchange.hosts.get(host), trio.current_time()
        away = self._inject(found, Injection(Fault.unreachable(for_=for_), now))
        self._inject(found, Injection(Fault.reset(), now, part_of=away))
        return away

    def restart(self, host: str, *, for_: float = 0.0) -> None:
        """Crash the servers of a host, and start them again after so many seconds.

        Connections are reset, handlers are cancelled, and in between nothing listens.
        """
        found, now = self._exchange.hosts.get(host), trio.current_time()
        self._inject(found, Injection(Fault.reset(), now, expected=False))
        self._inject(found, Injection(Fault.refuse(for_=for_), now, expected=False))
        for site in self._cast.sites_on(found):
            site.restart(now + for_)

    def partition(
        self, host: str, other: str, *, for_: float = math.inf, one_way: bool = False
    ) -> None:
        """Let no byte pass between two hosts; neither hears of it.

        What was sent meanwhile arrives afterwards.

        Args:
            host: the one.
            other: the other.
            for_: how many seconds.
            one_way: whether bytes still pass from `other` to `host`.
        """
        first, second = self._exchange.hosts.get(host), self._exchange.hosts.get(other)
        until = trio.current_time() + check_number("for_", for_, endless=True)
        self._exchange.part(first, second, until)
        if not one_way:
            self._exchange.part(second, first, until)

    def heal(self, host: str) -> None:
        """End what is going on at a host: faults, cuts, partitions."""
        self._exchange.heal(self._exchange.hosts.get(host))

    def move(self, host: str) -> None:
        """Give a host another address; its connections go on to nowhere, untold.

        That is what happens to a telephone between two networks.
        """
        found = self._exchange.hosts.get(host)
        found.move_to(self._exchange.hosts.new_address())
        for connection in self._exchange.of_host(found):
            connection.vanish()

    # The seam to the library

    async def connect(self, host: str, port: int) -> MemoryStream:
        """Connect to a host of this network, as the code does that runs in it.

        Raises:
            OSError: as a real network would say it.
        """
        self._running()
        client = self._exchange.hosts.add(_where.get())
        return await self._exchange.connect(client, host, port)

    def _running(self) -> trio.Nursery:
        if self._nursery is None or self._nursery.cancel_scope.cancel_called:
            raise RuntimeError("this MemoryNetwork is not running: use it in its async with block")
        return self._nursery
