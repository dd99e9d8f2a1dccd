"""The fixed counterpart of a server with many connections: one loop, frames built beforehand."""

from __future__ import annotations

import resource
import select
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from time import perf_counter

from .load import READ_SIZE, Connection, Done, connect, first_echo
from .wire import Talk, frame, frame_size, payload

WAVE = 50
"""How many handshakes go on at once while the crowd gathers."""

TALK = Talk("echo", "binary", 32)


def allow_many_files() -> None:
    """Ask for as many file descriptors as we may have; our programs inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def crowd(
    port: int, count: int, talk: Talk = TALK, tls: ssl.SSLContext | None = None
) -> Iterator[list[Connection]]:
    """So many open connections."""
    connections: list[Connection] = []
    try:
        while len(connections) < count:
            wave = [Connection(port, talk, tls) for _ in range(min(WAVE, count - len(connections)))]
            connections += wave
            for connection in wave:
                connection.read_head()
        yield connections
    finally:
        for connection in connections:
            connection.close()


class Crowd:
    """Connections that are heard all at once."""

    def __init__(self, connections: list[Connection]) -> None:
        self.size = first_echo(connections[0], TALK)
        self.frame = frame("binary", payload("binary", TALK.size), masked=True)
        self.poll = select.epoll()
        self.by_fd = {connection.sock.fileno(): connection.sock for connection in connections}
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)

    def close(self) -> None:
        """Hear them no more."""
        self.poll.close()

    def echo(self, seconds: float) -> Done:
        """Keep one message in flight on each connection for so long, and wait for the last."""
        for sock in self.by_fd.values():
            sock.send(self.frame)
        count = 0
        began = now = perf_counter()
        while now < began + seconds:
            for fd, _ in self.poll.poll(1):
                self._take(fd)
                self.by_fd[fd].send(self.frame)
                count += 1
            now = perf_counter()
        self._drain(len(self.by_fd))
        return Done(count + len(self.by_fd), perf_counter() - began)

    def _take(self, fd: int) -> int:
        sock = self.by_fd[fd]
        data = sock.recv(READ_SIZE)
        while isinstance(sock, ssl.SSLSocket) and sock.pending():  # a record at a time
            data += sock.recv(READ_SIZE)
        count, rest = divmod(len(data), self.size)
        assert data, "the server has gone"
        assert rest == 0, "this is no echo"
        return count

    def _drain(self, missing: int) -> None:
        while missing > 0:
            for fd, _ in self.poll.poll(1):
                missing -= self._take(fd)

    def latencies(self, rate: float, seconds: float) -> list[float]:
        """Send at a fixed rate, in turn on each connection; return all round trips, in seconds.

        A round trip counts from when the message was due, not from when we got round to it:
        a server that stalls cannot make us ask it less.
        """
        turns = cycle(self.by_fd)
        due_at: dict[int, deque[float]] = {fd: deque() for fd in self.by_fd}
        trips: list[float] = []
        sent, total = 0, max(1, int(rate * seconds))
        began = perf_counter()
        while len(trips) < total:
            now = perf_counter()
            while sent < total and (due := began + sent / rate) <= now:
                fd = next(turns)
                self.by_fd[fd].send(self.frame)
                due_at[fd].append(due)
                sent += 1
            for fd, _ in self.poll.poll(0):
                count = self._take(fd)
                now = perf_counter()
                trips += [now - due_at[fd].popleft() for _ in range(count)]
        return trips


class Audience:
    """Connections to which a server sends one burst after the other, and one that asks for it."""

    def __init__(self, connections: list[Connection], port: int, talk: Talk) -> None:
        self.deliveries = talk.messages * len(connections)
        self.size = self.deliveries * frame_size(talk.size, masked=False)
        self.conductor = connect(port, talk)
        self.scratch = bytearray(READ_SIZE)
        self.sign = frame("binary", payload("binary", 32), masked=True)
        self.poll = select.epoll()
        self.by_fd = {connection.sock.fileno(): connection.sock for connection in connections}
        for fd in self.by_fd:
            self.poll.register(fd, select.EPOLLIN)
        self.hear()  # what the server does first of all is not measured

    def hear_for(self, seconds: float) -> Done:
        """Ask for a burst when all have the one before, for so long."""
        bursts = 0
        began = now = perf_counter()
        while now < began + seconds:
            self.hear()
            bursts += 1
            now = perf_counter()
        return Done(bursts * self.deliveries, now - began)

    def hear(self) -> None:
        """Ask for a burst, and wait until each connection has it."""
        self.conductor.sock.sendall(self.sign)
        missing = self.size
        while missing > 0:
            for fd, _ in self.poll.poll(1):
                count = self.by_fd[fd].recv_into(self.scratch)
                assert count, "the server has gone"
                missing -= count
        assert missing == 0, "more than there should be"

    def close(self) -> None:
        """Hear them no more."""
        self.poll.close()
        self.conductor.close()
