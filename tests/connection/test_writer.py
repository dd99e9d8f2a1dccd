"""`_connection.writer`: what is written, in which order (P8), and how much of it waits (P7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Limits, Timeouts, WebSocket
from trio_ws._concurrency.checkpoints import CALLS
from trio_ws._connection.writer import COALESCE_TURNS
from trio_ws._protocol.send_queue import MAX_PENDING_PONGS
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CLOSE, PING, PONG, TEXT, encode

from ..wires import TwoWayWire, both_roles, closed_by, frames_of, open_wired, settled


def story(wire: TwoWayWire) -> list[tuple[int, bytes]]:
    """Tell what went over a wire: opcodes and payloads, of a Close only its code."""
    return [
        (frame.opcode, frame.payload[:2] if frame.opcode == CLOSE else frame.payload)
        for frame in frames_of(wire.written)
    ]


NORMAL, VIOLATION = (CLOSE, b"\x03\xe8"), (CLOSE, b"\x03\xea")


async def send_each(ws: WebSocket, *texts: str) -> None:
    """Send text messages; the first that finds the writer idle is in its hand afterwards."""
    for text in texts:
        await ws.send(text)
        await settled()


# The order


@both_roles
async def test_control_first(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Pings and pongs pass the queued data, between whole frames; data keeps its order."""
    async with open_wired(client) as (ws, peer, wire), trio.open_nursery() as nursery:
        wire.stop_taking()
        await send_each(ws, "in hand", "queued", "behind it")
        await ws.pong(b"unasked")
        nursery.start_soon(ws.ping, b"question")
        await peer.send_frame(PING, b"theirs")
        await settled()
        wire.take_again()
        await settled()
        assert story(wire) == [
            (TEXT, b"in hand"),
            (PONG, b"theirs"),
            (PONG, b"unasked"),
            (PING, b"question"),
            (TEXT, b"queued"),
            (TEXT, b"behind it"),
        ]
        await peer.send_frame(PONG, b"question")


@both_roles
async def test_control_between_large_messages(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A pong waits for no more than the frame in hand, however much data is queued (P6)."""
    large = b"x" * 200_000
    async with open_wired(client, limits=Limits(send_buffer=1 << 20)) as (ws, peer, wire):
        wire.stop_taking()
        await ws.send(large)
        await settled()
        await ws.send(large)
        await ws.send(large)
        await peer.send_frame(PING, b"theirs")
        await settled()
        wire.take_again()
        await settled()
        assert [opcode for opcode, _ in story(wire)] == [BINARY, PONG, BINARY, BINARY]


@both_roles
async def test_only_the_newest_pings_are_answered(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Of the pings that wait for their answers only the newest get one (RFC 6455 §5.5.3)."""
    async with open_wired(client) as (ws, peer, wire):
        wire.stop_taking()
        await send_each(ws, "in hand")
        for number in range(100):
            await peer.send_frame(PING, b"%d" % number)
            await settled()
        wire.take_again()
        await settled()
        newest = [b"%d" % number for number in range(100 - MAX_PENDING_PONGS, 100)]
        assert story(wire) == [(TEXT, b"in hand"), *((PONG, payload) for payload in newest)]


@both_roles
async def test_close_comes_last(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A polite Close follows the data that `send` accepted, and nothing follows it."""
    async with open_wired(client) as (ws, peer, wire), trio.open_nursery() as nursery:
        wire.stop_taking()
        await send_each(ws, "in hand", "queued")
        nursery.start_soon(ws.close)
        await settled()
        await peer.send_frame(PING, b"too late")
        nursery.start_soon(closed_by, ws.ping)
        nursery.start_soon(closed_by, ws.pong)
        nursery.start_soon(closed_by, lambda: ws.send("too late"))
        await settled()
        wire.take_again()
        await settled()
        assert story(wire) == [(TEXT, b"in hand"), (TEXT, b"queued"), NORMAL]
        await peer.send_close(1000)
        await peer.send_eof()


@both_roles
@pytest.mark.parametrize(
    ("said", "reply"), [(encode(Frame(CLOSE, b"\x03\xe8")), NORMAL), (b"\xff" * 20, VIOLATION)]
)
async def test_reply_jumps_the_queue(
    said: bytes,
    reply: tuple[int, bytes],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """When the peer closes, or breaks the rules, the frame in hand is finished, the rest not."""
    if not client and reply is NORMAL:
        said = encode(Frame(CLOSE, b"\x03\xe8", masked=True))
    with pytest.raises(ConnectionLost) if reply is VIOLATION else pytest.RaisesGroup(Done):
        async with open_wired(client) as (ws, peer, wire):
            wire.stop_taking()
            await send_each(ws, "in hand", "queued")
            await peer.send_frame(PING, b"before")
            await peer.send_bytes(said)
            with trio.CancelScope(shield=True):
                await settled()
            wire.take_again()
            with trio.CancelScope(shield=True):
                await settled()
            assert story(wire) == [(TEXT, b"in hand"), reply]
            await trio.lowlevel.checkpoint()
            raise ExceptionGroup("", [Done()])


class Done(Exception):
    """The body came to its end."""


# How much waits


@both_roles
async def test_full_outbox(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """With `Limits.send_buffer` bytes queued `send` waits, and goes on when there is room."""
    frame = 86 + (6 if client else 2) + 64
    async with (
        open_wired(client, limits=Limits(send_buffer=3 * frame)) as (ws, _, wire),
        trio.open_nursery() as nursery,
    ):
        wire.stop_taking()
        await send_each(ws, "x" * 86)
        await send_each(ws, *["x" * 86] * 3)
        assert ws.statistics().send_queue == 3 * frame
        nursery.start_soon(ws.send, "one too many")
        await settled()
        assert ws.statistics().send_queue == 3 * frame
        assert ws.statistics().tasks_sending == 1
        wire.take_again()
        await settled()
        assert ws.statistics().send_queue == 0
        assert ws.statistics().tasks_sending == 0
        assert story(wire)[-1] == (TEXT, b"one too many")


@both_roles
async def test_what_is_in_hand_takes_no_room(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """As soon as the writer has taken what was queued, the next sender may queue."""
    async with open_wired(client, limits=Limits(send_buffer=1000)) as (ws, _, wire):
        wire.stop_taking()
        ws.send_nowait("x" * 900)
        with trio.fail_after(1):
            await ws.send("y" * 900)
        wire.take_again()


@both_roles
async def test_some_room_may_not_be_enough(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A sender that is woken because a batch has gone looks again whether it has room."""
    batch, limit = 60_000, 200_000
    async with (
        open_wired(client, limits=Limits(send_buffer=limit)) as (ws, _, wire),
        trio.open_nursery() as nursery,
    ):
        wire.stop_taking()
        await send_each(ws, "in hand", *["x" * batch] * 3)
        nursery.start_soon(ws.send, "y" * 2 * batch)
        await settled()
        queued = []
        while ws.statistics().tasks_sending:
            wire.take_piece()
            await settled()
            queued.append(ws.statistics().send_queue)
        assert len(set(queued)) > 1
        assert max(queued) <= limit
        wire.take_again()


@both_roles
async def test_large_message(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A message larger than the send buffer is admitted when nothing is queued, not before."""
    async with (
        open_wired(client, limits=Limits(send_buffer=100)) as (ws, _, wire),
        trio.open_nursery() as nursery,
    ):
        wire.stop_taking()
        await send_each(ws, "in hand")
        await send_each(ws, "queued")
        nursery.start_soon(ws.send, "x" * 1000)
        nursery.start_soon(settled)
        await settled()
        assert ws.statistics().tasks_sending == 1
        wire.take_again()
        await settled()
        assert story(wire)[-1] == (TEXT, b"x" * 1000)


@both_roles
async def test_order_of_arrival(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Senders that wait for room are served in order of arrival, the small behind the large."""
    async with (
        open_wired(client, limits=Limits(send_buffer=200)) as (ws, _, wire),
        trio.open_nursery() as nursery,
    ):
        wire.stop_taking()
        await send_each(ws, "0")
        await send_each(ws, "1")
        for text in ("2" * 300, "3", "4" * 300, "5"):
            nursery.start_soon(ws.send, text)
            await settled()
        wire.take_again()
        await settled()
        assert [payload[:1] for _, payload in story(wire)] == [b"%d" % n for n in range(6)]


@both_roles
async def test_room_for_control_frames(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Pings and pongs of ours wait too, when more than the send buffer of them are queued."""
    async with (
        open_wired(client, limits=Limits(send_buffer=1000)) as (ws, _, wire),
        trio.open_nursery() as nursery,
    ):
        wire.stop_taking()
        await send_each(ws, "in hand")
        with trio.move_on_after(1) as patience:
            while True:
                await ws.pong(b"x" * 100)
        assert patience.cancelled_caught
        with trio.move_on_after(1) as patience:
            await ws.ping(b"x")
        assert patience.cancelled_caught
        assert 1000 <= ws._protocol.send_queue.control_size <= 1000 + 6 + 100 + 64
        wire.take_again()
        nursery.start_soon(ws.pong, b"with room")
        await settled()
        assert story(wire)[-1] == (PONG, b"with room")


# Waiting for it


@both_roles
async def test_flush(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """`flush` returns when the stream has taken all that was sent before, and no more."""
    flushed_at: list[float] = []

    async def flush() -> None:
        await ws.flush()
        flushed_at.append(trio.current_time())

    async with open_wired(client) as (ws, _, wire), trio.open_nursery() as nursery:
        await ws.flush()
        wire.stop_taking()
        await send_each(ws, "in hand", "queued")
        nursery.start_soon(flush)
        await trio.sleep(3)
        assert flushed_at == []
        wire.take_again()
        await settled()
        assert flushed_at == [3]
        assert len(story(wire)) == 2


@both_roles
@pytest.mark.parametrize("wait", ["send", "flush", "ping", "pong"])
@pytest.mark.parametrize("end", ["loss", "close", "write error"])
async def test_the_end_wakes_who_waits_to_write(
    end: str, wait: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Whoever waits for room or for the stream is told when the connection is over (law 7)."""
    calls: dict[str, Callable[[WebSocket], Awaitable[object]]] = {
        "send": lambda ws: ws.send("no room"),
        "flush": WebSocket.flush,
        "ping": lambda ws: ws.ping(b"x" * 100),
        "pong": lambda ws: ws.pong(b"x" * 100),
    }
    limits = Limits(send_buffer=100)
    async with trio.open_nursery() as nursery:
        # The one who waits is outside of the block, which a loss cancels.
        with trio.CancelScope() if end == "close" else pytest.raises(ConnectionLost):
            async with open_wired(client, limits=limits) as (ws, peer, wire):
                wire.stop_taking()
                await send_each(ws, "in hand", "queued")
                await ws.pong(b"x" * 100)
                nursery.start_soon(closed_by, partial(calls[wait], ws))
                await settled()
                if end == "loss":
                    await peer.send_eof()
                elif end == "close":
                    await peer.send_close(1000)
                else:
                    wire.break_sending(trio.BrokenResourceError())
                await ws.wait_closed()


@both_roles
async def test_closing_wakes_who_waits_to_send(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A `send` that waits for room while another task closes is refused when that has ended."""
    async with (
        open_wired(client, limits=Limits(send_buffer=100), timeouts=Timeouts(close=5)) as opened,
        trio.open_nursery() as nursery,
    ):
        ws, _, wire = opened
        wire.stop_taking()
        await send_each(ws, "in hand", "queued")
        nursery.start_soon(closed_by, lambda: ws.send("no room"))
        await settled()
        await ws.close()
        assert trio.current_time() == 5
    assert b"no room" not in wire.written


@both_roles
async def test_peer_that_takes_nothing(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The reader never waits for the writer: with a closed window we still hear the peer (P6)."""
    async with open_wired(client) as (ws, peer, wire):
        wire.stop_taking()
        await send_each(ws, "in hand")
        for number in range(100):
            await peer.send_frame(PING, b"%d" % number)
            await peer.send_text(f"{number}")
            assert await ws.receive() == f"{number}"


@both_roles
async def test_a_stream_that_cannot_be_written_at_once(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """On a stream that is no bare socket a message waits in its lane, where a hurry finds it."""
    async with open_wired(client) as (ws, _, wire):
        await settled()
        await ws.send("not sent")
        assert ws._protocol.send_queue.frames_out == 0
        ws._connection.close_quickly(1001)
        await settled()
        assert [frame.opcode for frame in frames_of(wire.written)] == [CLOSE]


# Bursts


class Writes(TwoWayWire):
    """A wire that notes how many frames came at once."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        super().__init__(stream)
        self.counts: list[int] = []

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Note, and write."""
        self.counts.append(len(frames_of(bytes(data))))
        await super().send_all(data)


def burst(client: bool, count: int, payload: bytes = b"?") -> bytes:
    """So many messages for a client, or a server, in one piece."""
    return b"".join(encode(Frame(TEXT, payload, masked=not client)) for _ in range(count))


async def answer_all(ws: WebSocket, count: int) -> None:
    """Send back so many messages."""
    for _ in range(count):
        await ws.send(await ws.receive())


@both_roles
async def test_the_answers_to_a_burst_leave_together(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Messages that came together are answered together, though a call in 128 lets others run."""
    async with open_wired(client, Writes) as (ws, peer, wire):
        await peer.send_bytes(burst(client, 240))
        await answer_all(ws, 240)
        await settled()
        assert wire.counts == [240]


@both_roles
async def test_a_long_burst_is_answered_before_its_end(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The writer waits for no more than a few turns of the scheduler."""
    async with open_wired(client, Writes) as (ws, peer, wire):
        await peer.send_bytes(burst(client, 4000))
        await answer_all(ws, 2000)
        assert 1000 < sum(wire.counts) < 2000
        assert max(wire.counts) <= (COALESCE_TURNS + 2) * CALLS // 2
        await answer_all(ws, 2000)
        await settled()
        assert sum(wire.counts) == 4000


@both_roles
async def test_slow_answers_are_not_held_back(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When answers take their time the writer waits for none but those of one turn."""
    async with open_wired(client, Writes) as (ws, peer, wire):
        await peer.send_bytes(burst(client, 100))
        for _ in range(100):
            await answer_all(ws, 1)
            autojump_clock.jump(0.001)
        await settled()
        assert sum(wire.counts) == 100
        assert max(wire.counts) <= 2 * CALLS  # and some turns for the wire itself


@both_roles
async def test_a_burst_of_answers_holds_no_control_frame_back(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The answer to a ping takes along the answers before it, and waits for no more of them."""
    async with open_wired(client, Writes) as (ws, peer, wire), trio.open_nursery() as nursery:
        await peer.send_bytes(burst(client, 200))
        nursery.start_soon(peer.send_frame, PING, b"now")
        await answer_all(ws, 200)
        await settled()
        assert story(wire)[0] == (PONG, b"now")
        assert wire.counts[0] <= (COALESCE_TURNS - 1) * CALLS // 2


@both_roles
async def test_many_bytes_are_not_held_back(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Answers of a write's size leave, whatever is still to be answered."""
    async with open_wired(client) as (ws, peer, wire):
        await peer.send_bytes(burst(client, 40, b"x" * 10_000))
        await answer_all(ws, 20)
        assert len(wire.written) >= 100_000
        await answer_all(ws, 20)


@both_roles
async def test_whoever_does_something_else_first_is_no_burst(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """An answer leaves at once when nothing is added to it, though messages wait."""
    async with open_wired(client, Writes) as (ws, peer, wire):
        await peer.send_bytes(burst(client, 3))
        for answered in (1, 2, 3):
            await answer_all(ws, 1)
            await trio.sleep(1)
            assert sum(wire.counts) == answered
            assert wire.counts == [1] * answered
