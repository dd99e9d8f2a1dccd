"""`_protocol.protocol`: sizes are judged from the header, and memory stays within bounds."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from trio_ws._policies import MIB
from trio_ws._protocol.protocol import WebSocketProtocol
from trio_ws._protocol.states import State
from trio_ws.testing._peer import BINARY, CONTINUATION, PING, PONG, TEXT

from .sides import Side, every_side, refused

NOTHING = 64 * 1024
"""So many bytes are noise: a Close frame, an ending, the texts in it."""


@dataclass
class Memory:
    """Bytes allocated in a block: at most at any time, and still at its end."""

    peak: int = 0
    kept: int = 0


@contextmanager
def measured() -> Generator[Memory]:
    """Measure the memory that a block allocates, without that of a coverage run."""
    memory = Memory()
    trace = sys.gettrace()
    sys.settrace(None)
    tracemalloc.start()
    try:
        yield memory
        memory.kept, memory.peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        sys.settrace(trace)


def header(side: Side, opcode: int, length: int, *, fin: bool = True) -> bytes:
    """A header that declares a length, in its shortest form, from our peer."""
    mask = 0 if side.client else 0x80
    first = 0x80 * fin | opcode
    key = b"" if side.client else b"key!"
    if length < 126:
        return bytes([first, mask | length]) + key
    if length < 65536:
        return bytes([first, mask | 126]) + length.to_bytes(2, "big") + key
    return bytes([first, mask | 127]) + length.to_bytes(8, "big") + key


def feed_each(protocol: WebSocketProtocol, chunks: Iterable[bytes]) -> None:
    """Feed one chunk after the other and drop what happens."""
    for chunk in chunks:
        protocol.feed(chunk)


# The declared length


@every_side
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(
    ("limit", "length"),
    [
        (10, 11),
        (2**16 - 2, 2**16 - 1),
        (2**16 - 1, 2**16),
        (2**16, 2**16 + 1),
        (MIB, 2**31),
        (MIB, 2**32),
        (MIB, 2**63 - 1),
        (2**62, 2**63 - 1),
    ],
)
def test_declared_length(side: Side, opcode: int, limit: int, length: int) -> None:
    """A frame over the limit is refused from its header, and nothing is allocated (D3)."""
    protocol = side.protocol(max_message_size=limit)
    start = header(side, opcode, length)
    with measured() as memory:
        protocol.feed(start[:-1])
        state_before_the_last_byte = protocol.state
        protocol.feed(start[-1:])
    assert state_before_the_last_byte is State.OPEN
    assert refused(side, protocol, 1009)
    assert memory.peak < NOTHING


@every_side
@pytest.mark.parametrize("limit", [1, 125, 126, 2**16 - 1, 2**16, 2**16 + 1])
def test_at_the_limit(side: Side, limit: int) -> None:
    """A message of just the limit is accepted, in one frame or in fragments."""
    protocol = side.protocol(max_message_size=limit)
    whole = side.frame(BINARY, bytes(limit))
    fragments = side.frame(BINARY, bytes(limit - 1), fin=False) + side.frame(0, bytes(1))
    for data in (whole, fragments, whole, fragments):
        assert protocol.feed(data) == [bytes(limit)]


@every_side
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_sum_of_fragments(side: Side, opcode: int) -> None:
    """Fragments are judged by their sum, the last one from its header (D3)."""
    protocol = side.protocol(max_message_size=MIB)
    protocol.feed(side.frame(opcode, bytes(MIB - 100), fin=False))
    protocol.feed(side.frame(CONTINUATION, bytes(100), fin=False))
    assert protocol.state is State.OPEN
    start = header(side, CONTINUATION, 2**63 - 1, fin=False)
    with measured() as memory:
        protocol.feed(start)
    assert refused(side, protocol, 1009)
    assert memory.peak < NOTHING


@every_side
def test_the_sum_begins_anew(side: Side) -> None:
    """Each message has the whole limit, whatever the one before it had, and so have streams."""
    protocol = side.protocol(max_message_size=10, max_fragments=2)
    for _ in range(5):
        protocol.feed(side.frame(BINARY, bytes(9), fin=False))
        assert protocol.feed(side.frame(CONTINUATION, bytes(1))) == [bytes(10)]


@every_side
def test_text_is_counted_in_bytes(side: Side) -> None:
    """The size of text is that of its UTF-8, not the number of characters (A17)."""
    protocol = side.protocol(max_message_size=9)
    assert protocol.feed(side.frame(TEXT, "€" * 3)) == ["€" * 3]
    protocol.feed(side.frame(TEXT, "€" * 4))
    assert refused(side, protocol, 1009)


@every_side
def test_streams_are_limited_too(side: Side) -> None:
    """A message that is taken in parts may not be larger than the limit either."""
    protocol = side.protocol(max_message_size=10)
    protocol.stream()
    protocol.feed(side.frame(BINARY, bytes(10), fin=False))
    protocol.feed(side.frame(CONTINUATION, bytes(1)))
    assert refused(side, protocol, 1009)


# Fragments and small writes, which must not cost more than they bring: A16 and D2


@every_side
@pytest.mark.parametrize("size", [0, 1])
def test_many_fragments(side: Side, size: int) -> None:
    """Fragments are counted, empty ones too; one over the limit is refused with 1009."""
    protocol = side.protocol(max_fragments=100)
    more = side.frame(CONTINUATION, bytes(size), fin=False)
    protocol.feed(side.frame(BINARY, bytes(size), fin=False) + more * 98)
    assert protocol.feed(side.frame(CONTINUATION, b"!")) == [bytes(99 * size) + b"!"]
    protocol.feed(side.frame(BINARY, bytes(size), fin=False) + more * 99)
    assert protocol.state is State.OPEN
    protocol.feed(more)
    assert refused(side, protocol, 1009)
    assert protocol.ending is not None
    assert protocol.ending.detail == "a message of more fragments than Limits.max_fragments, 100"


@every_side
def test_fragments_of_a_stream_are_not_counted(side: Side) -> None:
    """Nothing is kept of a message that is streamed or dropped: it may have any number (F3.4)."""
    protocol = side.protocol(max_fragments=10)
    more = side.frame(CONTINUATION, b"x", fin=False)
    protocol.stream()
    protocol.feed(side.frame(BINARY, b"x", fin=False) + more * 50)
    protocol.assembler.skip_rest()
    protocol.feed(more * 50)
    assert protocol.feed(side.frame(CONTINUATION, b"x") + side.frame(TEXT, "next")) == ["next"]
    protocol.feed(side.frame(BINARY, b"x", fin=False) + more * 9)
    assert protocol.state is State.OPEN
    protocol.feed(more)
    assert refused(side, protocol, 1009)


@every_side
def test_a_message_that_is_never_finished(side: Side) -> None:
    """A flood of empty fragments is refused at the cap, and keeps nothing meanwhile (D2)."""
    protocol = side.protocol()
    more = side.frame(CONTINUATION, fin=False)
    protocol.feed(side.frame(TEXT, fin=False))
    with measured() as memory:
        for _ in range(4095):
            protocol.feed(more)
        kept = tracemalloc.get_traced_memory()[0]
        assert protocol.state is State.OPEN
        protocol.feed(more)
    assert refused(side, protocol, 1009)
    assert kept < NOTHING
    assert memory.kept < NOTHING


def in_fragments(side: Side, opcode: int, count: int) -> None:
    """Send a message in fragments of one byte, but for the last, and measure."""
    protocol = side.protocol(max_fragments=count)
    more = side.frame(CONTINUATION, "a", fin=False)
    protocol.feed(side.frame(opcode, "a", fin=False))
    with measured() as memory:
        feed_each(protocol, (more for _ in range(count - 2)))
    assert memory.kept < 1.25 * count + NOTHING
    whole = "a" * count
    assert protocol.feed(side.frame(CONTINUATION, "a")) == [
        whole if opcode == TEXT else whole.encode()
    ]


def in_small_writes(side: Side, opcode: int, count: int) -> None:
    """Send a frame in writes of one byte, but for the last, and measure."""
    protocol = side.protocol()
    whole = "a" * count
    frame = side.frame(opcode, whole)
    with measured() as memory:
        feed_each(protocol, (frame[index : index + 1] for index in range(len(frame) - 1)))
    assert memory.kept < 1.25 * count + NOTHING
    assert protocol.feed(frame[-1:]) == [whole if opcode == TEXT else whole.encode()]


@every_side
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("send", [in_fragments, in_small_writes])
def test_drips(send: Callable[[Side, int, int], None], opcode: int, side: Side) -> None:
    """A message that comes byte by byte costs at most a quarter above its payload."""
    send(side, opcode, 4096)


@pytest.mark.slow
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("send", [in_fragments, in_small_writes])
def test_large_drips(send: Callable[[Side, int, int], None], opcode: int) -> None:
    """Nor does a larger one."""
    send(Side(client=False), opcode, MIB // 8)


@every_side
def test_a_control_frame_in_writes_of_one_byte(side: Side) -> None:
    """The pieces of a control frame wait until it is whole, and cost no more than the frame."""
    protocol = side.protocol()
    frame = side.frame(PING, bytes(125))
    with measured() as memory:
        feed_each(protocol, (frame[index : index + 1] for index in range(len(frame) - 1)))
    assert memory.kept < NOTHING
    protocol.feed(frame[-1:])
    assert [pong.payload for pong in side.said(protocol)] == [bytes(125)]


@every_side
def test_a_large_message_is_not_copied_often(side: Side) -> None:
    """While a large message is assembled there are never more than three copies of it."""
    size = 4 * MIB
    protocol = side.protocol(max_message_size=size)
    frame = side.frame(BINARY, bytes(size))
    chunks = [frame[start : start + 65536] for start in range(0, len(frame), 65536)]
    with measured() as memory:
        feed_each(protocol, chunks)
    assert memory.peak < 3.25 * size


# Floods of control frames (D7)


def flood(side: Side, count: int) -> None:
    """Ping a session `count` times while nothing is written, and measure."""
    protocol = side.protocol()
    pings = b"".join(side.frame(PING, bytes(125)) for _ in range(500))
    protocol.feed(pings)
    with measured() as memory:
        feed_each(protocol, (pings for _ in range(count // 500)))
        gc.collect()
    assert memory.kept < 16 * 1024
    assert protocol.send_queue.control_size == 0
    assert protocol.state is State.OPEN


@every_side
def test_ping_flood(side: Side) -> None:
    """A flood of pings that nobody can answer costs no memory."""
    flood(side, 5_000)


@pytest.mark.slow
@every_side
def test_large_ping_flood(side: Side) -> None:
    """Nor do 100,000 pings."""
    flood(side, 100_000)


@every_side
def test_pong_flood(side: Side) -> None:
    """A flood of pongs that answer nothing leaves nothing behind in the session."""
    protocol = side.protocol()
    pongs = side.frame(PONG, bytes(125)) * 500
    with measured() as memory:
        feed_each(protocol, (pongs for _ in range(10)))
        gc.collect()
    assert memory.kept < NOTHING


# The end


@every_side
def test_garbage_after_a_violation(side: Side) -> None:
    """A peer that goes on sending after it was refused fills nothing (A1)."""
    protocol = side.protocol()
    protocol.feed(side.frame(TEXT, rsv=1))
    garbage = bytes(65536)
    with measured() as memory:
        feed_each(protocol, (garbage for _ in range(1000)))
    assert memory.peak < NOTHING
