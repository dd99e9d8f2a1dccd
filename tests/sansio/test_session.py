"""`trio_ws._sansio.session`: every cell of the state table, messages in parts, the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from wsproto.events import CloseConnection, Event, Pong

from trio_ws._errors import WebSocketError
from trio_ws._sansio.assembly import Part
from trio_ws._sansio.fastlane import BURST
from trio_ws._sansio.session import Happening, Session
from trio_ws._sansio.states import TABLE, Action, Input, State
from trio_ws._values import Close, Ending, Loss
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CLOSE, PING, PONG, TEXT

from .sides import Side, close_frame, every_side, in_state

# The table: how to get into each state, how to do each input, how to see each action.


@dataclass
class Outcome:
    """What could be seen of an input."""

    happenings: list[Happening]
    said: list[Frame]
    error: WebSocketError | None
    ending: Ending | None
    """The ending, if it came with this input."""


def do(session: Session, side: Side, what: Input) -> list[Happening]:
    """Do one input to a session."""
    feeds = {
        Input.MESSAGE: side.frame(TEXT, "hi"),
        Input.PING: side.frame(PING, "are you there"),
        Input.PONG: side.frame(PONG, "here"),
        Input.CLOSE: side.close(1001, "bye"),
        Input.VIOLATION: side.frame(TEXT, "hi", rsv=1),
    }
    calls: dict[Input, Callable[[], None]] = {
        Input.LOSS: lambda: session.lose(Loss.EOF, "gone"),
        Input.SEND: lambda: session.send("hi"),
        Input.SEND_CLOSE: lambda: session.close(1001, "bye"),
    }
    if what in feeds:
        return session.feed(feeds[what])
    calls[what]()
    return []


def outcome(session: Session, side: Side, what: Input) -> Outcome:
    """Do one input and look."""
    before = session.ending
    happenings, error = [], None
    try:
        happenings = do(session, side, what)
    except WebSocketError as caught:
        error = caught
    ending = None if session.ending is before else session.ending
    return Outcome(happenings, side.said(session), error, ending)


HI, BYE = Frame(TEXT, b"hi"), Close(1001, "bye")

SEEN: dict[Action, Callable[[Outcome], bool]] = {
    Action.DELIVER: lambda seen: seen == Outcome(["hi"], [], None, None),
    Action.ANSWER: lambda seen: seen == Outcome([], [Frame(PONG, b"are you there")], None, None),
    Action.NOTE: lambda seen: seen == Outcome([Pong(b"here")], [], None, None),
    Action.REPLY: lambda seen: (
        seen
        == Outcome(
            [],
            [close_frame(1001)],
            None,
            Ending(sent=Close(1001), received=BYE, received_first=True),
        )
    ),
    Action.COMPLETE: lambda seen: (
        seen == Outcome([], [], None, Ending(sent=Close(1000), received=BYE))
    ),
    Action.FAIL: lambda seen: (
        [frame.payload[:2] for frame in seen.said] == [(1002).to_bytes(2, "big")]
        and seen.ending is not None
        and seen.ending.loss is Loss.VIOLATION
    ),
    Action.LOSE: lambda seen: (
        (seen.happenings, seen.said, seen.error) == ([], [], None)
        and seen.ending is not None
        and not seen.ending.clean
    ),
    Action.QUEUE: lambda seen: (
        seen in (Outcome([], [HI], None, None), Outcome([], [close_frame(1001, "bye")], None, None))
    ),
    Action.REFUSE: lambda seen: (
        seen.error is not None and seen == Outcome([], [], seen.error, None)
    ),
    Action.IGNORE: lambda seen: seen == Outcome([], [], None, None),
}


def test_the_table_is_complete() -> None:
    """The table has a cell for each state and input, and each action is shown somewhere."""
    assert set(TABLE) == {(state, what) for state in State for what in Input}
    assert {action for _, action in TABLE.values()} == set(Action) == set(SEEN)


@every_side
@pytest.mark.parametrize(("state", "what"), TABLE, ids=lambda cell: cell.name.lower())
def test_table(side: Side, state: State, what: Input) -> None:
    """In each state each input does what the table says, and nothing else."""
    session = in_state(side, state)
    seen = outcome(session, side, what)
    after, action = TABLE[state, what]
    assert session.state is after
    assert SEEN[action](seen), seen
    assert (session.ending is not None) == (after is State.ENDED)


@every_side
@pytest.mark.parametrize("state", State)
def test_the_end_is_the_end(side: Side, state: State) -> None:
    """Once there is an ending nothing that happens changes it."""
    session = in_state(side, state)
    session.lose(Loss.EOF)
    ending = session.ending
    for what in Input:
        outcome(session, side, what)
        assert session.ending is ending


# Streaming


@every_side
@pytest.mark.parametrize("late", [False, True])
def test_stream(side: Side, late: bool) -> None:
    """A message can be had in parts, from its beginning or from the middle on."""
    session = side.session()
    frame = side.frame(TEXT, "grüße", fin=False)
    middle = frame.index(b"\xc3") + 1 if side.client else len(frame) - 4
    first = None if late else session.stream()
    kept = session.feed(frame[:middle])
    if late:
        assert kept == []
        first = session.stream()
        assert session.assembling == 0
    happenings = [first, *kept, *session.feed(frame[middle:] + side.frame(0, "!"))]
    parts = [part for part in happenings if isinstance(part, Part)]
    assert "".join(str(part.data) for part in parts) == "grüße!"
    assert [part.finished for part in parts] == [False] * (len(parts) - 1) + [True]
    assert session.feed(side.frame(TEXT, "whole")) == ["whole"]


@every_side
def test_assembling(side: Side) -> None:
    """The session tells how many bytes it holds of the message that is arriving."""
    session = side.session()
    message = side.frame(BINARY, bytes(100_000))
    session.feed(message[: 50_000 + len(message) - 100_000])
    assert session.assembling == 50_000
    assert session.gathering == side.lane
    assert session.feed(message[50_000 + len(message) - 100_000 :]) == [bytes(100_000)]
    assert session.assembling == 0


# The log


@every_side
def test_trace(side: Side) -> None:
    """Every frame that is sent or received is told, in order, a Close as it was on the wire."""
    told: list[tuple[str, Event]] = []
    session = side.session(trace=lambda direction, event: told.append((direction, event)))
    session.send("a")
    session.feed(side.frame(BINARY, b"b") + side.frame(PING, b"c") + side.close(1014, "d"))
    assert [(direction, type(event).__name__) for direction, event in told] == [
        (">", "TextMessage"),
        ("<", "BytesMessage"),
        ("<", "Ping"),
        (">", "Pong"),
        ("<", "CloseConnection"),
        (">", "CloseConnection"),
    ]
    assert told[4][1] == CloseConnection(code=1014, reason="d")


@every_side
def test_trace_of_a_violation(side: Side) -> None:
    """A violation is not told as a Close that the peer has sent."""
    told: list[str] = []
    session = side.session(trace=lambda direction, event: told.append(direction))
    session.feed(side.frame(TEXT, rsv=7))
    assert told == [">"]
    assert [frame.opcode for frame in side.said(session)] == [CLOSE]


@every_side
def test_so_many_pieces_at_a_time(side: Side) -> None:
    """`feed` stops after as many judged frames as it is told to, and goes on when called again."""
    session = side.session()
    pings = [bytes([number]) for number in range(10)]
    assert session.feed(b"".join(side.frame(PING, ping) for ping in pings), most=4) == []
    assert session.behind
    session.feed(b"", most=4)
    assert session.behind
    assert session.feed(side.frame(TEXT, b"after"), most=4) == ["after"]
    assert not session.behind
    assert len(session.outbox._pongs) == 10


@every_side
def test_a_burst_of_tiny_messages(side: Side) -> None:
    """A gulp of tiny messages is taken a burst at a time, for they cost more than their bytes."""
    session = side.session()
    texts = [str(number) for number in range(5 * BURST // 2)]
    happenings = session.feed(b"".join(side.frame(TEXT, text) for text in texts))
    assert BURST <= len(happenings) <= BURST + 1
    assert session.behind
    while session.behind:
        more = session.feed(b"")
        assert len(more) <= BURST + 1
        happenings += more
    assert happenings == texts
