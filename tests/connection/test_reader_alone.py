"""`_connection.reader`: the only receiver of a run waits for the socket itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Heartbeat,
    HeartbeatTimeout,
    Loss,
    Timeouts,
    WebSocket,
)
from trio_ws._connection.block import ConnectionBlock
from trio_ws.testing._peer import BINARY, CLOSE, PING, PONG, TEXT, Frame, encode

from ..streams import eventually
from ..watched import ROOM, WatchedSocket, watched_websocket
from ..wires import settled

Clock = trio.testing.MockClock


@dataclass
class Scene:
    """A client on the only socket of its run; nothing polls unless the test does."""

    ws: WebSocket
    sock: WatchedSocket
    nursery: trio.Nursery
    got: list[tuple[str, str | bytes]] = field(default_factory=list)

    async def receive(self, name: str, scope: trio.CancelScope | None = None) -> None:
        """Receive one message."""
        with scope or trio.CancelScope():
            self.got.append((name, await self.ws.receive()))

    async def begin_to_receive(self, name: str, scope: trio.CancelScope | None = None) -> None:
        """Let a task of this name wait for a message."""
        self.nursery.start_soon(self.receive, name, scope, name=name)
        await settled()

    async def talk(self) -> None:
        """Receive a message, so that the next one may be waited for alone."""
        await self.begin_to_receive("first")
        self.sock.arrive(encode(Frame(TEXT, b"hello")))
        self.sock.poll()
        await settled()
        assert self.got == [("first", "hello")]
        assert not self.sock.is_aside
        self.got.clear()


@asynccontextmanager
async def alone(heartbeat: Heartbeat | None = None) -> AsyncGenerator[Scene]:
    """Open a connection on which a message has come."""
    sock = WatchedSocket()
    sock.is_alone = True
    ws = watched_websocket(sock, heartbeat=heartbeat)
    async with ConnectionBlock(ws), trio.open_nursery() as nursery:
        await settled()
        scene = Scene(ws, sock, nursery)
        await scene.talk()
        yield scene
        nursery.cancel_scope.cancel()


async def test_no_task_in_between(autojump_clock: Clock) -> None:
    """The receiver wakes without the poller, and reads; behind that the poller watches again."""
    async with alone() as scene:
        for text in ("a", "b"):
            await scene.begin_to_receive(text)
            assert scene.sock.is_aside
            assert scene.ws.statistics().tasks_receiving == 1
            scene.sock.arrive(encode(Frame(TEXT, text.encode())))
            await settled()
            assert scene.got.pop() == (text, text)
            assert scene.sock.reads.pop() == text
            assert not scene.sock.is_aside
            assert scene.ws.statistics().tasks_receiving == 0
        scene.sock.arrive(encode(Frame(PING, b"at once")))
        scene.sock.poll()
        await settled()
        assert not scene.sock.unread


async def test_not_among_others(autojump_clock: Clock) -> None:
    """With other sockets in the run it waits for the poller, and again behind a message."""
    async with alone() as scene:
        scene.sock.is_alone = False
        for name in ("a", "b"):
            await scene.begin_to_receive(name)
            assert not scene.sock.is_aside
            scene.sock.arrive(encode(Frame(TEXT, b"x")))
            scene.sock.poll()
            await settled()
            assert not scene.ws._reader.may_wait_alone
        assert scene.got == [("a", "x"), ("b", "x")]


async def test_behind_a_burst(autojump_clock: Clock) -> None:
    """When the messages that came together have been taken, the next is waited for alone."""
    async with alone() as scene:
        await scene.begin_to_receive("a")
        scene.sock.arrive(encode(Frame(TEXT, b"1")) + encode(Frame(TEXT, b"2")))
        await settled()
        assert not scene.sock.is_aside
        await scene.begin_to_receive("b")
        assert scene.got == [("a", "1"), ("b", "2")]
        await scene.begin_to_receive("c")
        assert scene.sock.is_aside


@pytest.mark.parametrize("control", [PING, PONG])
async def test_something_else_comes(autojump_clock: Clock, control: int) -> None:
    """The receiver reads a control frame, and waits on as before."""
    async with alone() as scene:
        await scene.begin_to_receive("a")
        for data in (encode(Frame(control, b"")), encode(Frame(TEXT, b"1"))):
            assert scene.sock.is_aside
            scene.sock.arrive(data)
            await settled()
            assert scene.sock.reads[-1] == "a"
        assert scene.got == [("a", "1")]


async def test_others_keep_their_order(autojump_clock: Clock) -> None:
    """Tasks that come while the first waits alone have the messages behind its own."""
    async with alone() as scene:
        for name in ("a", "b", "c"):
            await scene.begin_to_receive(name)
        assert scene.ws.statistics().tasks_receiving == 3
        for text in ("1", "2", "3"):
            scene.sock.arrive(encode(Frame(TEXT, text.encode())))
            scene.sock.poll()
            await settled()
        assert scene.got == [("a", "1"), ("b", "2"), ("c", "3")]


async def test_not_before_others(autojump_clock: Clock) -> None:
    """A task that comes behind another one does not wait alone, and does not overtake it."""
    async with alone() as scene:
        scene.sock.is_alone = False
        for name in ("a", "b"):
            await scene.begin_to_receive(name)
        scene.sock.is_alone = True
        for number, name in enumerate(("a", "b")):
            scene.sock.arrive(encode(Frame(TEXT, b"1")))
            scene.sock.poll()
            await settled()
            assert scene.got.pop() == (name, "1")
            if not number:
                await scene.begin_to_receive("c")
                assert not scene.sock.is_aside


async def test_a_message_for_the_next(autojump_clock: Clock) -> None:
    """If two messages come at once, the task that reads leaves the second one to the next."""
    async with alone() as scene:
        for name in ("a", "b"):
            await scene.begin_to_receive(name)
        scene.sock.arrive(encode(Frame(TEXT, b"1")) + encode(Frame(TEXT, b"2")))
        await settled()
        assert scene.got == [("a", "1"), ("b", "2")]


async def test_cancelled(autojump_clock: Clock) -> None:
    """Whoever stops waiting leaves the socket to the poller, with all that has come."""
    async with alone() as scene:
        scope = trio.CancelScope()
        await scene.begin_to_receive("a", scope)
        await scene.begin_to_receive("b")
        scope.cancel()
        scene.sock.arrive(encode(Frame(TEXT, b"1")))
        await settled()
        assert not scene.sock.is_aside
        assert scene.ws.statistics().tasks_receiving == 1
        scene.sock.poll()
        await settled()
        assert scene.got == [("b", "1")]


@pytest.mark.parametrize("by", ["message", "bell"])
async def test_cancelled_and_woken(autojump_clock: Clock, by: str) -> None:
    """What a task was woken for that was cancelled just before is for the others."""
    async with alone() as scene:
        scope = trio.CancelScope()
        await scene.begin_to_receive("a", scope)
        await scene.begin_to_receive("b")
        scope.cancel()
        if by == "message":
            scene.ws._receive_queue.put(["1"])
        else:
            scene.sock.arrive(encode(Frame(TEXT, b"1")))
            scene.sock._bell.ring(lasting=False)  # type: ignore[union-attr]
        await settled()
        assert scene.got == [("b", "1")]


async def test_cancelled_and_woken_alone(autojump_clock: Clock) -> None:
    """If there are no others, the reader looks."""
    async with alone() as scene:
        scope = trio.CancelScope()
        await scene.begin_to_receive("a", scope)
        scope.cancel()
        scene.sock.arrive(encode(Frame(PING, b"")))
        scene.sock._bell.ring(lasting=False)  # type: ignore[union-attr]
        await settled()
        assert not scene.sock.unread


async def test_woken_by_the_reader(autojump_clock: Clock) -> None:
    """A message that the reader has queued reaches a task that waits alone."""
    async with alone() as scene:
        await scene.begin_to_receive("a")
        scene.ws._receive_queue.put(["from the queue"])
        await settled()
        assert scene.got == [("a", "from the queue")]
        assert not scene.sock.is_aside
        assert not scene.sock.lone.is_taken


async def test_a_close_of_our_own(autojump_clock: Clock) -> None:
    """While it waits alone another task closes; the peer's answer is read, and ends the wait."""
    async with alone() as scene:
        ended: list[bool] = []

        async def receive() -> None:
            with pytest.raises(ConnectionClosed):
                await scene.ws.receive()
            ended.append(True)

        scene.nursery.start_soon(receive)
        await settled()
        assert scene.sock.is_aside
        scene.nursery.start_soon(scene.ws.close)
        await settled()
        scene.sock.arrive(encode(Frame(CLOSE, b"\x03\xe8")))
        scene.sock.end()
        await settled()
        assert ended == [True]
        assert not scene.sock.is_aside
        scene.sock.poll()
        await settled()
        assert scene.ws.ending is not None
        assert scene.ws.ending.clean
        assert scene.sock.was_unwatched_first
    assert trio.current_time() == 0


async def test_the_end_behind_a_message(autojump_clock: Clock) -> None:
    """The last message is received; then the poller tells of the end."""
    sock = WatchedSocket()
    with pytest.raises(ConnectionLost) as caught:
        async with alone() as scene:
            sock = scene.sock
            await scene.begin_to_receive("a")
            sock.arrive(encode(Frame(TEXT, b"last")))
            sock.end()
            await settled()
            assert scene.got == [("a", "last")]
            sock.poll()
            await trio.sleep_forever()
    assert caught.value.ending.loss is Loss.EOF
    assert sock.is_closed


async def test_a_reset(autojump_clock: Clock) -> None:
    """An error ends the wait, and the connection, whoever is told of it first."""
    with pytest.raises(ConnectionLost, match="reset") as caught:
        async with alone() as scene:
            trio.lowlevel.spawn_system_task(reset_soon, scene.sock)
            await scene.ws.receive()
    assert caught.value.ending.loss is Loss.BROKEN


async def reset_soon(sock: WatchedSocket) -> None:
    """Break the connection when all tasks wait; the poller notices as well."""
    await settled()
    assert sock.is_aside
    sock.end(ConnectionResetError("reset"))
    sock.poll()


async def test_silence(autojump_clock: Clock) -> None:
    """The heartbeat passes its verdict on time while a task waits alone, and ends its wait."""
    ended: list[ConnectionClosed] = []
    with pytest.raises(HeartbeatTimeout, match=r"a ping sent 1\.0 s ago"):
        async with alone(Heartbeat(interval=2, timeout=1)) as scene:

            async def receive() -> None:
                try:
                    await scene.ws.receive()
                except ConnectionClosed as error:
                    ended.append(error)

            scene.nursery.start_soon(receive)
            await settled()
            assert scene.sock.is_aside
            await trio.sleep_forever()
    assert len(ended) == 1
    assert 1 < trio.current_time() <= 2 + 1 + Timeouts().goodbye


async def test_the_poller_ends(autojump_clock: Clock) -> None:
    """If the run is about to end, the reader reads alone, and the receiver waits as all do."""
    async with alone() as scene:
        await scene.begin_to_receive("a")
        scene.sock.lone.wake()
        scene.sock.end_poller()
        await settled()
        scene.sock.arrive(encode(Frame(TEXT, b"1")))
        await settled()
        assert scene.got == [("a", "1")]
        await scene.begin_to_receive("b")
        assert not scene.sock.is_aside
        scene.sock.arrive(encode(Frame(TEXT, b"2")))
        await settled()
        assert scene.got[1:] == [("b", "2")]


# A long message, which the reader reads


async def test_a_long_message(autojump_clock: Clock) -> None:
    """Nothing rings while the reader reads a long message, and it rings again behind it."""
    data = encode(Frame(BINARY, bytes(200_000)))
    async with alone() as scene:
        await scene.begin_to_receive("a")
        for start in range(0, len(data), ROOM * 50):
            scene.sock.arrive(data[start : start + ROOM * 50])
            scene.sock.poll()
            await settled()
            assert scene.sock.is_aside is (start < len(data) - ROOM * 50 - 65_536 + 1)
        assert scene.got == [("a", bytes(200_000))]
        assert not scene.sock.is_aside


@pytest.mark.parametrize(
    ("size", "there"), [(100_000, 120_000), (200_000, 120_000), (200_000, ROOM)]
)
async def test_a_long_message_that_is_there(autojump_clock: Clock, size: int, there: int) -> None:
    """The reader reads what else is there as soon as it is woken; the next is waited for alone.

    Of the longer message, the rest is not there yet, or nothing but its beginning is.
    """
    data = encode(Frame(BINARY, bytes(size)))
    async with alone() as scene:
        await scene.begin_to_receive("a")
        scene.sock.reads.clear()
        scene.sock.arrive(data[:there])
        await settled()
        assert scene.sock.reads[:2] == ["a", "trio_ws reader tested"]
        assert scene.sock.is_aside is (size > there)
        scene.sock.arrive(data[there:])
        await settled()
        assert scene.got == [("a", bytes(size))]
        await scene.begin_to_receive("b")
        assert scene.sock.lone.is_taken


async def test_a_long_message_behind_many(autojump_clock: Clock) -> None:
    """A long message is not read on while those before it fill the queue."""
    many = encode(Frame(TEXT, b"ab")) * 20
    async with alone() as scene:
        await scene.begin_to_receive("a")
        scene.sock.reads.clear()
        scene.sock.arrive(many + encode(Frame(BINARY, bytes(200_000))))
        await settled()
        assert scene.sock.reads == ["a"]
        assert scene.sock.unread
        for _ in range(20):
            await scene.begin_to_receive("a")
        assert scene.got == [("a", "ab")] * 20 + [("a", bytes(200_000))]


async def test_a_long_message_among_others(autojump_clock: Clock) -> None:
    """With other sockets in the run, what comes behind a long message is told by the poller."""
    async with alone() as scene:
        await scene.begin_to_receive("a")
        scene.sock.is_alone = False
        scene.sock.arrive(encode(Frame(BINARY, bytes(100_000))))
        await settled()
        assert scene.got == [("a", bytes(100_000))]
        assert not scene.ws._reader.may_wait_alone


async def test_not_beside_the_reader(autojump_clock: Clock) -> None:
    """While the reader waits for the rest of a long message, a receiver does not wait as well."""
    data = encode(Frame(BINARY, bytes(200_000)))
    async with alone() as scene:
        scene.sock.arrive(data[:100_000])
        scene.sock.poll()
        await settled()
        await scene.begin_to_receive("a")
        assert not scene.sock.lone.is_taken
        scene.sock.arrive(data[100_000:])
        scene.sock.poll()
        await settled()
        assert scene.got == [("a", bytes(200_000))]


async def test_a_long_message_that_is_broken_off(autojump_clock: Clock) -> None:
    """A connection that is lost in the middle of a long message still sees the peer's end."""
    ends: list[float] = []

    async def end_after_loss(scene: Scene) -> None:
        await eventually(lambda: scene.ws.ending)
        await trio.sleep(0.125)
        ends.append(trio.current_time())
        scene.sock.end()
        scene.sock.poll()

    with pytest.raises(HeartbeatTimeout):
        async with alone(Heartbeat(interval=2, timeout=1)) as scene:
            scene.sock.arrive(encode(Frame(BINARY, bytes(200_000)))[:100_000])
            scene.sock.poll()
            await settled()
            assert scene.sock.is_aside
            trio.lowlevel.spawn_system_task(end_after_loss, scene)
            await trio.sleep_forever()
    assert ends == [trio.current_time()]
