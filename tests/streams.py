"""Pairs of streams of every kind, and streams that fail."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import pytest
import trio
import trustme
from trio.testing import memory_stream_pair

from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import Transport
from trio_ws._transport.tls import MonitoredStream, tls_on
from trio_ws._transport.tls_session import TLSSession
from trio_ws._transport.tls_transport import TLSTransport

Pair = tuple[trio.abc.Stream, trio.abc.Stream]


class FailingStream(trio.abc.Stream):
    """A stream of which every method raises the same exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def send_all(self, data: object) -> None:
        raise self.error

    async def wait_send_all_might_not_block(self) -> None:
        raise self.error

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise self.error

    async def aclose(self) -> None:
        raise self.error


class FailingHalfCloseableStream(FailingStream, trio.abc.HalfCloseableStream):
    """The same, with an end of its own for each direction."""

    async def send_eof(self) -> None:
        raise self.error


ERRORS = [
    OSError("reset"),
    ssl.SSLError("bad record"),
    trio.BrokenResourceError("reset"),
    trio.ClosedResourceError("closed"),
]


def socket_pair(buffer: int | None = None) -> Pair:
    """Two streams over connected sockets, with small buffers if that is asked for."""
    ours, theirs = trio.socket.socketpair()
    if buffer is not None:
        for end in (ours, theirs):
            end.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, buffer)
            end.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, buffer)
    return trio.SocketStream(ours), trio.SocketStream(theirs)


def tcp_pair() -> Pair:
    """Two streams over TCP, on the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    for end in (ours, theirs):
        end.setblocking(False)
    streams = [trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in (ours, theirs)]
    return streams[0], streams[1]


@contextmanager
def tcp(family: str = "IPv4") -> Generator[tuple[trio.SocketStream, socket.socket]]:
    """Connect over TCP; our end is a stream, the peer's is bare and has a small buffer."""
    kind, host = {"IPv4": (socket.AF_INET, "127.0.0.1"), "IPv6": (socket.AF_INET6, "::1")}[family]
    with socket.create_server((host, 0), family=kind) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ours = socket.create_connection(listener.getsockname()[:2])
        theirs, _ = listener.accept()
    ours.setblocking(False)
    with ours, theirs:
        yield trio.SocketStream(trio.socket.from_stdlib_socket(ours)), theirs


class PassingStream(trio.abc.Stream):
    """A stream that passes on to another; its directions cannot be closed one by one."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self.stream.aclose()


class GenerousStream(PassingStream):
    """A stream that gives more than it is asked for, if it has more."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some()


class UnwritableStream(PassingStream):
    """A stream that takes nothing any more."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        raise trio.BrokenResourceError("gone")


def generous_pair() -> Pair:
    """Two streams that give more than they are asked for."""
    ours, theirs = memory_stream_pair()
    return GenerousStream(ours), GenerousStream(theirs)


def pair_without_half_close() -> Pair:
    """Two streams that cannot end one direction alone."""
    return tls_pair(*memory_stream_pair())


def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a client, and for a server called "testserver" that it trusts."""
    authority = trustme.CA()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("testserver").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    return client_side, server_side


def tls_pair(ours: trio.abc.Stream, theirs: trio.abc.Stream) -> Pair:
    """TLS over two streams: a client and a server that trust each other."""
    client_side, server_side = tls_contexts()
    return (
        trio.SSLStream(ours, client_side, server_hostname="testserver"),
        trio.SSLStream(theirs, server_side, server_side=True),
    )


def over_tls(ours: trio.abc.Stream, theirs: trio.abc.Stream) -> Pair:
    """The same as the doors make it where there is no plain socket: it is seen from below."""
    client_side, server_side = tls_contexts()
    return (
        tls_on(ours, client_side, server_hostname="testserver"),
        tls_on(theirs, server_side, server_side=True),
    )


def tls_sessions(
    client_side: ssl.SSLContext | None = None, server_side: ssl.SSLContext | None = None
) -> tuple[TLSSession, TLSSession]:
    """A client and a server that have shaken hands, in memory."""
    ours, theirs = tls_contexts()
    client = TLSSession(client_side or ours, server_hostname="testserver")
    server = TLSSession(server_side or theirs, server_side=True)
    done = [False, False]
    while not all(done) or client.sealed or server.sealed:
        for index, (one, other) in enumerate([(client, server), (server, client)]):
            done[index] = done[index] or one.shake_hands()
            for record in taken(one):
                other.feed(record)
    client.open_into(memoryview(bytearray(1)))  # the tickets
    return client, server


def taken(session: TLSSession) -> list[Piece]:
    """Take what a session has sealed."""
    records = list(session.sealed)
    session.push(lambda _: [])
    return records


def tls_on_transports(
    one: Transport, other: Transport, *contexts: ssl.SSLContext
) -> tuple[TLSTransport, TLSTransport]:
    """TLS of our own over two transports, after the handshake."""
    client, server = tls_sessions(*contexts)
    return TLSTransport(one, client), TLSTransport(other, server)


def tls_socket_pair(buffer: int | None = None) -> tuple[TLSTransport, TLSTransport]:
    """TLS as the doors make it on sockets, after the handshake."""
    ours, theirs = map(transport_on, socket_pair(buffer))
    return tls_on_transports(ours, theirs)


def below(stream: trio.abc.Stream) -> MonitoredStream:
    """What TLS stands on."""
    assert isinstance(stream, trio.SSLStream)
    assert isinstance(stream.transport_stream, MonitoredStream)
    return stream.transport_stream


async def shake_hands(*streams: trio.abc.Stream) -> None:
    """Let all do that at once that have to do it first."""
    async with trio.open_nursery() as nursery:
        for stream in streams:
            if isinstance(stream, trio.SSLStream):
                nursery.start_soon(stream.do_handshake)


every_stream = pytest.mark.parametrize(
    "make",
    [socket_pair, memory_stream_pair, pair_without_half_close, generous_pair, tls_socket_pair],
)


async def send_all(transport: Transport, data: bytes) -> list[int]:
    """Send as the writer does, and tell how much went at a time."""
    counts = []
    rest = memoryview(data)
    while rest:
        counts.append(await transport.send_some(rest))
        rest = rest[counts[-1] :]
    return counts


async def receive_all(transport: Transport) -> bytes:
    """Receive until the end."""
    received = bytearray()
    while data := await transport.receive_some():
        assert type(data) is bytes
        received += data
    return bytes(received)


def calls_of(transport: Transport) -> list[Callable[[], Awaitable[object]]]:
    """All that a connection does with the stream before it ends."""
    return [
        transport.receive_some,
        lambda: transport.receive_into(memoryview(bytearray(10))),
        lambda: transport.send_some(memoryview(b"a")),
        lambda: transport.send_all(b"a"),
    ]


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until the kernel has done its part, five seconds at most."""
    for _ in range(5000):
        if condition():
            return
        await trio.sleep(0.001)
    raise TimeoutError
