"""`trio_ws._transport.kernel`: what the kernel tells about a socket, and what it does not."""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import sys

import pytest
import trio

from trio_ws._transport.kernel import (
    HangUp,
    delivered,
    hang_up,
    tells_acknowledgements,
    unacknowledged,
)

from ..streams import eventually, tcp

linux = pytest.mark.skipif(not hasattr(socket, "SO_PROTOCOL"), reason="only Linux tells")

every_family = pytest.mark.parametrize("family", ["IPv4", "IPv6"])


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
        await eventually(lambda: unacknowledged(stream.socket) == 0)


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


@linux
@every_family
async def test_packets_that_arrived(family: str) -> None:
    """Each packet that arrives is counted, whether the process reads it or not."""
    with tcp(family) as (stream, _):
        before = delivered(stream.socket)
        for _ in range(3):
            await stream.send_all(b"x")
            await eventually(lambda: unacknowledged(stream.socket) == 0)
        assert delivered(stream.socket) == before + 3


async def test_packets_of_other_sockets() -> None:
    """A socket that has no packets tells of none."""
    ours, theirs = trio.socket.socketpair()
    with ours, theirs:
        assert delivered(ours) == 0


async def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that does not count packets yet gives a shorter answer."""
    with tcp() as (stream, _):
        monkeypatch.setattr(type(stream.socket), "getsockopt", lambda *_: bytes(192))
        assert delivered(stream.socket) == 0


# Whether it is over


@every_family
@pytest.mark.parametrize("unread", [0, 100_000])
async def test_the_peers_end(family: str, unread: int) -> None:
    """The peer's end shows without reading, also behind data that was not read."""
    with tcp(family) as (stream, theirs):
        theirs.sendall(bytes(unread))
        assert hang_up(stream.socket) is None
        theirs.shutdown(socket.SHUT_WR)
        await eventually(lambda: hang_up(stream.socket))
        assert hang_up(stream.socket) == HangUp(None)
        assert hang_up(stream.socket) == HangUp(None), "to look changes nothing"


@every_family
@pytest.mark.parametrize("unread", [0, 100_000])
async def test_a_reset(family: str, unread: int) -> None:
    """A reset shows without reading, with its error."""
    with tcp(family) as (stream, theirs):
        theirs.sendall(bytes(unread))
        reset(theirs)
        found: list[HangUp | None] = [None]

        def look() -> bool:
            found.append(hang_up(stream.socket))  # the system tells an error once
            return found[-1] is not None

        await eventually(look)
        assert found[-1] is not None
        error = found[-1].error
        assert error is not None
        assert error.errno == errno.ECONNRESET
        assert str(error) == "[Errno 104] Connection reset by peer"


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
