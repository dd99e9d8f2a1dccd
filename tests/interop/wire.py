"""What really went over the wire: a tap on a server's connection, and its bytes read as frames.

The reading of frames is done here once more, from RFC 6455 §5.2 and with nothing of the library,
so that a test which counts pings does not ask the library whether it was right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import trio

PING = 0x9
PONG = 0xA


@dataclass(frozen=True)
class Frame:
    """A frame as it was on the wire, its payload unmasked."""

    opcode: int
    payload: bytes
    fin: bool
    masked: bool


@dataclass
class Wire:
    """Every byte of one connection, each direction for itself, and a way to cut it."""

    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    stream: trio.SocketStream | None = None

    def frames_in(self) -> list[Frame]:
        """The frames that the peer sent so far."""
        return list(_frames(self.incoming))

    def frames_out(self) -> list[Frame]:
        """The frames that we sent so far."""
        return list(_frames(self.outgoing))

    def cut(self) -> None:
        """End the transport in both directions, under both sides' feet."""
        assert self.stream is not None
        self.stream.socket.shutdown(trio.socket.SHUT_RDWR)


class TappedListener(trio.abc.Listener[trio.abc.Stream]):
    """A listener that writes down what goes over the last connection which upgrades."""

    def __init__(self, listener: trio.SocketListener, wire: Wire) -> None:
        self.listener = listener
        self.wire = wire

    async def accept(self) -> trio.abc.Stream:
        """The next connection, tapped."""
        return TappedStream(await self.listener.accept(), self.wire)

    async def aclose(self) -> None:
        """Stop listening."""
        await self.listener.aclose()


class TappedStream(trio.abc.HalfCloseableStream):
    """A stream that writes down what goes through it once the peer has asked for an upgrade."""

    def __init__(self, stream: trio.SocketStream, wire: Wire) -> None:
        self.stream = stream
        self.wire = wire

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Read, and write down."""
        data = bytes(await self.stream.receive_some(max_bytes))
        if b"\r\nupgrade: websocket\r\n" in data.lower():
            self.wire.stream = self.stream
        if self.wire.stream is self.stream:
            self.wire.incoming += data
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write, and write down."""
        if self.wire.stream is self.stream:
            self.wire.outgoing += data
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """As the stream says."""
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End the outgoing direction."""
        await self.stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream."""
        await self.stream.aclose()


def _frames(data: bytes | bytearray) -> Iterator[Frame]:
    rest = bytes(data).partition(b"\r\n\r\n")[2]
    while rest:
        masked, length = bool(rest[1] & 0x80), rest[1] & 0x7F
        start = 2
        if length > 125:
            start += 2 if length == 126 else 8
            length = int.from_bytes(rest[2:start], "big")
        mask = rest[start : start + 4] if masked else bytes(4)
        start += 4 if masked else 0
        payload = rest[start : start + length]
        assert len(payload) == length, "the last frame is not complete"
        plain = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        yield Frame(rest[0] & 0x0F, plain, bool(rest[0] & 0x80), masked)
        rest = rest[start + length :]
