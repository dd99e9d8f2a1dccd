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

import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

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
    host: str | None, port: int, backlog: int | None = None, *, reuse_port: bool = False
) -> list[trio.SocketListener]:
    """Listen on all addresses of `host` (None: of this machine), all with the same port.

    With `reuse_port` other sockets, which have it too, may listen on the same addresses.

    Addresses that a name has but this machine has not are left out, if there is another:
    ``localhost`` often stands for ``::1`` too where IPv6 is switched off.

    For port 0 one of those that the system gave is tried on all addresses.
    In the rare case that it is taken on another one, it begins anew.

    Raises:
        OSError: there is no such address here, or the port is taken; it names the address.
    """
    addresses = await _addresses_of(host, port)
    listen = partial(_listen_beside_others if reuse_port else _listen_alone, backlog=backlog)
    listeners = await _listen_on(addresses, port, listen)
    while len(ports := {port_of(listener) for listener in listeners}) > 1:
        for listener in listeners:
            listener.socket.close()
        shared = max(filter(None, ports))
        try:
            listeners = await _listen_on(addresses, shared, listen)
        except OSError:
            listeners = await _listen_on(addresses, 0, listen)
    return listeners


async def _addresses_of(host: str | None, port: int) -> list[str]:
    """Look the addresses of a name up; an IPv6 address has its zone."""
    try:
        found = await trio.socket.getaddrinfo(
            host, port, type=trio.socket.SOCK_STREAM, flags=trio.socket.AI_PASSIVE
        )
    except trio.socket.gaierror as error:
        why = f"cannot listen on {host!r}: {error.strerror}"
        raise trio.socket.gaierror(error.errno, why) from error
    return list(dict.fromkeys(_with_zone(*address) for *_, address in found))


def _with_zone(host: object, port: object, flow: int = 0, zone: int = 0) -> str:  # noqa: ARG001
    return f"{host}%{zone}" if zone else f"{host}"


_Listen: TypeAlias = Callable[[str, int], Awaitable[list[trio.SocketListener]]]


async def _listen_on(addresses: list[str], port: int, listen: _Listen) -> list[trio.SocketListener]:
    listeners: list[trio.SocketListener] = []
    missing: list[OSError] = []
    try:
        for address in addresses:
            try:
                listeners += await listen(address, port)
            except OSError as error:
                missing.append(_named(error, address, port))
                if error.errno not in _NO_SUCH_ADDRESS or len(missing) == len(addresses):
                    raise missing[-1] from error
    except BaseException:
        for listener in listeners:
            listener.socket.close()
        raise
    return listeners


async def _listen_alone(
    address: str, port: int, *, backlog: int | None
) -> list[trio.SocketListener]:
    return await trio.open_tcp_listeners(port, host=address, backlog=backlog)


async def _listen_beside_others(
    address: str, port: int, *, backlog: int | None
) -> list[trio.SocketListener]:
    """Listen as `trio.open_tcp_listeners` does; the option has to be set before the address is."""
    ((family, *_, where),) = await trio.socket.getaddrinfo(
        address, port, type=trio.socket.SOCK_STREAM, flags=trio.socket.AI_PASSIVE
    )
    sock = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await sock.bind(where)
        sock.listen(_BACKLOG if backlog is None else backlog)
        return [trio.SocketListener(sock)]
    except BaseException:
        sock.close()
        raise


_BACKLOG = 0xFFFF
"""As many as the system allows, as Trio asks for."""

_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""What the system says of an address, or a family of addresses, that this machine has not."""


def _named(error: OSError, address: str, port: int) -> OSError:
    """Return an error of the same kind that names the address."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return OSError(error.errno, f"cannot listen on {where}: {error.strerror}")
