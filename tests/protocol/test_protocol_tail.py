"""`trio_ws._protocol.protocol`: a frame of which the rest is missing waits for it, once."""

from __future__ import annotations

import pytest

from trio_ws import Loss
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.protocol import WebSocketProtocol
from trio_ws._protocol.tail import MAX_TAIL
from trio_ws.testing._peer import BINARY, TEXT

from .sides import BAD_UTF8, SECRET, Side, read_shared

roles = pytest.mark.parametrize("side", [Side(client=True), Side(client=False)], ids=str)


@roles
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [1, 125, 126, 65_535, MAX_TAIL])
def test_waiting(side: Side, opcode: int, size: int) -> None:
    """An incomplete frame waits, and is whole when its rest has come."""
    protocol, frame = side.protocol(), side.frame(opcode, b"a" * size)
    wanted = b"a" * size if opcode == BINARY else "a" * size
    assert protocol.feed(frame[:-1]) == []
    assert protocol.unparsed == protocol.tail() == frame[:-1]
    assert protocol.receiving_message
    assert protocol.feed(frame[-1:]) == [wanted]
    assert not protocol.unparsed
    assert not protocol.receiving_message


@roles
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_what_is_too_long(side: Side, opcode: int) -> None:
    """A longer frame does not wait: the tail must leave room for what comes behind it."""
    protocol, frame = side.protocol(), side.frame(opcode, b"a" * (MAX_TAIL + 1))
    protocol.feed(frame[:-1])
    assert not protocol.unparsed
    assert protocol.buffering == (opcode == BINARY)


@roles
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_it_waits_once(side: Side, opcode: int) -> None:
    """A frame that is incomplete again is not put together anew with each piece of it."""
    protocol, frame = side.protocol(), side.frame(opcode, b"a" * 1000)
    protocol.feed(frame[:300])
    assert len(protocol.unparsed) == 300
    protocol.feed(frame[300:600])
    assert not protocol.unparsed
    assert protocol.receiving_message
    assert protocol.assembling == 600 - (len(frame) - 1000)
    assert protocol.feed(frame[600:]) == [b"a" * 1000 if opcode == BINARY else "a" * 1000]


@roles
def test_another_one_waits_again(side: Side) -> None:
    """The frame behind one that has waited may wait as well."""
    protocol, frame = side.protocol(), side.frame(TEXT, "hello")
    for _ in range(3):
        protocol.feed(frame[:4])
        assert protocol.feed(frame[4:] + frame[:4]) == ["hello"]
        assert protocol.unparsed == frame[:4]
        assert protocol.feed(frame[4:]) == ["hello"]


@roles
def test_it_is_counted(side: Side) -> None:
    """What waits is held, so backpressure has to know of it; half a header is not counted."""
    protocol, frame = side.protocol(), side.frame(BINARY, bytes(1000))
    protocol.feed(frame[:1])
    assert protocol.assembling == 0
    assert not protocol.receiving_message
    protocol.feed(frame[1:500])
    assert protocol.assembling == 500


@roles
@pytest.mark.parametrize("bad", [bad for bad in BAD_UTF8 if bad != b"a\xc3"])
def test_bad_text(side: Side, bad: bytes) -> None:
    """Bad text is refused as soon as it is there, though its frame is incomplete."""
    protocol = side.protocol()
    frame = side.frame(TEXT, b"good " + bad + b" and more")
    assert protocol.feed(frame[: -len(b" and more")]) == []
    assert protocol.ending is not None
    assert protocol.ending.loss is Loss.VIOLATION


@roles
def test_a_stream_gets_the_tail(side: Side) -> None:
    """A task that streams gets what is there of a text at once."""
    protocol, frame = side.protocol(), side.frame(TEXT, "hello, world")
    protocol.feed(frame[:-7])
    assert not protocol.buffering
    assert protocol.stream() == Chunk("hello", finished=False, first=True)
    assert protocol.feed(frame[-7:]) == [Chunk(", world", finished=True)]


@roles
def test_a_binary_tail_will_be_whole(side: Side) -> None:
    """A binary message that has begun on the fast path has no chunks."""
    protocol, frame = side.protocol(), side.frame(BINARY, b"hello")
    protocol.feed(frame[:-1])
    assert protocol.buffering
    assert protocol.feed(frame[-1:]) == [b"hello"]
    assert not protocol.buffering


def tails_of(side: Side) -> list[bytes]:
    """Bytes that end within a frame, of every kind of thing that is kept."""
    return [
        side.frame(TEXT, "text")[:-1],
        side.frame(BINARY, b"binary")[:-1],
        side.frame(BINARY, bytes(100_000))[:-1],
        side.frame(TEXT, "t" * 100_000)[:-1],
        side.frame(TEXT, "fragment", fin=False),
        side.frame(TEXT, "fragment", fin=False)[:-1],
        side.frame(9, b"ping")[:-1],
        side.frame(BINARY, b"")[:1],
        b"".join(side.frame(BINARY, b"many") for _ in range(2000)),
    ]


@roles
def test_secrets(side: Side) -> None:
    """Whatever is kept of a read, nothing of it changes when another connection is read."""
    for tail in tails_of(side):
        plain, shared = side.protocol(), side.protocol()
        for data in (side.frame(TEXT, "first") + tail, b"\x00", b"rest" * 40_000):
            expected = events_of(plain, data)
            assert read_shared(shared, data) == expected
            assert SECRET not in shared.unparsed
            assert shared.ending == plain.ending


def events_of(protocol: WebSocketProtocol, data: bytes) -> list[object]:
    """All that happens with these bytes."""
    events: list[object] = [*protocol.feed(data)]
    while protocol.has_pending_input:
        events += protocol.feed(b"")
    return events
