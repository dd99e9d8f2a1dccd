"""`_connection.block`: a connection as a block, its goodbye (P1, P5), what its death does (P3)."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any

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
    ProtocolViolation,
    Timeouts,
    WebSocket,
)
from trio_ws._concurrency.suspension import watch_for_suspension
from trio_ws._connection.block import ConnectionBlock
from trio_ws.testing import RawPeer

from ..wires import (
    TwoWayWire,
    both_roles,
    closed_by,
    failing_log,
    frames_of,
    goodbye_of,
    open_wired,
    settled,
    what_leaves,
)

TEXT = 0x1


def tasks() -> int:
    """Count the tasks of this Trio run."""
    return trio.lowlevel.current_statistics().tasks_living


@both_roles
async def test_what_comes_during_the_goodbye_is_not_kept(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When the block is left no task takes messages any more, so they take no memory."""
    async with trio.open_nursery() as nursery:
        async with open_wired(client) as (ws, peer, _):

            async def answer() -> None:
                await peer.expect_close(1000)
                await peer.send_text("late")
                await peer.send_close(1000)
                await peer.send_eof()

            nursery.start_soon(answer)
        assert ws.ending is not None
        assert ws.ending.clean
        assert ws.statistics().receive_queue == 0


# P1: the connection lives in its block


async def end(ws: WebSocket, peer: RawPeer) -> None:
    pass


async def fail(ws: WebSocket, peer: RawPeer) -> None:
    raise ValueError


async def lose(ws: WebSocket, peer: RawPeer) -> None:
    await peer.send_eof()
    await trio.sleep_forever()


async def be_cancelled(ws: WebSocket, peer: RawPeer) -> None:
    await trio.sleep_forever()


@both_roles
@pytest.mark.parametrize("shared", [False, True], ids=["own nursery", "shared nursery"])
@pytest.mark.parametrize("body", [end, fail, lose, be_cancelled])
async def test_nothing_is_left(
    body: Callable[[WebSocket, RawPeer], Awaitable[None]],
    shared: bool,
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """However a block is left, its tasks are gone, its stream is closed, its connection over."""
    wires: list[TwoWayWire] = []
    found: list[WebSocket] = []

    async with trio.open_nursery() as nursery:

        async def block() -> None:
            async with open_wired(client, nursery=nursery if shared else None) as (ws, peer, wire):
                wires.append(wire)
                found.append(ws)
                await body(ws, peer)

        watch = watch_for_suspension()
        with watch.kept_going():  # its task outlives the last connection
            before = tasks(), watch.listeners
            with trio.move_on_after(1):
                await what_leaves(block)
            assert (tasks(), watch.listeners) == before
    assert wires[0].closed
    assert found[0].ending is not None
    with pytest.raises(ConnectionClosed):
        await found[0].send("too late")


async def test_connecting_fails(autojump_clock: trio.testing.MockClock) -> None:
    """When connecting raises or is cancelled the block is not entered, and nothing is left."""

    async def refuse() -> WebSocket:
        raise OSError

    async def dawdle() -> WebSocket:
        await trio.sleep_forever()
        raise AssertionError

    before = tasks()
    with pytest.raises(OSError):
        async with ConnectionBlock(refuse):
            raise AssertionError
    with trio.move_on_after(1) as patience:
        async with ConnectionBlock(dawdle):
            raise AssertionError
    assert patience.cancelled_caught
    assert tasks() == before


# P5: the goodbye


class Stop(BaseException):
    """Neither an error nor a cancellation."""


@both_roles
@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (None, 1000),
        (ValueError(), 1011),
        (ExceptionGroup("", [ValueError()]), 1011),
        (BaseExceptionGroup("", [ValueError(), Stop()]), 1011),
        (Stop(), 1011),
        (BaseExceptionGroup("", [Stop()]), 1011),
        (SystemExit(), 1001),
    ],
    ids=repr,
)
async def test_code(
    failure: BaseException | None, code: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A block that ends says 1000, one that fails says 1011, one that is stopped says 1001."""
    wires: list[TwoWayWire] = []

    async def block() -> None:
        async with open_wired(client) as (_, _, wire):
            wires.append(wire)
            if failure:
                raise failure

    assert await what_leaves(block) is failure
    assert goodbye_of(wires[0].written) == (code, "")


@both_roles
@pytest.mark.parametrize("reason", ["deploy", "", None, 5, b"deploy"])
async def test_reason_of_a_cancellation(
    reason: Any, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The reason given to `cancel`, even if it is no `str`, stays here: it may be about others."""
    with trio.CancelScope() as scope:
        async with open_wired(client) as (_, _, wire):
            scope.cancel(reason)
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert goodbye_of(wire.written) == (1001, "")


@both_roles
@pytest.mark.parametrize("own", [None, ValueError()], ids=["ends", "raises"])
async def test_a_log_that_raises(
    own: Exception | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A filter of the log that raises changes nothing about how a block is left."""

    async def block() -> None:
        async with open_wired(client) as (ws, peer, wire):
            wires.append(wire)
            await peer.send_text("in")
            await ws.receive()
            await ws.send("out")
            if own:
                raise own

    wires: list[TwoWayWire] = []
    with failing_log("trio_ws.client" if client else "trio_ws.server"):
        assert await what_leaves(block) is own
    assert goodbye_of(wires[0].written)[0] == (1011 if own else 1000)
    assert wires[0].closed


@both_roles
@pytest.mark.parametrize("why", ["deadline", "a task that failed"])
async def test_reason_of_nobody(
    why: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What Trio says about a deadline, or about a failed task, is not told to the peer."""

    async def crash() -> None:
        await trio.sleep(1)
        raise ValueError("a secret")

    with pytest.RaisesGroup(ValueError) if why != "deadline" else trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            if why != "deadline":
                nursery.start_soon(crash)
            async with open_wired(client) as (_, _, wire):
                await trio.sleep_forever()
    assert goodbye_of(wire.written) == (1001, "")


@both_roles
@pytest.mark.parametrize("own", [None, ValueError()], ids=["after the end", "after an exception"])
async def test_bound(
    own: Exception | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A goodbye that nobody answers, after an end or an exception, takes `Timeouts.close`."""

    async def block() -> None:
        async with open_wired(client):
            if own:
                raise own

    assert await what_leaves(block) is own
    assert trio.current_time() == 10


@both_roles
async def test_bound_after_cancellation(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A goodbye that nobody answers, after a cancellation, takes `Timeouts.goodbye`."""
    with trio.move_on_after(3):
        async with open_wired(client) as (ws, _, _):
            await ws.receive()
    assert trio.current_time() == 3.5


@both_roles
@pytest.mark.parametrize("late", [0, 3, 9.75])
async def test_bound_shortened(
    late: float, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A cancellation during the goodbye shortens it to `Timeouts.goodbye`, never lengthens it."""
    with trio.move_on_after(late):
        async with open_wired(client):
            pass
    assert trio.current_time() == min(late + 0.5, 10)


@both_roles
async def test_own_bounds(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """The bounds are those of `Timeouts`; a goodbye of zero is none."""
    timeouts = Timeouts(close=2, goodbye=0)
    async with open_wired(client, timeouts=timeouts):
        pass
    assert trio.current_time() == 2
    with trio.move_on_after(1):
        async with open_wired(client, timeouts=timeouts) as (_, _, wire):
            await trio.sleep_forever()
    assert trio.current_time() == 3
    assert wire.closed


@both_roles
async def test_bound_with_everything_stuck(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Neither a closed window nor a stream that is slow to close makes the goodbye longer."""

    class SlowToClose(TwoWayWire):
        async def aclose(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                self.closed = True

    async with open_wired(client, SlowToClose) as (ws, _, wire):
        wire.stop_taking()
        await ws.send("stuck")
    assert trio.current_time() == 10
    assert wire.closed
    async with open_wired(client, SlowToClose) as (_, peer, wire):
        await peer.send_close()
        await peer.send_eof()
    assert trio.current_time() == (20 if client else 10.5)
    assert wire.closed


@both_roles
async def test_answered(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A goodbye that is answered and followed by the end of TCP takes no time."""
    async with trio.open_nursery() as nursery, open_wired(client) as (ws, peer, wire):  # noqa: ASYNC112
        nursery.start_soon(peer.close_politely)
    assert trio.current_time() == 0
    assert ws.ending is not None
    assert ws.ending.clean
    assert goodbye_of(wire.written) == (1000, "")


@both_roles
@pytest.mark.parametrize("own", [None, ValueError()], ids=["after the end", "after an exception"])
async def test_what_was_sent_goes_first(
    own: Exception | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """After an end or an exception what `send` accepted goes out before the Close."""

    async def block() -> None:
        async with open_wired(client) as (ws, _, wire):
            wires.append(wire)
            wire.stop_taking()
            for text in ("first", "second"):
                await ws.send(text)
                await settled()
            nursery.start_soon(open_window, wire)
            if own:
                raise own

    async def open_window(wire: TwoWayWire) -> None:
        await trio.sleep(3)
        wire.take_again()

    wires: list[TwoWayWire] = []
    async with trio.open_nursery() as nursery:
        assert await what_leaves(block) is own
    *data, close = frames_of(wires[0].written)
    assert [frame.payload for frame in data] == [b"first", b"second"]
    assert close.opcode == 0x8


@both_roles
@pytest.mark.parametrize("when", ["in the body", "in the goodbye"])
async def test_close_jumps_the_queue(
    when: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """After a cancellation the frame in hand is finished, the rest dropped, and the Close sent."""
    wires: list[TwoWayWire] = []

    async def open_window() -> None:
        await trio.sleep(3.25)
        wires[0].take_again()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(open_window)
        with trio.move_on_after(3):
            async with open_wired(client) as (ws, _, wire):
                wires.append(wire)
                wire.stop_taking()
                for text in ("in hand", "queued"):
                    await ws.send(text)
                    await settled()
                if when == "in the body":
                    await trio.sleep_forever()
    assert [frame.payload for frame in frames_of(wires[0].written)][:-1] == [b"in hand"]
    assert goodbye_of(wires[0].written)[0] == (1001 if when == "in the body" else 1000)
    assert trio.current_time() == 3.5


@both_roles
async def test_goodbye_to_many(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Cancelling many blocks takes as long as cancelling one."""
    wires: list[TwoWayWire] = []

    async def block() -> None:
        async with open_wired(client) as (_, _, wire):
            wires.append(wire)
            await trio.sleep_forever()

    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(block)
    assert trio.current_time() == 1.5
    assert [goodbye_of(wire.written)[0] for wire in wires] == [1001] * 50


# P3: a lost connection cancels the body


async def fall_silent(peer: RawPeer, wire: TwoWayWire) -> None:
    """Say nothing: the heartbeat notices."""


async def end_tcp(peer: RawPeer, wire: TwoWayWire) -> None:
    await peer.send_eof()


async def reset(peer: RawPeer, wire: TwoWayWire) -> None:
    wire.break_receiving(trio.BrokenResourceError("reset"))


async def talk_nonsense(peer: RawPeer, wire: TwoWayWire) -> None:
    await peer.send_frame(0x3)


DEATHS = [
    (fall_silent, HeartbeatTimeout, Loss.HEARTBEAT),
    (end_tcp, ConnectionLost, Loss.EOF),
    (reset, ConnectionLost, Loss.BROKEN),
    (talk_nonsense, ProtocolViolation, Loss.VIOLATION),
]


async def take_a_stream(ws: WebSocket) -> None:
    async with ws.receive_stream() as chunks:
        async for _ in chunks:
            raise AssertionError


async def iterate(ws: WebSocket) -> None:
    async for _ in ws:
        raise AssertionError


async def in_a_nursery(ws: WebSocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ws.receive)
        nursery.start_soon(ws.ping)
        nursery.start_soon(trio.sleep_forever)


async def send_on(ws: WebSocket) -> None:
    while True:
        await ws.send("x" * 1000)


async def send_without_end(ws: WebSocket) -> None:
    async def fragments() -> AsyncGenerator[str, None]:  # noqa: ASYNC900
        yield "first"
        await trio.sleep_forever()

    await ws.send(fragments())


async def sleep(ws: WebSocket) -> None:
    await trio.sleep_forever()


WAITS: list[Callable[[WebSocket], Awaitable[object]]] = [
    sleep,
    WebSocket.receive,
    WebSocket.ping,
    WebSocket.wait_closed,
    iterate,
    take_a_stream,
    in_a_nursery,
    send_on,
    send_without_end,
]


@both_roles
@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.__name__)
@pytest.mark.parametrize(("death", "error", "loss"), DEATHS)
async def test_death(
    death: Callable[[RawPeer, TwoWayWire], Awaitable[None]],
    error: type[ConnectionLost],
    loss: Loss,
    wait: Callable[[WebSocket], Awaitable[object]],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """However the connection is lost, the body is cancelled at once wherever it waits."""
    cancelled_at = -1.0

    async def die() -> None:
        await trio.sleep(1)
        await death(peer, wire)

    with pytest.raises(error) as caught:
        async with open_wired(
            client,
            heartbeat=Heartbeat(interval=20, timeout=20) if death is fall_silent else None,
            limits=Limits(send_buffer=2000),
        ) as (ws, peer, wire):
            wire.stop_taking()
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(die)
                    await wait(ws)
            finally:
                cancelled_at = trio.current_time()
    assert caught.value.ending is ws.ending
    assert caught.value.ending.loss is loss
    if death is fall_silent:
        assert 20 <= cancelled_at <= 40
    else:
        assert cancelled_at == 1


@both_roles
async def test_unread_messages(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """After a loss the body may take what had arrived, in its own time; then it is cancelled."""
    taken = []
    with pytest.raises(ConnectionLost):
        async with open_wired(client) as (ws, peer, _):
            for text in ("a", "b", "c"):
                await peer.send_text(text)
            await peer.send_eof()
            await settled()
            assert ws.ending is not None
            while True:
                await trio.sleep(2)
                taken.append(await ws.receive())
    assert taken == ["a", "b", "c"]
    assert trio.current_time() == 8


@both_roles
async def test_unread_parts(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Parts of a message that is streamed count as unread too."""
    taken = []
    with pytest.raises(ConnectionLost):
        async with open_wired(client) as (ws, peer, _), ws.receive_stream() as chunks:
            await peer.send_frame(TEXT, b"a", fin=False)
            taken.append(await anext(chunks))
            await peer.send_frame(0x0, b"b", fin=False)
            await peer.send_eof()
            await settled()
            await trio.sleep(2)
            taken.append(await anext(chunks))
            await anext(chunks)
    assert taken == ["a", "b"]
    assert trio.current_time() == 2


@both_roles
@pytest.mark.parametrize("reads", [0, 1])
async def test_unread_messages_bound(
    reads: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A body that leaves messages unread, or takes the last and asks no more, has `Timeouts.close`.

    Whatever it waits for then, it is cancelled.
    """
    with pytest.raises(ConnectionLost):
        async with open_wired(client, timeouts=Timeouts(close=7)) as (ws, peer, _):
            await peer.send_text("unread")
            await peer.send_eof()
            await settled()
            for _ in range(reads):
                await ws.receive()
            await trio.sleep_forever()
    assert trio.current_time() == 7


@both_roles
async def test_unread_messages_and_sending(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """While there are unread messages of a lost connection all but `receive` raises at once."""
    with pytest.raises(ConnectionLost):
        async with open_wired(client) as (ws, peer, wire):
            wire.stop_taking()
            await ws.send("stuck")
            await peer.send_text("unread")
            await peer.send_eof()
            await settled()
            for call in (
                lambda: ws.send("x"),
                lambda: ws.send(["x"]),
                lambda: ws.send_json({}),
                ws.ping,
                ws.pong,
                ws.flush,
            ):
                assert (await closed_by(call)).ending is ws.ending
            assert trio.current_time() == 0
            assert await ws.receive() == "unread"
            await ws.receive()


@both_roles
@pytest.mark.parametrize("code", [None, 1000, 1001, 1008, 1011, 4321])
async def test_close_of_the_peer(
    code: int | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A peer that closes politely, whatever its code, ends the receiving but not the body."""
    async with open_wired(client) as (ws, peer, _):
        await peer.send_close(code)
        assert (await closed_by(ws.receive)).ending.code == (code or 1005)
        await trio.sleep(100)
    assert trio.current_time() == 100


@both_roles
async def test_close_of_ours(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A close of our own that is not answered does not cancel the body."""
    async with open_wired(client) as (ws, _, _):
        await ws.close()
        await trio.sleep(100)
    assert ws.ending is not None
    assert ws.ending.loss is Loss.UNANSWERED
    assert trio.current_time() == 110


@both_roles
async def test_words_after_a_violation(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The peer has time to hear why: after our Close we read on, and leave when it does."""
    async with trio.open_nursery() as nursery:

        async def offend(peer: RawPeer) -> None:
            await peer.send_bytes(b"\xff" * 100_000)
            await trio.sleep(0.25)
            await peer.expect_close(1002)
            await peer.send_eof()

        with pytest.raises(ProtocolViolation):
            async with open_wired(client) as (_, peer, wire):
                nursery.start_soon(offend, peer)
                await trio.sleep_forever()
    assert trio.current_time() == 0.25
    assert wire.eof_at == 0


@both_roles
async def test_words_after_a_violation_bound(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """An offender that does not leave is cut off after `Timeouts.goodbye`."""
    with pytest.raises(ProtocolViolation) as caught:
        async with open_wired(client) as (_, peer, _):
            await peer.send_frame(0x3)
            await trio.sleep_forever()
    assert caught.value.code == 1002
    assert trio.current_time() == 0.5


async def test_entered_once(autojump_clock: trio.testing.MockClock) -> None:
    """A block can be entered once, whether or not it came about."""

    async def fail() -> WebSocket:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    scope = ConnectionBlock(fail)
    with pytest.raises(ZeroDivisionError):
        await scope.__aenter__()
    with pytest.raises(RuntimeError, match="entered before"):
        await scope.__aenter__()


async def leave_quietly(ws: WebSocket, wire: TwoWayWire) -> None:
    """Nothing."""


async def break_reading(ws: WebSocket, wire: TwoWayWire) -> None:
    """A reset, as the reader meets it."""
    wire.break_receiving(trio.BrokenResourceError())
    await settled()


async def break_writing(ws: WebSocket, wire: TwoWayWire) -> None:
    """A reset, as the writer meets it, with its own cause."""
    error = trio.BrokenResourceError()
    error.__cause__ = OSError()
    wire.break_sending(error)
    await ws.send("anything")
    await settled()


@both_roles
@pytest.mark.parametrize("end", [leave_quietly, break_reading, break_writing])
async def test_nothing_waits_to_be_collected(
    end: Callable[[WebSocket, TwoWayWire], Awaitable[None]],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Messages that nobody took are gone with their connection, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        with suppress(ConnectionLost):
            async with open_wired(client) as (ws, peer, wire):
                await peer.send_text("not taken")
                await settled()
                assert ws.statistics().receive_queue > 0
                session = weakref.ref(ws._protocol)
                await end(ws, wire)
        del ws, wire
        await settled()
        assert session() is None
    finally:
        gc.enable()
