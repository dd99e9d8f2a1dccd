"""What a supervisor is doing, and how it says so.

::

    idle ─▶ connecting ─▶ open ─▶ stable
              ▲    │       │        │
              │    ▼       ▼        │
              └─ waiting ◀──────────┘         any of these ─▶ closed, failed
              └─ suspended

`TABLE` has every step that there is; `step` refuses the others,
a test walks it, and the picture in the docs is drawn from it.

`str()` of a `Transition` is the line that is logged:
one sentence that a person who has just been woken up understands.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import final

from .._text import printable


class SupervisorState(enum.Enum):
    """What a supervisor is doing; the value is the word for it in the log.

    Attributes:
        IDLE: `Supervisor.run` has not been called.
        CONNECTING: an attempt is under way.
        OPEN: a connection is open and the session runs, but it has not yet lasted.
        STABLE: the connection has lasted; the next loss begins with short delays again.
        WAITING: the next attempt is not due yet.
        SUSPENDED: as waiting, but there has been no connection for `Backoff.suspend_after`.
        CLOSED: the end: the session returned, the peer closed with 1000, or we were cancelled.
        FAILED: the end: something was raised.
    """

    IDLE = "idle"
    CONNECTING = "connecting"
    OPEN = "open"
    STABLE = "stable"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    FAILED = "failed"


_S = SupervisorState

ENDED = frozenset({_S.CLOSED, _S.FAILED})
"""The states that nothing follows."""

TABLE: dict[SupervisorState, frozenset[SupervisorState]] = {
    _S.IDLE: frozenset({_S.CONNECTING, _S.CLOSED}),
    _S.CONNECTING: frozenset({_S.OPEN, _S.WAITING, _S.SUSPENDED}) | ENDED,
    _S.OPEN: frozenset({_S.STABLE, _S.WAITING}) | ENDED,
    _S.STABLE: frozenset({_S.WAITING}) | ENDED,
    _S.WAITING: frozenset({_S.CONNECTING, _S.SUSPENDED}) | ENDED,
    _S.SUSPENDED: frozenset({_S.CONNECTING}) | ENDED,
    _S.CLOSED: frozenset(),
    _S.FAILED: frozenset(),
}
"""Which state may follow which."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A step of a supervisor from one state to the next.

    Attributes:
        number: transitions are counted from 1; an observer that finds a gap has missed some.
        state: the state that was entered.
        previous: the state that was left.
        at: when, in the time of `trio.current_time`.
        attempt: which attempt since the last stable connection, counted from 1.
        endpoint: the URL without its secrets; None while an endpoint function has not told it.
        cause: what went wrong, or None.
        delay: seconds until the next attempt, if one is to come.
        flapping: whether that delay is long because connections are lost again and again.
        away: of a connection that is open again: seconds without one before it; else None.
        detail: what is known besides, for people to read; may be empty.
    """

    number: int
    state: SupervisorState
    previous: SupervisorState
    at: float
    attempt: int
    endpoint: str | None = None
    cause: BaseException | None = None
    delay: float | None = None
    flapping: bool = False
    away: float | None = None
    detail: str = ""

    def __str__(self) -> str:
        parts = [self._headline()]
        if self.detail:
            parts.append(self.detail)
        if self.cause is not None:
            parts.append(f"because of {type(self.cause).__name__}: {printable(str(self.cause))}")
        return "; ".join(parts)

    def _headline(self) -> str:
        where = self.endpoint or "the endpoint"
        match self.state:
            case SupervisorState.CONNECTING:
                return f"connecting to {where}, attempt {self.attempt}"
            case SupervisorState.WAITING | SupervisorState.SUSPENDED:
                why = " (connections are lost again and again)" if self.flapping else ""
                text = f"{self.state.value}, attempt {self.attempt + 1} in {self.delay:.1f} s{why}"
                return f"{text}; {where} {self._what_happened()}"
            case SupervisorState.OPEN | SupervisorState.STABLE:
                after = (
                    "" if self.away is None else f", after {self.away:.1f} s without a connection"
                )
                return f"{self.state.value}: {where}{after}"
        return str(self.state.value)

    def _what_happened(self) -> str:
        if self.previous is SupervisorState.CONNECTING:
            return "gave no connection"
        if self.previous is SupervisorState.WAITING:
            return "has been away for long"
        return "was lost"


def check_step(previous: SupervisorState, state: SupervisorState) -> None:
    """Refuse a step that the table does not have; that is a fault of ours."""
    assert state in TABLE[previous], f"a supervisor cannot go from {previous} to {state}"
