"""What goes wrong on real sockets (HAZARDS B1, B2, B3, B5, C11), over the loopback.

The kernel's buffers, a closed window, a reset and a loop that stands still
are the point here, so the clock is the real one; the sizes are as small as the point allows.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Heartbeat,
    HeartbeatTimeout,
    Limits,
    Loss,
    Timeouts,
    WebSocket,
)
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import BINARY, CLOSE, PING, PONG, encode

from ..wires import both_roles, opening, settled

pytestmark = pytest.mark.usefixtures("each_way_to_wait")

LARGE = Limits(max_message_size=1 << 26)


async def tcp_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Connect two sockets over the loopback."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port = listener.socket.getsockname()[1]
        ours = await trio.open_tcp_stream("127.0.0.1", port)
        theirs = await listener.accept()
    assert isinstance(ours, trio.SocketStream)
    return ours, theirs


def websocket(stream: trio.abc.Stream, *, client: bool, **policies: object) -> WebSocket:
    """Make a connection that is open already."""
    rules = ConnectionOptions(**{"heartbeat": None, "limits": LARGE, **policies})  # type: ignore[arg-type]
    return WebSocket(stream, opening(), client=client, options=rules, name="tested")


@asynccontextmanager
async def open_to_peer(
    client: bool, **policies: object
) -> AsyncGenerator[tuple[WebSocket, RawPeer]]:
    """Open a connection over TCP to a raw peer."""
    ours, theirs = await tcp_pair()
    ws = websocket(ours, client=client, **policies)
    async with RawPeer(theirs, client=not client) as peer, ConnectionBlock(ws):
        yield ws, peer


async def receive_frames(peer: RawPeer) -> list[tuple[int, int]]:
    """Receive until a Close; opcodes and sizes."""
    frames = []
    while True:
        frame = await peer.receive_frame()
        frames.append((frame.opcode, len(frame.payload)))
        if frame.opcode == CLOSE:
            await peer.send_frame(CLOSE, frame.payload)
            await peer.send_eof()
            return frames


@both_roles
@pytest.mark.parametrize("size", [4 << 20, pytest.param(50 << 20, marks=pytest.mark.slow)])
async def test_b1_large_send_cancelled(size: int, client: bool) -> None:
    """A large `send` cancelled half-way, then another: each is whole on the wire or not there."""
    frames: list[tuple[int, int]] = []

    async def take(peer: RawPeer) -> None:
        frames.extend(await receive_frames(peer))

    async with trio.open_nursery() as nursery, open_to_peer(client) as (ws, peer):
        await ws.send(bytes(size))
        await settled()
        await ws.send(bytes(size + 1))
        with trio.move_on_after(0.05) as scope:
            await ws.send(bytes(size + 2))
        assert scope.cancelled_caught
        with trio.move_on_after(0.05) as scope:
            await ws.flush()
        assert scope.cancelled_caught
        nursery.start_soon(take, peer)
        await ws.send(b"after")
    assert frames == [(BINARY, size), (BINARY, size + 1), (BINARY, 5), (CLOSE, 2)]


@both_roles
@pytest.mark.parametrize("size", [2 << 20, pytest.param(50 << 20, marks=pytest.mark.slow)])
async def test_b1_fragment_cancelled(size: int, client: bool) -> None:
    """A large fragment cancelled half-way closes the connection, with whole frames before that."""
    frames: list[tuple[int, int]] = []

    async def take(peer: RawPeer) -> None:
        frames.extend(await receive_frames(peer))

    timeouts = Timeouts(goodbye=20)
    async with (
        trio.open_nursery() as nursery,
        open_to_peer(client, timeouts=timeouts) as (ws, peer),
    ):
        async with trio.open_nursery() as sending:
            sending.start_soon(ws.send, [bytes(size)])
            await settled()
            sending.cancel_scope.cancel()
        nursery.start_soon(take, peer)
        with pytest.raises(ConnectionClosed):
            await ws.send("too late")
    assert [opcode for opcode, _ in frames] == [BINARY, CLOSE]
    assert frames[0][1] == size


class Meeting:
    """Where some tasks wait for each other."""

    def __init__(self, missing: int) -> None:
        self._missing = missing
        self._complete = trio.Event()

    async def wait(self) -> None:
        """Wait until all are here."""
        self._missing -= 1
        if self._missing == 0:
            self._complete.set()
        await self._complete.wait()


@pytest.mark.parametrize("count", [4, pytest.param(30, marks=pytest.mark.slow)])
async def test_b2_bulk_both_ways(count: int) -> None:
    """Both ends send bulk while they receive, with pings: all of it arrives, nobody waits."""
    ours, theirs = await tcp_pair()
    data = bytes(1 << 20)
    round_trips: list[float] = []

    async def converse(ws: WebSocket) -> None:
        async def send() -> None:
            for _ in range(count):
                await ws.send(data)

        async def ping() -> None:
            round_trips.extend([await ws.ping() for _ in range(5)])

        async with ConnectionBlock(ws):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                nursery.start_soon(ping)
                for _ in range(count):
                    assert await ws.receive() == data
            await both.wait()  # the other end may still wait for a pong
            await ws.close()

    both = Meeting(2)
    with trio.fail_after(50):
        async with trio.open_nursery() as nursery:
            for stream, client in ((ours, True), (theirs, False)):
                nursery.start_soon(converse, websocket(stream, client=client))
    assert len(round_trips) == 10


@both_roles
async def test_b3_zero_window(client: bool) -> None:
    """A peer that stops reading and says nothing is lost after interval and timeout."""
    heartbeat, timeouts = Heartbeat(interval=0.3, timeout=0.3), Timeouts(send=100)
    began = time.monotonic()
    with pytest.raises(HeartbeatTimeout):
        async with open_to_peer(client, heartbeat=heartbeat, timeouts=timeouts) as (ws, _):
            while True:
                await ws.send(bytes(1 << 20))
    assert 0.3 <= time.monotonic() - began < 10  # other processes may hold the cores for a while


@both_roles
@pytest.mark.parametrize("times", [5, pytest.param(80, marks=pytest.mark.slow)])
async def test_b5_stalled_loop(times: int, client: bool) -> None:
    """A loop of ours that stands still for 2.7 timeouts, again and again, kills no healthy peer.

    The pong waits in the socket's buffer meanwhile.
    """
    async with open_to_peer(client, heartbeat=Heartbeat(interval=0.01, timeout=0.1)) as (ws, peer):
        assert isinstance(peer.stream, trio.SocketStream)
        for _ in range(times):
            frame = await peer.expect_frame(PING)
            pong = encode(Frame(PONG, frame.payload, masked=not client))
            # In one step of this task: the pong is sent, and nobody gets to read it for long.
            assert os.write(peer.stream.socket.fileno(), pong) == len(pong)
            time.sleep(0.27)  # noqa: ASYNC251
        await settled()
        assert ws.ending is None
        await peer.send_close()
        await peer.send_eof()


@both_roles
@pytest.mark.parametrize("how", ["reset", "end"])
async def test_c11_reset_or_end(how: str, client: bool) -> None:
    """After a reset, or the end of the stream, the body is cancelled at once."""
    cancelled_at = 0.0
    with pytest.raises(ConnectionLost) as caught:
        async with open_to_peer(client) as (_, peer):
            assert isinstance(peer.stream, trio.SocketStream)
            if how == "reset":
                linger = struct.pack("ii", 1, 0)
                peer.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            await settled()
            began = time.monotonic()
            peer.stream.socket.close()
            try:
                await trio.sleep_forever()
            finally:
                cancelled_at = time.monotonic()
    assert 0 < cancelled_at - began < 1  # nothing else would wake it: it has no heartbeat
    assert caught.value.ending.loss is (Loss.BROKEN if how == "reset" else Loss.EOF)
    if how == "reset":
        assert isinstance(caught.value.__cause__, trio.BrokenResourceError)


@both_roles
async def test_c11_reset_with_a_message_unread(client: bool) -> None:
    """What arrived before the reset can still be taken."""
    with pytest.raises(ConnectionLost):
        async with open_to_peer(client) as (ws, peer):
            await peer.send_text("last words")
            await peer.send_frame(PONG)
            await settled()
            assert isinstance(peer.stream, trio.SocketStream)
            linger = struct.pack("ii", 1, 0)
            peer.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            peer.stream.socket.close()
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert ws.ending is not None
            assert await ws.receive() == "last words"
            await ws.receive()
