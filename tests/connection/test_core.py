"""`trio_ws._connection.core`: what the parts of a connection share, and what its end means."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from trio_ws import Close, ConnectionClosed, ConnectionLost, Limits, Loss, Timeouts
from trio_ws._connection.core import ConnectionCore, Supervised, current_supervision
from trio_ws._connection.lifetime import Initiator
from trio_ws._connection.receive_queue import Mode
from trio_ws._liveness.timer import NOTHING_BEFORE
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.send_queue import QUEUE_ITEM_OVERHEAD
from trio_ws._protocol.states import State
from trio_ws.testing import Frame
from trio_ws.testing._peer import CLOSE, encode

from ..kernels import SaidKernel, kernel
from ..notebooks import Faulty, Notebook
from .cores import core_of

__all__ = ["kernel"]

Clock = trio.testing.MockClock

TIMES = Timeouts(close=8, goodbye=2)


def end_politely(core: ConnectionCore) -> None:
    """Let the peer's Close arrive."""
    payload = (1000).to_bytes(2, "big")
    core.protocol.feed(encode(Frame(CLOSE, payload, masked=not core.client)))
    core.note_ending()


async def test_room() -> None:
    """A message may be queued if it fits, with what it costs to keep, or if none waits."""
    core = core_of(limits=Limits(send_buffer=1000))
    assert core.has_room(100_000)
    core.protocol.send(bytes(500))
    left = 1000 - core.protocol.send_queue.size - QUEUE_ITEM_OVERHEAD
    assert core.has_room(left)
    assert not core.has_room(left + 1)


@pytest.mark.parametrize(
    ("unacknowledged", "asks"), [(None, 0), (0, 0), (NOTHING_BEFORE, 0), (NOTHING_BEFORE + 1, 1)]
)
async def test_look(unacknowledged: int | None, asks: int, kernel: SaidKernel) -> None:
    """The packets that arrived are asked for only if bytes of ours wait, besides a ping."""
    core = core_of()
    kernel.unacknowledged = unacknowledged
    core.look(5)
    assert core.lease.outgoing.told is (unacknowledged is not None)
    assert core.lease.outgoing.unacknowledged == (unacknowledged or 0)
    assert kernel.deliveries == asks


async def test_check_open(autojump_clock: Clock) -> None:
    """Whatever wants to send waits for the end of the closing handshake, and raises then."""
    core = core_of()
    await core.check_open()
    core.begin_close(1000)
    with trio.move_on_after(1) as patience:
        await core.check_open()
    assert patience.cancelled_caught
    end_politely(core)
    with pytest.raises(ConnectionClosed):
        await core.check_open()


@pytest.mark.parametrize("kind", ["send", "stream"])
async def test_turns(kind: str) -> None:
    """Each turn goes to one task at a time; after the end it is not waited for."""
    core, late = core_of(), core_of()
    take = getattr(core, f"take_turn_to_{kind}")
    turn = await take()
    with trio.move_on_after(0) as patience:
        await take()
    assert patience.cancelled_caught
    turn.release()
    assert await take() is turn
    for each in (core, late):
        each.lose_unless_over(Loss.EOF)
        each.note_ending()
    with pytest.raises(ConnectionClosed):
        await take()
    take = getattr(late, f"take_turn_to_{kind}")
    await take()
    with pytest.raises(ConnectionClosed):
        await take()


async def test_closing() -> None:
    """A close follows what waits, or clears it, and has its own bound."""
    core = core_of(timeouts=TIMES)
    core.protocol.send(b"accepted")
    core.begin_close(1000)
    assert core.protocol.send_queue.size
    assert core.protocol.state is State.CLOSING
    assert core.lifetime.initiator is Initiator.APPLICATION
    assert core.lifetime.deadline - trio.current_time() == pytest.approx(8, abs=1)
    assert core.receive_queue.mode is Mode.DRAINING
    core.begin_quick_close(1001)
    assert not core.protocol.send_queue.size
    assert core.lifetime.deadline - trio.current_time() == pytest.approx(2, abs=1)


async def test_a_write_error_tells_the_cause(autojump_clock: Clock) -> None:
    """The stream has ended: that a write failed before tells more, and is the cause."""
    core = core_of(timeouts=TIMES)
    error = trio.BrokenResourceError("a reset")
    core.on_write_error(error)
    assert core.lifetime.deadline == 2
    assert core.receive_queue.mode is Mode.DRAINING
    core.lose_unless_over(Loss.EOF)
    ending = core.protocol.ending
    assert ending is not None
    assert (ending.loss, ending.detail, ending.cause) == (Loss.BROKEN, "a reset", error)


@pytest.mark.parametrize("code", [1000, 4000])
async def test_a_close_half_way(code: int) -> None:
    """Behind half a message only 1000 is not said, which would be normal (F3.7)."""
    core = core_of()
    core.protocol.send("half", finished=False)
    core.begin_close(code, "bye")
    core.lose_unless_over(Loss.EOF)
    assert core.protocol.ending is not None
    broken_off = Close(1011, "a message was broken off")
    assert core.protocol.ending.sent == (broken_off if code == 1000 else Close(code, "bye"))


async def test_age_and_silence(autojump_clock: Clock) -> None:
    """The ending tells how old the connection was, and since when nothing had arrived."""
    await trio.sleep(100)
    core = core_of()
    await trio.sleep(1.5)
    core.lease.heard(trio.current_time())
    await trio.sleep(0.5)
    core.lose_unless_over(Loss.EOF)
    ending = core.protocol.ending
    assert ending is not None
    assert (ending.age, ending.silence) == (2, 0.5)


@pytest.mark.parametrize("ours", [True, False], ids=["our own", "a policy's"])
async def test_errors(ours: bool) -> None:
    """An error of our own ends the connection; one of a policy's function with 1011."""
    core = core_of()
    error = ZeroDivisionError("oops")
    (core.on_own_error if ours else core.fail)(error)
    assert core.lifetime.error is error
    assert core.over.is_set()
    ending = core.protocol.ending
    assert ending is not None
    assert (ending.loss, ending.cause) == (Loss.BROKEN, error)
    assert ending.sent == (None if ours else Close(1011))
    assert ("an error of our own" if ours else "oops") in str(ending.detail)


async def test_an_error_about_the_end_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong while the end is told, the first error is what leaves the block."""
    core = core_of()
    error = ZeroDivisionError()

    def fail(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(ConnectionCore, "_bound_body", fail)
    core.on_own_error(error)
    assert core.lifetime.error is error
    assert core.over.is_set()


@pytest.mark.parametrize("grace", [None, 3])
async def test_a_polite_end_leaves_the_body_alone(autojump_clock: Clock, grace: int | None) -> None:
    """After the peer's Close the body goes on, under a supervisor for a while."""
    if grace is not None:
        current_supervision.set(Supervised(frozenset(), grace))
    core = core_of(timeouts=TIMES)
    with core.body:
        end_politely(core)
        assert not core.cancels_body
        assert core.lifetime.initiator is Initiator.PEER
        assert core.lifetime.deadline == 8
        await trio.sleep(20)
    assert trio.current_time() == (20 if grace is None else 3)


@pytest.mark.parametrize(("unread", "at"), [(False, 0), (True, 8)])
async def test_a_loss_cancels_the_body(autojump_clock: Clock, unread: bool, at: float) -> None:
    """After a loss the body is cancelled, at once, or when it has had time to read."""
    core = core_of(timeouts=TIMES)
    if unread:
        core.receive_queue.put(["unread"])
    with core.body:
        core.lose_unless_over(Loss.EOF)
        core.note_ending()
        core.note_ending()
        assert core.cancels_body
        assert core.lifetime.initiator is Initiator.LOSS
        assert core.lifetime.deadline == 2
        await trio.sleep(20)
    assert core.body.cancelled_caught
    assert trio.current_time() == at


@pytest.mark.parametrize("initiator", [Initiator.APPLICATION, Initiator.IDLE])
async def test_a_close_without_an_answer(autojump_clock: Clock, initiator: Initiator) -> None:
    """Unanswered, a close that the application wanted is no loss to it; another one is."""
    core = core_of(timeouts=TIMES)
    assert not core.cancels_body
    with core.body:
        core.begin_close(1001, "idle", initiator=initiator)
        core.lose_unless_over(Loss.UNANSWERED, "no answer in time")
        core.note_ending()
        await trio.sleep(20)
    assert core.body.cancelled_caught is (initiator is Initiator.IDLE)


async def test_an_idle_close_bounds_the_body_of_a_supervisor(autojump_clock: Clock) -> None:
    """An answered close that nobody asked for is to the body as if the peer had closed."""
    current_supervision.set(Supervised(frozenset(), 3))
    core = core_of(timeouts=TIMES)
    with core.body:
        core.begin_close(1001, "idle", initiator=Initiator.IDLE)
        end_politely(core)
        await trio.sleep(20)
    assert trio.current_time() == 3


async def test_everything_that_waits_is_woken(autojump_clock: Clock) -> None:
    """The end wakes receivers, streamers, senders, the reader and whatever waits for a pong."""
    core = core_of()
    core.receive_queue.put_chunk(Chunk(b"unread", finished=False, first=True))
    ping = core.pings.add(b"x", now=0, frames_before=0)
    queue = core.receive_queue
    waits = [core.room.park, core.over.wait, ping.wait, queue.receivers.park, queue.streamers.park]
    async with trio.open_nursery() as nursery:
        for wait in waits:
            nursery.start_soon(wait)
        nursery.start_soon(queue.wait_for_room, 10**9)
        await trio.sleep(1)
        core.lose_unless_over(Loss.EOF)
        core.note_ending()
    assert trio.current_time() == 1


async def test_frames_are_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """At level DEBUG each frame is a line with the name of the connection."""
    caplog.set_level(logging.DEBUG, "trio_ws")
    core = core_of(client=False)
    core.protocol.send("hello")
    core.lose_unless_over(Loss.EOF)
    core.note_ending()
    first, last = [record.getMessage() for record in caplog.records]
    assert first.startswith("[tested] > ")
    assert "hello" in first
    assert last.startswith("[tested] over: ")
    assert {record.name for record in caplog.records} == {"trio_ws.server"}
    with pytest.raises(ConnectionLost):
        await core.check_open()


# Instruments


async def test_observation() -> None:
    """Instruments are told between the beginning and the end, which come once each."""
    notebook = Notebook()
    core = core_of(instruments=[notebook])
    core.tell("ping_answered", 1.0)
    core.begin_observation("the connection")
    core.tell("ping_answered", 2.0)
    end_politely(core)
    for _ in range(2):
        core.end_observation()
    assert notebook.told == [
        ("opened", "the connection"),
        ("ping", "the connection", 2.0),
        ("closed", "the connection", core.protocol.ending),
    ]


async def test_no_observation() -> None:
    """Without instruments nothing holds the connection's face."""
    core = core_of()
    core.begin_observation("the connection")
    assert core.observed is None
    core.end_observation()


async def test_an_exit_of_an_instrument() -> None:
    """What may pass and comes while the block begins, leaves at its end."""
    error = SystemExit()
    core = core_of(instruments=[Faulty("connection_opened", error)])
    core.begin_observation("the connection")
    assert core.lifetime.error is error
    assert core.protocol.ending is not None
