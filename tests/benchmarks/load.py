"""The fixed counterpart of a server: one socket that blocks, and frames built beforehand."""

from __future__ import annotations

import socket
import ssl
import struct
from dataclasses import dataclass
from time import perf_counter

from .deflated import Counter, Sender
from .wire import CLOSE, Talk, frame, frame_size, payload, request

READ_SIZE = 256 * 1024
PATIENCE = 60.0
"""After how many seconds without a byte a server is taken for dead."""


@dataclass(frozen=True)
class Done:
    """How many messages in how many seconds."""

    count: int
    seconds: float


class Connection:
    """A client of few skills."""

    def __init__(self, port: int, talk: Talk, tls: ssl.SSLContext | None = None) -> None:
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self._unread = b""
        self.sock.sendall(request(talk.path, port))

    def read_head(self) -> None:
        """Read the response to our handshake."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.read()
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"no upgrade: {head!r}")
        self._unread = head.partition(b"\r\n\r\n")[2]

    def read(self) -> bytes:
        """Read whatever is there."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data
        data = self.sock.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the server has gone")
        return data

    def read_exactly(self, size: int) -> bytes:
        """Read so many bytes; what is behind them stays unread."""
        data = b""
        while len(data) < size:
            data += self.read()
        self._unread = data[size:]
        return data[:size]

    def skip(self, size: int) -> None:
        """Read so many bytes, and look at none."""
        while size > 0:
            size -= len(self.read())
        assert size == 0, "more than there should be"

    def close(self) -> None:
        """Reset the connection: no port is left waiting for the time when all is over."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def connect(port: int, talk: Talk, tls: ssl.SSLContext | None = None) -> Connection:
    """Connect and shake hands."""
    connection = Connection(port, talk, tls)
    connection.read_head()
    return connection


def first_echo(connection: Connection, talk: Talk) -> int:
    """Check that one message comes back as it went; return the size of the answer's frame.

    A bare TCP echo sends back what it got, masked; a WebSocket server does not mask.
    """
    data = payload(talk.kind, talk.size)
    connection.sock.sendall(frame(talk.kind, data, masked=True))
    bare = frame(talk.kind, data, masked=True)
    plain = frame(talk.kind, data, masked=False)
    answer = connection.read_exactly(len(plain))
    if answer == plain:
        return len(plain)
    answer += connection.read_exactly(4)
    assert answer == bare, "this is no echo"
    return len(bare)


def echo(port: int, talk: Talk, in_flight: int, seconds: float, tls: ssl.SSLContext | None) -> Done:
    """Keep so many messages in flight for so long: for those that came back as many go out."""
    connection = connect(port, talk, tls)
    size = first_echo(connection, talk)
    one = frame(talk.kind, payload(talk.kind, talk.size), masked=True)
    many = memoryview(one * in_flight)
    sendall, read = connection.sock.sendall, connection.read
    count, arrived = 0, 0
    began = now = perf_counter()
    sendall(many)
    while now < began + seconds:
        whole, arrived = divmod(arrived + len(read()), size)
        if whole:
            count += whole
            sendall(many[: whole * len(one)])
        now = perf_counter()
    connection.skip(in_flight * size - arrived)
    seconds = perf_counter() - began
    connection.close()
    return Done(count + in_flight, seconds)


def deflated_echo(port: int, talk: Talk, in_flight: int, seconds: float) -> Done:
    """Do what `echo` does, with compressed messages of JSON."""
    connection = connect(port, talk)
    sender, counter = Sender(talk.size, masked=True), Counter()
    count, missing = 0, in_flight
    began = now = perf_counter()
    connection.sock.sendall(sender.next(in_flight))
    while now < began + seconds:
        if came := counter.count(connection.read()):
            count += came
            connection.sock.sendall(sender.next(came))
        now = perf_counter()
    while missing:
        missing -= counter.count(connection.read())
    seconds = perf_counter() - began
    connection.close()
    return Done(count + in_flight, seconds)


def server_receives(port: int, talk: Talk) -> Done:
    """Send messages without a pause, and wait for the one that says "I have them"."""
    one = frame(talk.kind, payload(talk.kind, talk.size), masked=True)
    batch = max(1, 64 * 1024 // len(one))
    many = memoryview(one * batch)
    connection = connect(port, talk)
    began = perf_counter()
    for sent in range(0, talk.messages, batch):
        connection.sock.sendall(many[: min(batch, talk.messages - sent) * len(one)])
    connection.skip(frame_size(talk.size, masked=False))
    seconds = perf_counter() - began
    connection.close()
    return Done(talk.messages, seconds)


def server_sends(port: int, talk: Talk) -> Done:
    """Take in all messages of the talk."""
    began = perf_counter()
    connection = connect(port, talk)
    connection.skip(talk.messages * frame_size(talk.size, masked=False))
    seconds = perf_counter() - began
    connection.close()
    return Done(talk.messages, seconds)


def handshakes(port: int, at_once: int, seconds: float) -> Done:
    """Open and close connections, in waves of so many."""
    count = 0
    began = now = perf_counter()
    while now < began + seconds:
        wave = [Connection(port, Talk()) for _ in range(at_once)]
        for connection in wave:
            connection.read_head()
        for connection in wave:
            connection.sock.sendall(CLOSE)
        for connection in wave:
            while connection.sock.recv(READ_SIZE):
                pass
            connection.sock.close()
        count += at_once
        now = perf_counter()
    return Done(count, now - began)
