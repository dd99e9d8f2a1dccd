"""`trio_ws._protocol.protocol`: what we send, how we close, and how a peer is given up."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from trio_ws._ending import Close, Ending, Loss
from trio_ws._errors import ConnectionClosed, LocalProtocolError
from trio_ws._protocol.protocol import WebSocketProtocol
from trio_ws._protocol.states import State
from trio_ws._protocol.validation import truncate_reason
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CONTINUATION, PING, PONG, TEXT

from .sides import Side, close_frame, every_side, in_state


@every_side
@pytest.mark.parametrize("message", ["", "grüße", b"", b"\xff", "ä" * 70_000, bytes(200_000)])
def test_send(side: Side, message: str | bytes) -> None:
    """A message leaves as one frame of its kind."""
    protocol = side.protocol()
    protocol.send(message)
    data = message.encode() if isinstance(message, str) else message
    assert side.said(protocol) == [Frame(TEXT if isinstance(message, str) else BINARY, data)]


@every_side
def test_send_fragments(side: Side) -> None:
    """A message in fragments goes on with continuation frames until it is finished."""
    protocol = side.protocol()
    protocol.send("a", finished=False)
    assert protocol.mid_message
    protocol.send("", finished=False)
    protocol.send("b")
    assert not protocol.mid_message
    protocol.send(b"c")
    assert side.said(protocol) == [
        Frame(TEXT, b"a", fin=False),
        Frame(CONTINUATION, b"", fin=False),
        Frame(CONTINUATION, b"b"),
        Frame(BINARY, b"c"),
    ]


@every_side
def test_kinds_do_not_mix(side: Side) -> None:
    """A message that began as text cannot go on as binary, nor the other way round."""
    protocol = side.protocol()
    protocol.send("a", finished=False)
    with pytest.raises(LocalProtocolError, match="began as text and goes on with bytes"):
        protocol.send(b"b")
    protocol.send("b")
    protocol.send(b"c", finished=False)
    with pytest.raises(LocalProtocolError, match="began as binary and goes on with str"):
        protocol.send("d")


@every_side
@pytest.mark.parametrize("finished", [True, False])
def test_lone_surrogates(side: Side, finished: bool) -> None:
    """Text that is not valid Unicode is refused, and nothing has changed (HAZARDS A19)."""
    protocol = side.protocol()
    with pytest.raises(LocalProtocolError, match="surrogates not allowed at 1"):
        protocol.send("a\ud800", finished=finished)
    protocol.send("fine")
    assert side.said(protocol) == [Frame(TEXT, b"fine")]


@every_side
@pytest.mark.parametrize("name", ["ping", "pong"])
def test_control_frames(side: Side, name: str) -> None:
    """Pings and pongs leave with at most 125 bytes; more is refused and nothing has changed."""
    protocol = side.protocol()
    say: Callable[[bytes], None] = getattr(protocol, name)
    say(bytes(125))
    with pytest.raises(LocalProtocolError, match=f"a {name} has at most 125 bytes.*has 126"):
        say(bytes(126))
    assert side.said(protocol) == [Frame(PING if name == "ping" else PONG, bytes(125))]


@every_side
@pytest.mark.parametrize("name", ["send", "ping", "pong"])
def test_nothing_after_our_close(side: Side, name: str) -> None:
    """After our close nothing may be sent; after the end the refusal tells how it ended."""
    protocol = side.protocol()
    protocol.close(1000)
    say: Callable[[bytes], None] = getattr(protocol, name)
    with pytest.raises(LocalProtocolError, match="after our close"):
        say(b"a")
    protocol.feed(side.close(1000, "bye"))
    with pytest.raises(ConnectionClosed) as caught:
        say(b"a")
    assert caught.value.ending is protocol.ending


# Our close


@every_side
def test_close_and_the_queue(side: Side) -> None:
    """A close follows what is queued, even in the middle of a message."""
    protocol = side.protocol()
    protocol.send("a", finished=False)
    protocol.ping(b"b")
    protocol.close(1000, "bye")
    queued = [Frame(PING, b"b"), Frame(TEXT, b"a", fin=False)]
    assert side.said(protocol) == [*queued, close_frame(1000, "bye")]


@every_side
def test_only_the_first_close_counts(side: Side) -> None:
    """A second close says nothing, and the first stands in the ending."""
    protocol = side.protocol()
    protocol.close(1001, "first")
    protocol.close(1000, "second")
    assert side.said(protocol) == [close_frame(1001, "first")]
    protocol.feed(side.close(1001))
    assert protocol.ending == Ending(sent=Close(1001, "first"), received=Close(1001))


@every_side
@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65536, 70000])
def test_codes_that_may_not_be_sent(side: Side, code: int) -> None:
    """A code that may not be sent is refused, and the session stays open (HAZARDS A4)."""
    protocol = side.protocol()
    with pytest.raises(LocalProtocolError, match=f"close code {code} may not be sent"):
        protocol.close(code)
    assert protocol.state is State.OPEN
    assert side.said(protocol) == []


@every_side
@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999])
def test_codes_that_may_be_sent(side: Side, code: int) -> None:
    """Every code that may be sent leaves as it is."""
    protocol = side.protocol()
    protocol.close(code, "why")
    assert side.said(protocol) == [close_frame(code, "why")]


@every_side
def test_close_reason(side: Side) -> None:
    """A reason has at most 123 bytes of valid UTF-8; it is refused rather than cut."""
    protocol = side.protocol()
    with pytest.raises(LocalProtocolError, match=r"at most 123 bytes of UTF-8; this has 124"):
        protocol.close(1000, "ä" * 62)
    with pytest.raises(LocalProtocolError, match="valid Unicode"):
        protocol.close(1000, "\ud800")
    protocol.close(1000, "ä" * 61 + "a")
    assert side.said(protocol) == [close_frame(1000, "ä" * 61 + "a")]


@pytest.mark.parametrize(
    ("reason", "fits"),
    [("a" * 123, "a" * 123), ("a" * 124, "a" * 123), ("ä" * 62, "ä" * 61), ("\ud800", "?")],
)
def test_cut(reason: str, fits: str) -> None:
    """A reason of our own making is cut between characters to what fits into a frame."""
    assert truncate_reason(reason) == fits


# The peer is gone


@every_side
def test_farewell(side: Side) -> None:
    """A loss may come with a farewell, which jumps the queue."""
    protocol = side.protocol()
    protocol.send("queued")
    error = OSError("silence")
    protocol.lose(Loss.HEARTBEAT, "for long", cause=error, farewell=Close(1011, "timeout"))
    assert side.said(protocol) == [close_frame(1011, "timeout")]
    assert protocol.ending == Ending(
        sent=Close(1011, "timeout"), loss=Loss.HEARTBEAT, detail="for long"
    )
    assert protocol.ending.cause is error


@every_side
def test_loss_without_farewell(side: Side) -> None:
    """A loss without a farewell says nothing more and leaves the queue as it is."""
    protocol = side.protocol()
    protocol.send("queued")
    protocol.lose(Loss.EOF)
    assert protocol.ending == Ending(loss=Loss.EOF)
    assert side.said(protocol) == [Frame(TEXT, b"queued")]


@every_side
@pytest.mark.parametrize("detail", ["", "no answer in time"])
def test_loss_while_closing(side: Side, detail: str) -> None:
    """Whoever is lost after our close has not answered it; a second Close is never sent."""
    protocol = in_state(side, State.CLOSING)
    protocol.lose(Loss.EOF, detail, farewell=Close(1011))
    assert side.said(protocol) == []
    assert protocol.ending == Ending(
        sent=Close(1000), loss=Loss.UNANSWERED, detail=detail or Loss.EOF.value
    )


@every_side
def test_farewell_after_the_end(side: Side) -> None:
    """Whoever is given up after the end gets no farewell."""
    protocol = in_state(side, State.ENDED)
    protocol.lose(Loss.HEARTBEAT, farewell=Close(1011))
    assert side.said(protocol) == []


@every_side
def test_violation_while_closing(side: Side) -> None:
    """A peer that breaks the rules instead of answering our close has not answered it."""
    protocol = in_state(side, State.CLOSING)
    protocol.feed(side.frame(TEXT, rsv=2))
    assert protocol.ending is not None
    assert protocol.ending.loss is Loss.UNANSWERED
    assert protocol.ending.detail.startswith("the peer broke the protocol: ")


# Masks, which must be fresh and unpredictable: D11


def mask_keys(protocol: WebSocketProtocol, count: int) -> list[int]:
    """The keys of `count` equal frames, every tenth of them a ping."""
    keys = []
    for number in range(count):
        if number % 10:
            protocol.send(b"always the same")
        else:
            protocol.ping(b"always the same")
        [frame] = protocol.send_queue.take()
        keys.append(int.from_bytes(frame[2:6], "big"))
    return keys


@pytest.mark.parametrize("fast", [True, False])
def test_masks(fast: bool) -> None:
    """Of 10,000 frames each has a fresh key, and each bit of the keys is a coin.

    The bounds are wide: an honest coin misses one of them less than once in a million runs.
    """
    keys = mask_keys(Side(client=True, fast=fast).protocol(), 10_000)
    assert len(set(keys)) > 10_000 - 4
    steps = {(key - before) % 2**32 for before, key in itertools.pairwise(keys)}
    assert len(steps) > 10_000 - 4
    for bit in range(32):
        assert 4_650 < sum(key >> bit & 1 for key in keys) < 5_350


@pytest.mark.parametrize("fast", [True, False])
def test_masks_cannot_be_predicted(fast: bool) -> None:
    """The keys do not come from Python's own generator of random numbers, which can be seeded."""
    runs = []
    state = random.getstate()
    for _ in range(2):
        random.seed(1)
        runs.append(mask_keys(Side(client=True, fast=fast).protocol(), 1000))
    random.setstate(state)
    assert len(set(runs[0]) & set(runs[1])) < 3


def test_no_masks() -> None:
    """A server does not mask."""
    protocol = Side(client=False).protocol()
    protocol.send(b"a")
    assert protocol.send_queue.take() == [b"\x82\x01a"]
