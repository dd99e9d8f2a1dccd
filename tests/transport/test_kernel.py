"""`trio_ws._transport.kernel`: what the kernel tells about a socket, and what it does not."""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from trio_ws._transport.adapter import transport_on
from trio_ws._transport.kernel import HangUp, hang_up, tells_acknowledgements, unacknowledged

from ..streams import over_tls, shake_hands, tls_pair

linux = pytest.mark.skipif(not hasattr(socket, "SO_PROTOCOL"), reason="only Linux tells")

KIND = {"IPv4": (socket.AF_INET, "127.0.0.1"), "IPv6": (socket.AF_INET6, "::1")}
every_family = pytest.mark.parametrize("family", KIND)


@contextmanager
def tcp(family: str = "IPv4") -> Generator[tuple[trio.SocketStream, socket.socket]]:
    """Connect over TCP; our end is a stream, the peer's is bare and has a small buffer."""
    kind, address = KIND[family]
    with socket.create_server((address, 0), family=kind) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ours = socket.create_connection(listener.getsockname()[:2])
        theirs, _ = listener.accept()
    ours.setblocking(False)
    with ours, theirs:
        yield trio.SocketStream(trio.socket.from_stdlib_socket(ours)), theirs


def reset(sock: socket.socket) -> None:
    """Close a socket with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# What was acknowledged


@linux
@every_family
async def test_acknowledgements(family: str) -> None:
    """What the peer's kernel has no room for is unacknowledged, until its process reads."""
    with tcp(family) as (stream, theirs):
        assert tells_acknowledgements(stream.socket)
        assert unacknowledged(stream.socket) == 0
        sent = 0
        with trio.move_on_after(0.1):
            while True:
                sent += await stream.socket.send(bytes(100_000))
        before = unacknowledged(stream.socket)
        assert before is not None
        assert 0 < before < sent
        received = 0
        while received < sent:
            received += len(theirs.recv(1 << 20))
        with trio.fail_after(5):
            while unacknowledged(stream.socket):
                await trio.sleep(0.001)


@pytest.mark.parametrize(
    ("family", "kind"),
    [(socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM)],
)
async def test_other_sockets(family: int, kind: int) -> None:
    """A Unix socket, and one that is not TCP, tell nothing that would help."""
    with trio.socket.socket(family, kind) as sock:
        assert not tells_acknowledgements(sock)


@linux
async def test_a_protocol_that_is_not_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream over IP that is not TCP (SCTP, SMC) is not asked."""
    with trio.socket.socket() as sock:
        assert tells_acknowledgements(sock)
        monkeypatch.setattr(socket, "IPPROTO_TCP", 132)
        assert not tells_acknowledgements(sock)


async def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux nothing is told."""
    with trio.socket.socket() as sock:
        monkeypatch.setattr(sys, "platform", "darwin")
        assert not tells_acknowledgements(sock)


async def test_a_socket_that_is_closed() -> None:
    """A closed socket tells nothing, and nothing is raised."""
    sock = trio.socket.socket()
    sock.close()
    assert not tells_acknowledgements(sock)
    assert unacknowledged(sock) is None
    assert hang_up(sock) is None


@linux
async def test_a_system_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that refuses the question is done without."""

    def refuse(*arguments: object) -> bytes:
        raise OSError(errno.ENOTTY, "refused")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    with trio.socket.socket() as sock:
        assert unacknowledged(sock) is None


# Whether it is over


@every_family
@pytest.mark.parametrize("unread", [0, 100_000])
async def test_the_peers_end(family: str, unread: int) -> None:
    """The peer's end shows without reading, also behind data that was not read."""
    with tcp(family) as (stream, theirs):
        theirs.sendall(bytes(unread))
        assert hang_up(stream.socket) is None
        theirs.shutdown(socket.SHUT_WR)
        with trio.fail_after(5):
            while hang_up(stream.socket) is None:
                await trio.sleep(0.001)
        assert hang_up(stream.socket) == HangUp(None)
        assert hang_up(stream.socket) == HangUp(None), "to look changes nothing"


@every_family
@pytest.mark.parametrize("unread", [0, 100_000])
async def test_a_reset(family: str, unread: int) -> None:
    """A reset shows without reading, with its error."""
    with tcp(family) as (stream, theirs):
        theirs.sendall(bytes(unread))
        reset(theirs)
        with trio.fail_after(5):
            while (found := hang_up(stream.socket)) is None:
                await trio.sleep(0.001)
        assert found.error is not None
        assert found.error.errno == errno.ECONNRESET
        assert str(found.error) == "[Errno 104] Connection reset by peer"


async def test_the_end_of_a_unix_socket() -> None:
    """The end of a Unix socket shows, too."""
    ours, theirs = trio.socket.socketpair()
    with ours:
        assert hang_up(ours) is None
        theirs.close()
        assert hang_up(ours) == HangUp(None)


async def test_a_system_without_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ``poll`` nothing is seen."""
    ours, theirs = trio.socket.socketpair()
    with ours:
        theirs.close()
        monkeypatch.delattr(select, "poll")
        assert hang_up(ours) is None


async def test_urgent_events_that_are_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is neither an error nor an end is not taken for one."""

    class Poll:
        def register(self, sock: object, events: int) -> None:
            """Take anything."""

        def poll(self, timeout: int) -> list[tuple[int, int]]:
            """Say that there is an error message to read, as for a zero-copy send."""
            return [(0, select.POLLERR)]

    monkeypatch.setattr(select, "poll", Poll)
    with tcp() as (stream, _):
        assert hang_up(stream.socket) is None


# Through a transport


@linux
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_a_transport_counts_below_tls(tls: bool) -> None:
    """A transport counts what the kernel was given: below TLS, if that is ours."""
    with tcp() as (stream, theirs):
        theirs.setblocking(False)
        other: trio.abc.Stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        ours: trio.abc.Stream = stream
        if tls:
            ours, other = over_tls(stream, other)
            await shake_hands(ours, other)
        transport = transport_on(ours)
        assert transport.tells_acknowledgements
        before, _ = transport.outgoing()
        await transport.send_all(bytes(1000))
        sent, waiting = transport.outgoing()
        assert sent - before > 1000 if tls else sent == 1000
        assert waiting is not None
        with trio.fail_after(5):
            while transport.outgoing() != (sent, 0):
                await trio.sleep(0.001)
        assert transport.hang_up() is None


async def test_a_transport_that_tells_nothing() -> None:
    """TLS of the application's own hides how much was sent; a memory stream has no kernel."""
    with tcp() as (stream, theirs):
        theirs.setblocking(False)
        other = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        ours, _ = tls_pair(stream, other)
        assert not transport_on(ours).tells_acknowledgements
        assert transport_on(ours).hang_up() is None
    memory, _ = trio.testing.memory_stream_pair()
    transport = transport_on(memory)
    assert not transport.tells_acknowledgements
    assert transport.outgoing() == (0, None)
    assert transport.hang_up() is None
