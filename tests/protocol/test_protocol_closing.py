"""`trio_ws._protocol.protocol`: what stands in the peer's Close, and what it makes of us."""

from __future__ import annotations

import pytest

from trio_ws._ending import Close, Ending, Loss
from trio_ws._protocol.states import State
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from .sides import BAD_UTF8, Side, close_frame, every_side, refused


@every_side
@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
)
def test_codes_that_may_be_received(side: Side, code: int) -> None:
    """Every registered code is accepted and answered, 1014 too (A5), whole or byte by byte."""
    for size in (1, 1000):
        protocol = side.protocol()
        frame = side.close(code, "grüße")
        for start in range(0, len(frame), size):
            protocol.feed(frame[start : start + size])
        assert protocol.ending == Ending(
            sent=Close(code), received=Close(code, "grüße"), received_first=True
        )
        assert side.said(protocol) == [close_frame(code)]


@every_side
@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
)
def test_codes_that_may_not_be_received(side: Side, code: int) -> None:
    """A code that may not be sent is a protocol error when it comes (§7.4)."""
    protocol = side.protocol()
    protocol.feed(side.close(code))
    assert refused(side, protocol, 1002)


@every_side
def test_close_without_a_code(side: Side) -> None:
    """An empty Close stands for 1005, and is answered by an empty one (§5.5.1)."""
    protocol = side.protocol()
    protocol.feed(side.frame(CLOSE))
    assert side.said(protocol) == [Frame(CLOSE)]
    assert protocol.ending == Ending(sent=Close(1005), received=Close(1005), received_first=True)
    assert protocol.ending.normal


@every_side
def test_close_with_half_a_code(side: Side) -> None:
    """A Close of one byte is a protocol error (§5.5.1)."""
    protocol = side.protocol()
    protocol.feed(side.frame(CLOSE, b"\x03"))
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("bad", BAD_UTF8)
@pytest.mark.parametrize("code", [1000, 1014])
def test_bad_reasons(side: Side, bad: bytes, code: int) -> None:
    """A reason that is not UTF-8 is refused with 1007."""
    protocol = side.protocol()
    protocol.feed(side.close(code, bad))
    assert refused(side, protocol, 1007)


@every_side
@pytest.mark.parametrize("reason", ["a\r\nb", "\0", "\x1b[31m", "\N{RIGHT-TO-LEFT OVERRIDE}"])
def test_reasons_that_are_not_printable(side: Side, reason: str) -> None:
    """A reason is kept as it came, but escaped where it is shown (D9)."""
    protocol = side.protocol()
    protocol.feed(side.close(4000, reason))
    assert protocol.ending is not None
    assert protocol.ending.reason == reason
    assert str(protocol.ending).isprintable()


@every_side
def test_what_we_say_of_a_violation_is_printable(side: Side) -> None:
    """The reason that we give fits into a frame and can be shown."""
    for opcode, payload in ((TEXT, b"\xff\x1b"), (15, b""), (CLOSE, b"\x03")):
        protocol = side.protocol()
        protocol.feed(side.frame(opcode, payload))
        assert protocol.ending is not None
        assert protocol.ending.sent is not None
        assert protocol.ending.sent.reason.isprintable()
        assert protocol.ending.detail.isprintable()


@every_side
def test_close_of_the_peer_drops_the_queue(side: Side) -> None:
    """When the peer closes, what was queued is dropped and the answer goes out (P8)."""
    protocol = side.protocol()
    protocol.send("queued")
    protocol.ping(b"queued")
    protocol.feed(side.close(1000))
    assert side.said(protocol) == [close_frame(1000)]


@every_side
def test_closing_at_once(side: Side) -> None:
    """When both close at once neither answers, and both have closed cleanly."""
    protocol = side.protocol()
    protocol.close(1001, "ours")
    protocol.feed(side.close(4000, "theirs"))
    assert side.said(protocol) == [close_frame(1001, "ours")]
    assert protocol.ending == Ending(sent=Close(1001, "ours"), received=Close(4000, "theirs"))


@every_side
def test_messages_under_way_when_we_close(side: Side) -> None:
    """What the peer sent before it saw our close still arrives, also a message in fragments."""
    protocol = side.protocol()
    protocol.feed(side.frame(TEXT, "a", fin=False))
    protocol.close(1000)
    frames = [side.frame(PING), side.frame(CONTINUATION, "b"), side.frame(BINARY, b"c")]
    assert protocol.feed(b"".join(frames)) == ["ab", b"c"]
    assert protocol.state is State.CLOSING


@every_side
def test_age_and_silence(side: Side) -> None:
    """The ending tells what is measured at the moment of the end, and nothing later."""
    protocol = side.protocol()
    asked = iter([(3.5, 1.5, "why")])
    protocol.measure_with(lambda: next(asked))
    protocol.lose(Loss.EOF)
    protocol.lose(Loss.BROKEN)
    assert protocol.ending is not None
    assert (protocol.ending.age, protocol.ending.silence) == (3.5, 1.5)
    assert protocol.ending.detail == ""


@every_side
@pytest.mark.parametrize(
    ("code", "before", "told"),
    [(1002, b"", "why"), (1000, b"", ""), (1008, b"", ""), (1002, b"pong", "")],
)
def test_a_hint_why_the_peer_closes(side: Side, code: int, before: bytes, told: str) -> None:
    """A Close with an error tells what the connection knows of its reason; a pong is against it."""
    protocol = side.protocol()
    protocol.measure_with(lambda: (0, 0, "why"))
    protocol.feed(
        (side.frame(PONG, before) if before else b"") + side.frame(CLOSE, code.to_bytes(2, "big"))
    )
    assert protocol.ending is not None
    assert protocol.ending.received_first
    assert protocol.ending.detail == told


@every_side
def test_no_hint_if_we_close_first(side: Side) -> None:
    """The answer to our own Close needs no reason."""
    protocol = side.protocol()
    protocol.measure_with(lambda: (0, 0, "why"))
    protocol.close(1000)
    protocol.feed(side.frame(CLOSE, (1002).to_bytes(2, "big")))
    assert protocol.ending is not None
    assert protocol.ending.detail == ""
