"""What a tap overhears: heads and frames, whole and in pieces, at both ends."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._demo.world.wire import PREVIEW, Frame, Reader, TapListener, Wire

HEAD = b"GET /prices HTTP/1.1\r\nHost: server\r\n\r\n"
MASK = b"\x01\x02\x03\x04"


def frame(first: int, payload: bytes, *, masked: bool = False) -> bytes:
    """Return the bytes of a frame."""
    size = len(payload)
    head = [first]
    if size < 126:
        head += [size]
    elif size < 65536:
        head += [126, *size.to_bytes(2, "big")]
    else:
        head += [127, *size.to_bytes(8, "big")]
    if masked:
        head[1] |= 0x80
        payload = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
        return bytes(head) + MASK + payload
    return bytes(head) + payload


STREAM = (
    HEAD
    + frame(0x81, b"price 104", masked=True)
    + frame(0x82, bytes(300))
    + frame(0x89, b"\xab\xcd")
    + frame(0x8A, b"", masked=True)
    + frame(0x01, "grün".encode())
    + frame(0x80, bytes(70_000), masked=True)
    + frame(0x88, b"\x03\xf4bye", masked=True)
    + frame(0x88, b"")
    + frame(0x83, b"?")
)
FRAMES = [
    Frame("http", len(HEAD), "GET /prices HTTP/1.1"),
    Frame("text", 9, "price 104"),
    Frame("binary", 300, "00" * PREVIEW),
    Frame("ping", 2, "abcd"),
    Frame("pong", 0, ""),
    Frame("text", 5, "grün"),
    Frame("more", 70_000, "00" * PREVIEW),
    Frame("close", 5, "1012 bye"),
    Frame("close", 0, ""),
    Frame("?", 1, "3f"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000, len(STREAM)])
def test_frames_are_read_from_pieces_of_any_size(size: int) -> None:
    """Opcode, length and the beginning of the payload, however the bytes come."""
    reader = Reader()
    found = []
    for start in range(0, len(STREAM), size):
        found += list(reader.feed(STREAM[start : start + size]))
        assert len(reader._data) <= max(len(HEAD), PREVIEW) + size
    assert found == FRAMES


def addressed(stream: Any, local: object, remote: object) -> Any:
    """Return a stream with addresses."""
    stream.local_address, stream.remote_address = local, remote
    return stream


def memory_pair() -> tuple[Any, Any]:
    """Return two ends that have addresses."""
    one, other = trio.testing.memory_stream_pair()
    return addressed(_Open(one), "a", "b"), addressed(_Open(other), "b", "a")


class _Open(trio.abc.HalfCloseableStream):
    """A stapled stream with room for addresses."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def send_all(self, data: Any) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> Any:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()


class OneAccept(trio.abc.Listener[Any]):
    """A listener with a single stream to give."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def accept(self) -> Any:
        await trio.lowlevel.checkpoint()
        return self._stream

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True


async def test_both_ends_tell_of_the_same_frame() -> None:
    """It is told when it is written, and again, under the same number, when it was read."""
    heard: list[tuple[str, dict[str, Any]]] = []
    wire = Wire(lambda kind, **facts: heard.append((kind, facts)))
    client_end, server_end = memory_pair()
    client = wire.tap(client_end, "client")
    listener = OneAccept(server_end)
    taps = TapListener(listener, wire)
    server = await taps.accept()
    await client.wait_send_all_might_not_block()
    await client.send_all(HEAD + frame(0x81, b"hello", masked=True))
    assert await server.receive_some() == HEAD + frame(0x81, b"hello", masked=True)
    await server.send_all(b"HTTP/1.1 101 Fine\r\n\r\n" + frame(0x8A, b""))
    await client.receive_some()
    await client.send_eof()
    assert await server.receive_some() == b""
    await client.aclose()
    await taps.aclose()
    assert listener.closed
    sent = {facts["id"]: facts for kind, facts in heard if kind == "frame"}
    landed = [facts["id"] for kind, facts in heard if kind == "landed"]
    assert landed == ["1>1", "1>2", "1<1", "1<2"]
    assert list(sent) == landed
    assert sent["1>2"] == {"id": "1>2", "up": True, "op": "text", "size": 5, "text": "hello"}
    assert [facts["up"] for facts in sent.values()] == [True, True, False, False]


def test_numbers_of_connections_do_not_pile_up() -> None:
    """After many connections the oldest are forgotten, and numbers go on."""
    heard: list[str] = []
    wire = Wire(lambda kind, **facts: heard.append(facts["id"]))
    for number in range(200):
        stream = addressed(_Open(None), number, "server")
        wire.tap(stream, "client")._overhear("sent", HEAD)
    assert heard[-1] == "200>1"
    assert len(wire._numbers) <= 65
