"""What holds for a session whatever the bytes, however they are cut, whoever speaks when.

Each property is tried on some hundred examples, and with marker ``slow`` on some thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws._ending import Ending, Loss
from trio_ws._errors import WebSocketError
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.events import Pong
from trio_ws._protocol.protocol import ProtocolEvent, WebSocketProtocol
from trio_ws._protocol.send_queue import MAX_PENDING_PONGS
from trio_ws._protocol.states import State
from trio_ws.testing import Frame
from trio_ws.testing._peer import PING, PONG

from .sides import SIDES, Side, read
from .strategies import Stream, control_payloads, cuts, fragments, frames_of, messages, streams

Arrive = Callable[[WebSocketProtocol, bytes], list[ProtocolEvent]]

often = settings(max_examples=300)
very_often = settings(max_examples=5_000)


def slowly(test: Callable[..., None]) -> Callable[..., None]:
    """The same property on many more examples."""
    slow: Callable[..., None] = pytest.mark.slow(pytest.mark.timeout(1_200)(very_often(test)))
    return slow


def protocol_of(side: Side) -> WebSocketProtocol:
    """A session with limits that a stream meets now and then."""
    return side.protocol(max_message_size=200_000, max_fragments=8)


# Chunks


@dataclass
class Observation:
    """All that a session did about a stream."""

    events: list[ProtocolEvent]
    said: list[Frame]
    ending: Ending | None
    state: State


def observe(
    side: Side, chunks: list[bytes], arrive: Arrive = WebSocketProtocol.feed
) -> Observation:
    """Let one chunk after the other arrive at a session."""
    protocol = protocol_of(side)
    events = [produced for chunk in chunks for produced in arrive(protocol, chunk)]
    return Observation(events, side.said(protocol), protocol.ending, protocol.state)


def chunks_make_no_difference(stream: Stream) -> None:
    """Fed whole on the slow path or cut into chunks with it, a stream gives the same.

    So it does when the session says where what comes next is to be put.
    """
    slow_path = Side(stream.side.client, fast=False)
    expected = observe(slow_path, [stream.data])
    assert observe(stream.side, stream.chunks) == expected
    assert observe(stream.side, stream.chunks, read) == expected
    assert observe(slow_path, stream.chunks) == expected


@often
@given(streams())
def test_chunks(stream: Stream) -> None:
    """Any chunking of any stream gives the same happenings, bytes out, state and ending."""
    chunks_make_no_difference(stream)


@slowly
@given(streams())
def test_chunks_very_often(stream: Stream) -> None:
    """The same for many streams."""
    chunks_make_no_difference(stream)


@often
@given(streams(broken=False))
def test_parts(stream: Stream) -> None:
    """A message that is taken in parts is the same message; those after it are whole."""
    expected = observe(stream.side, [stream.data])
    protocol = protocol_of(stream.side)
    assert protocol.stream() is None
    events = [produced for chunk in stream.chunks for produced in protocol.feed(chunk)]
    parts = [each for each in events if isinstance(each, Chunk)]
    whole = [each for each in events if isinstance(each, str | bytes)]
    first = parts[0].data[:0] if parts else ""
    for part in parts:
        first += part.data  # type: ignore[operator]
    streamed = [first] if parts and parts[-1].finished else []
    assert streamed + whole == [each for each in expected.events if isinstance(each, str | bytes)]
    assert protocol.ending == expected.ending


# Control frames


@often
@given(st.data())
def test_control_frames_anywhere(data: st.DataObject) -> None:
    """Control frames between and inside messages, at any place, leave the messages as they are."""
    side = data.draw(st.sampled_from(SIDES))
    wanted = data.draw(st.lists(messages, min_size=1, max_size=3))
    frames = []
    for message in wanted:
        frames += frames_of(side, message, data.draw(fragments(message)))
    pings = data.draw(st.lists(control_payloads, max_size=MAX_PENDING_PONGS + 2))
    places = sorted(data.draw(st.integers(0, len(frames))) for _ in pings)
    for place, payload in reversed(list(zip(places, pings, strict=True))):
        frames[place:place] = [side.frame(PING, payload), side.frame(PONG, payload)]
    stream = b"".join(frames)
    protocol = protocol_of(side)
    events = []
    for chunk in Stream(side, stream, data.draw(cuts(len(stream)))).chunks:
        events += protocol.feed(chunk)
    assert [each for each in events if not isinstance(each, Pong)] == wanted
    assert [each.payload for each in events if isinstance(each, Pong)] == pings
    assert side.said(protocol) == [Frame(PONG, payload) for payload in pings[-MAX_PENDING_PONGS:]]


# Errors


def only_documented_errors(stream: Stream, calls: list[str]) -> None:
    """Feed a stream; then do what an application may do."""
    protocol = protocol_of(stream.side)
    for chunk in stream.chunks:
        protocol.feed(chunk)
    doing: dict[str, Callable[[], object]] = {
        "text": lambda: protocol.send("a"),
        "fragment": lambda: protocol.send(b"a", finished=False),
        "ping": lambda: protocol.ping(b"a"),
        "pong": lambda: protocol.pong(b"a"),
        "close": lambda: protocol.close(1000),
        "lose": lambda: protocol.lose(Loss.EOF),
        "stream": protocol.stream,
        "feed": lambda: protocol.feed(stream.data),
        "take": lambda: stream.side.said(protocol),
    }
    for call in calls:
        try:
            doing[call]()
        except WebSocketError:
            assert call not in ("close", "lose", "stream", "feed", "take")
    assert (protocol.ending is None) == (protocol.state is not State.ENDED)


calls = st.lists(
    st.sampled_from(
        ["text", "fragment", "ping", "pong", "close", "lose", "stream", "feed", "take"]
    ),
    max_size=8,
)


@often
@given(streams(), calls)
def test_errors(stream: Stream, calls: list[str]) -> None:
    """Whatever arrives and is done in whatever order, only documented errors come out (P10)."""
    only_documented_errors(stream, calls)


@slowly
@given(streams(), calls)
def test_errors_very_often(stream: Stream, calls: list[str]) -> None:
    """The same for many streams."""
    only_documented_errors(stream, calls)


# Two sessions


class Half:
    """One of two sessions that are joined by bytes."""

    def __init__(self, side: Side) -> None:
        self.protocol = protocol_of(side)
        self.wire = bytearray()
        """What it has written and the other has not read."""
        self.accepted: list[str | bytes] = []
        self.pinged: list[bytes] = []
        self.received: list[str | bytes] = []
        self.answers: list[bytes] = []

    def send(self, message: str | bytes, pieces: list[bytes]) -> None:
        """Send a message, in so many fragments if it is binary."""
        if self.protocol.state is not State.OPEN:
            return
        if isinstance(message, str):
            self.protocol.send(message)
        else:
            for piece in pieces[:-1]:
                self.protocol.send(piece, finished=False)
            self.protocol.send(pieces[-1])
        self.accepted.append(message)

    def ping(self) -> None:
        """Send a ping that is unlike all others."""
        if self.protocol.state is State.OPEN:
            self.pinged.append(str(len(self.pinged)).encode())
            self.protocol.ping(self.pinged[-1])

    def write(self) -> None:
        """Put one gulp on the wire."""
        self.wire += b"".join(self.protocol.send_queue.take())

    def read(self, other: Half, size: int) -> None:
        """Take so many bytes from the other's wire."""
        for produced in read(self.protocol, bytes(other.wire[:size])):
            if isinstance(produced, Pong):
                self.answers.append(bytes(produced.payload))
            else:
                assert not isinstance(produced, Chunk)
                self.received.append(produced)
        del other.wire[:size]

    def drain(self, other: Half) -> bool:
        """Write all and let the other read all; whether there was anything."""
        before = len(self.wire)
        while pieces := self.protocol.send_queue.take():
            self.wire += b"".join(pieces)
        moved = before + len(self.wire) > 0
        other.read(self, len(self.wire))
        return moved


@dataclass(frozen=True)
class Step:
    """One thing that happens to two joined sessions."""

    what: str
    ours: bool
    message: str | bytes
    pieces: list[bytes]
    size: int


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Anything that either side may do next; a close is rare."""
    what = draw(
        st.sampled_from(["send"] * 4 + ["ping"] * 3 + ["write"] * 6 + ["read"] * 6 + ["close"])
    )
    message = draw(messages) if what == "send" else ""
    pieces = draw(fragments(message)) if what == "send" else []
    return Step(
        what, draw(st.booleans()), message, pieces, draw(st.integers(1, 40) | st.just(10**6))
    )


def joined(steps: list[Step], paths: tuple[bool, bool]) -> tuple[Half, Half]:
    """Play the steps between a client and a server, then let everything arrive."""
    client, server = Half(Side(client=True, fast=paths[0])), Half(Side(client=False, fast=paths[1]))
    for step in steps:
        half, other = (client, server) if step.ours else (server, client)
        match step.what:
            case "send":
                half.send(step.message, step.pieces)
            case "ping":
                half.ping()
            case "write":
                half.write()
            case "read":
                half.read(other, step.size)
            case "close":
                half.protocol.close(4000 + step.size % 1000, "bye")
    while client.drain(server) | server.drain(client):
        pass
    return client, server


def they_agree(steps: list[Step], paths: tuple[bool, bool]) -> None:
    """Check what each of two joined sessions knows of the other."""
    client, server = joined(steps, paths)
    closed = any(step.what == "close" for step in steps)
    for half, other in ((client, server), (server, client)):
        ending, theirs = half.protocol.ending, other.protocol.ending
        assert (ending is not None) == closed
        if ending and theirs:
            assert ending.clean
            assert ending.received == theirs.sent
            assert not (ending.received_first and theirs.received_first)
        if ending and ending.received_first:
            assert other.received == half.accepted[: len(other.received)]
        else:
            assert other.received == half.accepted
        assert in_order(half.answers, half.pinged)
        if half.pinged and not closed:
            assert half.answers[-1] == half.pinged[-1]


def in_order(some: list[bytes], everything: list[bytes]) -> bool:
    """Whether `some` are among `everything`, in the same order."""
    rest = iter(everything)
    return all(each in rest for each in some)


paths = st.tuples(st.booleans(), st.booleans())


@often
@given(st.lists(steps(), max_size=30), paths)
def test_two_sessions(steps: list[Step], paths: tuple[bool, bool]) -> None:
    """Joined by bytes, in whatever order they speak, write and read, two sessions agree.

    All messages arrive, unless the peer closed first; pings are answered in order, the last one
    always; both endings tell the same.
    """
    they_agree(steps, paths)


@slowly
@given(st.lists(steps(), max_size=60), paths)
def test_two_sessions_very_often(steps: list[Step], paths: tuple[bool, bool]) -> None:
    """The same for many conversations."""
    they_agree(steps, paths)
