"""The targets that are about frames: several ways to read the same bytes, which must agree.

The careful way is wsproto's; the fast path reads what is simple by itself,
with the accelerator or in Python; and a connection reads large payloads straight to their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise

from trio_ws import Deflate, Limits, Loss, WebSocketError
from trio_ws._errors import closed
from trio_ws._handshake.extensions import agree
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.events import Pong
from trio_ws._protocol.extensions.base import ExtensionCodec
from trio_ws._protocol.protocol import ProtocolEvent, WebSocketProtocol
from trio_ws._protocol.states import State
from trio_ws.testing import Frame

from ..protocol.sides import parsed, protocol_of, read, read_shared
from ..protocol.ways import going

LIMITS = Limits(max_message_size=70_000, max_fragments=8)
Codecs = Sequence[ExtensionCodec]


def cut(data: bytes, choice: int) -> list[bytes]:
    """Cut bytes into pieces, as a number says: whole, two or three pieces, or single bytes."""
    if choice & 3 == 0:
        return [data]
    if choice & 3 == 3:
        size = 1 + (choice >> 2) % 7
        places: Sequence[int] = range(0, min(len(data), 200), size)
    else:
        places = [len(data) * (choice >> 2) // 64, (choice >> 2) * 3]
    inside = sorted({place for place in places if 0 < place < len(data)})
    return [data[start:end] for start, end in pairwise([0, *inside, len(data)])]


def stream(protocol: WebSocketProtocol) -> None:
    """Ask for a message in chunks; not while one arrives on the fast path, where it has none."""
    protocol.stream()


ACTS: list[Callable[[WebSocketProtocol], object]] = [
    lambda protocol: None,
    lambda protocol: protocol.send("a"),
    lambda protocol: protocol.send(b"a", finished=False),
    lambda protocol: protocol.ping(b"a"),
    stream,
    lambda protocol: protocol.close(4000, "bye"),
]
"""What an application may do between two pieces."""


def frames(data: bytes, *, client: bool, compressed: bool) -> None:
    """Let bytes arrive at a client or a server.

    The first byte says how the others are cut, and what the application does meanwhile.
    """
    choice, rest = data[:1] or b"\0", data[1:]
    act = ACTS[choice[0] % len(ACTS)] if choice[0] > 127 else ACTS[0]
    codecs: list[Codecs] = [_codecs(client) if compressed else () for _ in range(4)]
    careful = protocol_of(client, LIMITS, fast=False, codecs=codecs[0])
    with going("accelerator"):
        fast = protocol_of(client, LIMITS, codecs=codecs[1])
    with going("pure"):
        python = protocol_of(client, LIMITS, codecs=codecs[2])
        landing = protocol_of(client, LIMITS, codecs=codecs[3])
    arrivals = {fast: read_shared, python: feed_all, landing: read}
    for piece in cut(rest, choice[0] & 127):
        wanted, said = feed_all(careful, piece), frames_of(careful, client)
        for protocol, arrive in arrivals.items():
            assert arrive(protocol, piece) == wanted, "the paths disagree about what has arrived"
            assert protocol.state is careful.state, "the paths disagree about the state"
            assert protocol.ending == careful.ending, "the paths disagree about the ending"
            assert frames_of(protocol, client) == said, "the paths disagree about the answer"
        for event in wanted:
            check_event(event)
        busy = act is stream and any(protocol.buffering for protocol in arrivals)
        for protocol in (careful, *arrivals):
            with suppress(WebSocketError):
                ACTS[0](protocol) if busy else act(protocol)
            frames_of(protocol, client)
    check_end(careful, client)


def _codecs(client: bool) -> Codecs:
    return [each.codec for each in agree([Deflate(threshold=0)])[0 if client else 1]]


def feed_all(protocol: WebSocketProtocol, data: bytes) -> list[ProtocolEvent]:
    """Feed bytes, and let the protocol finish what it does in turns."""
    events = protocol.feed(data)
    while protocol.has_pending_input:
        events += protocol.feed(b"")
    return events


def frames_of(protocol: WebSocketProtocol, client: bool) -> list[Frame]:
    """Return what a protocol wants to write, in whole frames without their masks."""
    data = bytearray()
    while pieces := protocol.send_queue.take():
        data += b"".join(pieces)
    return parsed(data, masked=client)


def check_event(event: ProtocolEvent) -> None:
    """Check that what an application would be given is what it may expect."""
    if isinstance(event, str):
        event.encode()  # has no half of a pair of surrogates
    assert isinstance(event, str | bytes | Chunk | Pong)


def check_end(protocol: WebSocketProtocol, client: bool) -> None:
    """Let the stream end, and check what is said of that."""
    assert (protocol.ending is None) == (protocol.state is not State.ENDED)
    protocol.lose(Loss.EOF)
    assert protocol.ending is not None
    assert str(closed(protocol.ending)).isprintable()
    frames_of(protocol, client)


def frames_to_client(data: bytes) -> None:
    """What a server may send."""
    frames(data, client=True, compressed=False)


def frames_to_server(data: bytes) -> None:
    """What a client may send."""
    frames(data, client=False, compressed=False)


def compressed_to_client(data: bytes) -> None:
    """What a server may send that compresses."""
    frames(data, client=True, compressed=True)


def compressed_to_server(data: bytes) -> None:
    """What a client may send that compresses."""
    frames(data, client=False, compressed=True)
