"""What crosses the wire, overheard at both ends: frames with their opcode and length.

A `Tap` is a stream around a stream.  It passes bytes on, and reads along:
first the head of an HTTP message, then frame after frame (RFC 6455 §5.2).
Each frame is told twice, when one end writes it and when the other has read it.
A frame that is told once was lost, or is still under way.

Nothing is kept but the beginning of a payload, so a frame may be as large as it likes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import trio

Tell: TypeAlias = Callable[..., None]
"""``tell(kind, **facts)``: how the world says what happens."""

Side: TypeAlias = Literal["client", "server"]

NAMES = {0: "more", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
END_OF_HEAD = b"\r\n\r\n"
PREVIEW = 48
"""So many bytes of a payload are shown."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is shown of a frame.

    Attributes:
        name: of its opcode; of a head of HTTP, how that begins.
        size: bytes of payload.
        text: the beginning of the payload, for people to read.
    """

    name: str
    size: int
    text: str


class Reader:
    """Reads along in one direction of a connection."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._in_head = True
        self._frame: tuple[str, int, bytes] | None = None
        self._seen = 0

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Frame]:
        """Yield the frames that end in `data`."""
        self._data += data
        if self._in_head:
            yield from self._read_head()
        while not self._in_head and (frame := self._read_frame()) is not None:
            yield frame

    def _read_head(self) -> Iterator[Frame]:
        head, end, rest = bytes(self._data).partition(END_OF_HEAD)
        if end:
            first = head.partition(b"\r\n")[0].decode("latin-1")
            self._in_head, self._data = False, bytearray(rest)
            yield Frame("http", len(head) + len(end), first)

    def _read_frame(self) -> Frame | None:
        """Return the next frame if it is there to its end; keep only what is shown of it."""
        if self._frame is None:
            self._frame = self._read_header()
        if self._frame is None:
            return None
        name, size, key = self._frame
        if len(self._data) + self._seen < size:
            self._seen += max(0, len(self._data) - PREVIEW)
            del self._data[PREVIEW:]
            return None
        shown = bytes(self._data[: min(PREVIEW, size)])
        del self._data[: size - self._seen]
        self._frame, self._seen = None, 0
        return Frame(name, size, _text(name, _unmask(shown, key)))

    def _read_header(self) -> tuple[str, int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, at = data[1] & 0x7F, 2
        if size > 125:
            at = 4 if size == 126 else 10
        masked = 4 if data[1] & 0x80 else 0
        if len(data) < at + masked:
            return None
        if at > 2:
            size = int.from_bytes(data[2:at], "big")
        name, key = NAMES.get(data[0] & 0x0F, "?"), bytes(data[at : at + masked])
        del data[: at + masked]
        return name, size, key


def _unmask(data: bytes, key: bytes) -> bytes:
    if not key:
        return data
    return bytes(byte ^ mask for byte, mask in zip(data, itertools.cycle(key), strict=False))


def _text(name: str, payload: bytes) -> str:
    if name == "close" and len(payload) >= 2:
        reason = payload[2:].decode(errors="replace")
        return f"{int.from_bytes(payload[:2], 'big')} {reason}".rstrip()
    return payload.decode(errors="replace") if name == "text" else payload.hex()


class Wire:
    """The place where all taps tell what they overhear."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._numbers: dict[object, int] = {}
        self._count = itertools.count(1)

    def tap(self, stream: Any, side: Side) -> Tap:
        """Return a stream of the network with a tap on it; both its ends get the same number."""
        client = stream.local_address if side == "client" else stream.remote_address
        if client not in self._numbers:
            if len(self._numbers) > 64:  # those are over
                self._numbers.clear()
            self._numbers[client] = next(self._count)
        return Tap(stream, self._tell, side, self._numbers[client])


class Tap(trio.abc.HalfCloseableStream):
    """A stream that tells which frames pass through it; see the top of this file."""

    def __init__(
        self, stream: trio.abc.HalfCloseableStream, tell: Tell, side: Side, number: int
    ) -> None:
        self._stream = stream
        self._tell = tell
        self._side: Side = side
        self._number = number
        self._readers = {"sent": Reader(), "landed": Reader()}
        self._counts = {"sent": itertools.count(1), "landed": itertools.count(1)}

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Tell of the frames that end in `data`, and send it."""
        self._overhear("sent", data)
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """End our direction."""
        await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive, and tell of the frames that are complete with it."""
        data = await self._stream.receive_some(max_bytes)
        self._overhear("landed", data)
        return data

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def _overhear(self, what: str, data: bytes | bytearray | memoryview) -> None:
        up = (what == "sent") == (self._side == "client")
        for frame in self._readers[what].feed(data):
            number = f"{self._number}{'>' if up else '<'}{next(self._counts[what])}"
            if what == "sent":
                self._tell(
                    "frame",
                    id=number,
                    up=up,
                    op=frame.name,
                    size=frame.size,
                    text=frame.text,
                )
            else:
                self._tell("landed", id=number)


class TapListener(trio.abc.Listener[Tap]):
    """A listener whose connections have a tap."""

    def __init__(self, listener: trio.abc.Listener[Any], wire: Wire) -> None:
        self._listener = listener
        self._wire = wire

    async def accept(self) -> Tap:
        """Wait for a connection and return it."""
        return self._wire.tap(await self._listener.accept(), "server")

    async def aclose(self) -> None:
        """Listen no longer."""
        await self._listener.aclose()
