"""What was accepted and what arrived: the promises about messages, as arithmetic.

A *source* numbers what one task sends.
It is bound to one connection, or to a channel across many.
For each message that arrives the model checks, at once:

* it was accepted: what a cancelled or refused `send` was given must not arrive (P4);
* it did not arrive before, and none after it did: order, and no duplicates;
* nothing before it is missing, unless another connection has begun in between.

When all is over it checks that nothing is missing at the end which was promised:

* what was written before a ping has arrived if the pong has;
* all that was accepted before a polite close has arrived if that close has (P5, P8);
* what a channel has lost it has counted as in doubt.

A connection whose bytes were changed on the way is *tainted*.
Its messages may be lost and changed, but none is handed out twice.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from .messages import Label, compose, read_label


@dataclass(eq=False)
class Lane:
    """One direction of one connection: the messages of its sources, as the receiver gets them.

    Attributes:
        order: the number of the connection; later ones have greater numbers.
        tainted: whether bytes were changed on the way.
        heard: how many messages have arrived.
        spoilt: how many of them were not what was sent.
        to_the_end: whether the receiver has taken all that there was to take.
    """

    order: int = 0
    tainted: bool = False
    heard: int = 0
    spoilt: int = 0
    to_the_end: bool = False


@dataclass(eq=False, slots=True)
class Run:
    """The messages of a source that arrived on one lane: those from `first` up to `end`.

    First and end count accepted messages; they are not the numbers of the messages.
    """

    lane: Lane
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of a channel that did not arrive.

    Attributes:
        before, after: the lanes of the last message that arrived before and of the first after,
            or None.
        size: how many are missing.
    """

    before: Lane | None
    after: Lane | None
    size: int


class Source:
    """What one task sends.

    The receiver's applications of two connections run side by side.
    So a message of the earlier one may be taken after one of the later;
    what has arrived is known in order when all is over.

    Attributes:
        name: tells its messages from all others.
        lane: the one connection that it sends on; None if it is a channel.
        accepted: the numbers that were accepted, in order.
        confirmed: how many are known to have arrived, by a pong.
        skipped: how many a channel has left out on a connection that went on.
    """

    def __init__(self, name: str, lane: Lane | None = None) -> None:
        self.name = name
        self.lane = lane
        self.accepted: list[int] = []
        self.confirmed = self.skipped = 0
        self._numbers = 0
        self._in_hand: int | None = None
        self._runs: dict[Lane, Run] = {}
        if lane is not None:
            self._runs[lane] = Run(lane, 0, 0)

    # What the sender does

    def offer(self) -> Label:
        """Return the label of the next message."""
        self._numbers += 1
        return Label(self.name, self._numbers)

    def begin(self, label: Label) -> None:
        """Note that fragments of a message are going out: it may arrive before it is accepted."""
        self._in_hand = label.number

    def accept(self, label: Label) -> None:
        """Note that `send` has returned."""
        self._in_hand = None
        if not self.accepted or self.accepted[-1] != label.number:
            self.accepted.append(label.number)

    # What the receiver does

    def arrive(self, label: Label, lane: Lane) -> None:
        """Note that a message has arrived, and check that it may."""
        if label.number == self._in_hand:
            self.accept(label)
        index = bisect_left(self.accepted, label.number)
        known = index < len(self.accepted) and self.accepted[index] == label.number
        assert known, f"{label} arrived, and was not accepted by send()"
        run = self._runs.setdefault(lane, Run(lane, index, index))
        assert index >= run.end, f"{label} arrived twice, or after a later one"
        if index > run.end and not lane.tainted:
            assert self.lane is None, f"lost before {label}, and the connection went on"
            self.skipped += index - run.end  # a channel may drop what has waited for too long
        run.end = index + 1
        for other in self._runs.values():
            apart = other is run or other.end <= run.first or other.first >= run.end
            assert apart or other.lane.tainted, f"{label} arrived on two connections"

    # When all is over

    @property
    def missing(self) -> int:
        """Return how many of its messages are missing, if it was bound to one connection."""
        assert self.lane is not None
        return len(self.accepted) - self._runs[self.lane].end

    @property
    def arrived(self) -> int:
        """Return how many have arrived, if it was bound to one connection."""
        return len(self.accepted) - self.missing

    def gaps(self) -> list[Gap]:
        """Return what a channel has lost; check that later connections had later messages."""
        found, last, end = [], None, 0
        for run in sorted(self._runs.values(), key=lambda each: each.first):
            assert last is None or last.order < run.lane.order, "a later connection was earlier"
            if run.first > end:
                found.append(Gap(last, run.lane, run.first - end))
            last, end = run.lane, run.end
        if end < len(self.accepted):
            found.append(Gap(last, None, len(self.accepted) - end))
        return found


class Ledger:
    """All sources, and what has arrived of them."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def open_source(self, name: str, lane: Lane | None = None) -> Source:
        """Make a source."""
        assert name not in self._sources
        self._sources[name] = source = Source(name, lane)
        return source

    def hear(self, message: str | bytes, lane: Lane) -> None:
        """Check a message that has arrived."""
        label = read_label(message)
        source = None if label is None else self._sources.get(label.source)
        if label is None or source is None or message != compose(label):
            assert lane.tainted, f"a message that nothing has sent: {message[:80]!r}"
            lane.spoilt += 1
            return
        lane.heard += 1
        source.arrive(label, lane)
