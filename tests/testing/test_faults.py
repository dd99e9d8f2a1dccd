"""`trio_ws.testing.Fault`: a value that says what happens to connections, and when."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trio_ws.testing import Fault
from trio_ws.testing._faults import FaultKind, check_number

EVERY_KIND: list[tuple[FaultKind, Fault]] = [
    (FaultKind.LATENCY, Fault.latency(0.3)),
    (FaultKind.JITTER, Fault.jitter(0.3)),
    (FaultKind.BANDWIDTH, Fault.bandwidth(1000)),
    (FaultKind.DRIP, Fault.drip()),
    (FaultKind.SLICE, Fault.slice(10)),
    (FaultKind.STALL, Fault.stall()),
    (FaultKind.ZERO_WINDOW, Fault.zero_window()),
    (FaultKind.CUT, Fault.cut()),
    (FaultKind.RESET, Fault.reset()),
    (FaultKind.HALF_CLOSE, Fault.half_close()),
    (FaultKind.BLACK_HOLE, Fault.black_hole()),
    (FaultKind.CORRUPT, Fault.corrupt()),
    (FaultKind.REFUSE, Fault.refuse()),
    (FaultKind.UNREACHABLE, Fault.unreachable()),
    (FaultKind.SILENCE, Fault.silence()),
    (FaultKind.TLS_FAILURE, Fault.tls_failure()),
]


def test_every_kind_has_a_method() -> None:
    """Each kind of fault is made by a method of its name."""
    assert [kind for kind, _ in EVERY_KIND] == list(FaultKind)
    assert all(fault.kind is kind for kind, fault in EVERY_KIND)
    assert all(hasattr(Fault, kind.value) for kind in FaultKind)


def test_a_fault_shows_the_call_that_makes_it() -> None:
    """``str()`` of a fault is the call, without the arguments that are as always."""
    assert str(Fault.reset()) == "Fault.reset()"
    assert str(Fault.latency(0.25, at=1, for_=2)) == "Fault.latency(0.25, at=1, for_=2)"
    said = str(Fault.cut(after_bytes=10, toward="client"))
    assert said == "Fault.cut(after_bytes=10, toward='client')"


def test_how_long_a_fault_lasts() -> None:
    """What lasts does so for ever, what is sudden for no time, unless bytes are counted."""
    assert Fault.stall().duration == math.inf
    assert Fault.stall(for_=5).duration == 5
    assert Fault.refuse().duration == math.inf
    assert Fault.reset().duration == 0
    assert Fault.reset(for_=5).duration == 5
    assert Fault.reset(after_bytes=1).duration == math.inf


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"at": -1}, "at must be 0 or more, and finite; got -1"),
        ({"at": math.inf}, "at must be 0 or more"),
        ({"for_": -1}, "for_ must be 0 or more"),
        ({"for_": math.nan}, "for_ must be 0 or more"),
        ({"after_bytes": -1}, "after_bytes must be 0 or more; got -1"),
        ({"toward": "me"}, 'toward must be "server", "client" or "both"; got \'me\''),
    ],
)
def test_timing_that_makes_no_sense(options: Any, said: str) -> None:
    """A value that makes no sense is refused where it is given, by its name."""
    with pytest.raises(ValueError, match="^" + said):
        Fault.stall(**options)


@pytest.mark.parametrize(
    "options", [{"at": "1"}, {"for_": True}, {"after_bytes": 1.0}, {"after_bytes": True}]
)
def test_timing_of_the_wrong_type(options: Any) -> None:
    """So is a value of the wrong type."""
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be an? (number|int), not "):
        Fault.stall(**options)


def test_amounts_that_make_no_sense() -> None:
    """No bandwidth is a stall, and a slice has a byte."""
    with pytest.raises(ValueError, match=r"a bandwidth of 0 is Fault\.stall\(\)"):
        Fault.bandwidth(0)
    with pytest.raises(ValueError, match="size must be 1 or more; got 0"):
        Fault.slice(0)


@pytest.mark.parametrize("timing", [{"after_bytes": 1}, {"toward": "client"}])
def test_refusing_has_no_direction(timing: Any) -> None:
    """What meets connections that are being made has neither bytes nor directions."""
    with pytest.raises(ValueError, match="refuse meets connections that are being made"):
        Fault.refuse(**timing)


def test_a_number_may_be_endless_if_so_said() -> None:
    """Infinite is a duration for some, and not a number is none."""
    assert check_number("for_", math.inf, endless=True) == math.inf
    with pytest.raises(ValueError, match="x must be 0 or more"):
        check_number("x", math.nan, endless=True)
