"""`trio_ws._protocol.protocol`: a long message is read straight to where it will be used."""

from __future__ import annotations

import random

import pytest

from trio_ws._ending import Close, Ending, Loss
from trio_ws._protocol.protocol import WebSocketProtocol
from trio_ws.testing._peer import BINARY, TEXT

from .sides import Side, close_frame, every_side, read, refused

LONG = random.Random(6455).randbytes(300_000)


def begun(side: Side, come: int) -> tuple[WebSocketProtocol, bytes]:
    """A session to which so many bytes of a long message have come, and the rest of the frame."""
    protocol, frame = side.protocol(), side.frame(BINARY, LONG)
    come += len(frame) - len(LONG)
    assert protocol.feed(frame[:come]) == []
    return protocol, frame[come:]


def put(protocol: WebSocketProtocol, data: bytes) -> memoryview:
    """Read bytes to the buffer, with which nothing happens yet; return the buffer."""
    buffer = protocol.get_buffer()
    assert buffer is not None
    size = len(buffer)
    buffer[: len(data)] = data
    assert protocol.buffer_updated(len(data)) == []
    return memoryview(bytes(size))


@every_side
def test_landing(side: Side) -> None:
    """What is missing of a long message can be read to its place, but not the last gulp of it."""
    protocol, rest = begun(side, 100_000)
    assert (protocol.get_buffer() is not None) == protocol.wants_buffer == side.fast
    if side.fast:
        assert len(put(protocol, rest[:130_000])) == 200_000
        assert protocol.assembling == 230_000
        assert len(put(protocol, rest[130_000:134_464])) == 70_000
        put(protocol, rest[134_464:134_465])
        assert protocol.get_buffer() is None
        assert not protocol.wants_buffer
        rest = rest[134_465:]
    assert protocol.feed(rest + side.frame(TEXT, "next")) == [LONG, "next"]
    assert protocol.get_buffer() is None
    assert protocol.assembling == 0


@every_side
def test_landed(side: Side) -> None:
    """A message that landed in full has happened, and the next one is judged as ever."""
    protocol, rest = begun(side, 0)
    assert read(protocol, rest) == [LONG]
    assert not protocol.buffering
    assert protocol.feed(side.frame(TEXT, "next")) == ["next"]
    assert read(protocol, b"\xff" * 20) == []
    assert refused(side, protocol, 1002)


@every_side
@pytest.mark.parametrize("end", ["lose", "farewell"])
def test_landed_after_the_end(side: Side, end: str) -> None:
    """When the connection is lost while a message lands, that message never happens."""
    protocol, rest = begun(side, 100_000)
    landing = protocol.get_buffer() or memoryview(bytearray(len(rest)))
    landing[:] = rest
    protocol.lose(Loss.HEARTBEAT, farewell=Close(1001) if end == "farewell" else None)
    assert protocol.buffer_updated(len(landing)) == []
    assert protocol.feed(rest) == []
    assert len(side.said(protocol)) == (end == "farewell")


@every_side
def test_closing_while_a_message_lands(side: Side) -> None:
    """Our Close does not disturb a message that is landing; it is whole when the peer answers."""
    protocol, rest = begun(side, 100_000)
    protocol.close(1000)
    assert read(protocol, rest[:50_000]) == []
    assert side.said(protocol) == [close_frame(1000)]
    assert read(protocol, rest[50_000:] + side.close(1000)) == [LONG]
    assert protocol.ending == Ending(sent=Close(1000), received=Close(1000))


@every_side
@pytest.mark.parametrize("come", [0, 1, 4, 8, 100, 60_000])
def test_short_messages_do_not_land(side: Side, come: int) -> None:
    """Between messages, in the middle of a header, or of a short message, there is no landing."""
    protocol = side.protocol()
    protocol.feed(side.frame(BINARY, bytes(65_535))[:come])
    assert protocol.get_buffer() is None


@every_side
def test_nothing_lands_of_fragments(side: Side) -> None:
    """A message in fragments is judged by wsproto, and so is one over the limit."""
    protocol = side.protocol()
    protocol.feed(side.frame(BINARY, LONG, fin=False)[:1_000])
    assert protocol.get_buffer() is None
    assert not protocol.buffering
    protocol = side.protocol(max_message_size=len(LONG) - 1)
    protocol.feed(side.frame(BINARY, LONG)[:14])
    assert protocol.get_buffer() is None
    assert refused(side, protocol, 1009)
