"""Listening on TCP: all addresses of a name, one port.

For port 0 the system gives each address a port of its own.
Whoever is then told "the port" and connects to the other address finds nobody,
so all of them get the same.
"""

from __future__ import annotations

import trio

from ._options import check_port


async def listen(host: str | None, port: int) -> list[trio.SocketListener]:
    """Listen on all addresses of `host` (None: of this machine), all with the same port.

    For port 0 one of those that the system gave is tried on all addresses;
    in the rare case that it is taken on another one, it begins anew.

    Raises:
        OSError: there is no such address here, or the port is taken.
        TypeError, ValueError: the port is none, or the host is no text.
    """
    check_port(port)
    if not isinstance(host, str | None):
        raise TypeError(f"the host must be a str or None, not {type(host).__name__}")
    listeners = await trio.open_tcp_listeners(port, host=host)
    while len(ports := {port_of(listener) for listener in listeners}) > 1:
        for listener in listeners:
            listener.socket.close()
        try:
            listeners = await trio.open_tcp_listeners(max(filter(None, ports)), host=host)
        except OSError:
            listeners = await trio.open_tcp_listeners(0, host=host)
    return listeners


def port_of(listener: object) -> int | None:
    """The TCP port of a listener, None if it has none."""
    while isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    if not isinstance(listener, trio.SocketListener):
        return None
    address = listener.socket.getsockname()
    return address[1] if isinstance(address, tuple) else None
