"""Heartbeats over real sockets, against peers that other code wrote.

Where the socket itself is the point: a window that closes, a buffer that already holds the pong,
a kernel that acknowledges for a process which is gone.
The peers are plain sockets, some of them in threads, that know nothing of this library.
Times are real here, so they have bounds instead of being exact.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
import trio

from trio_ws import ConnectionLost, Heartbeat, HeartbeatTimeout, Limits, Loss, Timeouts, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws._policies import HeartbeatOption

from .wires import opening

pytestmark = pytest.mark.usefixtures("each_way_to_wait")

QUICK = Heartbeat(interval=0.25, timeout=0.25)
ROOM = 3
"""So many seconds may a busy machine be late; a peer that is not given up stays for ever."""

MIB = 1024 * 1024


@contextmanager
def tcp_pair(*, buffer: int | None = None) -> Generator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection, with small buffers if asked for."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as theirs:
        if buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            yield ours, theirs


def server_on(
    sock: socket.socket, heartbeat: HeartbeatOption, **policies: object
) -> ConnectionBlock:
    """The server's side of a connection whose client is somebody else."""
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
    rules = ConnectionOptions(heartbeat=heartbeat, **policies)  # type: ignore[arg-type]
    return ConnectionBlock(WebSocket(stream, opening(), client=False, options=rules, name="tested"))


def masked(opcode: int, payload: bytes = b"") -> bytes:
    """A client's frame, with a mask of zeros."""
    if len(payload) < 126:
        return struct.pack("!BB4x", 0x80 | opcode, 0x80 | len(payload)) + payload
    return struct.pack("!BBQ4x", 0x80 | opcode, 0x80 | 127, len(payload)) + payload


def read_exactly(sock: socket.socket, count: int, *, pace: float = 0) -> bytes:
    """So many bytes, or fewer if the stream ends; `pace` is the pause between two reads."""
    data = b""
    while len(data) < count and (piece := sock.recv(min(count - len(data), 65536))):
        data += piece
        time.sleep(pace)
    return data


def answer_pings(
    sock: socket.socket,
    *,
    pace: float = 0,
    think: float = 0,
    on_pong: Callable[[], object] = lambda: None,
) -> None:
    """Be a client that answers each ping, skips the rest, and hangs up after a Close."""
    while head := read_exactly(sock, 2):
        length = head[1]
        if length > 125:
            width = 2 if length == 126 else 8
            length = int.from_bytes(read_exactly(sock, width), "big")
        payload = read_exactly(sock, length, pace=pace)
        if head[0] == 0x89:
            time.sleep(think)
            sock.sendall(masked(0xA, payload))
        elif head[0] == 0x8A:
            on_pong()
        elif head[0] == 0x88:
            sock.sendall(masked(0x8, payload))
            return


@contextmanager
def in_thread(work: Callable[[], None]) -> Generator[None]:
    """Do something beside the test, and wait for its end."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


# Who is dead


async def test_zero_window() -> None:
    """A peer that stops reading is given up within interval + timeout + 1 s while we send (B3)."""
    with tcp_pair(buffer=4096) as (ours, _):
        began = trio.current_time()
        with pytest.raises(ConnectionLost) as caught:
            async with server_on(ours, QUICK) as ws:
                while True:
                    await ws.send(bytes(100_000))
        # Both are due after interval + timeout; which is seen first depends on the machine.
        assert caught.value.ending.loss in (Loss.HEARTBEAT, Loss.SEND_TIMEOUT)
        assert trio.current_time() - began < 0.25 + 0.25 + ROOM
        assert ours.fileno() == -1, "the socket is released"


async def test_zero_window_without_heartbeat() -> None:
    """`Timeouts.send` alone frees it too."""
    with tcp_pair(buffer=4096) as (ours, _):
        began = trio.current_time()
        with pytest.raises(ConnectionLost) as caught:
            async with server_on(ours, None, timeouts=Timeouts(send=0.5)) as ws:
                while True:
                    await ws.send(bytes(100_000))
        assert caught.value.ending.loss is Loss.SEND_TIMEOUT
        assert trio.current_time() - began < 0.5 + ROOM


async def test_black_hole() -> None:
    """A peer whose kernel acknowledges but which never speaks is given up (half-open)."""
    with tcp_pair() as (ours, theirs):
        began = trio.current_time()
        with pytest.raises(HeartbeatTimeout, match="was not answered"):
            async with server_on(ours, QUICK):
                await trio.sleep_forever()
        assert trio.current_time() - began < 0.25 + 0.25 + ROOM
        received = theirs.recv(65536)
        assert received[0] == 0x89, "it was pinged"
        assert b"heartbeat timeout" in received, "and told why we go"


async def test_black_hole_that_reads() -> None:
    """A peer that reads all we send but never speaks is given up while we send."""
    with tcp_pair() as (ours, theirs):

        def swallow() -> None:
            while theirs.recv(65536):
                pass

        with in_thread(swallow):
            began = trio.current_time()
            with pytest.raises(HeartbeatTimeout):
                async with server_on(ours, QUICK) as ws:
                    while True:
                        await ws.send(bytes(1000))
                        await trio.sleep(0.01)
            assert trio.current_time() - began < 0.25 + 0.25 + ROOM


@pytest.mark.parametrize("how", ["reset", "eof"])
async def test_peer_that_goes(how: str) -> None:
    """After a reset, or an end without a Close, the body is cancelled at once (C11)."""
    with tcp_pair() as (ours, theirs):
        gone_at = cancelled_at = 0.0
        with pytest.raises(ConnectionLost) as caught:
            async with server_on(ours, Heartbeat()):
                await trio.sleep(0.05)
                if how == "reset":
                    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                gone_at = trio.current_time()
                theirs.close()
                try:
                    await trio.sleep(30)
                finally:
                    cancelled_at = trio.current_time()
        assert cancelled_at - gone_at < ROOM
        assert caught.value.ending.loss is (Loss.BROKEN if how == "reset" else Loss.EOF)


# Who is not


@pytest.mark.slow
async def test_slow_consumer() -> None:
    """An application that stops reading for ten timeouts keeps its connection (B4)."""
    with tcp_pair() as (ours, theirs):
        pongs = threading.Semaphore(0)

        def flood() -> None:
            for _ in range(50):
                theirs.sendall(masked(0x2, bytes(100_000)))

        with in_thread(flood), in_thread(lambda: answer_pings(theirs, on_pong=pongs.release)):
            async with server_on(ours, QUICK, limits=Limits(receive_buffer=100_000)) as ws:
                await trio.sleep(10 * QUICK.timeout)
                assert ws.ending is None
                assert ws.statistics().reading_paused
                for _ in range(50):
                    assert len(await ws.receive()) == 100_000
                await trio.sleep(4 * QUICK.timeout)
                assert ws.ending is None
        assert pongs.acquire(timeout=1)


@pytest.mark.slow
async def test_slow_link() -> None:
    """A message that crawls out for many times the timeout is no sign of death (B4a)."""
    with (
        tcp_pair(buffer=8192) as (ours, theirs),
        in_thread(lambda: answer_pings(theirs, pace=0.012)),
    ):
        began = trio.current_time()
        async with server_on(ours, QUICK) as ws:
            await ws.send(bytes(2 * MIB))
            await ws.flush()
            assert trio.current_time() - began > 3 * (QUICK.interval + QUICK.timeout)
            await trio.sleep(4 * QUICK.timeout)
            assert ws.ending is None


@pytest.mark.slow
async def test_stalled_loop() -> None:
    """80 times the loop stands still for 2.7 timeouts while the pong waits in the socket (B5)."""
    heartbeat = Heartbeat(interval=0.05, timeout=0.15)  # the peer's thread shares our processor
    with tcp_pair() as (ours, theirs), in_thread(lambda: answer_pings(theirs, think=0.01)):
        async with server_on(ours, heartbeat) as ws:
            for _ in range(80):
                while not ws._connection.core.lease.awaiting_answer:  # noqa: ASYNC110
                    await trio.sleep(0.002)
                time.sleep(2.7 * heartbeat.timeout)  # noqa: ASYNC251
                assert ws._connection.core.lease.awaiting_answer, (
                    "the pong was there, but nobody could read it"
                )
                with trio.fail_after(5):  # noqa: ASYNC912 - it waits at once
                    while ws._connection.core.lease.awaiting_answer:  # noqa: ASYNC110
                        await trio.sleep(0.002)
                assert ws.ending is None
