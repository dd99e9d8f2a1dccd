"""How connections end, and whether what happened to them explains it.

A connection has two sides, and each knows how it ended (`trio_ws.Ending`).
The model knows what each side intended, and what the weather was.  So it checks:

* what one side received is what the other has sent;
* a Close that was an answer has the code that it answers;
  one that was not has a code that its side intended;
* a loss has a fault that explains it, on one of the two hosts and at the time,
  or it is the consequence of how the other side ended;
* a connection between two hosts without weather is never lost (P9).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from trio_ws import CloseCode, Ending, Loss, WebSocket

from .model import Lane

SLOW = frozenset(
    {"latency", "jitter", "bandwidth", "drip", "slice", "stall", "zero_window", "partition"}
)
"""What keeps bytes from arriving in time."""

DEAF = SLOW | {"black_hole", "half_close", "move", "silence"}
"""What lets a side hear nothing, for a while or for ever."""

BROKEN = frozenset({"cut", "reset", "restart", "away"})
"""What ends a transport."""

EXPLAINED_BY: dict[Loss, frozenset[str]] = {
    Loss.EOF: frozenset({"cut", "half_close"}),
    Loss.BROKEN: BROKEN,
    Loss.HEARTBEAT: DEAF,
    Loss.SEND_TIMEOUT: DEAF,
    Loss.UNANSWERED: DEAF | BROKEN,
    Loss.VIOLATION: frozenset(),
    Loss.TOO_BIG: frozenset(),
}
CONSEQUENCES = frozenset({Loss.EOF, Loss.BROKEN, Loss.UNANSWERED})
"""How a connection ends for a side when the other's end was no closing handshake."""


@dataclass(eq=False)
class Side:
    """One side of a connection.

    Attributes:
        ws: its end, once the connection is open.
        codes: what it may have said of its own accord.
        polite: whether all that it had accepted goes out before its Close.
        ended_it: whether it began to end the connection itself.
        slow: whether its application takes its time, so that its reader rests.
    """

    ws: WebSocket | None = None
    opened_at: float = 0.0
    codes: set[int] = field(default_factory=set)
    polite: bool = True
    ended_it: bool = False
    slow: bool = False

    def leave(self, *codes: int, polite: bool = True) -> None:
        """Note that this side ends the connection, and what it may say."""
        if self.ending is None:  # else the connection was over before
            self.codes.update(codes)
            self.polite &= polite
            self.ended_it = True

    @contextmanager
    def closing(self) -> Generator[None]:
        """Note if a close is cancelled: then it jumps the queue, also on its way out of a loss."""
        try:
            yield
        except BaseException:
            self.polite = False
            raise

    def cut_short(self) -> None:
        """Note that this side was cancelled: its goodbye jumps the queue."""
        self.leave(CloseCode.GOING_AWAY, polite=False)

    @property
    def ending(self) -> Ending | None:
        """Return how it ended, if it was ever open."""
        return None if self.ws is None else self.ws.ending

    @property
    def ended_at(self) -> float:
        """Return when."""
        return self.opened_at + (self.ending.age if self.ending is not None else 0.0)


@dataclass(eq=False)
class Record:
    """One connection, or an attempt at one.

    Attributes:
        hosts: where its client and its server are.
        up, down: its two directions: to the server, and to the client.
        calm: whether neither host has any weather.
        limited: whether its server takes no large messages.
        in_doubt: for a channel's: how many of its messages the channel counts as in doubt.
    """

    name: str
    kind: str
    hosts: tuple[str, str]
    began_at: float
    calm: bool
    limited: bool
    up: Lane
    down: Lane
    client: Side = field(default_factory=Side)
    server: Side = field(default_factory=Side)
    in_doubt: int = 0

    @property
    def tainted(self) -> bool:
        """Return True if bytes may have been changed on the way."""
        return self.up.tainted

    @property
    def sides(self) -> tuple[tuple[Side, Side], tuple[Side, Side]]:
        """Return each side with the other."""
        return (self.client, self.server), (self.server, self.client)

    def __str__(self) -> str:
        return (
            f"{self.kind} connection {self.name} from {self.hosts[0]} to {self.hosts[1]}, "
            f"begun at {self.began_at:g} s:\n  client: {_story(self.client)}"
            f"\n  server: {_story(self.server)}"
        )


def _story(side: Side) -> str:
    if side.ending is None:
        return "never opened" if side.ws is None else "not over"
    codes = ", ".join(str(int(code)) for code in sorted(side.codes))
    return f"at {side.ended_at:g} s {side.ending} (intended: {codes or 'nothing'})"


Happened = Callable[[tuple[str, str], float, float], set[str]]
"""What tells which faults there were on two hosts in a span of time."""


def check_record(record: Record, happened: Happened) -> None:
    """Check both endings of a connection."""
    for side, other in record.sides:
        if side.ws is None:
            continue
        ending = side.ending
        assert ending is not None, f"not over: {record}"
        if record.tainted:
            continue
        _check_closes(ending, side, other, record)
        if ending.loss is not None:
            weather = happened(record.hosts, record.began_at, side.ended_at)
            told = f"nothing explains the loss; there was {sorted(weather)}; {record}"
            explained = _has_reason(side, other, record, happened)
            assert explained or _follows(ending.loss, side, other, record, happened), told


def _check_closes(ending: Ending, side: Side, other: Side, record: Record) -> None:
    """Check the Close frames of an untainted connection."""
    if ending.received is not None:
        told = f"what was received is not what was sent; {record}"
        assert other.ending is not None, told
        assert ending.received == other.ending.sent, told
    if ending.clean:
        assert ending.sent is not None
        assert ending.received is not None
        if ending.received_first:
            assert ending.sent.code == ending.received.code, f"another code answers; {record}"
        else:
            assert ending.sent.code in side.codes, f"a code that was not intended; {record}"


def _has_reason(side: Side, other: Side, record: Record, happened: Happened) -> bool:
    """Return True if the weather explains how a side has lost the connection, or its limit."""
    assert side.ending is not None
    loss = side.ending.loss
    if loss is None:
        return False
    if loss is Loss.TOO_BIG or "over our limit" in side.ending.detail:
        return record.limited and side is record.server
    if loss is Loss.UNANSWERED and other.slow:
        return True  # the Close waits behind what the other side has not taken
    weather = happened(record.hosts, record.began_at, side.ended_at)
    return not record.calm and bool(weather & EXPLAINED_BY[loss])


def _follows(loss: Loss, side: Side, other: Side, record: Record, happened: Happened) -> bool:
    """Return True if a loss is the consequence of how the other side ended."""
    if loss not in CONSEQUENCES:
        return False
    return other.ending is None or _has_reason(other, side, record, happened)
