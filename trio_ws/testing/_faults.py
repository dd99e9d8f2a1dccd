"""The vocabulary of faults: what networks do to connections, each with one name.

A `Fault` is a value.  It says what happens and when, and knows nothing of how it is done.
The same value works on a simulated network (`MemoryNetwork.inject`)
and on real TCP connections (`FaultProxy.inject`).

A fault is *armed* from `at` on, for `for_` seconds.  While it is armed it does its work
on each connection that has carried `after_bytes` bytes in the direction that it is about.
There are three families:

* **Lasting**: latency, jitter, bandwidth, drip, slice, stall, zero window.
  They act for as long as they are armed, for ever unless `for_` is given.
* **Sudden**: cut, reset, half-close, black hole, corrupt.  They hit a connection once.
  Without `after_bytes` and `for_` they hit what is open in the moment `at`,
  and no later connection.  With `after_bytes` they hit every connection that gets so far.
* **Refusing**: refuse, unreachable, silence, TLS failure.
  They meet connections that are being made.

TCP repairs what is lost, doubled or out of order, so no fault does that to bytes.
The names are those of toxiproxy's toxics where it has one.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict, Unpack, final

Toward: TypeAlias = Literal["server", "client", "both"]
"""Which of the two directions of a connection is meant."""


class FaultKind(enum.Enum):
    """What a fault does; the value is its name."""

    LATENCY = "latency"
    JITTER = "jitter"
    BANDWIDTH = "bandwidth"
    DRIP = "drip"
    SLICE = "slice"
    STALL = "stall"
    ZERO_WINDOW = "zero_window"
    CUT = "cut"
    RESET = "reset"
    HALF_CLOSE = "half_close"
    BLACK_HOLE = "black_hole"
    CORRUPT = "corrupt"
    REFUSE = "refuse"
    UNREACHABLE = "unreachable"
    SILENCE = "silence"
    TLS_FAILURE = "tls_failure"


SUDDEN = frozenset(
    {FaultKind.CUT, FaultKind.RESET, FaultKind.HALF_CLOSE, FaultKind.BLACK_HOLE, FaultKind.CORRUPT}
)
REFUSING = frozenset(
    {FaultKind.REFUSE, FaultKind.UNREACHABLE, FaultKind.SILENCE, FaultKind.TLS_FAILURE}
)
HOLDING = frozenset({FaultKind.STALL, FaultKind.ZERO_WINDOW})
FATAL = SUDDEN - {FaultKind.CORRUPT}
"""After one of these a connection is over, or as good as that."""


class FaultTiming(TypedDict, total=False):
    """The keyword arguments that all faults share; see `Fault`."""

    at: float
    for_: float | None
    after_bytes: int
    toward: Toward


@final
@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a network does to connections.

    Made by the methods below, for instance ``Fault.stall(at=10, for_=60)``.
    All of them take these keyword arguments, and have them as attributes:

    Attributes:
        kind: what happens.
        amount: how much of it: seconds, bytes, or bytes per second.
        at: seconds from the injection until the fault is armed (0).
        for_: how many seconds it stays armed; None: what suits the fault.
        after_bytes: how many bytes a connection carries before, in that direction (0).
        toward: the direction that is meant: "server", "client" or "both" (both).

    Raises:
        TypeError, ValueError: an argument has the wrong type, or makes no sense.
    """

    kind: FaultKind
    amount: float = 0.0
    at: float = 0.0
    for_: float | None = None
    after_bytes: int = 0
    toward: Toward = "both"

    def __post_init__(self) -> None:
        check_number("at", self.at)
        if self.for_ is not None:
            check_number("for_", self.for_, endless=True)
        if isinstance(self.after_bytes, bool) or not isinstance(self.after_bytes, int):
            raise TypeError(f"after_bytes must be an int, not {type(self.after_bytes).__name__}")
        if self.after_bytes < 0:
            raise ValueError(f"after_bytes must be 0 or more; got {self.after_bytes}")
        if self.toward not in ("server", "client", "both"):
            raise ValueError(f'toward must be "server", "client" or "both"; got {self.toward!r}')
        if self.kind in REFUSING and (self.after_bytes or self.toward != "both"):
            raise ValueError(
                f"{self.kind.value} meets connections that are being made: "
                "it has neither after_bytes nor toward"
            )

    def __str__(self) -> str:
        """Return the call that makes this fault."""
        said = [f"{self.amount:g}"] if self.amount else []
        numbers = {"at": self.at, "for_": self.for_, "after_bytes": self.after_bytes}
        said += [f"{name}={value:g}" for name, value in numbers.items() if value]
        if self.toward != "both":
            said.append(f"toward={self.toward!r}")
        return f"Fault.{self.kind.value}({', '.join(said)})"

    @property
    def duration(self) -> float:
        """Return for how many seconds it is armed."""
        if self.for_ is not None:
            return self.for_
        return 0.0 if self.kind in SUDDEN and not self.after_bytes else math.inf

    # Lasting

    @staticmethod
    def latency(seconds: float, **when: Unpack[FaultTiming]) -> Fault:
        """Delay every byte by so many seconds."""
        return _make(FaultKind.LATENCY, check_number("seconds", seconds), when)

    @staticmethod
    def jitter(seconds: float, **when: Unpack[FaultTiming]) -> Fault:
        """Delay each segment by up to so many seconds, drawn by the seed; the order stays."""
        return _make(FaultKind.JITTER, check_number("seconds", seconds), when)

    @staticmethod
    def bandwidth(bytes_per_second: float, **when: Unpack[FaultTiming]) -> Fault:
        """Let no more than so many bytes pass in a second."""
        check_number("bytes_per_second", bytes_per_second)
        if bytes_per_second == 0:
            raise ValueError("a bandwidth of 0 is Fault.stall()")
        return _make(FaultKind.BANDWIDTH, bytes_per_second, when)

    @staticmethod
    def drip(every: float = 0.0, **when: Unpack[FaultTiming]) -> Fault:
        """Deliver bytes one by one, `every` so many seconds."""
        return _make(FaultKind.DRIP, check_number("every", every), when)

    @staticmethod
    def slice(size: int, **when: Unpack[FaultTiming]) -> Fault:
        """Deliver bytes in pieces of 1 to `size`, drawn by the seed."""
        if check_number("size", size) < 1:
            raise ValueError(f"size must be 1 or more; got {size}")
        return _make(FaultKind.SLICE, size, when)

    @staticmethod
    def stall(**when: Unpack[FaultTiming]) -> Fault:
        """Let nothing pass; what was sent meanwhile arrives afterwards."""
        return _make(FaultKind.STALL, 0.0, when)

    @staticmethod
    def zero_window(**when: Unpack[FaultTiming]) -> Fault:
        """Let the receiver take nothing, so that the sender's buffer fills up."""
        return _make(FaultKind.ZERO_WINDOW, 0.0, when)

    # Sudden

    @staticmethod
    def cut(**when: Unpack[FaultTiming]) -> Fault:
        """End the stream for both sides."""
        return _make(FaultKind.CUT, 0.0, when)

    @staticmethod
    def reset(**when: Unpack[FaultTiming]) -> Fault:
        """Reset the connection for both sides; what had not been read is lost."""
        return _make(FaultKind.RESET, 0.0, when)

    @staticmethod
    def half_close(**when: Unpack[FaultTiming]) -> Fault:
        """End the stream for the client only (``toward="server"``: for the server)."""
        return _make(FaultKind.HALF_CLOSE, 0.0, when)

    @staticmethod
    def black_hole(**when: Unpack[FaultTiming]) -> Fault:
        """Lose all bytes from now on, and tell neither side."""
        return _make(FaultKind.BLACK_HOLE, 0.0, when)

    @staticmethod
    def corrupt(**when: Unpack[FaultTiming]) -> Fault:
        """Turn over one bit of the next byte."""
        return _make(FaultKind.CORRUPT, 0.0, when)

    # Refusing

    @staticmethod
    def refuse(**when: Unpack[FaultTiming]) -> Fault:
        """Refuse connections, as if nothing listened."""
        return _make(FaultKind.REFUSE, 0.0, when)

    @staticmethod
    def unreachable(**when: Unpack[FaultTiming]) -> Fault:
        """Let there be no way to the host.  A `FaultProxy` can only refuse."""
        return _make(FaultKind.UNREACHABLE, 0.0, when)

    @staticmethod
    def silence(**when: Unpack[FaultTiming]) -> Fault:
        """Accept connections, and never say anything."""
        return _make(FaultKind.SILENCE, 0.0, when)

    @staticmethod
    def tls_failure(**when: Unpack[FaultTiming]) -> Fault:
        """Let the TLS handshake fail; connections without TLS are spared."""
        return _make(FaultKind.TLS_FAILURE, 0.0, when)


def _make(kind: FaultKind, amount: float, when: FaultTiming) -> Fault:
    """Make a fault; the dataclass checks what `when` holds."""
    return Fault(kind, amount, **when)


def check_number(name: str, value: object, *, endless: bool = False) -> float:
    """Return a number that is finite (or `endless`) and not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not 0 <= value < math.inf and not (endless and value == math.inf):
        raise ValueError(f"{name} must be 0 or more, and finite; got {value}")
    return value
