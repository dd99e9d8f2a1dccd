"""`_connection.writer`: bursts on many sockets leave in one step of one task (`shared_turn`)."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Limits, Timeouts
from trio_ws._connection.shared_turn import MAX_PER_TURN
from trio_ws._connection.writer import Phase, Writer
from trio_ws.testing._peer import PONG

from ..wires import both_roles, settled
from .cores import core_of, writer_of
from .pairs import Pair, on_sockets, received


def burst(pairs: list[Pair], *texts: str) -> None:
    """Send each text to all, then the next one; the first leaves at once."""
    for text in ("at once", *texts):
        for ws, _ in pairs:
            ws.send_nowait(text)


def tasks(pairs: list[Pair]) -> int:
    """Count the writers that have a task."""
    return sum(ws._writer.is_running for ws, _ in pairs)


@both_roles
async def test_one_task_writes_for_many(client: bool) -> None:
    """Of connections that begin a burst in the same turn one needs its task, again and again."""
    async with on_sockets(MAX_PER_TURN + 1, client) as pairs:
        for _ in range(3):
            burst(pairs, "first", "second")
            await settled()
            assert tasks(pairs) == 1
            assert not any(ws.statistics().send_queue for ws, _ in pairs)
            for _, peer in pairs:
                assert await received(peer, 3) == ["at once", "first", "second"]


async def test_a_large_group_has_several_leaders() -> None:
    """After so many connections another task goes on, so that others run in between."""
    async with on_sockets(2 * MAX_PER_TURN + 5) as pairs:
        burst(pairs, "first")
        await settled()
        assert tasks(pairs) == 3
        burst(pairs, "second")
        await settled()
        for _, peer in pairs:
            assert await received(peer, 4) == ["at once", "first", "at once", "second"]


async def test_after_a_turn_a_message_leaves_at_once() -> None:
    """Who was written for writes its next message itself again."""
    async with on_sockets(2) as pairs:
        (_, _), (ws, peer) = pairs
        burst(pairs, "first")
        await settled()
        ws.send_nowait("next")
        assert ws.statistics().send_queue == 0
        assert await received(peer, 3) == ["at once", "first", "next"]


async def test_a_slow_peer_delays_only_itself() -> None:
    """What the kernel does not take of a member waits for its own task; the others go on."""
    large = "x" * 40_000
    async with on_sockets(3, buffers=4096, limits=Limits(send_buffer=1 << 20)) as pairs:
        burst(pairs, large)
        await settled()
        assert tasks(pairs) == 3
        (first, first_peer), (_, slow_peer), (third, third_peer) = pairs
        for ws, peer in ((first, first_peer), (third, third_peer)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ws.flush)
                assert await received(peer, 2) == ["at once", large]
            assert ws._writer.phase is Phase.PARKED
        burst([pairs[0], pairs[2]], "on")
        await settled()
        for peer in (first_peer, third_peer):
            assert await received(peer, 2) == ["at once", "on"]
        assert await received(slow_peer, 2) == ["at once", large]


async def test_a_member_whose_own_task_is_woken() -> None:
    """A member that fills its socket besides is written by its own task, and the others are too."""
    large = "x" * 40_000
    limits = Limits(send_buffer=1 << 20)
    async with on_sockets(MAX_PER_TURN + 3, buffers=4096, limits=limits) as pairs:
        busy, busy_peer = pairs[-2]
        burst(pairs, "first")
        busy.send_nowait(large)
        busy.send_nowait(large)
        assert busy._writer.phase is Phase.WOKEN
        await settled()
        assert not any(ws.statistics().send_queue for ws, _ in pairs if ws is not busy)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(busy.flush)
            assert await received(busy_peer, 4) == ["at once", "first", large, large]
        burst([pairs[-2]], "again")
        await settled()
        assert await received(busy_peer, 2) == ["at once", "again"]


async def test_the_leader_is_lost() -> None:
    """If the connection that leads ends at that moment, the others are written all the same."""
    async with on_sockets(2) as pairs:
        with pytest.raises(ConnectionLost):
            async with on_sockets(1) as (leading,):
                _, peer = leading
                burst([leading, *pairs], "first")
                await trio.aclose_forcefully(peer.stream)
                await trio.sleep_forever()
        for _, other in pairs:
            assert await received(other, 2) == ["at once", "first"]


async def test_control_frames_do_not_wait_for_the_turn() -> None:
    """A pong leaves at once, with what waits for its turn."""
    async with on_sockets(2) as pairs:
        burst(pairs, "first")
        ws, peer = pairs[1]
        ws._protocol.pong(b"now")  # as `WebSocket.pong` does, which may yield before
        ws._writer.after_change()
        assert ws.statistics().send_queue == 0
        frames = [await peer.receive_frame() for _ in range(3)]
        assert [frame.payload for frame in frames] == [b"at once", b"now", b"first"]
        assert frames[1].opcode == PONG
        assert await received(pairs[0][1], 2) == ["at once", "first"]


# A writer by itself


class Waiting:
    """A member that notes what is done for it."""

    written = False

    def take_lead(self) -> bool:
        """It has no task."""
        return False

    def write_burst(self) -> None:
        """Note it."""
        self.written = True


async def test_a_leader_that_is_cancelled_leads(autojump_clock: trio.testing.MockClock) -> None:
    """A task that is cancelled just before it is woken writes for the others, and ends."""
    core = core_of(False)
    writer, other = writer_of(core), Waiting()
    async with trio.open_nursery() as nursery:
        writer.run_in(nursery)
        writer.wake()
        await settled()
        assert core.lifetime._writing is not None
        core.lifetime._writing.cancel()
        assert not writer._turn.join(writer)
        assert writer._turn.join(other)
        await settled()
        assert other.written
        assert writer.phase is Phase.ENDED
        assert writer._turn.leader is None


class Leading(Waiting):
    """A member that leads when it is told to."""

    def take_lead(self) -> bool:
        """It is about to go on."""
        return True


async def test_a_task_that_collects_answers_may_lead(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A task that is handed the lead while it waits for a burst to end writes for the others."""
    core = core_of(False)
    writer, other = writer_of(core), Waiting()
    turn = writer._turn
    async with trio.open_nursery() as nursery:
        writer.run_in(nursery)
        assert not turn.join(Leading())
        assert all(turn.join(each) for each in [Waiting() for _ in range(MAX_PER_TURN)])
        assert turn.join(writer)
        assert turn.join(other)
        core.receive_queue.put(["to be answered"])
        core.protocol.send("an answer")
        writer.wake()
        for _ in range(2):  # behind the second one it has begun to wait, and waits twice
            await trio.lowlevel.checkpoint()
        turn.lead()
        before = turn.leader is writer, writer.phase
        await settled()
        behind = turn.leader, writer.phase
        assert core.lifetime._writing is not None
        core.lifetime._writing.cancel()
    assert before == (True, Phase.WOKEN)
    assert behind == (None, Phase.PARKED)
    assert other.written


async def test_an_error_ends_its_own_connection(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong with a member ends the member's connection, not that of the leader."""
    core = core_of(False)
    async with trio.open_nursery() as nursery:
        pass
    writer = writer_of(core)
    writer.run_in(nursery)  # in which nothing can be started any more
    assert not writer.take_lead()
    assert isinstance(core.lifetime.error, RuntimeError)
    core = core_of(False)
    writer = writer_of(core)
    writer.write_burst()  # nothing is queued
    assert core.lifetime.error is None
    core.protocol.send("x")

    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Writer, "flush", fail)
    writer.write_burst()
    assert isinstance(core.lifetime.error, ZeroDivisionError)
    assert core.protocol.ending is not None


@pytest.mark.parametrize("timeouts", [Timeouts(), Timeouts(stall=100)])
async def test_a_single_frame_that_the_kernel_does_not_take(timeouts: Timeouts) -> None:
    """A frame that is all there is goes back if the socket is full, and a task writes it."""
    async with on_sockets(1, buffers=4096, timeouts=timeouts) as ((ws, peer),):
        ws.send_nowait("first")
        ws._writer._rounds.begin()
        count = 0
        while ws._connection.core.transport.send_now([b"\x8a\x00"]) == []:
            count += 1
        ws._protocol.send("second")  # queued, as what waits for its turn is
        ws._writer.flush()
        assert not ws._protocol.send_queue.is_empty
        assert ws._writer.phase is Phase.WOKEN
        frames = [await peer.receive_frame() for _ in range(count + 2)]
        assert [frames[0].payload, frames[-1].payload] == [b"first", b"second"]
        await ws.flush()
