"""`_connection.writer`: on a plain socket a message may leave at once (law 1)."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Heartbeat, Limits, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._connection.writer import COALESCE_LIMIT
from trio_ws._options import ConnectionOptions
from trio_ws._policies import Timeouts
from trio_ws._protocol.send_queue import Piece
from trio_ws._protocol.shared_burst import SharedBurst
from trio_ws._transport.base import without
from trio_ws.testing._peer import BINARY, CLOSE, PING, PONG, TEXT, Frame, RawPeer, encode

from ..watched import WatchedSocket, watched_websocket
from ..wires import both_roles, frames_of, memory, open_wired, opening, settled

SMALL = 4096
"""The size of the kernel's buffers, as far as it can be set."""

AMPLE = 200_000
"""Buffers that take a few large messages."""


@asynccontextmanager
async def open_socket(
    client: bool,
    *,
    limits: Limits = Limits(),
    heartbeat: Heartbeat | None = None,
    timeouts: Timeouts = Timeouts(),
    buffers: int = SMALL,
) -> AsyncGenerator[tuple[WebSocket, RawPeer, socket.socket]]:
    """Open a connection over a pair of sockets with small buffers; the peer's one is bare too."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
    stream, peer_stream = (
        trio.SocketStream(trio.socket.from_stdlib_socket(s)) for s in (ours, theirs)
    )
    rules = ConnectionOptions(heartbeat=heartbeat, limits=limits, timeouts=timeouts)
    ws = WebSocket(stream, opening(), client=client, options=rules, name="tested")
    async with RawPeer(peer_stream, client=not client) as peer, ConnectionBlock(ws):
        yield ws, peer, theirs


def there(theirs: socket.socket) -> bytes:
    """Take what has arrived at the peer, without giving any task the time to send it."""
    try:
        return theirs.recv(1 << 20)
    except BlockingIOError:
        return b""


def written_by(client: bool, *frames: Frame) -> list[Frame]:
    """Say of frames whether they are masked, as the tested role masks."""
    return [Frame(f.opcode, f.payload, masked=client) for f in frames]


async def say_goodbye(peer: RawPeer) -> None:
    """Close politely, and end TCP."""
    await peer.send_close(1000)
    await peer.send_eof()


async def receive_frames(peer: RawPeer, count: int) -> list[Frame]:
    """Receive so many frames."""
    return [await peer.receive_frame() for _ in range(count)]


@both_roles
async def test_first_message_leaves_at_once(client: bool) -> None:
    """A message that finds the writer at rest is with the kernel when `send` returns."""
    async with open_socket(client) as (ws, peer, theirs):
        await settled()
        for text in ("first", "second"):
            await peer.send_text("a reading makes the next message the first again")
            await ws.receive()
            await settled()
            await ws.send(text)
            assert len(there(theirs)) == len(text) + (6 if client else 2)
        await ws.send("this one waits for the writer")
        assert there(theirs) == b""
        await ws.flush()
        assert len(there(theirs)) > 0
        await say_goodbye(peer)


def our_tasks() -> list[str]:
    """The names of the tasks that belong to connections, without the numbers of these."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    tasks = [root]
    for task in tasks:
        for nursery in task.child_nurseries:
            tasks += nursery.child_tasks
    ours = [" ".join(task.name.split()[:2]) for task in tasks if task.name.startswith("trio_ws ")]
    return sorted(name for name in ours if name != "trio_ws poller")  # that is the run's


@both_roles
async def test_tasks_of_an_idle_connection(client: bool) -> None:
    """There is a reader; a writer comes when there is something for it to do, and stays."""
    async with open_socket(client, heartbeat=Heartbeat()) as (ws, peer, _):
        await settled()
        await ws.send("this one needs nobody")
        assert our_tasks() == ["trio_ws reader"]
        await ws.send("this one does")
        await ws.flush()
        assert our_tasks() == ["trio_ws reader", "trio_ws writer"]
        await ws.send("one")
        await ws.send("and another")
        await ws.flush()
        assert our_tasks() == ["trio_ws reader", "trio_ws writer"]
        await say_goodbye(peer)
    assert our_tasks() == []


@both_roles
async def test_the_end_needs_no_writer(client: bool) -> None:
    """Whoever closes first, our last word leaves at once, without a task for it."""
    async with open_socket(client) as (ws, peer, theirs):
        await settled()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await settled()
            assert len(there(theirs)) == 4 + (4 if client else 0)
            assert our_tasks() == ["trio_ws reader"]
            await say_goodbye(peer)
    async with open_socket(client) as (ws, peer, _):
        await say_goodbye(peer)
        await peer.expect_frame(CLOSE)
        assert "trio_ws writer" not in our_tasks()


@both_roles
async def test_the_end_waits_for_the_kernel(client: bool) -> None:
    """When the kernel takes no more, a task waits until it does; nothing is lost."""
    count = 3
    async with open_socket(client) as (ws, peer, _):
        await settled()
        for _ in range(count):
            await ws.send(bytes(20_000))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await settled()
            assert our_tasks() == ["trio_ws reader", "trio_ws writer"]
            frames = await receive_frames(peer, count + 1)
            assert [len(frame.payload) for frame in frames] == [20_000] * count + [2]
            await say_goodbye(peer)


@both_roles
async def test_the_last_word_waits_for_the_kernel(client: bool) -> None:
    """A Close that the kernel does not take at once is written by a task."""
    async with open_socket(client) as (ws, _, _):
        await settled()
        stuffing = encode(Frame(PONG, bytes(125), masked=client))
        while ws._connection.core.transport.send_now([stuffing]) == []:
            pass
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await settled()
            assert our_tasks() == ["trio_ws reader", "trio_ws writer"]
            nursery.cancel_scope.cancel()


@both_roles
async def test_ping_of_a_heartbeat_leaves_at_once(client: bool) -> None:
    """The ping of a heartbeat is with the kernel when it is queued, and its timeout runs."""
    beat = Heartbeat(interval=0.05, timeout=0.05)
    with pytest.raises(ConnectionLost, match="was not answered"):
        async with open_socket(client, heartbeat=beat) as (_, peer, _):
            await peer.expect_frame(PING)
            await trio.sleep_forever()


@both_roles
async def test_flush_of_what_left_at_once(client: bool) -> None:
    """What left at once counts as flushed."""
    async with open_socket(client) as (ws, peer, _):
        await settled()
        await ws.send("x")
        await ws.flush()
        await ws.send("y")
        await ws.flush()
        texts = [frame.payload for frame in await receive_frames(peer, 2)]
        assert texts == [b"x", b"y"]
        await say_goodbye(peer)


@both_roles
async def test_flush_while_another_task_writes(client: bool) -> None:
    """Who waits for the kernel is told, also if another task's message took all along with it.

    Whether it does depends on which of the tasks Trio lets run first, so it is tried often.
    """
    async with open_socket(client, buffers=AMPLE) as (ws, peer, theirs):
        for _ in range(100):
            await settled()
            await ws.send("leaves at once")
            await ws.send("waits for the writer")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ws.flush)
                nursery.start_soon(ws.send, bytes(COALESCE_LIMIT))
                await settled()
                assert not nursery.child_tasks
            there(theirs)
        await say_goodbye(peer)


@both_roles
async def test_large_messages_leave_at_once(client: bool) -> None:
    """With much in the queue `send` writes itself, also while messages wait to be answered."""
    async with open_socket(client, buffers=AMPLE) as (ws, peer, theirs):
        for text in ("first", "second", "third"):
            await peer.send_text(text)
        await settled()
        await ws.receive()
        for _ in range(20):
            await ws.send(bytes(COALESCE_LIMIT))
            assert len(there(theirs)) == COALESCE_LIMIT + (8 if client else 4)
        for expected in ("second", "third"):
            assert await ws.receive() == expected
        await say_goodbye(peer)


@both_roles
@pytest.mark.parametrize("size", [1, COALESCE_LIMIT // 4, COALESCE_LIMIT])
async def test_answers_leave_together(size: int, client: bool) -> None:
    """While messages wait to be answered answers are queued, but not longer than the task runs."""
    async with open_socket(client, buffers=AMPLE) as (ws, peer, theirs):
        for text in ("first", "second", "third"):
            await peer.send_text(text)
        await settled()
        await ws.receive()
        await ws.send(bytes(size))
        await ws.send(bytes(size))
        assert (there(theirs) == b"") == (size < COALESCE_LIMIT // 2)
        await settled()  # the handler sleeps, although its inbox is not empty
        assert ws.statistics().send_queue == 0
        assert ws.statistics().receive_queue > 0
        await say_goodbye(peer)


@both_roles
async def test_nothing_is_kept_of_what_was_read(client: bool) -> None:
    """A connection that waits for bytes holds nothing of those that came before."""
    async with open_socket(client) as (ws, peer, _):
        await peer.send_text("all is set up")
        await ws.receive()
        await settled()
        with memory() as kept:
            for size in (60_000, 500_000):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(peer.send_frame, BINARY, bytes(size))
                    assert len(await ws.receive()) == size
            await settled()
        assert kept[0] < 16 * 1024
        await say_goodbye(peer)


@both_roles
async def test_what_is_left_over_goes_first(client: bool) -> None:
    """When the kernel takes half a frame, the rest goes before everything, also control frames."""
    large = bytes(range(256)) * 2000
    async with open_socket(client) as (ws, peer, _), trio.open_nursery() as nursery:
        await settled()
        await ws.send(large)
        await ws.pong(b"unasked")
        nursery.start_soon(ws.ping, b"question")
        await peer.send_frame(PING, b"theirs")
        await settled()
        await ws.send("behind it")
        assert await receive_frames(peer, 5) == written_by(
            client,
            Frame(BINARY, large),
            Frame(PONG, b"theirs"),
            Frame(PONG, b"unasked"),
            Frame(PING, b"question"),
            Frame(TEXT, b"behind it"),
        )
        await peer.send_frame(PONG, b"question")
        await say_goodbye(peer)


class NarrowSocket(WatchedSocket):
    """A socket that takes so many bytes at once; who waits for more room waits for `opened`."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.written = bytearray()
        self.opened = trio.Event()

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Take as much as there is room for."""
        taken = b"".join(pieces)[: self.room]
        self.room -= len(taken)
        self.written += taken
        return without(pieces, len(taken))

    async def send_some(self, data: memoryview) -> int:
        """Wait, and take all."""
        await self.opened.wait()
        self.written += data
        return len(data)


async def test_what_the_writer_has_goes_first(autojump_clock: trio.testing.MockClock) -> None:
    """While the task has the rest of a frame in hand, nothing is written past it."""
    sock = NarrowSocket(room=100)
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        await settled()
        await ws.send(bytes(1000))
        await settled()
        sock.room = 10_000
        await ws.send("behind it")
        await ws.pong(b"unasked")
        await settled()
        assert len(sock.written) == 100
        sock.opened.set()
        await settled()
        assert [frame.payload for frame in frames_of(sock.written)] == [
            bytes(1000),
            b"unasked",
            b"behind it",
        ]
        nursery.cancel_scope.cancel()


@both_roles
async def test_large_message_behind_a_small_one(client: bool) -> None:
    """The writer too goes on where the kernel stopped taking, with nothing lost or doubled."""
    large = bytes(range(256)) * 2000
    async with open_socket(client, limits=Limits(send_buffer=1 << 30)) as (ws, peer, _):
        await settled()
        await ws.send("small")
        await ws.send(large)
        await ws.send(large[1:])
        assert await receive_frames(peer, 3) == written_by(
            client, Frame(TEXT, b"small"), Frame(BINARY, large), Frame(BINARY, large[1:])
        )
        await say_goodbye(peer)


@both_roles
@pytest.mark.parametrize("how", ["cancelled", "closed by the peer", "violated"])
async def test_half_a_frame_and_the_end(how: str, client: bool) -> None:
    """When the kernel has half a frame and we close in a hurry, it gets the other half first."""
    large = bytes(range(256)) * 2000
    frames: list[Frame] = []
    codes = {"cancelled": 1001, "closed by the peer": 4000, "violated": 1002}

    async def take(peer: RawPeer) -> None:
        with trio.CancelScope(shield=True):
            frames.extend(await receive_frames(peer, 2))
            await say_goodbye(peer)

    outer = pytest.raises(ConnectionLost) if how == "violated" else trio.CancelScope()
    async with trio.open_nursery() as nursery:
        with outer as scope:
            async with open_socket(client, limits=Limits(send_buffer=1 << 30)) as (ws, peer, _):
                await settled()
                await ws.send(large)
                await ws.send("queued")
                if how == "cancelled":
                    assert isinstance(scope, trio.CancelScope)
                    scope.cancel()
                elif how == "violated":
                    await peer.send_bytes(b"\xff" * 20)
                else:
                    await peer.send_bytes(
                        encode(Frame(CLOSE, (4000).to_bytes(2, "big"), masked=not client))
                    )
                nursery.start_soon(take, peer)
                await ws.wait_closed()
    assert frames[0].payload == large
    assert frames[1].opcode == CLOSE
    assert int.from_bytes(frames[1].payload[:2], "big") == codes[how]


# Frames that pass the queue: single ones, and bursts that many connections share


def passes(ws: WebSocket, burst: SharedBurst) -> bool:
    """Write a burst past the queue; return False if that cannot be done now."""
    assert burst.data is not None
    return ws._writer.write_past_queue(burst.data, burst.count)


@pytest.mark.parametrize("timeouts", [Timeouts(), Timeouts(idle=100, stall=100)])
async def test_a_shared_burst_passes_an_empty_queue(timeouts: Timeouts) -> None:
    """Frames are written at once, each time, and count as flushed."""
    async with open_socket(False, timeouts=timeouts) as (ws, peer, theirs):
        await settled()
        burst = SharedBurst(["one", "two"])
        for number in range(1, 4):
            assert passes(ws, burst)
            assert there(theirs) == burst.data
            assert ws._writer.frames_flushed == ws._protocol.send_queue.frames_out == 2 * number
        assert our_tasks() == ["trio_ws reader"]
        await say_goodbye(peer)


async def test_a_shared_burst_that_the_kernel_does_not_take() -> None:
    """What is left over of a burst is written by a task, and nothing passes it."""
    async with open_socket(False) as (ws, peer, _):
        await settled()
        burst = SharedBurst([bytes(60_000)])
        assert passes(ws, burst)
        assert not passes(ws, burst)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.flush)
            (frame,) = await receive_frames(peer, 1)
        assert frame.payload == bytes(60_000)
        await say_goodbye(peer)


async def test_nothing_passes_what_is_in_the_way() -> None:
    """Nothing passes a queue, or a task that writes, and nothing a stream that is no socket."""
    burst = SharedBurst(["x"])
    async with open_wired(False) as (ws, peer, _):
        assert not passes(ws, burst)
        await say_goodbye(peer)
    async with open_socket(False) as (ws, peer, theirs):
        await settled()
        await ws.send("leaves at once")
        await ws.send("waits")
        assert not passes(ws, burst)
        await ws.send(bytes(60_000))
        await settled()
        assert not passes(ws, burst)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.flush)
            await receive_frames(peer, 3)
        assert passes(ws, burst)
        assert there(theirs) == burst.data
        await say_goodbye(peer)


@both_roles
@pytest.mark.parametrize("waited", [True, False])
async def test_a_burst_leaves_at_once_unless_something_waited(client: bool, waited: bool) -> None:
    """A burst behind an empty queue needs no task, whatever was written before it."""
    async with open_socket(client) as (ws, peer, theirs):
        await settled()
        await ws.send("leaves at once")
        there(theirs)
        ws._protocol.send("a")
        ws._protocol.send("b")
        ws._writer.flush_burst(waited)
        assert (there(theirs) == b"") is waited
        await settled()
        assert bool(there(theirs)) is waited
        await say_goodbye(peer)
