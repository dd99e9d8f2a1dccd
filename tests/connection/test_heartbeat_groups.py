"""`_connection.heartbeat`: connections whose leases end at the same tick are asked together."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
import trio.testing

from trio_ws import Heartbeat, HeartbeatTimeout, MessageHeartbeat, WebSocket
from trio_ws._liveness.timer import TICK
from trio_ws.testing import RawPeer
from trio_ws.testing._peer import BINARY, PING, PONG, TEXT

from ..wires import Wire, frames_of, open_wired, settled
from .cores import break_lease_of

Clock = trio.testing.MockClock

BEAT = Heartbeat(interval=8, timeout=4)


class Woken(trio.abc.Instrument):
    """Notes which readers ran."""

    def __init__(self) -> None:
        self.readers: set[trio.lowlevel.Task] = set()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Note the task."""
        if task.name.startswith("trio_ws reader"):
            self.readers.add(task)


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ping comes at the end of the first interval."""
    monkeypatch.setattr(random, "random", lambda: 1.0)


Fleet = list[tuple[WebSocket, RawPeer, Wire]]


@asynccontextmanager
async def fleet(count: int, *heartbeats: Heartbeat | MessageHeartbeat) -> AsyncGenerator[Fleet]:
    """So many connections with the same heartbeat, opened at the same time, without their blocks.

    `ConnectionClosed` of any of them is not raised here: look at `ending`.
    """
    ships: Fleet = []
    async with trio.open_nursery() as nursery:

        async def sail() -> None:
            try:
                async with open_wired(False, heartbeat=heartbeats or BEAT) as ship:
                    ships.append(ship)
                    await trio.sleep_forever()
            except HeartbeatTimeout:
                pass

        for _ in range(count):
            nursery.start_soon(sail)
        await settled()
        yield ships
        nursery.cancel_scope.cancel()


def pings(wire: Wire) -> int:
    return sum(frame.opcode == PING for frame in frames_of(wire.written))


async def answer(peer: RawPeer) -> None:
    frame = await peer.expect_frame(PING)
    await peer.send_frame(PONG, frame.payload)


async def test_one_reader_wakes_for_all(autojump_clock: Clock) -> None:
    """At a tick one reader wakes, everybody is asked; the next round is an interval later."""
    async with fleet(10) as ships:
        for beat in (1, 2, 3):
            await trio.sleep_until(8 * beat - TICK)
            woken = Woken()
            trio.lowlevel.add_instrument(woken)
            await trio.sleep_until(8 * beat)
            await settled()
            trio.lowlevel.remove_instrument(woken)
            assert len(woken.readers) == 1
            assert [pings(wire) for _, _, wire in ships] == [beat] * 10
            for _, peer, _ in ships:
                await answer(peer)


async def test_the_silent_ones_are_lost(autojump_clock: Clock) -> None:
    """Whoever does not answer is lost to the exact second, whoever asked; the others are not."""
    async with fleet(6) as ships:
        await trio.sleep_until(8)
        for _, peer, _ in ships[::2]:
            await answer(peer)
        await trio.sleep_until(12 - TICK)
        assert [ws.ending for ws, _, _ in ships] == [None] * 6
        await trio.sleep_until(12)
        await settled()
        lost = [ws.ending is not None for ws, _, _ in ships]
        assert lost == [False, True] * 3
        assert "a ping sent 4.0 s ago was not answered" in str(ships[1][0].ending)


async def test_late_answers(autojump_clock: Clock) -> None:
    """An answer that takes half the timeout counts; the next question comes an interval after."""
    async with fleet(3) as ships:
        await trio.sleep_until(8)
        await trio.sleep(2)
        for _, peer, _ in ships:
            await answer(peer)
        await trio.sleep_until(18 - TICK)
        assert [pings(wire) for _, _, wire in ships] == [1] * 3
        await trio.sleep_until(18)
        await settled()
        assert [pings(wire) for _, _, wire in ships] == [2] * 3


async def test_the_leader_goes(autojump_clock: Clock) -> None:
    """When the connection that leads ends, the others are asked in time all the same."""
    async with fleet(4) as ships:
        await trio.sleep_until(5)
        await ships[0][1].send_close()
        await settled()
        assert ships[0][0].ending is not None
        await trio.sleep_until(8)
        await settled()
        assert [pings(wire) for _, _, wire in ships[1:]] == [1] * 3


async def test_whoever_spoke_is_not_asked(autojump_clock: Clock) -> None:
    """A peer that was heard is asked an interval later, by another round; also if it leads."""
    async with fleet(4) as ships:
        await trio.sleep_until(3)
        for _, peer, _ in ships[:2]:
            await peer.send_frame(PONG)
        await trio.sleep_until(11 - TICK)
        assert [pings(wire) for _, _, wire in ships] == [0, 0, 1, 1]
        await trio.sleep_until(11)
        await settled()
        assert [pings(wire) for _, _, wire in ships] == [1, 1, 1, 1]


async def test_whoever_closes_is_not_asked(autojump_clock: Clock) -> None:
    """A connection that waits for the answer to its Close is in a round still, but not asked."""
    async with fleet(2) as ships, trio.open_nursery() as nursery:
        await trio.sleep_until(7)
        nursery.start_soon(ships[1][0].close)
        await trio.sleep_until(9)
        assert [pings(wire) for _, _, wire in ships] == [1, 0]
        await ships[1][1].send_close()
        await ships[1][1].send_eof()


async def test_messages_are_made_by_their_own_reader(autojump_clock: Clock) -> None:
    """A function of one connection's policies runs in that connection's task, not in a leader's."""
    makers = []

    def make() -> str:
        makers.append(trio.lowlevel.current_task())
        return "?"

    by_message = MessageHeartbeat(message=make, interval=8, timeout=4)
    async with fleet(3, by_message) as ships:
        await trio.sleep_until(8)
        await settled()
        assert len(set(makers)) == len(makers) == 3
        for _, _, wire in ships:
            assert [frame.opcode for frame in frames_of(wire.written)] == [TEXT]


async def test_two_kinds_of_question(autojump_clock: Clock) -> None:
    """A ping asked by a leader, and a message due later, each come at their own time."""
    by_message = MessageHeartbeat(message="?", interval=10, timeout=4, is_reply=bool)
    async with fleet(2, BEAT, by_message) as ships:
        await trio.sleep_until(8)
        for _, peer, _ in ships:
            await answer(peer)
        await trio.sleep_until(10)
        await settled()
        for ws, _, wire in ships:
            assert [frame.opcode for frame in frames_of(wire.written)] == [PING, TEXT]
            assert ws.ending is None


async def test_a_failure_stays_at_home(
    autojump_clock: Clock,
) -> None:
    """What goes wrong in asking for a neighbour ends the neighbour, and the others are asked."""
    left: list[BaseException] = []

    async def sail() -> None:
        try:
            async with open_wired(False, heartbeat=BEAT) as (ws, _, _):
                break_lease_of(ws)
                await trio.sleep_forever()
        except ZeroDivisionError as error:
            left.append(error)

    async with fleet(2) as first, trio.open_nursery() as nursery:
        nursery.start_soon(sail)
        await settled()
        async with fleet(2) as second:
            await trio.sleep_until(8)
            await settled()
            assert [pings(wire) for _, _, wire in first + second] == [1] * 4
            assert [ws.ending for ws, _, _ in first + second] == [None] * 4
            await trio.sleep_until(9)
            assert len(left) == 1


async def test_a_full_reader_is_in_no_round(autojump_clock: Clock) -> None:
    """Whoever stopped reading has a suspended lease; it joins again when it reads again."""
    async with AsyncExitStack() as stack:
        ships = [
            await stack.enter_async_context(open_wired(False, heartbeat=BEAT)) for _ in range(2)
        ]
        ws, peer, _ = ships[1]
        for _ in range(2):
            await peer.send_frame(BINARY, bytes(600 * 1024))
        await settled()
        assert ws.statistics().reading_paused
        await trio.sleep_until(8)
        await settled()
        opcodes = [[frame.opcode for frame in frames_of(wire.written)] for _, _, wire in ships]
        assert opcodes[0] == [PING]
        assert PING not in opcodes[1]
        await ws.receive()
        await answer(ships[0][1])
        await trio.sleep_until(16)
        await settled()
        assert [pings(wire) for _, _, wire in ships] == [2, 1]
        for _, peer, _ in ships:
            await peer.send_close()
            await peer.send_eof()
