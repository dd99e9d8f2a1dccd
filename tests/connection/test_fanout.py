"""`trio_ws._connection.fanout`: messages that are built once go to many connections."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import Deflate, Instrument, Limits, LocalProtocolError, Timeouts, WebSocket
from trio_ws._concurrency.checkpoints import BYTES
from trio_ws._connection.block import ConnectionBlock
from trio_ws._connection.fanout import AT_ONCE, Delivery, fan_out, fan_out_nowait
from trio_ws._options import ConnectionOptions
from trio_ws._protocol.extensions.compressors import new_compressor
from trio_ws._protocol.send_queue import MAX_BATCH, QUEUE_ITEM_OVERHEAD
from trio_ws.testing import open_websocket_pair
from trio_ws.testing._peer import BINARY, PING, TEXT, Frame, RawPeer

from ..streams import socket_pair
from ..wires import both_roles, frames_of, open_wired, opening, settled

Clock = trio.testing.MockClock

BURST = ("one", b"two", "three")
FRAMES = [Frame(TEXT, b"one"), Frame(BINARY, b"two"), Frame(TEXT, b"three")]


@asynccontextmanager
async def on_socket(
    client: bool = False, *, buffers: int = 1 << 18, **options: Any
) -> AsyncGenerator[tuple[WebSocket, RawPeer]]:
    """Open a connection over a pair of sockets; the peer says goodbye when the block is left."""
    ours, theirs = socket_pair(buffers)
    rules = ConnectionOptions(**{"heartbeat": None, **options})
    ws = WebSocket(ours, opening(), client=client, options=rules, name="tested")
    async with RawPeer(theirs, client=not client) as peer, ConnectionBlock(ws):
        await settled()
        yield ws, peer
        await peer.send_close()
        await peer.send_eof()


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Note what `os.write` is given."""
    given: list[bytes] = []
    write = os.write

    def noted(number: int, data: bytes) -> int:
        given.append(data)
        return write(number, data)

    monkeypatch.setattr("trio_ws._transport.socket.os.write", noted)
    return given


async def receive(peer: RawPeer, count: int) -> list[Frame]:
    """Receive so many frames, without their masks."""
    frames = [await peer.receive_frame() for _ in range(count)]
    return [Frame(frame.opcode, frame.payload) for frame in frames]


# Idle sockets are written at once


async def test_one_object_in_one_write_each(writes: list[bytes]) -> None:
    """Idle connections of a server are written at once: one write each, of the same object."""
    async with AsyncExitStack() as stack:
        pairs = [await stack.enter_async_context(on_socket()) for _ in range(3)]
        sockets = [ws for ws, _ in pairs]
        for _ in range(2):  # nothing was read in between
            del writes[:]
            assert fan_out_nowait(sockets, *BURST) == Delivery(3, [], [])
            assert len(writes) == 3
            assert writes[0] is writes[1] is writes[2]
            assert frames_of(writes[0]) == FRAMES
        for ws, peer in pairs:
            statistics = ws.statistics()
            assert statistics.messages_sent == 6
            assert statistics.bytes_sent == 2 * len(writes[0])
            with trio.fail_after(1):
                await ws.flush()
            assert await receive(peer, 6) == FRAMES * 2


@both_roles
@pytest.mark.parametrize("compressed", [False, True])
async def test_what_cannot_be_shared_is_written_at_once(
    writes: list[bytes], client: bool, compressed: bool
) -> None:
    """Frames that are a connection's own leave in one write as well."""
    compression = Deflate(threshold=0) if compressed else None
    async with open_websocket_pair(compression=compression) as pair:
        sender, receiver = pair if client else pair[::-1]
        for _ in range(3):
            assert fan_out_nowait([sender], *BURST).taken == 1
            assert [await receiver.receive() for _ in BURST] == list(BURST)
    async with on_socket(client=True) as (ws, peer):
        for _ in range(2):
            del writes[:]
            fan_out_nowait([ws], "a")
            assert len(writes) == 1
        assert await receive(peer, 2) == [Frame(TEXT, b"a")] * 2


async def test_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that connections compress alike is compressed once; a small one is not."""
    made: list[object] = []

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return new_compressor(*arguments)

    monkeypatch.setattr("trio_ws._protocol.shared_message.new_compressor", counted)
    large = "shared " * 1000
    async with AsyncExitStack() as stack:
        pairs = [
            await stack.enter_async_context(open_websocket_pair(compression=Deflate()))
            for _ in range(3)
        ]
        servers = [server for _, server in pairs]
        assert fan_out_nowait(servers, large, "small").taken == 3
        assert len(made) == 1
        for client, server in pairs:
            assert [await client.receive(), await client.receive()] == [large, "small"]
            await server.send(large)
            assert await client.receive() == large


async def test_a_long_burst_is_not_copied() -> None:
    """What is too much for one write is queued message by message, and arrives."""
    messages = [bytes([number]) * (MAX_BATCH // 3) for number in range(5)]
    limits = Limits(send_buffer=10 * MAX_BATCH)
    async with on_socket(limits=limits) as (ws, peer):
        assert fan_out_nowait([ws], *messages).taken == 1
        assert await receive(peer, 5) == [Frame(BINARY, message) for message in messages]


async def test_the_kernel_takes_a_part() -> None:
    """What a socket does not take at once goes first, before a pong, and nothing is lost."""
    message = bytes(range(256)) * (MAX_BATCH // 256)
    async with on_socket(buffers=4096) as (ws, peer):
        assert fan_out_nowait([ws], message).taken == 1
        await peer.send_frame(PING, b"theirs")
        assert fan_out_nowait([ws], "behind").taken == 1
        frames = await receive(peer, 3)
        assert frames[0] == Frame(BINARY, message)
        assert sorted(frame.payload for frame in frames[1:]) == [b"behind", b"theirs"]


async def test_behind_what_waits(writes: list[bytes]) -> None:
    """A connection that has something to say already says that first, with the burst behind it."""
    async with on_socket() as (ws, peer):
        await ws.send("at once")
        await ws.send("waits")
        del writes[:]
        assert fan_out_nowait([ws], *BURST).taken == 1
        assert not writes
        payloads = [frame.payload for frame in await receive(peer, 5)]
        assert payloads == [b"at once", b"waits", b"one", b"two", b"three"]


# Those that cannot take it


async def test_the_full_and_the_closed_are_named(autojump_clock: Clock) -> None:
    """A full queue and an end delay no other connection; they are told, and nothing is sent."""
    limits = Limits(send_buffer=2 * (10 + QUEUE_ITEM_OVERHEAD) + 20)
    async with AsyncExitStack() as stack:

        async def opened() -> tuple[WebSocket, RawPeer, Any]:
            return await stack.enter_async_context(open_wired(False, limits=limits))

        (slow, slow_peer, slow_wire), (fine, fine_peer, fine_wire) = await opened(), await opened()
        over, over_peer, _ = await opened()
        await over_peer.send_close()
        await over_peer.send_eof()
        await settled()
        slow_wire.stop_taking()
        await slow.send("in hand")
        await settled()
        assert fan_out_nowait([slow], b"a" * 10) == Delivery(1, [], [])
        connections = [slow, over, fine]
        assert fan_out_nowait(connections, b"b" * 10, b"c" * 10) == Delivery(1, [slow], [over])
        await settled()
        assert await fan_out(connections, b"d" * 10) == Delivery(2, [], [over])
        slow_wire.take_again()
        await settled()
        for wire, payloads in (
            (slow_wire, [b"in hand", b"a" * 10, b"d" * 10]),
            (fine_wire, [b"b" * 10, b"c" * 10, b"d" * 10]),
        ):
            assert [frame.payload for frame in frames_of(wire.written)] == payloads
        for peer in (slow_peer, fine_peer):
            await peer.send_close()


async def test_amid_fragments() -> None:
    """While a message in fragments is being sent a connection would block."""
    goes_on = trio.Event()

    async def fragments() -> AsyncIterator[str]:  # noqa: ASYNC900
        yield "a"
        await goes_on.wait()
        yield "b"

    async with on_socket() as (ws, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, fragments())
            await settled()
            assert fan_out_nowait([ws], "between") == Delivery(0, [ws], [])
            goes_on.set()
        assert fan_out_nowait([ws], "behind") == Delivery(1, [], [])
        payloads = [frame.payload for frame in await receive(peer, 4)]
        assert payloads == [b"a", b"b", b"", b"behind"]


async def test_during_the_closing_handshake() -> None:
    """While a connection is closing it would block."""
    async with open_wired(False) as (ws, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(ws.close)
        await settled()
        assert fan_out_nowait([ws], "late") == Delivery(0, [ws], [])
        await peer.send_close()


async def test_bad_text() -> None:
    """Text that is not valid Unicode is refused before anything is sent."""
    async with on_socket() as (ws, peer):
        with pytest.raises(LocalProtocolError):
            fan_out_nowait([ws], "fine", "\ud800")
        with pytest.raises(LocalProtocolError):
            await fan_out([ws], "\ud800")
        assert ws.statistics().messages_sent == 0
        ws.send_nowait("first")
        assert await receive(peer, 1) == [Frame(TEXT, b"first")]


# What else a message means


async def test_instruments_are_told() -> None:
    """Instruments are told of each message of each connection."""
    told: list[tuple[WebSocket, str, int]] = []

    class Notes(Instrument):
        def message_sent(self, ws: WebSocket, kind: str, size: int) -> None:
            told.append((ws, kind, size))

    async with on_socket(instruments=[Notes()]) as (ws, _):
        fan_out_nowait([ws], *BURST)
    assert told == [(ws, "text", 3), (ws, "binary", 3), (ws, "text", 5)]


@pytest.mark.parametrize("name", ["idle", "send", "stall"])
async def test_timeouts_see_it(name: str) -> None:
    """Data keeps a connection from being idle, and what waits in a socket is watched."""
    async with on_socket(timeouts=Timeouts(**{name: 100})) as (ws, peer):
        lease = ws._connection.core.lease
        before = lease._last_data
        await trio.sleep(0.01)
        fan_out_nowait([ws], "a")
        assert (lease._last_data > before) is (name == "idle")
        assert (lease.outgoing.waiting_since is not None) is (
            name != "idle" and lease.outgoing.told
        )
        assert await receive(peer, 1) == [Frame(TEXT, b"a")]


# Fairness


@pytest.mark.parametrize(
    ("size", "slices"), [(0, 4), (BYTES // AT_ONCE, 4), (BYTES // 8, 50), (BYTES * 2, 400)]
)
async def test_other_tasks_run_in_between(autojump_clock: Clock, size: int, slices: int) -> None:
    """Other tasks run after so many connections, or after so many bytes (P11)."""
    turns = 0
    async with open_wired(False, limits=Limits(send_buffer=1 << 30)) as (ws, peer, _):

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            await trio.lowlevel.checkpoint()
            before = turns
            found = await fan_out([ws] * 400, bytes(size))
            assert slices - 2 <= turns - before <= slices + 1
            nursery.cancel_scope.cancel()
        assert found.taken == 400
        await peer.send_close()


async def test_cancelled_before_it_begins(autojump_clock: Clock) -> None:
    """A cancelled call has sent nothing; one that has begun reaches all connections."""
    async with open_wired(False, limits=Limits(send_buffer=1 << 20)) as (ws, peer, _):
        with trio.CancelScope() as scope:
            scope.cancel()
            await fan_out([ws] * 400, "never")
        assert scope.cancelled_caught
        assert ws.statistics().messages_sent == 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fan_out, [ws] * 400, "always")
            while not ws.statistics().messages_sent:  # noqa: ASYNC110
                await trio.lowlevel.checkpoint()
            assert ws.statistics().messages_sent < 400
            nursery.cancel_scope.cancel()
        assert ws.statistics().messages_sent == 400
        await peer.send_close()
