"""Keeping a test off the real network.

Trio lets a test take the place of its sockets and of its name lookups
(`trio.socket.set_custom_socket_factory`, `trio.socket.set_custom_hostname_resolver`).
Inside a `MemoryNetwork` both raise, so that code which goes past the simulated network
is found at once, and not on the day on which the real service is down.

Nothing is patched, so this is all that is caught: the sockets that Trio makes, and its look-ups.
Sockets of the standard library work as ever (`socket.socket`, `socket.create_connection`),
also if Trio is given them (`trio.socket.from_stdlib_socket`), and so does `socket.socketpair`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import trio

SENTENCE = (
    "a real socket was asked for inside a MemoryNetwork ({what}). "
    "If the test means it, use MemoryNetwork(allow_real_sockets=True)"
)


class NoSockets(trio.abc.SocketFactory):
    """Refuses to make sockets."""

    def socket(self, *_: object, **__: object) -> NoReturn:
        """Raise a RuntimeError."""
        raise RuntimeError(SENTENCE.format(what="trio.socket.socket"))


class NoLookups(trio.abc.HostnameResolver):
    """Refuses to look up names."""

    async def getaddrinfo(self, host: object, *_: object, **__: object) -> NoReturn:
        """Raise a RuntimeError."""
        raise RuntimeError(SENTENCE.format(what=f"a look-up of {host!r}"))

    async def getnameinfo(self, sockaddr: object, *_: object) -> NoReturn:
        """Raise a RuntimeError."""
        raise RuntimeError(SENTENCE.format(what=f"a look-up of {sockaddr!r}"))


@contextmanager
def no_real_sockets() -> Generator[None]:
    """Let no socket of Trio be made in this run for the length of a block."""
    factory = trio.socket.set_custom_socket_factory(NoSockets())
    resolver = trio.socket.set_custom_hostname_resolver(NoLookups())
    try:
        yield
    finally:
        trio.socket.set_custom_socket_factory(factory)
        trio.socket.set_custom_hostname_resolver(resolver)


def check_clock() -> None:
    """Raise if the clock of this run does not jump.

    Raises:
        RuntimeError: it is no `trio.testing.MockClock` that jumps, or at least runs.
    """
    clock = trio.lowlevel.current_clock()
    if isinstance(clock, trio.testing.MockClock):
        if clock.autojump_threshold < float("inf"):
            return
        why = "this MockClock does not jump: its autojump_threshold is infinite"
    else:
        why = f"this run has a {type(clock).__name__}, in which an hour takes an hour"
    raise RuntimeError(
        f"{why}. Use pytest-trio's fixture autojump_clock, or "
        "trio.run(..., clock=trio.testing.MockClock(autojump_threshold=0)), "
        "or MemoryNetwork(any_clock=True)"
    )
