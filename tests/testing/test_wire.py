"""One direction of a simulated connection: buffers, the line, the end, what happens to it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

import pytest
import trio
import trio.testing

from trio_ws.testing import Fault, FaultKind
from trio_ws.testing._agenda import Agenda
from trio_ws.testing._passage import Conditions, Injection, Passage
from trio_ws.testing._wire import BUFFER, SEGMENT, WINDOW, Wire

Clock = trio.testing.MockClock


class Line:
    """A line that does what a test says."""

    def __init__(self, latency: float = 0.0, bandwidth: float = math.inf) -> None:
        self.latency, self.bandwidth = latency, bandwidth
        self.held = -math.inf

    def conditions(self) -> Conditions:
        """Return how it carries bytes now."""
        return Conditions(latency=self.latency, bandwidth=self.bandwidth)

    def held_until(self, now: float) -> float:
        """Return when it carries something again."""
        return max(now, self.held)

    def reserve(self, size: int, now: float) -> float:
        """Return when so many bytes are on it."""
        return now + size / self.bandwidth


class Rig:
    """A wire, its line, and the faults that met it."""

    def __init__(self, line: Line, *faults: Fault) -> None:
        self.line, self.agenda = line, Agenda()
        injections = [Injection(fault, trio.current_time()) for fault in faults]
        passage = Passage([injections], "client", Random(1))
        self.met: list[tuple[FaultKind, float]] = []
        self.wire = Wire(self.agenda, line, passage, self._note)

    def _note(self, kind: FaultKind) -> None:
        self.met.append((kind, trio.current_time()))

    def write(self, data: bytes) -> int:
        """Write what is taken."""
        return self.wire.write(memoryview(data))

    async def read(self) -> tuple[bytes, float]:
        """Return what arrives, and when."""
        await self.wire.data_or_end()
        return self.wire.read(1_000_000), trio.current_time()


@asynccontextmanager
async def open_rig(line: Line, *faults: Fault) -> AsyncGenerator[Rig]:
    """Make a wire, and let time pass on it."""
    rig = Rig(line, *faults)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.agenda.run)
        yield rig
        nursery.cancel_scope.cancel()


async def test_bytes_arrive_after_the_latency(autojump_clock: Clock) -> None:
    """All of them, in order; the end comes behind them."""
    async with open_rig(Line(latency=2)) as rig:
        start = trio.current_time()
        assert rig.write(b"abc") == 3
        rig.wire.finish()
        rig.wire.finish()
        assert rig.wire.finished
        assert rig.wire.latency == 2
        assert await rig.read() == (b"abc", start + 2)
        assert await rig.read() == (b"", start + 2)


async def test_a_slow_line_takes_one_segment_after_the_other(autojump_clock: Clock) -> None:
    """The second leaves when the first is on its way."""
    async with open_rig(Line(latency=1, bandwidth=SEGMENT)) as rig:
        start = trio.current_time()
        rig.write(bytes(SEGMENT))
        rig.wire.finish()
        times = []
        while (read := await rig.read())[0]:
            times.append(read[1] - start)
        assert times[-1] == pytest.approx(2)
        assert len(times) > 40


async def test_buffers(autojump_clock: Clock) -> None:
    """The window, then the send buffer; reading makes room in the one, and so in the other."""
    async with open_rig(Line()) as rig:
        assert rig.write(bytes(WINDOW)) == WINDOW if BUFFER >= WINDOW else BUFFER
        assert rig.write(bytes(BUFFER + 1)) == BUFFER
        assert rig.write(b"x") == 0
        assert len(rig.wire.unread) == WINDOW
        with trio.move_on_after(5) as waiting:
            await rig.wire.room_or_end()
        assert waiting.cancelled_caught
        assert len((await rig.read())[0]) == WINDOW
        await rig.wire.room_or_end()
        assert rig.write(b"x") == 1


async def test_a_line_that_is_held(autojump_clock: Clock) -> None:
    """Bytes and the end wait until it is free; one that is never free is not asked again."""
    async with open_rig(Line()) as rig:
        start = trio.current_time()
        rig.line.held = start + 3
        rig.write(b"x")
        rig.wire.finish()
        assert await rig.read() == (b"x", start + 3)
        assert await rig.read() == (b"", start + 3)
    async with open_rig(Line()) as rig:
        rig.line.held = math.inf
        rig.write(b"x")
        with trio.move_on_after(60) as waiting:
            await rig.read()
        assert waiting.cancelled_caught
        rig.line.held = 0
        rig.wire.look_again(trio.current_time())
        assert (await rig.read())[0] == b"x"


async def test_a_reset(autojump_clock: Clock) -> None:
    """Both sides get an error, and what was not read is lost, also what is under way."""
    async with open_rig(Line(latency=1)) as rig:
        rig.write(b"x")
        rig.wire.reset()
        rig.wire.reset()
        for use in (lambda: rig.write(b"y"), lambda: rig.wire.read(1)):
            with pytest.raises(ConnectionResetError, match="Connection reset by peer"):
                use()
        await rig.wire.room_or_end()
        await rig.wire.data_or_end()
        await trio.sleep(2)
        assert rig.wire.unread == b""


async def test_a_reader_that_is_gone(autojump_clock: Clock) -> None:
    """What it had not read is given back; what arrives later resets the connection."""
    async with open_rig(Line(latency=1)) as rig:
        rig.write(b"a")
        await trio.sleep(1.5)
        assert rig.wire.stop_reading() == b"a"
        assert rig.met == []
        start = trio.current_time()
        rig.write(b"b")
        await trio.sleep(1.5)
        assert rig.met == [(FaultKind.RESET, start + 1)]


async def test_a_sender_that_has_vanished(autojump_clock: Clock) -> None:
    """Neither bytes nor the end arrive, and the window stays full."""
    async with open_rig(Line()) as rig:
        rig.wire.vanish()
        assert rig.write(bytes(BUFFER)) + rig.write(bytes(BUFFER)) == min(2 * BUFFER, 2 * WINDOW)
        assert rig.write(b"x") == 0
        with trio.move_on_after(60) as waiting:
            await rig.read()
        assert waiting.cancelled_caught
    async with open_rig(Line()) as rig:
        rig.wire.vanish()
        rig.wire.finish()
        with trio.move_on_after(60) as waiting:
            await rig.read()
        assert waiting.cancelled_caught


@pytest.mark.parametrize("reset_sender", [True, False])
async def test_an_end_that_the_sender_did_not_make(
    reset_sender: bool, autojump_clock: Clock
) -> None:
    """The reader sees the end at once; the sender gets a reset, or sends into a hole."""
    async with open_rig(Line()) as rig:
        rig.wire.end_now(reset_sender=reset_sender)
        assert (await rig.read())[0] == b""
        rig.write(b"x")
        assert [kind for kind, _ in rig.met] == [FaultKind.RESET] * reset_sender
        assert rig.wire.unread == b""


async def test_a_fault_behind_a_byte(autojump_clock: Clock) -> None:
    """It happens when that byte has arrived, and nothing is sent behind it."""
    async with open_rig(Line(latency=1), Fault.cut(after_bytes=3)) as rig:
        start = trio.current_time()
        rig.write(b"abcdef")
        assert await rig.read() == (b"abc", start + 1)
        await trio.sleep(5)
        assert rig.met == [(FaultKind.CUT, start + 1)]
        assert rig.wire.unread == b""


async def test_a_fault_at_a_time(autojump_clock: Clock) -> None:
    """It happens when the wire is told to look again."""
    async with open_rig(Line(), Fault.reset()) as rig:
        rig.wire.look_again(trio.current_time())
        assert rig.met == [(FaultKind.RESET, trio.current_time())]


async def test_nothing_overtakes_what_is_due_in_the_same_moment(autojump_clock: Clock) -> None:
    """A segment that needs no time stays behind one that arrives at the very moment it leaves."""
    async with open_rig(Line(latency=2)) as rig:
        start = trio.current_time()
        rig.agenda.at(start + 2, lambda: rig.write(b"second"))
        rig.write(b"first,")
        rig.line.latency = 0
        assert await rig.read() == (b"first,second", start + 2)
