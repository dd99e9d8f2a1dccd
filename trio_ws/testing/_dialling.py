"""Making connections in a simulated network, and how that fails.

What a real network says is said here, by the same exceptions:

==================================  ==========================================
no host of that name                `socket.gaierror` (EAI_NONAME)
nothing listens on the port         `ConnectionRefusedError`
``cut``, `Fault.unreachable`        `OSError` with EHOSTUNREACH
``partition``, `Fault.black_hole`   nothing: the attempt waits
==================================  ==========================================

A connection takes one round trip to be made, as TCP's does.
"""

from __future__ import annotations

import errno
import os
import socket
from functools import partial
from random import Random

import trio

from .._transport.entropy import Entropy
from ._agenda import Agenda, Call
from ._faults import FaultKind
from ._hosts import Directory, Host, Partitions, Route
from ._listener import MemoryListener, Security
from ._passage import Injection, Passage
from ._stream import Connection, MemoryStream
from ._where import current_host


class Exchange:
    """Knows who listens where, and connects hosts.

    Attributes:
        hosts: all hosts.
        partitions: between whom nothing passes.
        connections: those that are not over, in the order in which they were made.
        opened: how many were made so far.
    """

    def __init__(self, agenda: Agenda, random: Random, entropy: Entropy) -> None:
        self.hosts = Directory()
        self.hosts.add(current_host.get())
        self.partitions = Partitions()
        self.connections: dict[Connection, None] = {}
        self.opened = 0
        self._changes = trio.lowlevel.ParkingLot()
        self._agenda = agenda
        self._random = random
        self._entropy = entropy
        self._listeners: dict[tuple[str, int], MemoryListener] = {}

    # Listening

    def listen(self, name: str, port: int, security: Security = "none") -> MemoryListener:
        """Listen on a port of a host, 0 for a free one.

        Raises:
            OSError: the port is taken.
        """
        host = self.hosts.add(name)
        port = port or host.take_port()
        if (host.name, port) in self._listeners:
            raise OSError(errno.EADDRINUSE, f"{os.strerror(errno.EADDRINUSE)}: {name}:{port}")
        listener = MemoryListener((host.name, port), self._forget_listener, security)
        self._listeners[host.name, port] = listener
        return listener

    def _forget_listener(self, listener: MemoryListener) -> None:
        del self._listeners[listener.address]

    # Connecting

    async def connect(self, client: Host, name: str, port: int) -> MemoryStream:
        """Connect from a host to a port of another.

        Raises:
            OSError: see the top of this file.
        """
        await trio.lowlevel.checkpoint()
        host = self.hosts.find(name)
        if host is None:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {name}")
        await self._round_trip(client, host)
        return self._accept(client, host, port)

    async def _round_trip(self, client: Host, host: Host) -> None:
        for source, target in ((client, host), (host, client)):
            route = Route(source, target, self.partitions)
            while (until := self._held_until(route, client, host)) > trio.current_time():
                with trio.move_on_at(until):
                    await self._changes.park()
            await trio.sleep(route.conditions().latency)

    def _held_until(self, route: Route, client: Host, host: Host) -> float:
        """Return when an attempt gets through: now, if partitions and black holes let it."""
        now = trio.current_time()
        holes = _armed(FaultKind.BLACK_HOLE, client, host)
        for hole in holes:
            hole.fire()
        return max([route.held_until(now), *(hole.until for hole in holes)])

    def _accept(self, client: Host, host: Host, port: int) -> MemoryStream:
        if _fires(FaultKind.UNREACHABLE, client, host):
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        listener = self._listeners.get((host.name, port))
        if listener is None or _fires(FaultKind.REFUSE, client, host):
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        connection = self._make(client, host, port, secret=listener.security == "real")
        if _fires(FaultKind.SILENCE, client, host):
            connection.be_silent()
        elif listener.security == "stand-in":
            fails = partial(_fires, FaultKind.TLS_FAILURE, client, host)
            connection.expect_tls(fails, partial(listener.offer, connection.server))
        elif listener.security == "real" and _fires(FaultKind.TLS_FAILURE, client, host):
            connection.fail_tls()
        else:
            listener.offer(connection.server)
        return connection.client

    def _make(self, client: Host, host: Host, port: int, *, secret: bool) -> Connection:
        ours, theirs = (client.address, client.take_port()), (host.address, port)
        faults = [client.injections, host.injections]
        self.opened += 1
        connection = Connection(
            self._agenda,
            f"{self.opened} from {client.name} to {host.name}:{port}",
            to_server=(
                Route(client, host, self.partitions),
                Passage(faults, "server", self._random),
            ),
            to_client=(
                Route(host, client, self.partitions),
                Passage(faults, "client", self._random),
            ),
            hosts=(client, host),
            client=ours,
            server=theirs,
            secret=secret,
            entropy=self._entropy,
            on_close=self._closed,
        )
        self.connections[connection] = None
        connection.look_again(trio.current_time())
        return connection

    def _closed(self, connection: Connection) -> None:
        if connection.over:
            del self.connections[connection]
            self._changes.unpark_all()

    # Changes

    def look_again(self, when: float | None = None) -> None:
        """Let all connections and attempts take note that lines or faults have changed.

        A real clock is never there in the very moment, so a fault of no duration needs `when`.
        """
        now = trio.current_time() if when is None else when
        for connection in list(self.connections):
            connection.look_again(now)
        self._changes.unpark_all()

    def inject(self, host: Host, injection: Injection) -> None:
        """Let a fault happen to a host from its time on, and take note when it is over."""
        host.injections.append(injection)
        host.expected.extend([injection] if injection.missed else [])
        self._at(injection.since, partial(self.look_again, injection.since))
        self._at(injection.until, partial(self._expire, host, injection))

    def _at(self, when: float, call: Call) -> None:
        if when <= trio.current_time():
            call()
        elif when < float("inf"):
            self._agenda.at(when, call)

    def _expire(self, host: Host, injection: Injection) -> None:
        """Forget a fault that is over: a day of chaos has thousands."""
        if injection in host.injections:
            host.injections.remove(injection)
            self.look_again()

    def part(self, source: Host, target: Host, until: float) -> None:
        """Let nothing of `source` reach `target` until then."""
        self.partitions.add(source, target, until)
        self.look_again()
        self._at(until, self.look_again)

    def heal(self, host: Host) -> None:
        """End what is going on at a host."""
        for injection in host.injections:
            injection.disarm(trio.current_time())
        host.injections.clear()
        self.partitions.heal(host)
        self.look_again()

    def find_stream(self, local: object, remote: object) -> MemoryStream | None:
        """Return the end of a connection that is not over that has these addresses."""
        for connection in self.connections:
            for stream in (connection.client, connection.server):
                if (stream.local_address, stream.remote_address) == (local, remote):
                    return stream
        return None

    def of_host(self, host: Host) -> list[Connection]:
        """List the connections that a host is an end of."""
        return [connection for connection in self.connections if host in connection.hosts]

    def tell_of_change(self) -> None:
        """Wake who waits for a change."""
        self._changes.unpark_all()

    async def wait_for_change(self) -> None:
        """Wait until a connection or a handler has ended, or the network has changed."""
        await self._changes.park()


def _armed(kind: FaultKind, *hosts: Host) -> list[Injection]:
    now = trio.current_time()
    return [
        injection
        for host in hosts
        for injection in host.injections
        if injection.fault.kind is kind and injection.armed(now)
    ]


def _fires(kind: FaultKind, *hosts: Host) -> bool:
    """Return True if such a fault meets the attempt; count that it did."""
    armed = _armed(kind, *hosts)
    for injection in armed:
        injection.fire()
    return bool(armed)
