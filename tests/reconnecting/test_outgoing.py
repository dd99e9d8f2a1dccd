"""`_reconnecting.outgoing`: which messages wait, which are sent again, which are in doubt."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._reconnecting.outgoing import Outgoing, SendBuffer


def sent_directly(outgoing: Outgoing, *messages: str, frames_out: int = 0) -> None:
    for frame, message in enumerate(messages, 1):
        outgoing.accepted_at_once(message, frame, frames_out=frames_out, now=0)


def take_all(outgoing: Outgoing, now: float = 0) -> list[str | bytes]:
    taken = []
    while (message := outgoing.take(now)) is not None:
        taken.append(message)
        outgoing.accepted(len(taken))
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
    outgoing.end(frames_out=0, confirmed=0, delivered=False)
    assert len(outgoing) == 2
    assert take_all(outgoing, now=7) == ["b"]
    assert outgoing.expired == 1


def test_what_was_not_written_goes_out_again() -> None:
    """Messages that the connection had not begun to write come first on the next one."""
    outgoing = Outgoing(SendBuffer())
    sent_directly(outgoing, "a", "b", "c", "d")
    outgoing.put("e", now=0)
    outgoing.end(frames_out=2, confirmed=0, delivered=False)
    assert take_all(outgoing) == ["c", "d", "e"]
    assert outgoing.in_doubt == 2


def test_what_was_written_is_forgotten() -> None:
    """Messages are kept only until the connection writes them."""
    outgoing = Outgoing(None)
    sent_directly(outgoing, *"abcdef", frames_out=4)
    assert len(outgoing._accepted) == 2


def test_without_a_buffer_messages_never_expire() -> None:
    """What a connection took and did not write waits for as long as it takes."""
    outgoing = Outgoing(None)
    sent_directly(outgoing, "a")
    outgoing.end(frames_out=0, confirmed=0, delivered=False)
    assert take_all(outgoing, now=1e9) == ["a"]


@pytest.mark.parametrize(
    ("base", "out", "confirmed", "delivered", "in_doubt"),
    [
        (0, 5, 0, False, 5),
        (3, 5, 0, False, 2),
        (0, 5, 4, False, 1),
        (5, 5, 2, False, 0),
        (6, 5, 0, False, 0),
        (2, 4, 3, False, 1),
        (0, 5, 0, True, 0),
    ],
)
def test_in_doubt(base: int, out: int, confirmed: int, delivered: bool, in_doubt: int) -> None:
    """In doubt is what was written, unless a pong or a close handshake proves its arrival."""
    outgoing = Outgoing(None)
    outgoing.begin(base)
    for frame in range(base + 1, 6):
        outgoing.accepted_at_once("", frame, frames_out=0, now=0)
    outgoing.end(frames_out=out, confirmed=confirmed, delivered=delivered)
    assert outgoing.in_doubt == in_doubt


@pytest.mark.parametrize(
    ("frames", "out", "confirmed", "in_doubt"),
    [
        ([], 2, 0, 0),
        ([2], 4, 0, 1),
        ([2, 4, 7], 5, 0, 2),
        ([1], 3, 1, 0),
        ([1, 2, 4], 5, 2, 2),
    ],
)
def test_heartbeats_made_of_messages(
    frames: list[int], out: int, confirmed: int, in_doubt: int
) -> None:
    """They are not in doubt, but that the count is a bound once a pong has confirmed something."""
    outgoing = Outgoing(None)
    outgoing.begin(0)
    for frame in frames:
        outgoing.accepted_at_once("", frame, frames_out=0, now=0)
    outgoing.end(frames_out=out, confirmed=confirmed, delivered=False)
    assert outgoing.in_doubt == in_doubt


def test_each_connection_counts_anew() -> None:
    """What an earlier connection had written is not in doubt a second time."""
    outgoing = Outgoing(None)
    for _ in range(2):
        outgoing.begin(3)
        outgoing.accepted_at_once("", 4, frames_out=4, now=0)
        outgoing.end(frames_out=6, confirmed=0, delivered=False)
    assert outgoing.in_doubt == 2


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
    outgoing, numbers = Outgoing(SendBuffer()), itertools.count()
    queued: list[str | bytes] = []  # what the connection has, in frames
    written = frames_out = given_out = 0
    everything: list[str | bytes] = []
    for step, value in [*steps, ("lose", 1)]:
        match step:
            case "put":
                outgoing.put(str(next(numbers)), now=0)
                given_out += 1
            case "take" if (message := outgoing.take(0)) is not None:
                queued.append(message)
                outgoing.accepted(len(queued))
            case "send" if not len(outgoing):
                queued.append(str(next(numbers)))
                outgoing.accepted_at_once(queued[-1], len(queued), frames_out=frames_out, now=0)
                given_out += 1
            case "write":
                frames_out = min(len(queued), frames_out + value)
            case "lose":
                if value:
                    outgoing.take(0)  # the connection was about to take another one
                outgoing.end(frames_out=frames_out, confirmed=0, delivered=False)
                everything += queued[:frames_out]
                written += frames_out
                queued, frames_out = [], 0
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
