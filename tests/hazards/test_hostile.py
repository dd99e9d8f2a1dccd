"""Hostile input on a running connection (HAZARDS D2, D7, D9), in virtual time.

What the session does about single frames has its tests in `tests/sansio`;
here a peer goes on and on, and the connection around the session has to stay small and quiet.
"""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Limits, Loss, MessageTooBig
from trio_ws._protocol import allocator
from trio_ws._protocol.fast_path import MAX_MESSAGES_PER_FEED
from trio_ws._protocol.payload_buffer import INITIAL_SIZE
from trio_ws._protocol.send_queue import MAX_PENDING_PONGS
from trio_ws._transport.base import READ_SIZE
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CONTINUATION, PING, PONG, TEXT, encode

from ..wires import both_roles, frames_of, goodbye_of, memory, open_wired, settled

MIB = 1 << 20


# D2: fragments without end


@both_roles
async def test_d2_empty_fragments(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Empty fragments without end are cut off at `Limits.max_fragments`, with 1009."""
    with pytest.raises(MessageTooBig, match=r"Limits\.max_fragments") as caught:
        async with open_wired(client) as (_, peer, wire):
            await peer.send_frame(TEXT, fin=False)
            await peer.send_bytes(encode(Frame(CONTINUATION, fin=False, masked=not client)) * 4096)
            await trio.sleep_forever()
    assert caught.value.code == 1009
    assert goodbye_of(wire.written)[0] == 1009


@both_roles
@pytest.mark.parametrize("size", [1 << 12, pytest.param(1 << 14, marks=pytest.mark.slow)])
@pytest.mark.parametrize("cut", ["fragments", "writes"])
async def test_d2_single_bytes(
    cut: str, size: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A message in fragments, or in writes, of one byte keeps no more than its bytes."""
    limits = Limits(max_fragments=MIB + 1, max_message_size=MIB)
    async with open_wired(client, limits=limits) as (ws, peer, wire):
        begin = encode(Frame(BINARY, b"x", fin=False, masked=not client))
        go_on = encode(Frame(CONTINUATION, b"x", fin=False, masked=not client))
        whole = encode(Frame(BINARY, b"x" * size, masked=not client))
        await peer.send_bytes(begin if cut == "fragments" else whole[:2])
        await settled()
        with memory() as kept:
            for number in range(1, size):
                if cut == "fragments":
                    await peer.send_bytes(go_on)
                else:
                    await peer.send_bytes(whole[1 + number : 2 + number])
                if number % 512 == 0:
                    await settled()
                    wire.read.clear()
            await settled()
            wire.read.clear()
        # An object for each byte would be 50 bytes for each; what the machine around keeps is less.
        assert kept[0] <= 1.25 * size + 64 * 1024
        assert ws.ending is None
        if cut == "fragments":
            await peer.send_frame(CONTINUATION)
        else:
            await peer.send_bytes(whole[1 + size :])
        assert await ws.receive() == b"x" * size


@both_roles
async def test_d2_message_never_finished(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A message that never ends is cut off at `Limits.max_message_size`, judged by the header."""
    with pytest.raises(MessageTooBig):
        async with open_wired(client, limits=Limits(max_message_size=10_000)) as (ws, peer, _):
            await peer.send_frame(BINARY, b"x" * 5000, fin=False)
            await settled()
            header = encode(Frame(CONTINUATION, b"x" * 5001, fin=False, masked=not client))[:8]
            await peer.send_bytes(header)
            await ws.receive()
    assert ws.statistics().bytes_received < 5100


@both_roles
async def test_d2_header_that_promises_much(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A header that promises a gibibyte costs nothing until its bytes come."""
    allocator.expect_large_blocks()
    peaks = []
    for _ in range(3):  # another thread of the test run may take something, once
        async with open_wired(client, limits=Limits(max_message_size=1 << 30)) as (ws, peer, _):
            await peer.send_text("all is set up")
            await ws.receive()
            header = b"\x82" + bytes([127 if client else 255]) + (1 << 30).to_bytes(8, "big")
            with memory() as kept:
                await peer.send_bytes(header + bytes(0 if client else 4))
                await settled()
            with memory() as more:
                await peer.send_bytes(bytes(1000))
                await settled()
            peaks.append(max(kept[1], more[1]))
            assert ws.ending is None
    assert min(peaks) <= 2 * INITIAL_SIZE


# D7: a flood of control frames


@both_roles
@pytest.mark.parametrize("count", [4000, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("opcode", [PING, PONG])
async def test_d7_flood(
    opcode: int, count: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A flood of pings or pongs to one who cannot answer costs no memory."""
    async with open_wired(client) as (ws, peer, wire):
        wire.stop_taking()
        await ws.send("in hand")
        await settled()

        async def flood(first: int, last: int) -> None:
            for number in range(first, last, 100):
                frames = [
                    encode(Frame(opcode, b"%d" % n, masked=not client))
                    for n in range(number, number + 100)
                ]
                await peer.send_bytes(b"".join(frames))
                await settled()
                wire.read.clear()

        await flood(0, 2500)  # CPython keeps a few thousand small things for use again
        least = []
        for first, last in [(2500, 3000), (3000, 3500), (3500, count)]:
            with memory() as kept:
                await flood(first, last)
            least.append(kept[0])
        assert min(least) <= 16 * 1024  # another thread of the test run may keep something, once
        wire.take_again()
        await settled()
        answers = [frame.payload for frame in frames_of(wire.written)[1:]]
        assert answers == [b"%d" % n for n in range(count - MAX_PENDING_PONGS, count)] * (
            opcode == PING
        )
        await peer.send_text("still open")
        assert await ws.receive() == "still open"


@both_roles
async def test_d7_flood_and_one_who_takes_the_answers(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A gulp full of pings is answered with few pongs, not with a gulp of them."""
    async with open_wired(client) as (_, peer, wire):
        ping = encode(Frame(PING, masked=not client))
        await peer.send_bytes(ping * 2000)
        await settled()
        assert 1 <= len(frames_of(wire.written)) <= 2000 / 10


@both_roles
async def test_d7_flood_of_messages(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A flood of empty messages stops at the receive buffer, and a burst; the rest is bytes."""
    async with open_wired(client, limits=Limits(receive_buffer=64 * 1000)) as (ws, peer, _):
        empty = encode(Frame(TEXT, masked=not client))
        await peer.send_bytes(empty * 100_000)
        await settled()
        statistics = ws.statistics()
        assert statistics.reading_paused
        assert statistics.bytes_received <= READ_SIZE
        assert statistics.receive_queue <= 64 * (1000 + MAX_MESSAGES_PER_FEED + 1)
        for _ in range(100_000):
            assert await ws.receive() == ""


# D9: what goes into the log and into errors

NASTY = ["\r\n[server-1] over: sent 1000", "\x1b[2J\x1b]0;title\x07", "\0", "\u2028\u202e", "\x85"]


@both_roles
@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
async def test_d9_log(
    nasty: str,
    client: bool,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whatever the peer says, a line of the log is one line, and of printable characters."""
    data = nasty.encode()
    with caplog.at_level(logging.DEBUG, "trio_ws"):
        async with open_wired(client) as (ws, peer, _):
            await peer.send_text(nasty)
            await peer.send_frame(BINARY, data)
            await peer.send_frame(PING, data)
            await peer.send_frame(PONG, data)
            await peer.send_close(4000, nasty)
            await settled()
            await ws.wait_closed()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) >= 7
    assert all(line.startswith("[tested] ") for line in lines)
    assert all(line.isprintable() for line in lines)
    assert str(ws.ending).isprintable()
    assert ws.ending is not None
    assert ws.ending.reason == nasty
    assert repr(ws).isprintable()


@both_roles
async def test_d9_long_payloads(
    client: bool, caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """A large message does not fill the log."""
    with caplog.at_level(logging.DEBUG, "trio_ws"):
        async with open_wired(client) as (ws, peer, _):
            for message in ("ü" * 100_000, b"\0" * 100_000):
                await ws.send(message)
            await peer.send_text("ü" * 100_000)
            await ws.receive()
    assert max(len(record.getMessage()) for record in caplog.records) < 500


@both_roles
@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
async def test_d9_errors(nasty: str, client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """What broke the transport is told in printable characters."""
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client) as (_, _, wire):
            wire.break_receiving(trio.BrokenResourceError(nasty))
            await trio.sleep_forever()
    assert caught.value.ending.loss is Loss.BROKEN
    assert str(caught.value).isprintable()
