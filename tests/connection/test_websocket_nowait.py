"""`trio_ws._connection.websocket`: `send_nowait`, and turns that end with the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Instrument,
    Limits,
    LocalProtocolError,
    Timeouts,
    WebSocket,
)
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws._protocol.send_queue import MAX_BATCH, QUEUE_ITEM_OVERHEAD
from trio_ws._protocol.shared_burst import SharedBurst
from trio_ws.testing._peer import BINARY, TEXT, RawPeer

from ..streams import socket_pair
from ..wires import both_roles, frames_of, open_wired, opening, settled

Clock = trio.testing.MockClock


@both_roles
@pytest.mark.parametrize(
    ("message", "opcode", "payload"),
    [
        ("text ❤", TEXT, "text ❤".encode()),
        (b"bytes", BINARY, b"bytes"),
        (bytearray(b"array"), BINARY, b"array"),
        (memoryview(b"view"), BINARY, b"view"),
    ],
)
async def test_sent(
    autojump_clock: Clock, client: bool, message: str | bytes, opcode: int, payload: bytes
) -> None:
    """A message is queued without a wait, and counted."""
    async with open_wired(client) as (ws, peer, wire):
        ws.send_nowait(message)
        assert ws.statistics().messages_sent == 1
        await settled()
        (frame,) = frames_of(wire.written)
        assert (frame.opcode, frame.payload, frame.fin) == (opcode, payload, True)
        await peer.send_close()


@both_roles
async def test_no_room(autojump_clock: Clock, client: bool) -> None:
    """When the queue is full it would block, nothing is sent, and later there is room again."""
    limits = Limits(send_buffer=2 * (10 + QUEUE_ITEM_OVERHEAD) + 20)
    async with open_wired(client, limits=limits) as (ws, peer, wire):
        wire.stop_taking()
        await ws.send(b"in hand")
        await settled()
        ws.send_nowait(b"a" * 10)
        ws.send_nowait(b"b" * 10)
        with pytest.raises(trio.WouldBlock):
            ws.send_nowait(b"c" * 10)
        wire.take_again()
        await settled()
        ws.send_nowait(b"d" * 10)
        await settled()
        payloads = [frame.payload for frame in frames_of(wire.written)]
        assert payloads == [b"in hand", b"a" * 10, b"b" * 10, b"d" * 10]
        await peer.send_close()


@both_roles
async def test_amid_fragments(autojump_clock: Clock, client: bool) -> None:
    """While a message in fragments is being sent it would block."""
    async with open_wired(client) as (ws, peer, wire):
        goes_on = trio.Event()

        async def fragments() -> AsyncIterator[str]:  # noqa: ASYNC900
            yield "a"
            await goes_on.wait()
            yield "b"

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, fragments())
            await settled()
            with pytest.raises(trio.WouldBlock):
                ws.send_nowait("between")
            goes_on.set()
        ws.send_nowait("behind")
        await settled()
        texts = [frame.payload for frame in frames_of(wire.written)]
        assert texts == [b"a", b"b", b"", b"behind"]
        await peer.send_close()


@both_roles
async def test_closing_and_closed(autojump_clock: Clock, client: bool) -> None:
    """During the closing handshake it would block; after the end it says so."""
    async with open_wired(client) as (ws, peer, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await settled()
            with pytest.raises(trio.WouldBlock):
                ws.send_nowait("late")
            await peer.send_close()
            await peer.send_eof()
        with pytest.raises(ConnectionClosed):
            ws.send_nowait("too late")


@pytest.mark.parametrize("wrong", [None, 5, ["a", "b"], {"a": 1}])
async def test_wrong_types(autojump_clock: Clock, wrong: object) -> None:
    """What is no whole message is refused, also an iterable of fragments."""
    async with open_wired(True) as (ws, peer, _):
        with pytest.raises(TypeError, match=r"send_nowait\(\) takes str or bytes"):
            ws.send_nowait(wrong)  # type: ignore[arg-type]
        await peer.send_close()


async def test_bad_text(autojump_clock: Clock) -> None:
    """Text that is not valid Unicode is refused, and nothing of it is sent."""
    async with open_wired(True) as (ws, peer, wire):
        with pytest.raises(LocalProtocolError):
            ws.send_nowait("\ud800")
        await settled()
        assert not wire.written
        await peer.send_close()


# Messages that many connections get: more of them in test_fanout.py


@both_roles
async def test_a_burst_is_queued_whole(autojump_clock: Clock, client: bool) -> None:
    """All messages of a burst are queued, counted and told, or none is."""
    told: list[tuple[str, int]] = []

    class Notes(Instrument):
        def message_sent(self, ws: object, kind: str, size: int) -> None:
            told.append((kind, size))

    async with open_wired(
        client,
        limits=Limits(send_buffer=300),
        timeouts=Timeouts(idle=100),
        instruments=[Notes()],
    ) as (ws, peer, wire):
        await trio.sleep(1)
        ws._send_burst(SharedBurst(["one", b"two"]))
        assert ws._connection.core.lease._last_data == trio.current_time()
        with pytest.raises(trio.WouldBlock):
            ws._send_burst(SharedBurst(["three", b"four", b"five"]))
        await settled()
        assert [frame.payload for frame in frames_of(wire.written)] == [b"one", b"two"]
        assert ws.statistics().messages_sent == 2
        assert told == [("text", 3), ("binary", 3)]
        await peer.send_close()
        await peer.send_eof()
        await settled()
        with pytest.raises(ConnectionClosed):
            ws._send_burst(SharedBurst(["late"]))


async def test_a_burst_on_an_idle_socket() -> None:
    """A server's idle socket has a burst when the call returns."""
    ours, theirs = socket_pair()
    rules = ConnectionOptions(heartbeat=None)
    ws = WebSocket(ours, opening(), client=False, options=rules, name="tested")
    async with RawPeer(theirs, client=True) as peer, ConnectionBlock(ws):
        ws._send_burst(SharedBurst(["one", b"two"]))
        with trio.fail_after(1):
            frames = frames_of(await theirs.receive_some())
        assert [frame.payload for frame in frames] == [b"one", b"two"]
        assert ws.statistics().messages_sent == 2
        await peer.send_close()
        await peer.send_eof()


async def test_a_burst_that_is_not_written_as_it_is() -> None:
    """A client masks, and what is too much for one write is queued by the message."""
    large = bytes(MAX_BATCH // 2)
    for client, messages in ((True, [b"a", b"b"]), (False, [large, large])):
        ours, theirs = socket_pair(1 << 20)
        rules = ConnectionOptions(heartbeat=None)
        ws = WebSocket(ours, opening(), client=client, options=rules, name="tested")
        async with RawPeer(theirs, client=not client) as peer, ConnectionBlock(ws):
            ws._send_burst(SharedBurst(messages))
            frames = [await peer.receive_frame() for _ in messages]
            assert [frame.payload for frame in frames] == messages
            assert all(frame.masked is client for frame in frames)
            turn = await ws._connection.core.take_turn_to_send()
            with pytest.raises(trio.WouldBlock):
                ws._send_burst(SharedBurst(["breaks in"]))
            turn.release()
            await peer.send_close()
            await peer.send_eof()


# Turns that end with the connection (law 7)


@both_roles
@pytest.mark.parametrize("lost", [True, False])
async def test_a_sender_behind_fragments_is_woken_by_the_end(
    autojump_clock: Clock, client: bool, lost: bool
) -> None:
    """A `send` that waits for a message in fragments raises when the connection is over.

    Also one that is called afterwards; the message in fragments need not come to an end.
    """
    timeouts = Timeouts(close=5)
    ends: list[float] = []
    caught: list[ConnectionClosed] = []

    async def fragments() -> AsyncIterator[str]:  # noqa: ASYNC900
        yield "a"
        with trio.CancelScope(shield=True):
            await trio.sleep(30)
        raise ZeroDivisionError

    with pytest.raises(ConnectionLost if lost else ZeroDivisionError):
        async with open_wired(client, timeouts=timeouts) as (ws, peer, _):

            async def send_fragments() -> None:
                with pytest.raises(ZeroDivisionError):
                    await ws.send(fragments())

            async def send() -> None:
                with pytest.raises(ConnectionClosed) as caught_here:
                    await ws.send("behind")
                ends.append(trio.current_time())
                caught.append(caught_here.value)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_fragments)
                await settled()
                nursery.start_soon(send)
                await settled()
                assert ws.statistics().tasks_sending == 1
                await trio.sleep(1)
                if not lost:
                    await peer.send_close()
                await peer.send_eof()
                await settled()
                nursery.start_soon(send)
                await settled()
            if not lost:
                raise ZeroDivisionError
    assert ends == ([1] if lost else [1, 1])  # a loss cancels the second one
    assert [isinstance(error, ConnectionLost) for error in caught] == [lost] * len(ends)
