"""Connecting over TCP.

A name may have many addresses, and Trio tries them one after another without losing time
("happy eyeballs", RFC 8305), with a nursery and a task for each.
An address is one address: there is nothing to look up and nothing to race.
"""

from __future__ import annotations

import trio

from .._concurrency.exceptions import unwrapping


async def connect_tcp(host: str, port: int) -> trio.SocketStream:
    """Connect to a name or to an address.

    Raises:
        OSError: nobody answers there, or there is no such name.
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
    """The family of an address; None if it is a name, or an address with a zone."""
    for family in (trio.socket.AF_INET, trio.socket.AF_INET6):
        try:
            trio.socket.inet_pton(family, host)
        except OSError:
            continue
        return family
    return None
