"""The network: where streams come from, in two methods.

Everything that connects or listens asks `current_network` for it: `open_websocket`,
`serve_websocket`, and what stands on them.  That is TCP, unless another network was put
in its place for the Trio run::

    with use_network(MemoryNetwork()):
        async with open_websocket("ws://anything/") as ws: ...

so a test has a network in memory, and a proxy can be a network around another.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import trio

from .tcp import connect_tcp, listen_tcp


class Network(Protocol):
    """Something to connect to and to listen on."""

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        """Connect to a port of a host.

        Raises:
            OSError: nothing listens there, or there is no such host.
        """

    async def listen(
        self, host: str | None, port: int, backlog: int | None = None
    ) -> Sequence[trio.abc.Listener[Any]]:
        """Listen on a port of a host (None: of all addresses; 0: any free port).

        Raises:
            OSError: there is no such host here, or the port is taken.
        """


class TCPNetwork:
    """The network of this machine."""

    async def connect(self, host: str, port: int) -> trio.SocketStream:
        """Connect over TCP (`connect_tcp`)."""
        return await connect_tcp(host, port)

    async def listen(
        self, host: str | None, port: int, backlog: int | None = None
    ) -> list[trio.SocketListener]:
        """Listen on TCP (`listen_tcp`)."""
        return await listen_tcp(host, port, backlog)


_TCP = TCPNetwork()
_network: trio.lowlevel.RunVar[Network] = trio.lowlevel.RunVar("trio_ws.network", _TCP)


def current_network() -> Network:
    """Return the network of this Trio run."""
    return _network.get()


@contextmanager
def use_network(network: Network) -> Generator[None]:
    """Let everything in this Trio run connect and listen on `network`, within the block."""
    token = _network.set(network)
    try:
        yield
    finally:
        _network.reset(token)
