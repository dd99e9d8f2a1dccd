"""`_concurrency.suspension`: a machine that slept makes every connection ask its peer at once."""

from __future__ import annotations

import time

import pytest
import trio
import trio.testing

from trio_ws._concurrency.suspension import (
    INTERVAL,
    SUSPEND_THRESHOLD,
    SuspensionWatch,
    seconds_suspended,
    watch_for_suspension,
)


class Machine:
    """A machine that can be suspended: its second clock gains what it slept."""

    def __init__(self) -> None:
        self.slept = 100.0
        self.looks: list[float] = []

    def clock(self) -> float:
        """What `seconds_suspended` would say."""
        self.looks.append(trio.current_time())
        return self.slept


class Probed:
    """Notes when it was told."""

    def __init__(self) -> None:
        self.told: list[float] = []
        self.slept: list[float] = []

    def probe(self, slept: float) -> None:
        """The machine was suspended."""
        self.told.append(trio.current_time())
        self.slept.append(slept)


def tasks() -> int:
    """How many tasks there are in this run."""
    return trio.lowlevel.current_statistics().tasks_living


async def test_suspension(autojump_clock: trio.testing.MockClock) -> None:
    """Who listens is told at the next look after a suspension, once for each."""
    machine, first, second = Machine(), Probed(), Probed()
    watch = SuspensionWatch(machine.clock)
    watch.tell(first)
    watch.tell(second)
    await trio.sleep(INTERVAL + 1)
    machine.slept += 3600
    await trio.sleep(3 * INTERVAL)
    machine.slept += SUSPEND_THRESHOLD + 0.01
    await trio.sleep(INTERVAL)
    assert first.told == second.told == [2 * INTERVAL, 5 * INTERVAL]
    assert first.slept == pytest.approx([3600, SUSPEND_THRESHOLD + 0.01])
    watch.tell_no_more(first)
    watch.tell_no_more(second)


async def test_clocks_drift(autojump_clock: trio.testing.MockClock) -> None:
    """What the second clock gains bit by bit is no suspension."""
    machine, probed = Machine(), Probed()
    watch = SuspensionWatch(machine.clock)
    watch.tell(probed)
    for _ in range(100):
        machine.slept += SUSPEND_THRESHOLD / 3
        await trio.sleep(INTERVAL)
    assert probed.told == []
    watch.tell_no_more(probed)


async def test_who_no_longer_listens(autojump_clock: trio.testing.MockClock) -> None:
    """Who has gone is not told; the task ends if there is none to tell, and comes with the next."""
    machine, gone, probed = Machine(), Probed(), Probed()
    watch = SuspensionWatch(machine.clock)
    watch.tell(gone)
    watch.tell(probed)
    await trio.sleep(1)
    assert machine.looks == [0]
    watch.tell_no_more(gone)
    machine.slept += 60
    await trio.sleep(INTERVAL)
    assert machine.looks == [0, INTERVAL]
    watch.tell_no_more(probed)
    machine.slept += 60
    await trio.sleep(100)
    assert machine.looks == [0, INTERVAL]
    watch.tell(probed)
    await trio.sleep(INTERVAL + 1)
    assert machine.looks[2:] == [101 + INTERVAL, 101 + 2 * INTERVAL]
    watch.tell_no_more(probed)
    assert gone.told == []
    assert probed.told == [INTERVAL], "what passed while nobody listened concerns nobody"


async def test_listener_that_leaves_when_told(autojump_clock: trio.testing.MockClock) -> None:
    """A listener may leave while it is told."""
    machine, other = Machine(), Probed()
    watch = SuspensionWatch(machine.clock)

    class Leaver(Probed):
        def probe(self, slept: float) -> None:
            super().probe(slept)
            watch.tell_no_more(self)

    leaver = Leaver()
    watch.tell(leaver)
    watch.tell(other)
    await trio.sleep(1)
    machine.slept += 60
    await trio.sleep(INTERVAL)
    assert leaver.told == other.told == [INTERVAL]
    watch.tell_no_more(other)


async def test_ends_and_begins_in_one_breath(autojump_clock: trio.testing.MockClock) -> None:
    """Listeners that come and go one after another have one task, which looks in its own time."""
    machine, probed = Machine(), Probed()
    watch = SuspensionWatch(machine.clock)
    before = tasks()
    for _ in range(3):
        watch.tell(probed)
        watch.tell_no_more(probed)
        await trio.sleep(1)
    assert tasks() == before + 1
    watch.tell(probed)
    machine.slept += 60
    await trio.sleep(INTERVAL)
    assert probed.told == [INTERVAL]
    watch.tell_no_more(probed)
    await trio.sleep(INTERVAL)
    assert tasks() == before


async def test_a_suspension_before_the_first_listener(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A listener that comes while none is there is not told of what was before it came."""
    machine, gone, probed = Machine(), Probed(), Probed()
    watch = SuspensionWatch(machine.clock)
    watch.tell(gone)
    await trio.sleep(INTERVAL + 1)
    watch.tell_no_more(gone)
    machine.slept += 60
    watch.tell(probed)
    await trio.sleep(INTERVAL)
    assert probed.told == []
    machine.slept += 60
    await trio.sleep(INTERVAL)
    assert (probed.told, probed.slept) == ([3 * INTERVAL], [60])
    assert gone.told == []
    watch.tell_no_more(probed)


async def test_kept_going(autojump_clock: trio.testing.MockClock) -> None:
    """Somebody who expects listeners can keep one task going from the first to the last."""
    machine, probed = Machine(), Probed()
    watch = SuspensionWatch(machine.clock)
    with watch.kept_going():
        await trio.sleep(INTERVAL + 1)
        watch.tell(probed)
        await trio.sleep(1)
        watch.tell_no_more(probed)
        await trio.sleep(INTERVAL)
        machine.slept += 60
        await trio.sleep(INTERVAL)
    await trio.sleep(100)
    assert machine.looks == [0, INTERVAL, 2 * INTERVAL, 3 * INTERVAL]


@pytest.mark.parametrize("error", [OSError(22, "refused"), AttributeError("CLOCK_BOOTTIME")])
@pytest.mark.parametrize("works_for", [0, 2])
async def test_no_second_clock(
    error: Exception, works_for: int, autojump_clock: trio.testing.MockClock
) -> None:
    """If the second clock is missing or refused, nothing breaks, and it is asked no more (F1.5)."""
    looks: list[float] = []

    def clock() -> float:
        looks.append(trio.current_time())
        if len(looks) > works_for:
            raise error
        return 0

    watch, probed = SuspensionWatch(clock), Probed()
    for _ in range(3):
        watch.tell(probed)
        await trio.sleep(100)
        watch.tell_no_more(probed)
    assert looks == [n * INTERVAL for n in range(works_for + 1)]
    assert probed.told == []


def test_a_system_without_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the clock has no name, to look at it is the error that the watch expects."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    with pytest.raises(AttributeError, match="CLOCK_BOOTTIME"):
        seconds_suspended()


async def test_what_is_told(autojump_clock: trio.testing.MockClock) -> None:
    """The watch lists what it tells, in the order in which it came."""
    watch, one, other = SuspensionWatch(lambda: 0), Probed(), Probed()
    watch.tell(one)
    watch.tell(other)
    assert list(watch.listeners) == [one, other]
    watch.tell_no_more(one)
    assert list(watch.listeners) == [other]
    watch.tell_no_more(other)


async def test_one_watch_for_a_run(autojump_clock: trio.testing.MockClock) -> None:
    """All connections of a Trio run share one watch; another run has its own."""
    assert watch_for_suspension() is watch_for_suspension()
    seen = [watch_for_suspension()]

    async def other_run() -> None:
        seen.append(watch_for_suspension())

    await trio.to_thread.run_sync(trio.run, other_run)
    assert seen[0] is not seen[1]


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="there is no second clock")
def test_the_real_clocks() -> None:
    """The second clock never falls behind the first."""
    assert seconds_suspended() >= -0.001
