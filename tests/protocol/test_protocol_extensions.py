"""`trio_ws._protocol.protocol`: messages that extensions encode, on both paths."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws._ending import Loss
from trio_ws._errors import LocalProtocolError
from trio_ws._policies import Limits
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.extensions.base import RSV1, ExtensionCodec
from trio_ws._protocol.extensions.deflate import Deflate
from trio_ws._protocol.message_encoder import MessageEncoder
from trio_ws._protocol.protocol import ProtocolEvent, WebSocketProtocol
from trio_ws._protocol.shared_message import SharedMessage
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CONTINUATION, PING, PONG, TEXT

from ..toys import IdentityCodec, ReversingCodec
from .sides import SIDES, Side, every_side, read, refused
from .strategies import cut, cuts, damaged, fragments, frames_of, messages

KIB = 1024
IDENTITY, REVERSING = 2, 1
"""The reserved bits of the toys, as a frame of a peer tells them."""

LIMITS = Limits(max_message_size=200_000, max_fragments=8)


class Growing(ExtensionCodec):
    """Says 100 KiB for each byte, in parts of 50 KiB."""

    rsv = RSV1

    def encode(self, payload: bytes, *, finished: bool) -> bytes:
        """Return the first byte."""
        return payload[:1]

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Yield each byte many times."""
        for byte in payload:
            yield bytes([byte]) * 50 * KIB
            yield bytes([byte]) * 50 * KIB


def extended(
    side: Side, codecs: Sequence[ExtensionCodec] | None = None, limits: Limits = LIMITS
) -> WebSocketProtocol:
    """Make a protocol of our side that has agreed on both toys, or on something else."""
    decoder = side.decoder(limits.max_message_size)
    return WebSocketProtocol(
        client=side.client,
        limits=limits,
        decoder=decoder,
        codecs=[IdentityCodec(), ReversingCodec()] if codecs is None else codecs,
    )


# What we send


@every_side
def test_send(side: Side) -> None:
    """Messages leave encoded, with the bits of those that did it, whole or in fragments."""
    protocol = extended(side)
    protocol.send("abc")
    protocol.send(b"ab", finished=False)
    protocol.ping(b"x")
    protocol.send(b"c")
    assert side.said(protocol) == [
        Frame(PING, b"x"),
        Frame(TEXT, b"cba", rsv=IDENTITY | REVERSING),
        Frame(BINARY, b"", fin=False, rsv=IDENTITY | REVERSING),
        Frame(CONTINUATION, b"cba"),
    ]


@every_side
@pytest.mark.parametrize(
    ("compress", "size", "rsv"),
    [(None, 9, 0), (None, 10, 4), (False, 10, 0), (True, 0, 4)],
)
def test_which_messages(side: Side, compress: bool | None, size: int, rsv: int) -> None:
    """Small messages are left alone, unless the application decides."""
    protocol = extended(side, [IdentityCodec(RSV1, min_size=10, optional=True)])
    protocol.send(bytes(size), compress=compress)
    assert side.said(protocol) == [Frame(BINARY, bytes(size), rsv=rsv)]


@pytest.mark.parametrize("message", ["a", b"a"])
def test_a_message_that_is_left_alone_takes_the_usual_way(
    message: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that is not encoded does not even meet the encoder."""
    protocol = extended(Side(True), [IdentityCodec(RSV1, min_size=2)])
    monkeypatch.setattr(MessageEncoder, "encode", None)
    protocol.send(message)
    assert len(protocol.send_queue.take()) == 1


# What arrives


@every_side
def test_feed(side: Side) -> None:
    """Encoded and plain messages arrive alike, on either path."""
    protocol = extended(side)
    stream = b"".join(
        [
            side.frame(TEXT, "one"),
            side.frame(TEXT, b"owt", rsv=REVERSING),
            side.frame(PONG),
            side.frame(BINARY, b"eerht", rsv=IDENTITY | REVERSING),
            side.frame(TEXT, "four", rsv=IDENTITY),
            side.frame(BINARY, b"", rsv=REVERSING),
        ]
    )
    happened = [each for each in protocol.feed(stream) if isinstance(each, str | bytes)]
    assert happened == ["one", "two", b"three", "four", b""]
    assert protocol.ending is None


@every_side
def test_streamed(side: Side) -> None:
    """An encoded message can be taken in chunks."""
    protocol = extended(side)
    protocol.stream()
    frame = side.frame(TEXT, b"fedcba", rsv=REVERSING)
    assert protocol.feed(frame[:-3]) == []
    assert protocol.receiving_message
    assert protocol.feed(frame[-3:]) == [Chunk("abc", False, first=True), Chunk("def", True)]


@every_side
@pytest.mark.parametrize("together", [True, False])
def test_bad_content(side: Side, together: bool) -> None:
    """What is wrong with the content ends the connection; what came before it has arrived."""
    for bad, code in ((b"\xff", 1007), (b"\x00bad", 1007), (bytes(200_001), 1009)):
        protocol = extended(side)
        frames = [side.frame(TEXT, "good"), side.frame(TEXT, bad, rsv=REVERSING)]
        events: list[ProtocolEvent] = []
        for data in [b"".join(frames)] if together else frames:
            events += protocol.feed(data + side.frame(TEXT, "late") * together)
        assert events[:1] == ["good"]
        assert "late" not in events[2:]
        assert refused(side, protocol, code)
        assert protocol.feed(side.frame(TEXT, "later")) == []


@every_side
def test_fragments_are_counted(side: Side) -> None:
    """Fragments that say nothing count, too, before the message has said anything."""
    protocol = extended(side)
    protocol.feed(side.frame(TEXT, b"", fin=False, rsv=REVERSING))
    for _ in range(LIMITS.max_fragments):
        assert protocol.ending is None
        protocol.feed(side.frame(CONTINUATION, b"", fin=False))
    assert refused(side, protocol, 1009)


@every_side
def test_the_size_on_the_wire(side: Side) -> None:
    """A frame is a little larger than what it says, at most: the header is enough to refuse it."""
    limits = Limits(max_message_size=100_000)
    protocol = extended(side, limits=limits)
    protocol.feed(side.frame(BINARY, bytes(104_149), rsv=REVERSING)[:20])
    assert protocol.ending is None
    protocol = extended(side, limits=limits)
    protocol.feed(side.frame(BINARY, bytes(104_150), rsv=REVERSING)[:20])
    assert refused(side, protocol, 1009)


@every_side
def test_much_in_little(side: Side) -> None:
    """When little says very much, it is taken in turns; other bytes wait, and nothing is lost."""
    protocol = extended(side, [Growing()], Limits(max_message_size=1 << 20))
    frames = [side.frame(BINARY, b"x" * 5, rsv=4) for _ in range(6)]
    data = b"".join([*frames, side.frame(TEXT, "end")])
    events, turns = protocol.feed(data), 1
    while protocol.has_pending_input:
        got = protocol.feed(b"")
        assert sum(len(each) for each in got if isinstance(each, bytes)) <= 2 * 500 * KIB
        events, turns = events + got, turns + 1
    assert events == [b"x" * 500 * KIB] * 6 + ["end"]
    assert turns > 5


@every_side
def test_more_arrives_before_the_turn(side: Side) -> None:
    """What arrives while a message is still being decoded waits behind it."""
    protocol = extended(side, [Growing()], Limits(max_message_size=1 << 20))
    protocol.stream()
    events = protocol.feed(side.frame(BINARY, b"x" * 10, rsv=4))
    assert protocol.has_pending_input
    events += protocol.feed(side.frame(TEXT, "next"))
    assert protocol.has_pending_input
    while protocol.has_pending_input:
        events += protocol.feed(b"")
    chunks = [each for each in events if isinstance(each, Chunk)]
    assert sum(len(each.data) for each in chunks) == 1000 * KIB
    assert [each.finished for each in chunks] == [False] * (len(chunks) - 1) + [True]
    assert events[len(chunks) :] == ["next"]


@every_side
def test_the_end_while_decoding(side: Side) -> None:
    """A limit that is met in a later turn ends the connection; a loss leaves the rest undecoded."""
    protocol = extended(side, [Growing()], Limits(max_message_size=900 * KIB))
    protocol.stream()
    protocol.feed(side.frame(BINARY, b"x" * 10, rsv=4))
    while protocol.has_pending_input:
        protocol.feed(b"")
    assert refused(side, protocol, 1009)
    protocol = extended(side, [Growing()], Limits(max_message_size=1 << 20))
    protocol.feed(side.frame(BINARY, b"x" * 10, rsv=4))
    protocol.lose(Loss.EOF)
    assert protocol.feed(b"") == []
    assert not protocol.has_pending_input


# Both paths


@st.composite
def conversations(draw: st.DrawFn, side: Side) -> bytes:
    """Frames of a peer that encodes some of its messages, control frames anywhere."""
    frames: list[bytes] = []
    for message in draw(st.lists(messages, max_size=4)):
        payloads = draw(fragments(message))
        if draw(st.booleans()):
            frames += frames_of(side, message, payloads)
            continue
        opcode = TEXT if isinstance(message, str) else BINARY
        whole = b"".join(payloads)
        rsv = draw(st.sampled_from([IDENTITY, REVERSING, REVERSING, IDENTITY | REVERSING, 5]))
        if rsv & REVERSING:
            turned, payloads, size = whole[::-1], [], 0
            for each in draw(fragments(message)):
                payloads.append(turned[size : size + len(each)])
                size += len(each)
        frames += [
            side.frame(
                CONTINUATION if index else opcode,
                payload,
                fin=index == len(payloads) - 1,
                rsv=0 if index else rsv,
            )
            for index, payload in enumerate(payloads)
        ]
    for opcode in draw(st.lists(st.sampled_from([PING, PONG]), max_size=3)):
        frames.insert(draw(st.integers(0, len(frames))), side.frame(opcode, b"x"))
    return b"".join(frames)


@st.composite
def streams(draw: st.DrawFn) -> tuple[Side, bytes, tuple[int, ...]]:
    """A side, what its peer says, some of it damaged, and where that is cut."""
    side = draw(st.sampled_from(SIDES))
    data = draw(conversations(side))
    if draw(st.booleans()):
        data = draw(damaged(data))
    return side, data, draw(cuts(len(data)))


Arrive = Callable[[WebSocketProtocol, bytes], list[ProtocolEvent]]


def observe(side: Side, chunks: list[bytes], arrive: Arrive) -> list[object]:
    """Tell all that a protocol did about a stream, chunk by chunk."""
    protocol = extended(side)
    seen: list[object] = []
    for chunk in chunks:
        events = arrive(protocol, chunk)
        while protocol.has_pending_input:
            events += protocol.feed(b"")
        seen += [events, side.said(protocol), protocol.state, protocol.ending]
    return seen


def both_paths_agree(stream: tuple[Side, bytes, tuple[int, ...]]) -> None:
    """Check that both paths, and both ways to read, give the same after each chunk."""
    side, data, places = stream
    chunks = cut(data, places)
    slow = observe(Side(side.client, fast=False), chunks, WebSocketProtocol.feed)
    fast = Side(side.client, way=side.way)
    assert observe(fast, chunks, WebSocketProtocol.feed) == slow
    assert observe(fast, chunks, read) == slow


@settings(max_examples=500)
@given(streams())
def test_both_paths(stream: tuple[Side, bytes, tuple[int, ...]]) -> None:
    """Any stream in any chunking gives the same with the fast path and without it."""
    both_paths_agree(stream)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@settings(max_examples=20_000)
@given(streams())
def test_both_paths_very_often(stream: tuple[Side, bytes, tuple[int, ...]]) -> None:
    """The same for many streams."""
    both_paths_agree(stream)


@settings(max_examples=300)
@given(st.booleans(), st.booleans(), st.booleans(), st.lists(messages, max_size=5), st.data())
def test_two_ends(
    client: bool, ours: bool, theirs: bool, wanted: list[str | bytes], data: st.DataObject
) -> None:
    """Two ends that agreed understand each other, whole or in fragments, pings between."""
    sender, receiver = extended(Side(client, ours)), extended(Side(not client, theirs))
    for message in wanted:
        pieces: list[str | bytes] = [message]
        if data.draw(st.booleans()):
            middle = len(message) // 2
            pieces = [message[:middle], message[middle:]]
        for index, piece in enumerate(pieces):
            sender.send(piece, finished=index == len(pieces) - 1)
            sender.ping(b"x")
    wire = bytearray()
    while taken := sender.send_queue.take():
        wire += b"".join(taken)
    events: list[ProtocolEvent] = []
    for chunk in cut(bytes(wire), data.draw(cuts(len(wire)))):
        events += read(receiver, chunk)
    assert receiver.ending is None
    assert events == wanted


# permessage-deflate


def agreed(client: bool) -> list[ExtensionCodec]:
    """Return the codec of one end that agreed on compression."""
    agreement = DEFLATE.accept_offer(DEFLATE.offers()[0])
    assert agreement is not None
    ours = DEFLATE.accept_answer(agreement.parameters)
    assert ours is not None
    return [ours if client else agreement.codec]


DEFLATE = Deflate(threshold=0)


@st.composite
def compressed_streams(draw: st.DrawFn) -> tuple[Side, bytes, tuple[int, ...]]:
    """A side, what a peer of ours sends that compresses, some of it damaged, and the cuts."""
    side = draw(st.sampled_from(SIDES))
    peer = extended(Side(not side.client), agreed(not side.client))
    for message in draw(st.lists(messages, max_size=5)):
        middle = draw(st.integers(0, len(message)))
        if draw(st.booleans()):
            peer.send(message, compress=draw(st.sampled_from([None, False])))
        else:
            peer.send(message[:middle], finished=False)
            peer.ping(b"x")
            peer.send(message[middle:])
    wire = bytearray()
    while taken := peer.send_queue.take():
        wire += b"".join(taken)
    data = bytes(wire)
    if draw(st.integers(0, 2)) == 0:
        data = draw(damaged(data))
    return side, data, draw(cuts(len(data)))


def both_paths_decompress(stream: tuple[Side, bytes, tuple[int, ...]]) -> None:
    """Check that both paths give the same messages, bytes out and ending after each chunk."""
    side, data, places = stream
    seen = []
    for fast in (True, False):
        protocol = extended(Side(side.client, fast), agreed(side.client))
        told: list[object] = []
        for chunk in cut(data, places):
            events = protocol.feed(chunk)
            while protocol.has_pending_input:
                events += protocol.feed(b"")
            told += [events, side.said(protocol), protocol.state, protocol.ending]
        seen.append(told)
    assert seen[0] == seen[1]


@settings(max_examples=300)
@given(compressed_streams())
def test_both_paths_decompress(stream: tuple[Side, bytes, tuple[int, ...]]) -> None:
    """Compressed, fragmented, plain and damaged messages are the same on both paths."""
    both_paths_decompress(stream)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@settings(max_examples=20_000)
@given(compressed_streams())
def test_both_paths_decompress_very_often(stream: tuple[Side, bytes, tuple[int, ...]]) -> None:
    """The same for many streams."""
    both_paths_decompress(stream)


@every_side
def test_send_shared(side: Side) -> None:
    """A message for many connections leaves as any other, and the next one can be read, too."""
    sender, receiver = (
        extended(side, agreed(side.client)),
        extended(Side(not side.client), agreed(not side.client)),
    )
    shared = SharedMessage("shared" * 100)
    for _ in range(3):
        sender.send("own" * 100)
        sender.send_shared(shared)
    wire = b"".join(sender.send_queue.take())
    assert receiver.feed(wire) == ["own" * 100, "shared" * 100] * 3
    assert len(wire) < 600


@every_side
def test_send_shared_refused(side: Side) -> None:
    """A shared message may not come between fragments, nor after our close."""
    protocol = extended(side, agreed(side.client))
    protocol.send("a", finished=False)
    with pytest.raises(LocalProtocolError, match="must be finished"):
        protocol.send_shared(SharedMessage("b"))
    protocol.send("a")
    protocol.close(1000)
    with pytest.raises(LocalProtocolError, match="after our close"):
        protocol.send_shared(SharedMessage("b"))


def calls_for(codecs: Sequence[ExtensionCodec], message: str) -> list[str]:
    """Tell which functions, C functions included, a message there and back needs."""
    ends = [extended(Side(client), codecs if client else ()) for client in (True, False)]
    if codecs:
        ends = [extended(Side(client), agreed(client)) for client in (True, False)]
    called: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)
        elif event == "c_call":
            called.append(argument.__name__)  # type: ignore[attr-defined]

    for _ in range(2):
        called.clear()
        gc.disable()  # what it calls would be noted
        sys.setprofile(note)
        try:
            for sender, receiver in (ends, ends[::-1]):
                sender.send(message, compress=False)
                receiver.feed(b"".join(sender.send_queue.take()))
        finally:
            sys.setprofile(None)
            gc.enable()
    return called


def test_a_message_that_is_not_compressed_takes_no_call_more() -> None:
    """On a connection with compression, such a message goes the same way as on any other."""
    plain, negotiated = calls_for((), "x" * 1000), calls_for(agreed(True), "x" * 1000)
    added = [name for name in negotiated if name not in plain]
    assert added == []
