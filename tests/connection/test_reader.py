"""`trio_ws._connection.reader`: what is read, how much of it waits, and how reading ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Heartbeat, Limits, Loss, Timeouts
from trio_ws._connection.reader import MAX_FRAMES_PER_TURN
from trio_ws._liveness.pings import Pings
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode

from ..notebooks import Notebook
from ..wires import BadEnd, TwoWayWire, Wire, both_roles, closed_by, frames_of, open_wired, settled


def texts(client: bool, *messages: str) -> bytes:
    """Encode text messages as the peer of the tested role sends them."""
    return b"".join(encode(Frame(TEXT, text.encode(), masked=not client)) for text in messages)


async def send_many(peer: RawPeer, messages: Sequence[str]) -> None:
    """Send text messages, each read before the next one is sent."""
    for text in messages:
        await peer.send_text(text)
        await settled()


# What is read


@both_roles
async def test_trailing_bytes(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """What came behind the handshake's head is read first."""
    trailing = texts(client, "early")
    async with open_wired(client, trailing=trailing[:5]) as (ws, peer, _):
        await peer.send_bytes(trailing[5:])
        await peer.send_text("later")
        assert [await ws.receive(), await ws.receive()] == ["early", "later"]


@both_roles
async def test_trailing_close(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A Close that came behind the handshake's head ends the connection."""
    close = encode(Frame(CLOSE, b"\x03\xe8", masked=not client))
    async with open_wired(client, trailing=close) as (ws, _, _):
        assert (await closed_by(ws.receive)).ending.code == 1000


@both_roles
async def test_log(
    client: bool, caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """At DEBUG each frame is one line with the connection's ident, and so is the ending."""
    name = "trio_ws.client" if client else "trio_ws.server"
    with caplog.at_level(logging.DEBUG, name):
        async with open_wired(client) as (ws, peer, _):
            await ws.send("hello")
            await peer.send_frame(PING, b"\x1b[31m\r\n")
            await settled()
            await peer.send_close(1000, "bye\n\x1b[2J")
            await settled()
    lines = [record.getMessage() for record in caplog.records if record.name == name]
    assert all(line.startswith("[tested] ") and line.isprintable() for line in lines)
    assert [line.split()[1:3] for line in lines] == [
        [">", "TEXT"],
        ["<", "PING"],
        [">", "PONG"],
        ["<", "CLOSE"],
        [">", "CLOSE"],
        ["over:", "received"],
    ]


@both_roles
async def test_no_log(
    client: bool, caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """At INFO nothing is logged of what is said."""
    with caplog.at_level(logging.INFO, "trio_ws"):
        async with open_wired(client) as (ws, _, _):
            await ws.send("secret")
    assert "secret" not in caplog.text


class Watched(TwoWayWire):
    """Notes which tasks read and write."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        super().__init__(stream)
        self.readers: set[str] = set()
        self.writers: set[str] = set()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        self.readers.add(trio.lowlevel.current_task().name)
        return await super().receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.writers.add(trio.lowlevel.current_task().name)
        await super().send_all(data)


@both_roles
async def test_one_task_reads_and_one_writes(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Whoever sends and receives, one task reads the stream and one writes it (law 1)."""
    async with (
        open_wired(client, Watched) as (ws, peer, wire),
        trio.open_nursery() as nursery,
    ):
        for _ in range(5):
            nursery.start_soon(ws.send, "x" * 100)
            nursery.start_soon(ws.send, ["y", "z"])
            nursery.start_soon(ws.receive)
            nursery.start_soon(ws.pong)
        for _ in range(5):
            await peer.send_text("in")
            await peer.send_frame(PING)
        nursery.start_soon(peer.close_politely)
        await settled()
        await ws.close()
    assert len(wire.readers) == len(wire.writers) == 1
    assert wire.readers != wire.writers


# How much of it waits (P7)


@both_roles
async def test_full_inbox(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """With `Limits.receive_buffer` bytes unread the reader stops, and it goes on with room."""
    async with open_wired(client, limits=Limits(receive_buffer=1000)) as (ws, peer, _):
        await send_many(peer, ["x" * 86] * 6)  # 150 bytes each, with the 64 for itself
        assert not ws.statistics().reading_paused
        await send_many(peer, ["x" * 86, "not read"])
        assert ws.statistics().reading_paused
        assert ws.statistics().receive_queue == 7 * 150
        await ws.receive()
        await settled()
        assert not ws.statistics().reading_paused
        assert ws.statistics().receive_queue == 6 * 150 + len("not read") + 64
    assert ws.statistics().bytes_received == 7 * (88 if client else 92) + (10 if client else 14)


@both_roles
async def test_full_inbox_of_nothing(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Empty messages fill the inbox too."""
    async with open_wired(client, limits=Limits(receive_buffer=640)) as (ws, peer, _):
        await send_many(peer, [""] * 12)
        assert ws.statistics().reading_paused
        assert ws.statistics().receive_queue == 640


@both_roles
async def test_message_in_progress_counts(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A message larger than the buffer is assembled if nothing else waits, and not otherwise."""
    async with open_wired(client, limits=Limits(receive_buffer=100)) as (ws, peer, _):
        await peer.send_frame(TEXT, b"x" * 150, fin=False)
        await settled()
        assert not ws.statistics().reading_paused
        await peer.send_frame(CONTINUATION, b"x" * 150)
        assert await ws.receive() == "x" * 300
        await peer.send_text("small")
        await peer.send_frame(TEXT, b"x" * 150, fin=False)
        await settled()
        assert ws.statistics().reading_paused
        assert await ws.receive() == "small"
        await settled()
        assert not ws.statistics().reading_paused


@both_roles
async def test_pings_beside_a_filling_inbox(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Until the inbox is full pings are answered, though the application reads nothing (P6)."""
    async with open_wired(client, limits=Limits(receive_buffer=1000)) as (ws, peer, _):
        for number in range(6):
            await peer.send_text("x" * 86)
            await peer.send_frame(PING, b"%d" % number)
            await peer.expect_frame(PONG, b"%d" % number)
        await peer.send_text("x" * 86)
        await settled()
        await peer.send_frame(PING, b"unseen")
        await settled()
        assert ws.statistics().reading_paused
        await ws.receive()
        await peer.expect_frame(PONG, b"unseen")


@both_roles
async def test_signs_of_life_of_a_paused_reader(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A reader that rests sends a pong each interval, and its heartbeat gives nobody up (P12).

    The first one goes out after half the timeout: the peer may ask when we have just stopped.
    """
    async with open_wired(
        client, limits=Limits(receive_buffer=1), heartbeat=Heartbeat(interval=2, timeout=1)
    ) as (ws, peer, _):
        await peer.send_text("unread")
        for number in range(1, 11):
            await peer.expect_frame(PONG, b"")
            assert trio.current_time() == 2 * number - 1.5
        await trio.sleep(1)
        assert await ws.receive() == "unread"
        assert ws.ending is None
        # The lease begins anew: a ping when the interval is over, the verdict after the timeout.
        await peer.expect_frame(PING)
        assert trio.current_time() == 21.5
        assert ws.statistics().seconds_paused == 19.5
        with pytest.raises(ConnectionLost):
            await ws.receive()
        assert trio.current_time() == 22.5


@both_roles
@pytest.mark.parametrize("attempt", range(8))
async def test_close_at_the_instant_of_a_sign_of_life(
    attempt: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A resting reader sends no pong when we begin to close at that instant."""
    async with open_wired(
        client, limits=Limits(receive_buffer=1), heartbeat=Heartbeat(interval=2, timeout=1)
    ) as (ws, peer, wire):
        await peer.send_text("unread")
        await settled()
        await trio.sleep_until(0.5)
        await ws.close()
    assert frames_of(wire.written)[-1].opcode == CLOSE


# Reading while we close


@both_roles
async def test_close_with_a_full_inbox(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Once we close the reader goes on though the inbox is full, and hears the peer's Close."""
    async with open_wired(client, limits=Limits(receive_buffer=1)) as (ws, peer, _):
        await send_many(peer, ["first", "second", "third"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.close_politely)
            await ws.close()
        assert ws.ending is not None
        assert ws.ending.clean
        assert await ws.receive() == "first"
        assert (await closed_by(ws.receive)).ending is ws.ending


@both_roles
async def test_what_is_kept_has_no_holes(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Once a message found no room while we close none is kept, also when there is room again."""
    async with (
        open_wired(client, limits=Limits(receive_buffer=130)) as (ws, peer, _),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ws.close)
        await settled()
        await send_many(peer, ["1", "2", "no room"])
        assert [await ws.receive(), await ws.receive()] == ["1", "2"]
        await send_many(peer, ["would have room"])
        await peer.send_close(1000)
        assert (await closed_by(ws.receive)).ending.clean
        await peer.send_eof()


@both_roles
async def test_parts_that_are_not_kept(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A part of a streamed message that finds no room while we close is dropped, too."""
    async with (
        open_wired(client, limits=Limits(receive_buffer=1)) as (ws, peer, _),
        trio.open_nursery() as nursery,
        ws.receive_stream() as chunks,
    ):
        await peer.send_frame(TEXT, b"a", fin=False)
        assert await anext(chunks) == "a"
        nursery.start_soon(ws.close)
        await settled()
        for part in (b"kept", b"dropped"):
            await peer.send_frame(CONTINUATION, part, fin=part == b"dropped")
            await settled()
        await peer.send_close()
        await peer.send_eof()
        assert await anext(chunks) == "kept"
        assert (await closed_by(chunks.__anext__)).ending.clean


@both_roles
async def test_gulp_of_many_frames(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A gulp of very many frames is taken in piece by piece, and others run in between."""
    turns = 0

    async def live() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        ping = encode(Frame(PING, masked=not client))
        await peer.send_bytes(ping * 6400 + texts(client, "last"))
        nursery.start_soon(live)
        assert await ws.receive() == "last"
        nursery.cancel_scope.cancel()
    assert turns >= 6400 / MAX_FRAMES_PER_TURN


@both_roles
async def test_close_in_the_same_gulp(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Messages that arrive in one gulp with the peer's Close are all received."""
    async with open_wired(client, limits=Limits(receive_buffer=1)) as (ws, peer, _):
        close = encode(Frame(CLOSE, b"\x03\xe8", masked=not client))
        await peer.send_bytes(texts(client, "1", "2", "3") + close)
        assert [message async for message in ws] == ["1", "2", "3"]


@both_roles
async def test_nobody_listens_after_the_block(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What arrives during the goodbye of a block is dropped, however much it is."""
    async with trio.open_nursery() as nursery:

        async def talk_on() -> None:
            await peer.expect_close(1000)
            await send_many(peer, ["too late"] * 10)
            await peer.send_close(1000)
            await peer.send_eof()

        async with open_wired(client, limits=Limits(receive_buffer=1)) as (ws, peer, _):
            nursery.start_soon(talk_on)
    assert ws.ending is not None
    assert ws.ending.clean
    assert ws.statistics().receive_queue == 0


# How reading ends


@both_roles
async def test_end_of_stream(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """The end of the stream without a Close is a loss."""
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client) as (_, peer, _):
            await peer.send_eof()
            await trio.sleep_forever()
    assert caught.value.ending.loss is Loss.EOF
    assert trio.current_time() == 0


@both_roles
async def test_end_of_stream_in_the_goodbye(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The end of the stream while we wait for the peer's Close ends the waiting at once."""
    async with open_wired(client) as (ws, peer, wire):
        await peer.send_eof()
        ws._connection.close_gracefully(1000)
    assert ws.ending is not None
    assert ws.ending.loss is Loss.UNANSWERED
    assert ws.ending.sent is not None
    assert frames_of(wire.written)[-1].opcode == CLOSE
    assert trio.current_time() == 0


@both_roles
@pytest.mark.parametrize("error", [trio.BrokenResourceError("pulled out"), OSError("pulled out")])
async def test_read_error(
    error: Exception, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A stream that breaks while we read is a loss, with its error as the cause."""
    with pytest.raises(ConnectionLost, match="pulled out") as caught:
        async with open_wired(client) as (_, _, wire):
            wire.break_receiving(error)
            await trio.sleep_forever()
    assert caught.value.ending.loss is Loss.BROKEN
    assert error in (caught.value.__cause__, getattr(caught.value.__cause__, "__cause__", None))
    assert trio.current_time() == 0


@both_roles
async def test_error_in_the_stream(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """What no stream may raise is no loss of the connection: it leaves the block as it is."""
    with pytest.raises(ZeroDivisionError, match="in the stream"):
        async with open_wired(client) as (ws, _, wire):
            wire.break_receiving(ZeroDivisionError("in the stream"))
            await trio.sleep_forever()
    assert wire.closed
    assert ws.ending is not None
    assert ws.ending.loss is Loss.BROKEN
    assert trio.current_time() == 0


@both_roles
@pytest.mark.parametrize("then", ["nothing", "end", "close"])
async def test_write_error(then: str, client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """When we cannot write, what the peer still says is heard; the loss names what broke."""
    taken = []
    async with open_wired(client) as (ws, peer, wire):
        wire.break_sending(trio.BrokenResourceError("no route"))
        await ws.send("anybody there?")
        await settled()
        assert ws.ending is None
        await peer.send_text("last words")
        if then == "end":
            await peer.send_eof()
        elif then == "close":
            await peer.send_close(1001)
        taken.append(await ws.receive())
        error = await closed_by(ws.receive)
    assert taken == ["last words"]
    if then == "close":
        assert error.ending.clean
    else:
        assert error.ending.loss is Loss.BROKEN
        assert isinstance(error.__cause__, trio.BrokenResourceError)
        assert "no route" in str(error)
    assert trio.current_time() <= 0.5


@both_roles
async def test_write_error_with_a_full_inbox(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A write error wakes the resting reader, which reads on but keeps no more than fits."""
    with pytest.raises(ConnectionLost):
        async with open_wired(client, limits=Limits(receive_buffer=1)) as (ws, peer, wire):
            await send_many(peer, ["first", "dropped"])
            wire.break_sending(trio.BrokenResourceError("no route"))
            await ws.send("anybody there?")
            await settled()
            assert not ws.statistics().reading_paused
            await peer.send_eof()
            await settled()
            assert await ws.receive() == "first"
            await ws.receive()
    assert trio.current_time() == 0


# Who ends TCP (RFC 6455 §7.1.1)


@both_roles
async def test_who_ends_tcp(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """After a closing handshake the server ends TCP at once; the client waits for that."""
    async with trio.open_nursery() as nursery:

        async def close_slowly(peer: RawPeer) -> None:
            await peer.expect_close(1000)
            await trio.sleep(2)
            await peer.send_close(1000)
            await trio.sleep(3)
            await peer.send_eof()

        async with open_wired(client) as (ws, peer, wire):
            nursery.start_soon(close_slowly, peer)
    assert wire.eof_at == (None if client else 2)
    assert trio.current_time() == 5
    assert ws.ending is not None
    assert ws.ending.clean


@both_roles
async def test_end_of_tcp_bound(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A client waits for the end of TCP for `Timeouts.close`, a server for `Timeouts.goodbye`."""
    async with open_wired(client, timeouts=Timeouts(close=4)) as (ws, peer, wire):
        await peer.send_close(1000)
        assert (await ws.wait_closed()).clean
        assert trio.current_time() == (4 if client else 0.5)
        assert wire.closed


@both_roles
async def test_one_way_stream(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Where one direction cannot be ended alone, the server ends both; the client still waits."""
    async with open_wired(client, Wire) as (ws, peer, wire):
        await peer.send_close(1000)
        await ws.wait_closed()
        assert trio.current_time() == (10 if client else 0)
        assert wire.closed
        assert frames_of(wire.written)[-1].opcode == CLOSE


@both_roles
async def test_one_way_stream_after_a_violation(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """After a violation both roles read on for a moment, so that the peer hears why."""
    with pytest.raises(ConnectionLost):
        async with open_wired(client, Wire) as (_, peer, wire):
            await peer.send_frame(0x3)
            await trio.sleep_forever()
    assert trio.current_time() == 0.5
    assert frames_of(wire.written)[-1].payload[:2] == (1002).to_bytes(2, "big")


@both_roles
async def test_discarding_is_no_listening(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What follows the peer's Close is read and thrown away."""
    async with open_wired(client) as (ws, peer, _):
        await peer.send_close(1000)
        await settled()
        await peer.send_bytes(b"\xff" * 100_000)
        await peer.send_eof()
        assert [message async for message in ws] == []
    assert trio.current_time() == 0


# What nobody expected


@both_roles
@pytest.mark.parametrize("way", ["reading", "writing"])
async def test_an_error_of_another_kind(
    way: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What a stream may not raise leaves the block, bare; nothing is left behind."""
    with pytest.raises(ZeroDivisionError, match="the stream's own") as caught:
        async with open_wired(client) as (ws, _, wire):
            error = ZeroDivisionError("the stream's own")
            (wire.break_receiving if way == "reading" else wire.break_sending)(error)
            await ws.send("anything")
            await trio.sleep_forever()
    assert caught.value is error
    assert wire.closed
    assert ws.ending is not None
    assert (ws.ending.loss, ws.ending.cause) == (Loss.BROKEN, error)


@both_roles
async def test_an_error_of_another_kind_while_writing(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When the reader fails the writer may be stuck: it has the time of a goodbye."""
    with pytest.raises(ZeroDivisionError):
        async with open_wired(client) as (ws, _, wire):
            wire.stop_taking()
            await ws.send("stuck")
            wire.break_receiving(ZeroDivisionError("the stream's own"))
            await trio.sleep_forever()
    assert trio.current_time() == 0.5
    assert wire.closed


@both_roles
async def test_an_error_of_another_kind_in_the_end(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What a stream may not raise leaves the block also if it is raised by the last call."""
    with pytest.raises(ZeroDivisionError):
        async with open_wired(client, BadEnd) as (_, _, wire):
            pass
    assert wire.closed


@both_roles
async def test_the_end_in_the_middle_of_a_long_message(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A stream that ends where a long message is landing has ended too early."""
    with pytest.raises(ConnectionLost):
        async with open_wired(client) as (ws, peer, _):
            frame = encode(Frame(BINARY, bytes(200_000), masked=not client))
            await peer.send_bytes(frame[:100_000])
            await settled()
            assert ws._protocol.get_buffer() is not None
            await peer.stream.aclose()
            await trio.sleep_forever()
    assert ws.ending is not None
    assert ws.ending.loss is Loss.EOF


async def test_a_ping_that_is_over_before_anybody_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whoever waits for a pong that will not come any more does not wait."""
    ping = Pings().add(b"x", now=0, frames_before=0)
    ping.end()
    with trio.fail_after(1):
        await ping.wait()
    assert ping.rtt is None


# Instruments


@both_roles
async def test_pongs_are_told(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A pong that answers a ping is told, with its round trip; any other is not."""
    notebook = Notebook()
    async with (
        open_wired(client, instruments=[notebook]) as (ws, peer, _),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ws.ping, b"1")
        await peer.receive_frame()
        await trio.sleep(2)
        for payload in (b"0", b"1", b"1"):
            await peer.send_frame(PONG, payload)
        await settled()
        await peer.send_close()
        await peer.aclose()
    assert notebook.told[1] == ("ping", ws, 2)
    assert notebook.words() == ["opened", "ping", "closed"]
