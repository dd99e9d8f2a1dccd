"""TCP: connecting to a name or an address, and listening on all addresses of a name.

A name may have many addresses, and Trio tries them one after another without losing time
("happy eyeballs", RFC 8305), with a nursery and a task for each.
An address is one address: there is nothing to look up and nothing to race.

For port 0 the system gives each address a port of its own.
A client that is told "the port" and connects to the other address would find nothing there,
so all of them get the same.
"""

from __future__ import annotations

import trio

from .._concurrency.exceptions import unwrapping
from .addresses import port_of


async def connect_tcp(host: str, port: int) -> trio.SocketStream:
    """Connect to a name or to an address.

    Raises:
        OSError: nothing listens there, or there is no such name.
    """
    family = _family_of(host)
    if family is None:
        with unwrapping():
            return await trio.open_tcp_stream(host, port)
    sock = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        await sock.connect((host, port))
        return trio.SocketStream(sock)
    except BaseException:
        sock.close()
        raise


def _family_of(host: str) -> int | None:
    """Return the family of an address; None if it is a name, or an address with a zone."""
    for family in (trio.socket.AF_INET, trio.socket.AF_INET6):
        try:
            trio.socket.inet_pton(family, host)
        except OSError:
            continue
        return family
    return None


async def listen_tcp(
    host: str | None, port: int, backlog: int | None = None
) -> list[trio.SocketListener]:
    """Listen on all addresses of `host` (None: of this machine), all with the same port.

    For port 0 one of those that the system gave is tried on all addresses.
    In the rare case that it is taken on another one, it begins anew.

    Raises:
        OSError: there is no such address here, or the port is taken.
    """
    listeners = await trio.open_tcp_listeners(port, host=host, backlog=backlog)
    while len(ports := {port_of(listener) for listener in listeners}) > 1:
        for listener in listeners:
            listener.socket.close()
        shared = max(filter(None, ports))
        try:
            listeners = await trio.open_tcp_listeners(shared, host=host, backlog=backlog)
        except OSError:
            listeners = await trio.open_tcp_listeners(0, host=host, backlog=backlog)
    return listeners
