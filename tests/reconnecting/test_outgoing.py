"""`_reconnecting.outgoing`: which messages wait, which are sent again, which are in doubt."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._connection.delivery import DeliveryState, Receipt
from trio_ws._reconnecting.outgoing import Outgoing, SendBuffer


class Ledger:
    """A connection that has taken messages, each a frame, and begun to write some of them."""

    def __init__(self) -> None:
        self.frames_in = 0
        self.frames_out = 0

    def receipt(self, message: str | bytes) -> Receipt:
        """Take a message."""
        self.frames_in += 1
        return Receipt(self, self.frames_in, message)

    def state_of(self, frame: int) -> DeliveryState:
        """Say how far a message has come."""
        return DeliveryState.WRITTEN if frame <= self.frames_out else DeliveryState.WAITING


def sent_directly(outgoing: Outgoing, *messages: str) -> Ledger:
    ledger = Ledger()
    for message in messages:
        outgoing.accepted_at_once(ledger.receipt(message), now=0)
    return ledger


def take_all(outgoing: Outgoing, now: float = 0) -> list[str | bytes]:
    ledger, taken = Ledger(), []
    while (message := outgoing.take(now)) is not None:
        taken.append(message)
        outgoing.accepted(ledger.receipt(message))
    return taken


def test_without_a_buffer_nothing_waits() -> None:
    """There is no room where there is no buffer."""
    assert not Outgoing(None).has_room("", now=0)


def test_messages_wait_in_order() -> None:
    """What was put first is taken first."""
    outgoing = Outgoing(SendBuffer())
    for message in ("a", b"b", "c"):
        outgoing.put(message, now=0)
    assert (len(outgoing), outgoing.size) == (3, 3 * 65)
    assert take_all(outgoing) == ["a", b"b", "c"]
    assert (len(outgoing), outgoing.size) == (0, 0)


def test_bounds() -> None:
    """The buffer is bounded in messages and in bytes; text counts as it is on the wire."""
    outgoing = Outgoing(SendBuffer(max_messages=2, max_bytes=200))
    assert outgoing.has_room("x" * 136, now=0)
    assert not outgoing.has_room("x" * 137, now=0)
    assert not outgoing.has_room("é" * 69, now=0)
    outgoing.put("", now=0)
    assert outgoing.has_room("", now=0)
    outgoing.put("", now=0)
    assert not outgoing.has_room("", now=0)


def test_messages_expire() -> None:
    """A message that waited too long is dropped, counted, and makes room."""
    outgoing = Outgoing(SendBuffer(max_messages=1, max_age=5))
    outgoing.put("old", now=0)
    assert not outgoing.has_room("new", now=4.9)
    assert outgoing.has_room("new", now=5)
    outgoing.put("new", now=5)
    assert take_all(outgoing, now=9.9) == ["new"]
    assert outgoing.expired == 1


def test_a_message_in_hand_does_not_expire() -> None:
    """While a connection is taking a message nobody drops it; if it does not, it goes back."""
    outgoing = Outgoing(SendBuffer(max_messages=1, max_age=5))
    outgoing.put("a", now=0)
    assert outgoing.take(4) == "a"
    assert outgoing.has_room("b", now=6)
    outgoing.put("b", now=6)
    outgoing.end(in_doubt=0)
    assert len(outgoing) == 2
    assert take_all(outgoing, now=7) == ["b"]
    assert outgoing.expired == 1


def test_what_was_not_written_goes_out_again() -> None:
    """Messages that the connection had not begun to write come first on the next one."""
    outgoing = Outgoing(SendBuffer())
    ledger = sent_directly(outgoing, "a", "b", "c", "d")
    outgoing.put("e", now=0)
    ledger.frames_out = 2
    outgoing.end(in_doubt=2)
    assert take_all(outgoing) == ["c", "d", "e"]
    assert outgoing.in_doubt == 2


def test_what_was_written_is_forgotten() -> None:
    """Messages are kept only until the connection writes them."""
    outgoing = Outgoing(None)
    ledger = sent_directly(outgoing, *"abcde")
    ledger.frames_out = 4
    outgoing.accepted_at_once(ledger.receipt("f"), now=0)
    assert len(outgoing._accepted) == 2


def test_without_a_buffer_messages_never_expire() -> None:
    """What a connection took and did not write waits for as long as it takes."""
    outgoing = Outgoing(None)
    sent_directly(outgoing, "a")
    outgoing.end(in_doubt=0)
    assert take_all(outgoing, now=1e9) == ["a"]


def test_in_doubt() -> None:
    """What the connections say is in doubt is added up."""
    outgoing = Outgoing(None)
    for count in (2, 0, 3):
        outgoing.end(in_doubt=count)
    assert outgoing.in_doubt == 5


def test_the_next_expiry() -> None:
    """The oldest message that waits expires first; where none waits, nothing does."""
    outgoing = Outgoing(SendBuffer(max_age=5))
    assert outgoing.next_expiry == math.inf
    outgoing.put("a", now=1)
    outgoing.put("b", now=2)
    assert outgoing.next_expiry == 6
    take_all(outgoing)
    assert outgoing.next_expiry == math.inf


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.just(0)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("send"), st.just(0)),
        st.tuples(st.just("write"), st.integers(1, 3)),
        st.tuples(st.just("lose"), st.booleans()),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_at_most_once_and_in_order(steps: list[tuple[str, int]]) -> None:
    """Whatever happens: what is written is written once, in order, and nothing else is lost."""
    outgoing, numbers, ledger = Outgoing(SendBuffer()), itertools.count(), Ledger()
    queued: list[str | bytes] = []  # what the connection has, in frames
    written = given_out = 0
    everything: list[str | bytes] = []
    for step, value in [*steps, ("lose", 1)]:
        match step:
            case "put":
                outgoing.put(str(next(numbers)), now=0)
                given_out += 1
            case "take" if (message := outgoing.take(0)) is not None:
                queued.append(message)
                outgoing.accepted(ledger.receipt(message))
            case "send" if not len(outgoing):
                queued.append(str(next(numbers)))
                outgoing.accepted_at_once(ledger.receipt(queued[-1]), now=0)
                given_out += 1
            case "write":
                ledger.frames_out = min(len(queued), ledger.frames_out + value)
            case "lose":
                if value:
                    outgoing.take(0)  # the connection was about to take another one
                outgoing.end(in_doubt=ledger.frames_out)
                everything += queued[: ledger.frames_out]
                written += ledger.frames_out
                queued, ledger = [], Ledger()
                assert outgoing.in_doubt == written
    everything += take_all(outgoing)
    assert everything == [str(number) for number in range(given_out)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_messages": 0},
        {"max_messages": 1.5},
        {"max_bytes": True},
        {"max_age": 0},
        {"max_age": math.inf},
    ],
)
def test_impossible_buffers(wrong: dict[str, Any]) -> None:
    """A buffer that makes no sense is refused by name."""
    with pytest.raises((ValueError, TypeError), match=f"SendBuffer.{next(iter(wrong))}"):
        SendBuffer(**wrong)
