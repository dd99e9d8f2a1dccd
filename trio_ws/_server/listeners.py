"""Listeners for several processes: a port that they share, and sockets that are handed down.

Trio runs on one core.  A machine with more takes a process for each,
and each process needs a socket that listens on the same port:

* One socket that all inherit: the system wakes all processes for each connection,
  and the one that is quickest gets it.  An idle process may get a hundred times the connections
  of another, and keeps them.
* A socket for each, with ``SO_REUSEPORT``: the system deals connections out evenly (on Linux).
  A process that closes its socket loses the connections which it has not accepted yet.
* A socket for each, opened by a parent and inherited: even, and a process that ends or is replaced
  loses nothing, since the parent still holds the socket.

Service managers hand sockets down, too; the variables that tell are those of systemd.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable

import trio

from .._concurrency.blocks import check_in_trio
from .._transport.tcp import listen_tcp
from .._validation import check_count, check_flag, check_host, check_port, kind_of

FIRST_DESCRIPTOR = 3
"""Where systemd begins to count: behind the three standard streams (``sd_listen_fds(3)``)."""


async def open_listeners(
    host: str | None, port: int, *, reuse_port: bool = False, backlog: int | None = None
) -> list[trio.SocketListener]:
    """Return listeners on a TCP port, for `serve_websocket_listeners`; one for each address.

    They can be handed to other processes: see `inherited_listeners`.
    Closing them is up to the caller, or to the server that they are given to.

    Args:
        host: the address or name to listen on; None: all addresses.
        port: the TCP port; 0: a free one, the same on all addresses.
        reuse_port: several processes may listen on the port, each with listeners of its own;
            Linux deals connections out among them (``SO_REUSEPORT``).
            Any program of the same user may then listen beside yours.
        backlog: how many connections may wait to be accepted; None: as the system allows.

    Raises:
        OSError: the address is not one of this machine, the port is taken,
            or the system has no ``SO_REUSEPORT``.
        TypeError, ValueError: an argument is not what it may be.
    """
    check_in_trio("open_listeners(…)")
    check_host(host)
    check_port(port)
    check_flag("reuse_port", reuse_port)
    check_count("backlog", backlog, optional=True)
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise OSError(errno.EOPNOTSUPP, "reuse_port: this system has no SO_REUSEPORT")
    return await listen_tcp(host, port, backlog, reuse_port=reuse_port)


def inherited_listeners(descriptors: Iterable[int] | None = None) -> list[trio.SocketListener]:
    """Return listeners on sockets that this process has inherited, for `serve_websocket_listeners`.

    They may be of TCP or Unix sockets.  From now on they belong to the listeners:
    call this once, and do not use their numbers any more.

    Args:
        descriptors: their numbers; None: those that the service manager has handed down,
            as systemd does (``LISTEN_PID``, ``LISTEN_FDS``), which may be none.

    Raises:
        ValueError: one of them is no socket that listens for connections; none is closed then.
        TypeError: these are no numbers.
    """
    if descriptors is None:
        descriptors = _handed_down()
    if isinstance(descriptors, str | bytes) or not isinstance(descriptors, Iterable):
        raise TypeError(f"descriptors must be a list of numbers, not {kind_of(descriptors)}")
    numbers = list(descriptors)
    for number in numbers:
        check_count("each of descriptors", number, least=0)
    if len(set(numbers)) < len(numbers):
        raise ValueError("descriptors must be different from each other")
    sockets: list[socket.socket] = []
    try:
        return [_listener_on(number, sockets) for number in numbers]
    except BaseException:
        for sock in sockets:
            sock.detach()
        raise


def _handed_down() -> Iterable[int]:
    """Return the numbers that the service manager tells (``sd_listen_fds(3)``)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return ()  # none, or they were meant for the process that started this one
    count = os.environ.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdigit()):
        raise ValueError(f"descriptors: LISTEN_FDS must be a number, not {count!r}")
    return range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count))


def _listener_on(number: int, sockets: list[socket.socket]) -> trio.SocketListener:
    """Return a listener on a socket, which is added to `sockets`."""
    try:
        sock = socket.socket(fileno=number)
        sockets.append(sock)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    except (OSError, OverflowError, ValueError) as error:
        raise ValueError(f"descriptors: {number} is no socket that listens: {error}") from None
    sock.set_inheritable(False)
    return listener
