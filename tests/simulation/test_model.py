"""The model of the simulation sees what it is there to see: each mistake, made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from trio_ws import Close, Ending, Loss, WebSocket

from .endings import Record, check_record
from .figures import CI, NIGHTLY, Figures
from .messages import Label, compose, read_label
from .model import Gap, Lane, Ledger, Source


class World:
    """A source with five messages, and lanes to hear them on."""

    def __init__(self, *, channel: bool = False) -> None:
        self.ledger = Ledger()
        self.first, self.second = Lane(1), Lane(2)
        self.source = self.ledger.open_source("a", None if channel else self.first)
        for _ in range(5):
            self.source.accept(self.source.offer())

    def hear(self, *numbers: int, lane: Lane | None = None) -> None:
        """Let messages arrive."""
        for number in numbers:
            self.ledger.hear(compose(Label("a", number)), lane or self.first)


def test_messages_differ() -> None:
    """Name and number stand in each message, whatever its kind and size."""
    for number in range(1, 300):
        label = Label("x", number)
        assert read_label(compose(label)) == label
    assert read_label("no label") is None
    assert read_label(b"a b c") is None


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((1, 2, 2), "arrived twice"),
        ((1, 2, 1), "arrived twice, or after a later one"),
        ((1, 3), "lost before"),
        ((1, 2, 3, 4, 5, 6), "was not accepted"),
    ],
)
def test_order(numbers: tuple[int, ...], told: str) -> None:
    """Duplicates, losses, changes of order and what was never sent are seen at once."""
    with pytest.raises(AssertionError, match=told):
        World().hear(*numbers)


def test_content() -> None:
    """So is a message of which a character has changed, unless bytes may have been changed."""
    world = World()
    spoilt = str(compose(Label("a", 1))).replace(" ", "_")
    with pytest.raises(AssertionError, match="nothing has sent"):
        world.ledger.hear(spoilt, world.first)
    world.ledger.hear(spoilt, Lane(3, tainted=True))


def test_fragments_in_hand() -> None:
    """A message in fragments may arrive before `send` returns, and not if it never began."""
    world = World()
    label = world.source.offer()
    world.hear(1, 2, 3, 4, 5)
    with pytest.raises(AssertionError, match="was not accepted"):
        world.hear(6)
    world.source.begin(label)
    world.hear(6)
    world.source.accept(label)
    assert world.source.missing == 0


def test_missing_at_the_end() -> None:
    """What is missing behind the last that arrived is known when all is over."""
    world = World()
    world.hear(1, 2, 3)
    assert (world.source.arrived, world.source.missing) == (3, 2)


def test_gaps_of_a_channel() -> None:
    """A channel may lose messages between two connections, and at the end; they are counted."""
    world = World(channel=True)
    world.hear(1, 2)
    world.hear(4, lane=world.second)
    gaps = world.source.gaps()
    assert gaps == [Gap(world.first, world.second, 1), Gap(world.second, None, 1)]


@pytest.mark.parametrize(
    ("second", "first", "told"),
    [((3, 4), (3,), "on two connections"), ((1,), (3,), "a later connection was earlier")],
)
def test_two_connections(second: tuple[int, ...], first: tuple[int, ...], told: str) -> None:
    """No message comes on two connections, and a later one has later messages."""
    world = World(channel=True)
    world.hear(*second, lane=world.second)
    with pytest.raises(AssertionError, match=told):
        world.hear(*first)
        Source.gaps(world.source)


# Endings


class Over:
    """What stands for a connection that has ended."""

    def __init__(self, ending: Ending) -> None:
        self.ending = ending


def record_of(client: Ending, server: Ending, *, calm: bool = False) -> Record:
    """Make the record of a connection that ended so, and whose client wanted 1000."""
    lanes = Lane(1), Lane(1)
    record = Record("r1", "plain", ("a", "b"), 0.0, calm, False, *lanes)
    record.client.leave(1000)
    for side, ending in ((record.client, client), (record.server, server)):
        over: Callable[[Ending], WebSocket] = Over  # type: ignore[assignment]
        side.ws = over(ending)
    return record


NORMAL = Close(1000)
ASKED = Ending(sent=NORMAL, received=NORMAL)
ANSWERED = Ending(sent=NORMAL, received=NORMAL, received_first=True)
LOST = Ending(loss=Loss.EOF)


@pytest.mark.parametrize(
    ("client", "server", "weather", "told"),
    [
        (ASKED, ANSWERED, set[str](), None),
        (LOST, LOST, {"cut"}, None),
        (LOST, LOST, {"black_hole"}, "nothing explains the loss"),
        (LOST, LOST, set[str](), "nothing explains the loss"),
        (Ending(loss=Loss.HEARTBEAT), LOST, {"reset"}, "nothing explains the loss"),
        (Ending(loss=Loss.VIOLATION), ASKED, {"corrupt"}, "nothing explains the loss"),
        (ASKED, Ending(sent=Close(1001), received=NORMAL), set[str](), "is not what was sent"),
        (
            Ending(sent=Close(4000), received=Close(4000)),
            Ending(sent=Close(4000), received=Close(4000), received_first=True),
            set[str](),
            "a code that was not intended",
        ),
        (
            Ending(sent=NORMAL, received=Close(1001)),
            Ending(sent=Close(1001), received=NORMAL, received_first=True),
            set[str](),
            "another code answers",
        ),
    ],
)
def test_endings(client: Ending, server: Ending, weather: set[str], told: str | None) -> None:
    """A loss needs a fault that explains it, and a Close a side that said it."""
    record = record_of(client, server)
    if told is None:
        check_record(record, lambda hosts, since, until: weather)
        return
    with pytest.raises(AssertionError, match=told):
        check_record(record, lambda hosts, since, until: weather)


# Figures


def test_figures() -> None:
    """Figures add up, and a run that has not reached what it must is told."""
    total = Figures()
    total.add(Figures(worlds=52, messages=250_000, faults=Counter(cut=9_000, reset=500)))
    assert CI.shortfall(total) == "faults: 9,500 instead of 10,000"
    total.add(Figures(seconds=7200, faults=Counter(cut=500), endings=Counter(clean=3)))
    assert CI.shortfall(total) == ""
    assert "worlds: 52 instead of 1,000" in NIGHTLY.shortfall(total)
    assert "10,000 faults that acted\nfaults: cut 9,500, reset 500\nendings: clean 3" in str(total)
