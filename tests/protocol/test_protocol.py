"""`trio_ws._protocol.protocol`: every cell of the state table, messages in parts, the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from trio_ws._ending import Close, Ending, Loss
from trio_ws._errors import WebSocketError
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.events import Event, Pong
from trio_ws._protocol.fast_path import MAX_MESSAGES_PER_FEED
from trio_ws._protocol.protocol import ProtocolEvent, WebSocketProtocol
from trio_ws._protocol.states import TABLE, Action, Input, State
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CLOSE, PING, PONG, TEXT

from .sides import Side, close_frame, every_side, in_state

# The table: how to get into each state, how to do each input, how to see each action.


@dataclass
class Outcome:
    """What could be seen of an input."""

    events: list[ProtocolEvent]
    said: list[Frame]
    error: WebSocketError | None
    ending: Ending | None
    """The ending, if it came with this input."""


def do(protocol: WebSocketProtocol, side: Side, what: Input) -> list[ProtocolEvent]:
    """Do one input to a session."""
    feeds = {
        Input.MESSAGE: side.frame(TEXT, "hi"),
        Input.PING: side.frame(PING, "are you there"),
        Input.PONG: side.frame(PONG, "here"),
        Input.CLOSE: side.close(1001, "bye"),
        Input.VIOLATION: side.frame(TEXT, "hi", rsv=1),
    }
    calls: dict[Input, Callable[[], None]] = {
        Input.LOSS: lambda: protocol.lose(Loss.EOF, "gone"),
        Input.SEND: lambda: protocol.send("hi"),
        Input.SEND_CLOSE: lambda: protocol.close(1001, "bye"),
    }
    if what in feeds:
        return protocol.feed(feeds[what])
    calls[what]()
    return []


def outcome(protocol: WebSocketProtocol, side: Side, what: Input) -> Outcome:
    """Do one input and look."""
    before = protocol.ending
    events, error = [], None
    try:
        events = do(protocol, side, what)
    except WebSocketError as caught:
        error = caught
    ending = None if protocol.ending is before else protocol.ending
    return Outcome(events, side.said(protocol), error, ending)


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
        (seen.events, seen.said, seen.error) == ([], [], None)
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
    protocol = in_state(side, state)
    seen = outcome(protocol, side, what)
    after, action = TABLE[state, what]
    assert protocol.state is after
    assert SEEN[action](seen), seen
    assert (protocol.ending is not None) == (after is State.ENDED)


@every_side
@pytest.mark.parametrize("state", State)
def test_the_end_is_the_end(side: Side, state: State) -> None:
    """Once there is an ending nothing that happens changes it."""
    protocol = in_state(side, state)
    protocol.lose(Loss.EOF)
    ending = protocol.ending
    for what in Input:
        outcome(protocol, side, what)
        assert protocol.ending is ending


# Streaming


@every_side
@pytest.mark.parametrize("late", [False, True])
def test_stream(side: Side, late: bool) -> None:
    """A message can be had in parts, from its beginning or from the middle on."""
    protocol = side.protocol()
    frame = side.frame(TEXT, "grüße", fin=False)
    middle = frame.index(b"\xc3") + 1 if side.client else len(frame) - 4
    first = None if late else protocol.stream()
    kept = protocol.feed(frame[:middle])
    if late:
        assert kept == []
        first = protocol.stream()
        assert protocol.assembling == 0
    events = [first, *kept, *protocol.feed(frame[middle:] + side.frame(0, "!"))]
    parts = [part for part in events if isinstance(part, Chunk)]
    assert "".join(str(part.data) for part in parts) == "grüße!"
    assert [part.finished for part in parts] == [False] * (len(parts) - 1) + [True]
    assert protocol.feed(side.frame(TEXT, "whole")) == ["whole"]


@every_side
def test_assembling(side: Side) -> None:
    """The session tells how many bytes it holds of the message that is arriving."""
    protocol = side.protocol()
    message = side.frame(BINARY, bytes(100_000))
    protocol.feed(message[: 50_000 + len(message) - 100_000])
    assert protocol.assembling == 50_000
    assert protocol.buffering == side.fast
    assert protocol.feed(message[50_000 + len(message) - 100_000 :]) == [bytes(100_000)]
    assert protocol.assembling == 0


# The log


@every_side
def test_trace(side: Side) -> None:
    """Every frame that is sent or received is told, in order, a Close as it was on the wire."""
    told: list[tuple[str, Event]] = []
    protocol = side.protocol(trace=lambda direction, event: told.append((direction, event)))
    protocol.send("a")
    protocol.feed(side.frame(BINARY, b"b") + side.frame(PING, b"c") + side.close(1014, "d"))
    assert [(direction, type(event).__name__) for direction, event in told] == [
        (">", "Message"),
        ("<", "Message"),
        ("<", "Ping"),
        (">", "Pong"),
        ("<", "Close"),
        (">", "Close"),
    ]
    assert told[4][1] == Close(1014, "d")


@every_side
def test_trace_of_a_violation(side: Side) -> None:
    """A violation is not told as a Close that the peer has sent."""
    told: list[str] = []
    protocol = side.protocol(trace=lambda direction, event: told.append(direction))
    protocol.feed(side.frame(TEXT, rsv=7))
    assert told == [">"]
    assert [frame.opcode for frame in side.said(protocol)] == [CLOSE]


@every_side
def test_so_many_pieces_at_a_time(side: Side) -> None:
    """`feed` stops after as many judged frames as it is told to, and goes on when called again."""
    protocol = side.protocol()
    pings = [bytes([number]) for number in range(10)]
    assert protocol.feed(b"".join(side.frame(PING, ping) for ping in pings), most=4) == []
    assert protocol.has_pending_input
    protocol.feed(b"", most=4)
    assert protocol.has_pending_input
    assert protocol.feed(side.frame(TEXT, b"after"), most=4) == ["after"]
    assert not protocol.has_pending_input
    assert len(protocol.send_queue._pongs) == 10


@every_side
def test_a_burst_of_tiny_messages(side: Side) -> None:
    """A gulp of tiny messages is taken a burst at a time, for they cost more than their bytes."""
    protocol = side.protocol()
    texts = [str(number) for number in range(5 * MAX_MESSAGES_PER_FEED // 2)]
    events = protocol.feed(b"".join(side.frame(TEXT, text) for text in texts))
    assert MAX_MESSAGES_PER_FEED <= len(events) <= MAX_MESSAGES_PER_FEED + 1
    assert protocol.has_pending_input
    while protocol.has_pending_input:
        more = protocol.feed(b"")
        assert len(more) <= MAX_MESSAGES_PER_FEED + 1
        events += more
    assert events == texts
