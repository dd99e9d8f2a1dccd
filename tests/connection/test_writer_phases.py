"""`trio_ws._connection.writer`: the phases of its task, walked as the table says."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import MessageReply, Timeouts
from trio_ws._connection.core import ConnectionCore
from trio_ws._connection.heartbeat import HeartbeatDriver
from trio_ws._connection.writer import COALESCE_LIMIT, Phase, Writer
from trio_ws._options import ConnectionOptions
from trio_ws.testing._peer import PING, TEXT, RawPeer

from ..wires import Wire, frames_of, opening, settled

Clock = trio.testing.MockClock

NO_TASK, PARKED, WOKEN, WRITING, ENDED = Phase


class Bench:
    """A writer and what it writes to; it may write inline over a socket, and not over a wire."""

    def __init__(self, stream: trio.abc.Stream, peer: trio.abc.Stream, **options: Any) -> None:
        rules = ConnectionOptions(**{"heartbeat": None, **options})
        self.core = ConnectionCore(
            stream, opening(), client=True, options=rules, name="tested", phase=1.0
        )
        self.heartbeat = HeartbeatDriver(self.core)
        self.writer = Writer(self.core, self.heartbeat)
        self.peer = RawPeer(peer, client=False)

    def send(self, message: str | bytes, *, more_expected: bool = False) -> bool:
        """Do what `WebSocket.send` does."""
        self.core.protocol.send(message)
        return self.writer.flush(more_expected=more_expected)


@asynccontextmanager
async def over_a_wire(**options: Any) -> AsyncGenerator[tuple[Bench, Wire]]:
    """Set up a writer that never may write inline."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(ours)
    bench = Bench(wire, theirs, **options)
    async with trio.open_nursery() as nursery:
        bench.writer.run_in(nursery)
        yield bench, wire
        nursery.cancel_scope.cancel()
        bench.core.lifetime.shorten(0)


@asynccontextmanager
async def over_a_socket(**options: Any) -> AsyncGenerator[tuple[Bench, socket.socket]]:
    """Set up a writer that may write inline; with the peer's end."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    streams = [trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in (ours, theirs)]
    bench = Bench(*streams, **options)
    async with streams[0], streams[1], trio.open_nursery() as nursery:
        bench.writer.run_in(nursery)
        yield bench, theirs
        nursery.cancel_scope.cancel()
        bench.core.lifetime.shorten(0)


async def test_the_task(autojump_clock: Clock) -> None:
    """The first thing to write starts the task; it parks when nothing is left, and goes on."""
    async with over_a_wire() as (bench, wire):
        assert (bench.writer.phase, bench.writer.is_running) == (NO_TASK, False)
        assert not bench.send("first")
        assert (bench.writer.phase, bench.writer.is_running) == (WOKEN, True)
        bench.writer.wake()
        assert bench.writer.phase is WOKEN
        await settled()
        assert bench.writer.phase is PARKED
        wire.stop_taking()
        bench.send("second")
        assert bench.writer.phase is WOKEN
        await settled()
        assert bench.writer.phase is WRITING
        assert not bench.send("third")
        bench.writer.wake()
        assert bench.writer.phase is WRITING
        wire.take_again()
        await settled()
        assert bench.writer.phase is PARKED
        payloads = [frame.payload for frame in frames_of(wire.written)]
        assert payloads == [b"first", b"second", b"third"]
        bench.core.begin_close(1000)
        bench.core.on_own_error(ZeroDivisionError())
        bench.writer.after_change()
        assert bench.writer.phase is WOKEN
        await settled()
        assert (bench.writer.phase, bench.writer.is_running) == (ENDED, False)
        assert bench.writer.ended.is_set()
        bench.writer.wake()
        assert not bench.writer.flush()
        assert bench.writer.phase is ENDED


async def test_inline(autojump_clock: Clock) -> None:
    """The first message leaves inline, and no task starts; the next starts one."""
    async with over_a_socket() as (bench, theirs):
        assert bench.send("first")
        assert bench.writer.phase is NO_TASK
        assert bench.writer.frames_flushed == 1
        assert theirs.recv(100)
        assert not bench.send("second")
        assert bench.writer.phase is WOKEN
        await settled()
        assert bench.writer.phase is PARKED
        assert bench.send("third")
        assert bench.writer.phase is PARKED
        bench.writer.after_read()
        assert not bench.send("fourth", more_expected=True)
        assert bench.writer.phase is WOKEN
        assert not bench.send("fifth", more_expected=True)
        assert bench.send(bytes(COALESCE_LIMIT), more_expected=True)
        assert bench.core.protocol.send_queue.is_empty


async def test_an_answer_leaves_at_once(autojump_clock: Clock) -> None:
    """Behind a read the first message leaves inline, though another has left in this round."""
    async with over_a_socket() as (bench, theirs):
        inline = [bench.send("first")]
        bench.writer.after_read()
        inline += [bench.send("an answer"), bench.send("another")]
        count = len(theirs.recv(1000))
    assert inline == [True, True, False]
    assert count == 11 + 15


async def test_the_last_answer_leaves_at_once(autojump_clock: Clock) -> None:
    """The last of many answers leaves inline, though others filled a write before."""
    async with over_a_socket() as (bench, theirs):
        bench.writer.after_read()
        inline = [bench.send(bytes(COALESCE_LIMIT // 2), more_expected=True) for _ in range(3)]
        inline += [bench.send("the last"), bench.send("no answer")]
        count = len(theirs.recv(1 << 20))
    assert inline == [False, True, False, True, False]
    assert count == 3 * (COALESCE_LIMIT // 2 + 8) + 14


async def test_control_frames_leave_inline_and_are_no_burst(autojump_clock: Clock) -> None:
    """A ping leaves at once also behind a message, and the message behind it does so too."""
    async with over_a_socket() as (bench, theirs):
        for _ in range(3):
            bench.heartbeat.queue_ping(b"x", 0)
            assert bench.writer.flush()
        assert bench.send("first")
        bench.heartbeat.queue_ping(b"x", 0)
        assert bench.writer.flush()
        bench.core.protocol.pong(b"")
        bench.writer.after_read()
        assert bench.writer.phase is NO_TASK
        assert len(theirs.recv(1000)) == 4 * 7 + 6 + 11


async def test_the_end_inline(autojump_clock: Clock) -> None:
    """A connection that never had a task to write comes to its end without one."""
    async with over_a_socket() as (bench, _):
        bench.core.begin_close(1000)
        bench.writer.after_change()
        assert bench.writer.phase is NO_TASK
        bench.core.on_own_error(ZeroDivisionError())
        bench.writer.after_change()
        assert bench.writer.phase is ENDED
        assert bench.writer.ended.is_set()


async def test_the_end_without_inline(autojump_clock: Clock) -> None:
    """Where nothing can be written inline, the end needs a task."""
    async with over_a_wire() as (bench, _):
        bench.core.begin_close(1000)
        bench.writer.after_change()
        assert bench.writer.phase is WOKEN


async def test_an_error_of_the_stream_itself(autojump_clock: Clock) -> None:
    """What a stream may not raise ends the task and leaves the block."""
    async with over_a_wire() as (bench, wire):
        wire.break_sending(ZeroDivisionError())
        bench.send("x")
        await settled()
        assert bench.writer.phase is ENDED
        assert isinstance(bench.core.lifetime.error, ZeroDivisionError)


async def test_replies_to_heartbeat_messages(autojump_clock: Clock) -> None:
    """Replies leave like any message, after a read or another change."""
    policy = MessageReply(is_ping=bool, reply="pong")
    async with over_a_socket(heartbeat=policy) as (bench, theirs):
        for act in (bench.writer.after_read, bench.writer.after_change):
            bench.heartbeat.messages.inspect("ping", 0)
            act()
            await settled()
            assert theirs.recv(1000)


async def test_what_is_flushed_puts_idling_off(autojump_clock: Clock) -> None:
    """A message that the kernel takes moves the end of an idle connection; a heartbeat does not."""
    policy = MessageReply(is_ping=bool, reply="pong")
    async with over_a_socket(timeouts=Timeouts(idle=10), heartbeat=policy) as (bench, _):
        await trio.sleep(3)
        bench.heartbeat.messages.inspect("ping", 3)
        bench.writer.after_read()
        assert bench.core.lease.next_wakeup().at == 10
        await trio.sleep(1)
        bench.writer.after_read()
        assert bench.send("x")
        assert bench.core.lease.next_wakeup().at == 14
        bench.heartbeat.messages.inspect("ping", 4)
        bench.writer.after_read()
        assert bench.core.lease.next_wakeup().at == 14


@pytest.mark.parametrize("opcode", [PING, TEXT])
async def test_one_ping_starts_no_writer(autojump_clock: Clock, opcode: int) -> None:
    """The answer to a ping, and the first answer to a message, leave without a task."""
    async with over_a_socket() as (bench, theirs):
        if opcode == PING:
            bench.core.protocol.send_queue.put_pong(b"\x8a\x80....")
            bench.writer.after_read()
        else:
            bench.writer.after_read()
            bench.send("answer")
        assert theirs.recv(1000)
        assert bench.writer.phase is NO_TASK
