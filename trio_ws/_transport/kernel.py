"""What the kernel knows about a socket, beyond what Trio asks it.

*How many bytes of ours are unacknowledged.*
``SIOCOUTQ`` counts what was handed to the kernel and not yet acknowledged by the peer's kernel.
It does so for TCP over IPv4 and IPv6 on Linux.
On a Unix socket the same number counts memory of the kernel, so it is not asked there.
Of ``TCP_INFO`` most will not do: with a closed window ``tcpi_unacked`` is 0,
and ``tcpi_last_ack_recv`` is renewed by probes, so a peer that takes nothing would live for ever.

*How many packets of ours were delivered.*
``tcpi_delivered`` counts also those that arrived behind one that was lost,
for which ``SIOCOUTQ`` stands still until that one was sent again.  Probes do not count.

*Whether the connection has broken, or the peer has ended it.*
``poll`` tells that without reading, so it shows behind data that waits to be read.

A system that refuses any of this is done without.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from typing import NamedTuple

import trio

PEERS_END = getattr(select, "POLLRDHUP", 0)
"""The peer has ended its direction; not every system tells."""

DELIVERED_AT = 192
"""Where ``tcpi_delivered`` stands in ``struct tcp_info``, which only ever grows at its end."""


class HangUp(NamedTuple):
    """The end of a connection, seen without reading: an error, or the peer's end (None)."""

    error: OSError | None


def tells_acknowledgements(sock: trio.socket.SocketType) -> bool:
    """Return True if `unacknowledged` makes sense for this socket."""
    if sys.platform != "linux":
        return False
    try:  # the protocol alone tells: a Unix socket has another, and UDP, too
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == socket.IPPROTO_TCP
    except OSError:
        return False


def unacknowledged(sock: trio.socket.SocketType) -> int | None:
    """Return how many bytes the peer's kernel has not acknowledged; None if it is not told."""
    import fcntl  # not every system has these
    import termios

    try:
        answer = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))  # the same number as SIOCOUTQ
    except (OSError, ValueError):  # it is refused, or the socket is closed
        return None
    return int.from_bytes(answer, sys.byteorder)


def delivered(sock: trio.socket.SocketType) -> int:
    """Return how many packets of ours have arrived; 0 where it is not told (Linux < 4.18)."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, DELIVERED_AT + 4)
    except OSError:
        return 0
    return int.from_bytes(info[DELIVERED_AT:], sys.byteorder)


def hang_up(sock: trio.socket.SocketType) -> HangUp | None:
    """Return how the connection has ended, if it has; this does not read, and does not wait."""
    if sock.fileno() < 0 or not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(sock, PEERS_END)
    if not (events := poll.poll(0)):
        return None
    if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return HangUp(OSError(number, os.strerror(number)))
    _, flags = events[0]
    return HangUp(None) if flags & (PEERS_END | select.POLLHUP) else None
