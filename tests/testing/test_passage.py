"""`trio_ws.testing._passage`: what the faults do to one direction, as arithmetic."""

from __future__ import annotations

import math
from random import Random

import pytest

from trio_ws.testing import Fault
from trio_ws.testing._faults import FaultKind
from trio_ws.testing._passage import PERFECT, Conditions, Direction, Injection, Passage

LINE = Conditions(latency=0.1)


def passage(
    *faults: Fault, direction: Direction = "client", at: float = 0
) -> tuple[Passage, list[Injection]]:
    """Make a passage that these faults were injected into, and their records."""
    injections = [Injection(fault, at) for fault in faults]
    return Passage([[], injections], direction, Random(1)), injections


def test_without_faults_the_line_says_how_it_goes() -> None:
    """A segment has the line's latency and all its bytes."""
    way, _ = passage()
    step = way.next_step(1000, 0, LINE)
    assert (step.size, step.pause, step.delay) == (1000, 0, 0.1)
    assert way.carry(b"abc", 0) == b"abc"
    assert way.passed == 3
    assert way.ending(0) is None
    assert way.held_until(7) == 7


def test_lines_add_up() -> None:
    """Of two lines the latencies and the jitters add up, and the narrower bandwidth counts."""
    both = Conditions(0.1, 0.2, 1000) + Conditions(0.3, 0.4, 100)
    assert both == Conditions(0.1 + 0.3, 0.2 + 0.4, 100)
    assert LINE + PERFECT is LINE


def test_latency_and_jitter_are_added() -> None:
    """Faults add to what the line has, while they are armed."""
    way, (latency, jitter) = passage(Fault.latency(1, at=5, for_=5), Fault.jitter(0.5, at=5))
    assert way.next_step(1, 4.9, LINE).delay == 0.1
    assert latency.fired == jitter.fired == 0
    assert 1.1 <= way.next_step(1, 5, LINE).delay <= 1.6
    assert 0.1 <= way.next_step(1, 10, LINE).delay <= 0.6
    assert latency.fired == jitter.fired == 1


def test_bandwidth() -> None:
    """The narrowest bandwidth counts, and a slow line carries small segments."""
    way, _ = passage(Fault.bandwidth(1000), Fault.bandwidth(500))
    step = way.next_step(4000, 0, Conditions(bandwidth=2000))
    assert (step.size, step.pause) == (10, 10 / 500)
    assert way.next_step(1, 0, Conditions(bandwidth=20)).size == 1


def test_drip_and_slice() -> None:
    """Bytes come one by one at a time, or in small pieces that chance draws."""
    way, _ = passage(Fault.drip(0.2, for_=10), Fault.slice(7, at=20))
    step = way.next_step(100, 0, LINE)
    assert (step.size, step.pause) == (1, 0.2)
    sizes = {way.next_step(100, 20, LINE).size for _ in range(200)}
    assert sizes == set(range(1, 8))


@pytest.mark.parametrize("fault", [Fault.stall(at=1, for_=2), Fault.zero_window(at=1, for_=2)])
def test_holding(fault: Fault) -> None:
    """A stall and a zero window let nothing pass until they are over."""
    way, (injection,) = passage(fault)
    assert [way.held_until(now) for now in (0, 1, 2.5, 3)] == [0, 3, 3, 3]
    assert injection.fired == 1
    assert way.held_until(1.5, {FaultKind.STALL}) == (3 if fault.kind is FaultKind.STALL else 1.5)


def test_a_sudden_fault_hits_what_is_there_in_its_moment() -> None:
    """Without bytes or a duration it hits at one time, and each direction once."""
    way, (injection,) = passage(Fault.cut(at=5))
    assert way.ending(4.9) is None
    assert way.ending(5) is FaultKind.CUT
    assert way.ending(5) is None
    assert injection.fired == 1
    late, _ = passage(Fault.cut(at=5))
    assert late.ending(5.1) is None


def test_a_sudden_fault_after_bytes() -> None:
    """No segment goes beyond the byte after which a fault is due."""
    way, _ = passage(Fault.reset(after_bytes=10), Fault.cut(after_bytes=99, toward="server"))
    assert way.next_step(100, 0, LINE).size == 10
    way.carry(bytes(10), 0)
    assert way.ending(0) is FaultKind.RESET
    assert way.next_step(100, 0, LINE).size == 100


def test_directions() -> None:
    """A fault concerns the direction that it names; half-close the client unless told."""
    faults = Fault.stall(toward="server"), Fault.half_close()
    up, _ = passage(*faults, direction="server")
    down, _ = passage(*faults, direction="client")
    assert (up.held_until(0), down.held_until(0)) == (math.inf, 0)
    assert (up.ending(0), down.ending(0)) == (None, FaultKind.HALF_CLOSE)
    other, _ = passage(Fault.half_close(toward="server"), direction="server")
    assert other.ending(0) is FaultKind.HALF_CLOSE


def test_corrupt_turns_one_bit_over_once() -> None:
    """The first byte behind the mark comes with another bit, all others as they are."""
    way, (injection,) = passage(Fault.corrupt(after_bytes=2))
    assert way.carry(b"ab", 0) == b"ab"
    changed = way.carry(b"cd", 0)
    assert changed[1:] == b"d"
    assert (changed[0] ^ ord("c")).bit_count() == 1
    assert way.carry(b"ef", 0) == b"ef"
    assert way.ending(0) is None
    assert injection.fired == 1


def test_refusing_faults_do_nothing_to_bytes() -> None:
    """They are for connections that are being made."""
    way, (injection,) = passage(Fault.refuse())
    assert way.next_step(5, 0, LINE).size == 5
    assert way.ending(0) is None
    assert injection.fired == 0


def test_disarmed() -> None:
    """A fault that is ended does nothing any more, nor one that had not begun."""
    way, injections = passage(Fault.stall(), Fault.latency(5, at=100), at=10)
    for injection in (*injections, *injections):
        injection.disarm(20)
    assert way.held_until(20) == 20
    assert way.next_step(1, 200, LINE).delay == 0.1
    assert injections[0].since == injections[0].until
    assert repr(injections[0]) == "<Fault.stall(), fired 0 times>"


def test_what_was_missed() -> None:
    """A fault that never fired was missed, unless it is of chance, or part of another."""
    whole = Injection(Fault.unreachable(), 0)
    part = Injection(Fault.reset(), 0, part_of=whole)
    chance = Injection(Fault.reset(), 0, expected=False)
    assert [it.missed for it in (whole, part, chance)] == [True, False, False]
    part.fire()
    assert not whole.missed
    assert whole.fired == 1
