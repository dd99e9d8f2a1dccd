"""Where a stream begins and ends, as far as it can tell.

The addresses are those of the socket at the bottom of it, also under TLS;
through a proxy, that is the way to the proxy.
A stream without a socket, in memory or through a tunnel, may have them as the attributes
``local_address`` and ``remote_address``, and a listener its ``port``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import trio

from .tls import MonitoredStream
from .tunnel import TunnelStream

MAX_SHARED = 1024
"""Up to so many names of hosts are remembered, for the connections that come from the same."""


def local_address(stream: object) -> object:
    """Return our address of a stream; None if it has none, or is closed."""
    below = bottom(stream)
    if isinstance(below, trio.SocketStream):
        return address(below.socket.getsockname)
    return getattr(below, "local_address", None)


def remote_address(stream: object) -> object:
    """Return the peer's address of a stream; None if it has none, or is closed."""
    below = bottom(stream)
    if isinstance(below, trio.SocketStream):
        return address(below.socket.getpeername)
    return getattr(below, "remote_address", None)


def socket_below(stream: object) -> trio.socket.SocketType | None:
    """Return the socket at the bottom of a stream; None if it has none."""
    below = bottom(stream)
    return below.socket if isinstance(below, trio.SocketStream) else None


def port_of(listener: object) -> int | None:
    """Return the TCP port of a listener; None if it has none."""
    while isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    if isinstance(listener, trio.SocketListener):
        name = listener.socket.getsockname()
        return name[1] if isinstance(name, tuple) else None
    port = getattr(listener, "port", None)
    return port if isinstance(port, int) else None


def named(listener: object) -> str:
    """Return what a listener listens on, in words: host and port, or a path."""
    while isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    if not isinstance(listener, trio.SocketListener):
        port = port_of(listener)
        return type(listener).__name__ if port is None else f"port {port}"
    name = address(listener.socket.getsockname)
    if not isinstance(name, tuple):
        return repr(name)
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def address(ask: Callable[[], object]) -> object:
    """Ask a socket for an address; a closed one has none.

    Connections from one host, such as a proxy, share its name.
    """
    try:
        found = ask()
    except OSError:
        return None
    if isinstance(found, tuple) and isinstance(found[0], str):
        return (_shared(found[0]), *found[1:])
    return found


@lru_cache(MAX_SHARED)
def _shared(host: str) -> str:
    """Return one copy; `sys.intern` would keep on Python 3.12 what any peer makes up, for ever."""
    return host


def bottom(stream: object) -> object:
    """Return the stream below TLS and tunnels; the stream itself if it has none."""
    while (name := _BELOW.get(type(stream))) is not None:
        stream = getattr(stream, name)
    return stream


def layers(stream: object) -> Iterator[object]:
    """Yield a stream, the one below it, and so on."""
    yield stream
    while (name := _BELOW.get(type(stream))) is not None:
        stream = getattr(stream, name)
        yield stream


_BELOW: dict[type, str] = {
    trio.SSLStream: "transport_stream",
    MonitoredStream: "stream",
    TunnelStream: "stream",
}
"""Streams that stand on another one, and the attribute that this is.

None of the classes can have a subclass.  `isinstance` would take ten times as long: it asks
each of them, since they are abstract.
"""
