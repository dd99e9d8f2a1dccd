"""`trio_ws._connection.reader`: on a watched socket a task that receives reads for itself."""

from __future__ import annotations

from typing import Self

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Heartbeat,
    HeartbeatTimeout,
    Loss,
    MessageHeartbeat,
    ProtocolViolation,
    Timeouts,
    WebSocket,
)
from trio_ws._connection.block import ConnectionBlock
from trio_ws._connection.reader import MAX_FRAMES_PER_TURN
from trio_ws._options import ConnectionOptions
from trio_ws._protocol.protocol import WebSocketProtocol
from trio_ws.testing._peer import BINARY, CLOSE, PING, PONG, TEXT, Frame, encode

from ..watched import ROOM, WatchedSocket, watched_websocket
from ..wires import opening, settled


@pytest.mark.parametrize("waits", [True, False])
async def test_who_reads(waits: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A task that waits for a message reads it itself; if none does, the reader reads."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        got: list[str | bytes] = []

        async def receive() -> None:
            got.append(await ws.receive())

        await settled()
        if waits:
            nursery.start_soon(receive, name="receiver")
        await settled()
        sock.arrive(encode(Frame(TEXT, b"hello")))
        sock.poll()
        await settled()
        assert sock.reads == ["receiver" if waits else "trio_ws reader tested"]
        assert got == ["hello"] * waits
        nursery.cancel_scope.cancel()


async def test_receivers_keep_their_order(autojump_clock: trio.testing.MockClock) -> None:
    """A receiver that was woken by less than a message is still the first."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        got: list[tuple[str, str | bytes]] = []

        async def receive(name: str) -> None:
            got.append((name, await ws.receive()))

        for name in "ab":
            nursery.start_soon(receive, name)
            await settled()
        for data in (encode(Frame(PING, b"")), b"\x81\x03one", b"\x81\x03two"):
            sock.arrive(data)
            sock.poll()
            await settled()
        assert got == [("a", "one"), ("b", "two")]
        nursery.cancel_scope.cancel()


class Steps(trio.abc.Instrument):
    """It writes down which tasks run."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.names.append(task.name)


@pytest.mark.parametrize("hidden", [b"", encode(Frame(TEXT, b"beat"))])
async def test_no_receiver_is_woken_for_nothing(
    hidden: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    """The first of several messages is for the receiver that reads them, so another one sleeps on.

    If it ran, it might take what is for the one that has waited longer.
    """
    sock = WatchedSocket()
    beat = MessageHeartbeat(message="beat", is_reply="beat".__eq__, hide_replies=True)
    options = {"heartbeat": beat} if hidden else {}
    async with (
        trio.open_nursery() as nursery,
        ConnectionBlock(ws := watched_websocket(sock, **options)),
    ):
        got: list[tuple[str, str | bytes]] = []

        async def receive(name: str) -> None:
            got.append((name, await ws.receive()))

        for name in "abc":
            nursery.start_soon(receive, name, name=name)
            await settled()
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        sock.arrive(hidden + encode(Frame(TEXT, b"1")) + encode(Frame(TEXT, b"2")))
        sock.poll()
        await settled()
        trio.lowlevel.remove_instrument(steps)
        assert got == [("a", "1"), ("b", "2")]
        assert [name for name in steps.names if name in "abc"] == ["a", "b"]
        nursery.cancel_scope.cancel()


async def test_a_task_that_streams_has_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    """What waits until a whole message has come claims the next one, whoever reads."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        got: list[str | bytes] = []
        chunks: list[str | bytes] = []

        async def receive() -> None:
            while True:
                got.append(await ws.receive())

        async def stream() -> None:
            async with ws.receive_stream() as message:
                chunks.extend([chunk async for chunk in message])

        nursery.start_soon(receive)
        await settled()
        whole = encode(Frame(BINARY, bytes(50)))
        for data in (whole[:20], whole[20:], *(encode(Frame(TEXT, text)) for text in (b"1", b"2"))):
            sock.arrive(data)
            sock.poll()
            await settled()
            if len(data) == 20:
                nursery.start_soon(stream)
                await settled()
        assert (got, chunks) == ([bytes(50), "2"], ["1"])
        nursery.cancel_scope.cancel()


async def test_without_the_poller(autojump_clock: trio.testing.MockClock) -> None:
    """If the poller ends before the connection, the reader waits by itself, and reads alone."""
    sock = WatchedSocket()
    async with ConnectionBlock(ws := watched_websocket(sock)):
        await settled()
        sock.arrive(encode(Frame(TEXT, b"unnoticed")))
        sock.end_poller()
        with trio.fail_after(1):
            assert await ws.receive() == "unnoticed"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await settled()
            sock.arrive(encode(Frame(CLOSE, b"\x03\xe8")))
            sock.end()
    assert ws.ending is not None
    assert ws.ending.clean
    assert trio.current_time() == 0


async def test_the_end_behind_a_message(autojump_clock: trio.testing.MockClock) -> None:
    """What came before the end is received, then the connection is lost; the poller tells once."""
    sock = WatchedSocket()
    got: list[str | bytes] = []
    with pytest.raises(ConnectionLost) as caught:
        async with ConnectionBlock(ws := watched_websocket(sock)):
            await settled()
            sock.arrive(encode(Frame(TEXT, b"last")))
            sock.end()
            trio.lowlevel.spawn_system_task(poll_soon, sock)
            while True:
                got.append(await ws.receive())
    assert got == ["last"]
    assert caught.value.ending.loss is Loss.EOF


async def poll_soon(sock: WatchedSocket) -> None:
    """Let the poller notice when all tasks wait."""
    await settled()
    sock.poll()


async def test_an_error_that_a_receiver_meets(autojump_clock: trio.testing.MockClock) -> None:
    """An error is told once by a socket; it does not matter which task has read."""
    sock = WatchedSocket()
    with pytest.raises(ConnectionLost, match="reset") as caught:
        async with ConnectionBlock(ws := watched_websocket(sock)):
            await settled()
            sock.end(ConnectionResetError("reset"))
            trio.lowlevel.spawn_system_task(poll_soon, sock)
            await ws.receive()
    assert caught.value.ending.loss is Loss.BROKEN


async def test_nothing_was_there(autojump_clock: trio.testing.MockClock) -> None:
    """A bell that rings for nothing does no harm."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        nursery.start_soon(ws.receive)
        await settled()
        sock.arrive(encode(Frame(TEXT, b"early")))
        early = bytes(sock.unread)
        sock.unread.clear()
        sock._bell.ring(lasting=False)  # type: ignore[union-attr]
        await settled()
        assert len(sock.reads) == 1
        sock.arrive(early)
        sock.poll()
        await settled()
        assert not nursery.child_tasks - {trio.lowlevel.current_task()}
        nursery.cancel_scope.cancel()


async def test_backpressure(autojump_clock: trio.testing.MockClock) -> None:
    """A receiver that has filled the queue has the reader wait for room (P7)."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        nursery.start_soon(ws.receive)
        await settled()
        count = ROOM // 3  # so many fill the queue, though they are read at once
        sock.arrive(encode(Frame(BINARY, b"")) * count)
        sock.poll()
        await settled()
        assert len(sock.reads) == 1
        assert ws.statistics().reading_paused
        sock.arrive(encode(Frame(TEXT, b"next")))
        sock.poll()
        await settled()
        assert sock.unread
        for _ in range(count - 1):
            assert await ws.receive() == b""
        assert await ws.receive() == "next"
        assert not ws.statistics().reading_paused
        nursery.cancel_scope.cancel()


async def test_many_frames_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """What a receiver must not parse at once is left to the reader, which lets others run."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        nursery.start_soon(ws.receive)
        await settled()
        sock.arrive(encode(Frame(PING, b"")) * (3 * MAX_FRAMES_PER_TURN))
        sock.poll()
        await settled()
        assert len(sock.reads) == 1
        sock.arrive(encode(Frame(TEXT, b"hello")))
        sock.poll()
        await settled()
        assert not ws._receive_queue.receivers
        nursery.cancel_scope.cancel()


async def test_a_large_message(autojump_clock: trio.testing.MockClock) -> None:
    """The rest of a large message is read straight to its place, by the reader."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        got: list[str | bytes] = []

        @nursery.start_soon
        async def receive() -> None:
            got.append(await ws.receive())

        await settled()
        data = encode(Frame(BINARY, bytes(range(256)) * 1_000))
        for start in range(0, len(data), 100_000):
            sock.arrive(data[start : start + 100_000])
            sock.poll()
            await settled()
        assert got == [bytes(range(256)) * 1_000]
        nursery.cancel_scope.cancel()


async def test_the_lease_is_renewed(autojump_clock: trio.testing.MockClock) -> None:
    """What a receiver reads is a sign of life, and an answer is one to a question."""
    sock = WatchedSocket()
    with pytest.raises(HeartbeatTimeout):
        async with (
            ConnectionBlock(
                ws := watched_websocket(sock, heartbeat=Heartbeat(interval=10, timeout=5))
            ),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(receive_for_ever, ws)
            for _ in range(10):
                await trio.sleep(8)
                sock.arrive(encode(Frame(TEXT, b"alive")))
                sock.poll()
            last = trio.current_time()
    assert 14 <= trio.current_time() - last <= 16


async def receive_for_ever(ws: WebSocket) -> None:
    """Receive until that raises."""
    while True:
        await ws.receive()


async def test_unwatched_in_the_end(autojump_clock: trio.testing.MockClock) -> None:
    """The poller forgets the socket before it is closed."""
    sock = WatchedSocket()
    async with ConnectionBlock(ws := watched_websocket(sock)):
        await settled()
        assert sock.is_watched
        sock.arrive(encode(Frame(CLOSE, b"")))
        sock.end()
        sock.poll()
        await ws.wait_closed()
    assert not sock.is_watched
    assert sock.is_closed
    assert sock.was_unwatched_first


async def test_the_end_behind_a_close(autojump_clock: trio.testing.MockClock) -> None:
    """What comes behind the peer's Close is dropped at the bell, until the peer's end."""
    sock = WatchedSocket()

    async def go_on() -> None:
        await trio.sleep(1)
        sock.arrive(bytes(ROOM + 1))
        sock.poll()
        await settled()
        assert not sock.unread
        await trio.sleep(1)
        sock.end()
        sock.poll()

    async with trio.open_nursery() as nursery:
        async with ConnectionBlock(ws := watched_websocket(sock)):
            await settled()
            sock.arrive(encode(Frame(CLOSE, b"\x03\xe8")))
            sock.poll()
            nursery.start_soon(go_on)
        assert trio.current_time() == 2
    assert ws.ending is not None
    assert ws.ending.clean
    assert sock.reads == ["trio_ws reader tested"] * 4


async def test_no_end_behind_a_close(autojump_clock: trio.testing.MockClock) -> None:
    """If the peer does not end, the connection does, at the deadline of its goodbye."""
    sock = WatchedSocket()
    async with ConnectionBlock(ws := watched_websocket(sock)):
        await settled()
        sock.arrive(encode(Frame(CLOSE, b"\x03\xe8")))
        sock.poll()
    assert trio.current_time() == Timeouts().close
    assert ws.ending is not None
    assert ws.ending.clean
    assert sock.is_closed


@pytest.mark.parametrize("heartbeat", [None, Heartbeat(interval=2, timeout=2)])
@pytest.mark.parametrize("ends", [True, False])
async def test_a_close_that_a_receiver_reads(
    ends: bool, heartbeat: Heartbeat | None, autojump_clock: trio.testing.MockClock
) -> None:
    """The reader sleeps on until the peer ends, or until the deadline of the goodbye."""
    sock = WatchedSocket()

    async def end() -> None:
        await trio.sleep(1)
        sock.end()
        sock.poll()

    async with ConnectionBlock(ws := watched_websocket(sock, heartbeat=heartbeat)):
        await settled()
        with StepsOfReader() as steps:
            await receive_close(sock, ws)
            await settled()
        assert steps.count == 0
        if ends:
            trio.lowlevel.spawn_system_task(end)
    assert trio.current_time() == (1 if ends else Timeouts().close)
    assert ws.ending is not None
    assert ws.ending.clean
    assert sock.is_closed


async def test_a_close_that_a_receiver_reads_on_a_one_way_stream(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A server that cannot end one direction ends both, at once."""
    sock = OneWaySocket()
    options = ConnectionOptions(heartbeat=None)
    ws = WebSocket(sock, opening(), client=False, options=options, name="tested")
    async with ConnectionBlock(ws):
        await settled()
        await receive_close(sock, ws)
        await settled()
        assert sock.is_closed
    assert trio.current_time() == 0


async def receive_close(sock: WatchedSocket, ws: WebSocket) -> None:
    """Let a Close arrive while a task receives."""
    sock.arrive(encode(Frame(CLOSE, b"\x03\xe8", masked=not ws._core.client)))
    trio.lowlevel.spawn_system_task(poll_soon, sock)
    with pytest.raises(ConnectionClosed):
        await ws.receive()


class OneWaySocket(WatchedSocket):
    """A socket of which one direction cannot be ended alone, as with TLS."""

    @property
    def can_half_close(self) -> bool:
        return False


class StepsOfReader(trio.abc.Instrument):
    """Counts the steps of the reader, inside a block."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        trio.lowlevel.add_instrument(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        trio.lowlevel.remove_instrument(self)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task.name.startswith("trio_ws reader")


async def test_a_violation_that_a_receiver_reads(autojump_clock: trio.testing.MockClock) -> None:
    """A violation ends the connection, whichever task has read it."""
    sock = WatchedSocket()
    with pytest.raises(ProtocolViolation):
        async with ConnectionBlock(ws := watched_websocket(sock)):
            await settled()
            sock.arrive(encode(Frame(3, b"")))
            trio.lowlevel.spawn_system_task(poll_soon, sock)
            await ws.receive()
    assert len(sock.reads) == 1


async def test_a_message_before_a_violation(autojump_clock: trio.testing.MockClock) -> None:
    """A message that came with the end is unread, so the block may go on until it has read it."""
    sock = WatchedSocket()
    got: list[str | bytes] = []
    with pytest.raises(ProtocolViolation):
        async with ConnectionBlock(ws := watched_websocket(sock)):
            await settled()
            sock.arrive(encode(Frame(TEXT, b"last")) + encode(Frame(3, b"")))
            trio.lowlevel.spawn_system_task(poll_soon, sock)
            got.append(await ws.receive())
            await trio.lowlevel.checkpoint()
            got.append("and was answered")
            await ws.receive()
    assert got == ["last", "and was answered"]


async def test_an_error_of_our_own_while_a_receiver_reads(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the receiver's read leaves the block, and says where it was raised."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    sock = WatchedSocket()
    with pytest.raises(ZeroDivisionError) as caught:
        async with ConnectionBlock(ws := watched_websocket(sock)):
            monkeypatch.setattr(WebSocketProtocol, "feed_joined", fail)
            await settled()
            sock.arrive(encode(Frame(TEXT, b"x")))
            trio.lowlevel.spawn_system_task(poll_soon, sock)
            await ws.receive()
    assert "fail" in [entry.name for entry in caught.traceback]


async def test_a_function_that_fails_while_a_receiver_reads(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What a function of a heartbeat raises leaves the block, whichever task has called it."""

    def recognise(message: str | bytes) -> bool:
        raise ZeroDivisionError

    sock = WatchedSocket()
    beat = MessageHeartbeat(message="?", is_reply=recognise)
    with pytest.raises(ZeroDivisionError):
        async with ConnectionBlock(ws := watched_websocket(sock, heartbeat=beat)):
            await settled()
            sock.arrive(encode(Frame(TEXT, b"hello")))
            trio.lowlevel.spawn_system_task(poll_soon, sock)
            await ws.receive()
            await trio.sleep_forever()


async def test_a_pong_that_a_receiver_reads(autojump_clock: trio.testing.MockClock) -> None:
    """A pong answers its ping, whichever task has read it."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        nursery.start_soon(ws.receive)
        await settled()
        nursery.start_soon(ws.ping, b"question")
        await settled()
        sock.arrive(encode(Frame(PONG, b"question")))
        sock.poll()
        await settled()
        assert ws.latency is not None
        nursery.cancel_scope.cancel()


async def test_an_end_in_between(autojump_clock: trio.testing.MockClock) -> None:
    """If the connection is over before the receiver runs that was woken, the reader wakes."""
    sock = WatchedSocket()
    with pytest.raises(ConnectionLost, match="meanwhile"):
        async with ConnectionBlock(ws := watched_websocket(sock)):
            await settled()
            sock.arrive(encode(Frame(TEXT, b"too late")))

            @trio.lowlevel.spawn_system_task
            async def end() -> None:
                await settled()
                sock.poll()
                ws._core.lose_unless_over(Loss.BROKEN, "meanwhile")
                ws._writer.after_change()

            await ws.receive()
    assert "receiver" not in sock.reads
