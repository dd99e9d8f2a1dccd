"""`trio_ws._protocol.protocol`: what a peer may do wrong, and what wsproto leaves to its user."""

from __future__ import annotations

import pytest

from trio_ws._ending import Close, Ending, Loss
from trio_ws._protocol.events import Pong
from trio_ws._protocol.send_queue import MAX_PENDING_PONGS
from trio_ws._protocol.states import State
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode

from .sides import BAD_UTF8, Side, close_frame, every_side, refused

# Frames that are forbidden (C7, A1)


@every_side
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_reserved_opcodes(side: Side, opcode: int) -> None:
    """A reserved opcode is a protocol error (RFC 6455 §5.2)."""
    protocol = side.protocol()
    protocol.feed(side.frame(opcode))
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG])
def test_reserved_bits(side: Side, opcode: int, rsv: int) -> None:
    """A reserved bit without an extension that defines it is a protocol error (§5.2)."""
    protocol = side.protocol()
    protocol.feed(side.frame(opcode, rsv=rsv))
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
@pytest.mark.parametrize("size", [0, 5, 125])
def test_wrong_masking(side: Side, opcode: int, size: int) -> None:
    """A client must mask its frames, and a server must not (§5.1)."""
    protocol = side.protocol()
    protocol.feed(encode(Frame(opcode, bytes(size), masked=side.client)))
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
@pytest.mark.parametrize("size", [126, 65535, 65536])
def test_long_control_frames(side: Side, opcode: int, size: int) -> None:
    """A control frame of more than 125 bytes is a protocol error, whole or not (§5.5)."""
    for missing in (0, 1, size):
        protocol = side.protocol()
        frame = side.frame(opcode, bytes(size))
        protocol.feed(frame[: len(frame) - missing])
        assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_in_fragments(side: Side, opcode: int) -> None:
    """A control frame that is not final is a protocol error (§5.5)."""
    protocol = side.protocol()
    protocol.feed(side.frame(opcode, fin=False))
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("before", [[], [TEXT], [BINARY, TEXT]])
def test_continuation_of_nothing(side: Side, before: list[int]) -> None:
    """A continuation without a message to continue is a protocol error, whatever came before."""
    protocol = side.protocol(max_message_size=10)
    for opcode in before:
        protocol.feed(side.frame(opcode, bytes(10)))
    protocol.feed(side.frame(CONTINUATION, b"a"))
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_within_a_message(side: Side, opcode: int) -> None:
    """A new message before the last one is finished is a protocol error (§5.4)."""
    protocol = side.protocol(max_message_size=10)
    protocol.feed(side.frame(TEXT, "unfinished", fin=False))
    protocol.feed(side.frame(opcode, b"a"))
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize(
    "head", ["7e 0000", "7e 007d", "7f 0000000000000001", "7f 000000000000ffff"]
)
def test_lengths_that_are_too_long(side: Side, head: str) -> None:
    """A length that is not in its shortest form is a protocol error (§5.2)."""
    length, *rest = bytes.fromhex(head)
    start = bytes([0x80 | BINARY, length | (0 if side.client else 0x80), *rest])
    protocol = side.protocol()
    protocol.feed(start + bytes(70_000))
    assert refused(side, protocol, 1002)


# Text that is not UTF-8: C7


@every_side
@pytest.mark.parametrize("bad", BAD_UTF8)
def test_bad_text(side: Side, bad: bytes) -> None:
    """Text that is not UTF-8 is refused with 1007, in one frame or in fragments (§8.1)."""
    frames = side.frame(TEXT, b"good", fin=False) + side.frame(0, bad[:1], fin=False)
    for data in (side.frame(TEXT, bad), frames + side.frame(0, bad[1:])):
        protocol = side.protocol()
        assert protocol.feed(data) == []
        assert refused(side, protocol, 1007)


@every_side
def test_bad_text_is_refused_at_once(side: Side) -> None:
    """Bad UTF-8 is refused as soon as it arrives, not when the message is there."""
    protocol = side.protocol()
    protocol.feed(side.frame(TEXT, b"\xff" + bytes(1000))[:20])
    assert refused(side, protocol, 1007)


@every_side
def test_text_that_looks_like_a_frame(side: Side) -> None:
    """The payload of a frame is never taken for a frame, wherever the bytes are cut."""
    protocol = side.protocol()
    mask, key = (0, b"") if side.client else (0x80, bytes(4))
    inner = bytes([0x81, mask | 2]) + key + b"hi"
    assert protocol.feed(bytes([0x81, mask | len(inner)]) + key) == []
    assert protocol.feed(inner) == []
    assert refused(side, protocol, 1007)


@every_side
def test_characters_across_fragments(side: Side) -> None:
    """A character may be cut by frames: only the message as a whole must be UTF-8."""
    protocol = side.protocol()
    data = "a€\N{GRINNING FACE}".encode()
    frames = [
        side.frame(TEXT if i == 0 else 0, data[i : i + 1], fin=False) for i in range(len(data))
    ]
    assert protocol.feed(b"".join(frames)) == []
    assert protocol.feed(side.frame(CONTINUATION)) == ["a€\N{GRINNING FACE}"]


# After a violation (A1, A18)


@every_side
def test_deaf_after_a_violation(side: Side) -> None:
    """After a violation nothing is listened to any more, nor kept."""
    protocol = side.protocol()
    bad, good = side.frame(TEXT, rsv=1), side.frame(TEXT, "good")
    assert protocol.feed(good + bad + good) == ["good"]
    assert refused(side, protocol, 1002)
    assert protocol.feed(good + bytes(1000) + good[:3]) == []
    assert protocol.feed(good) == []
    assert protocol.assembling == 0


@every_side
def test_deaf_after_a_loss(side: Side) -> None:
    """Bytes that are fed after the end are ignored, also the rest of a message (A18)."""
    protocol = side.protocol()
    message = side.frame(BINARY, bytes(1000))
    protocol.feed(message[:500])
    protocol.lose(Loss.EOF)
    assert protocol.feed(message[500:] + side.frame(TEXT, "next")) == []


@every_side
def test_a_violation_jumps_the_queue(side: Side) -> None:
    """What was queued when the peer broke the rules is not sent any more."""
    protocol = side.protocol()
    protocol.send("queued")
    protocol.feed(side.frame(PING) + side.frame(TEXT, rsv=1))
    assert refused(side, protocol, 1002)


@every_side
def test_a_close_is_no_violation(side: Side) -> None:
    """A peer that closes with 1002 has closed: it is not the peer that broke the rules (A1)."""
    protocol = side.protocol()
    protocol.feed(side.close(1002, "you did"))
    assert protocol.ending == Ending(
        sent=Close(1002), received=Close(1002, "you did"), received_first=True
    )


# Several frames in one chunk (A2, A3, A12)


@every_side
def test_a_ping_before_a_close(side: Side) -> None:
    """A ping and a close in one chunk are answered by a close alone; nothing raises (A2, A3)."""
    protocol = side.protocol()
    data = side.frame(TEXT, "a") + side.frame(PING, "b") + side.close(1000) + side.frame(PING)
    assert protocol.feed(data) == ["a"]
    assert side.said(protocol) == [close_frame(1000)]
    assert protocol.ending is not None
    assert protocol.ending.clean


@every_side
def test_pings_after_our_close(side: Side) -> None:
    """Once we have closed no ping is answered, nor a second Close (A3)."""
    protocol = side.protocol()
    protocol.close(1000)
    data = side.frame(PING) + side.close(1000) + side.close(1000) + side.frame(PING)
    assert protocol.feed(data) == []
    assert side.said(protocol) == [close_frame(1000)]


@every_side
def test_the_first_bytes(side: Side) -> None:
    """Frames may follow the handshake at once, in the same read, the last one incomplete (A12)."""
    protocol = side.protocol()
    data = side.frame(TEXT, "a") + side.frame(PING, "b") + side.frame(BINARY, b"cd")
    assert protocol.feed(data[:-1]) == ["a"]
    assert protocol.feed(data[-1:]) == [b"cd"]
    assert side.said(protocol) == [Frame(PONG, b"b")]


@every_side
def test_nothing_fed(side: Side) -> None:
    """No bytes are no happening."""
    protocol = side.protocol()
    assert protocol.feed(b"") == []
    assert protocol.state is State.OPEN


# Pings and pongs


@every_side
def test_unsolicited_pongs(side: Side) -> None:
    """A pong that answers nothing is noted and not answered (C8)."""
    protocol = side.protocol()
    assert protocol.feed(side.frame(PONG) + side.frame(PONG, "late")) == [Pong(b""), Pong(b"late")]
    assert side.said(protocol) == []
    assert protocol.state is State.OPEN


@every_side
def test_the_newest_pings_are_answered(side: Side) -> None:
    """Of pings that wait for their answers only the newest get one, in order (D7)."""
    protocol = side.protocol()
    pings = [str(number).encode() for number in range(MAX_PENDING_PONGS + 5)]
    protocol.feed(b"".join(side.frame(PING, ping) for ping in pings))
    assert side.said(protocol) == [Frame(PONG, ping) for ping in pings[-MAX_PENDING_PONGS:]]
