"""TCP: connecting to a name or an address, and listening on all addresses of a name.

A name may have many addresses, and Trio tries them one after another without losing time
("happy eyeballs", RFC 8305), with a nursery and a task for each.
An address is one address: there is nothing to look up and nothing to race.
If an address of the name has failed not long ago (`address_order`), they are tried here instead,
in our order, since Trio's cannot be told.

For port 0 the system gives each address a port of its own.
A client that is told "the port" and connects to the other address would find nothing there,
so all of them get the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from .._concurrency.exceptions import unwrapping
from .address_order import current_address_order
from .addresses import port_of

NEXT_ADDRESS_AFTER = 0.25
"""After so many seconds without an answer the next address is tried beside (RFC 8305 §5)."""


async def connect_tcp(host: str, port: int) -> trio.SocketStream:
    """Connect to a name or to an address.

    Raises:
        OSError: nothing listens there, or there is no such name.
    """
    family = _family_of(host)
    if family is not None:
        return await _connect(family, (host, port))
    with unwrapping():
        if current_address_order().has_failures(host, port, trio.current_time()):
            return await _connect_in_order(host, port)
        return await trio.open_tcp_stream(host, port)


async def _connect(family: int, address: tuple[Any, ...]) -> trio.SocketStream:
    sock = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        await sock.connect(address)
        return trio.SocketStream(sock)
    except BaseException:
        sock.close()
        raise


async def _connect_in_order(host: str, port: int) -> trio.SocketStream:
    """Connect to an address of a name, last of all to the one that failed last."""
    found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    targets = {address[0]: (family, address) for family, _, _, _, address in found}
    order = current_address_order().sort(host, port, map(str, targets))
    return await _race([targets[address] for address in order])


async def _race(targets: Sequence[tuple[int, tuple[Any, ...]]]) -> trio.SocketStream:
    """Try one after another, and the next one beside if the last takes long; the first wins."""
    errors: list[OSError] = []
    streams: list[trio.SocketStream] = []

    async def try_one(family: int, address: tuple[Any, ...], failed: trio.Event) -> None:
        try:
            streams.append(await _connect(family, address))
            nursery.cancel_scope.cancel()
        except OSError as error:
            errors.append(error)
            failed.set()

    winner: trio.SocketStream | None = None
    try:
        async with trio.open_nursery() as nursery:
            for family, address in targets:
                failed = trio.Event()
                nursery.start_soon(try_one, family, address, failed)
                with trio.move_on_after(NEXT_ADDRESS_AFTER):
                    await failed.wait()
        winner = streams[0] if streams else None
    finally:
        for stream in streams:
            if stream is not winner:
                stream.socket.close()
    if winner is not None:
        return winner
    raise OSError("no address of this name can be connected to") from ExceptionGroup("", errors)


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
