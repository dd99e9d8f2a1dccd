"""`trio_ws.testing._peer`: a peer that sends and checks exact bytes and frames."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import CLOSE, PING, PONG, TEXT, decode, encode

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70_000]

frames = st.builds(
    Frame,
    opcode=st.integers(0, 15),
    payload=st.binary(max_size=300),
    fin=st.booleans(),
    rsv=st.integers(0, 7),
    masked=st.booleans(),
)


@asynccontextmanager
async def two_peers() -> AsyncGenerator[tuple[RawPeer, RawPeer]]:
    """Connect two peers, client and server."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with RawPeer(ours, client=True) as client, RawPeer(theirs, client=False) as server:
        yield client, server


# Frames as bytes


@given(st.lists(frames, max_size=5))
def test_frames(sent: list[Frame]) -> None:
    """What was encoded is decoded to the same frames, one after the other."""
    data = bytearray(b"".join(map(encode, sent)))
    got = []
    while (parsed := decode(data)) is not None:
        frame, size = parsed
        got.append(frame)
        del data[:size]
    assert got == sent
    assert data == b""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("masked", [False, True])
def test_lengths(size: int, masked: bool) -> None:
    """Lengths take the fewest bytes (RFC 6455 §5.2), and a frame is decoded once it is whole."""
    frame = Frame(2, bytes(range(256)) * (size // 256) + bytes(size % 256), masked=masked)
    data = encode(frame)
    header = 2 + (0 if size < 126 else 2 if size < 65536 else 8) + 4 * masked
    assert len(data) == header + size
    assert decode(bytearray(data)) == (frame, len(data))
    for end in {0, 1, 2, 3, header - 1, header, len(data) - 1} & set(range(len(data))):
        assert decode(bytearray(data[:end])) is None


def test_known_frames() -> None:
    """The examples of RFC 6455 §5.7 are decoded as they stand there."""
    hello = bytearray.fromhex("818537fa213d7f9f4d5158")
    assert decode(hello) == (Frame(TEXT, b"Hello", masked=True), 11)
    assert encode(Frame(TEXT, b"Hello")) == bytes.fromhex("810548656c6c6f")
    assert encode(Frame(TEXT, b"Hel", fin=False)) == bytes.fromhex("010348656c")


def test_masks_differ() -> None:
    """Each masked frame has a fresh mask."""
    assert len({encode(Frame(TEXT, b"Hello", masked=True)) for _ in range(20)}) == 20


# Sending and receiving


async def test_send(autojump_clock: trio.testing.MockClock) -> None:
    """Frames go as told, masked as the role demands unless told otherwise."""
    async with two_peers() as (client, server):
        await client.send_frame(0x3, b"x", fin=False, rsv=5)
        assert await server.receive_frame() == Frame(0x3, b"x", False, 5, True)
        await client.send_frame(TEXT, masked=False)
        assert await server.receive_frame() == Frame(TEXT, masked=False)
        await server.send_text("hällo")
        assert await client.receive_frame() == Frame(TEXT, "hällo".encode())
        await server.send_bytes(b"\x8a\x00")
        assert await client.expect_frame(PONG, b"") == Frame(PONG)


async def test_split_frames(autojump_clock: trio.testing.MockClock) -> None:
    """A frame is received whole, however it comes; a cancelled wait loses nothing of it."""
    async with two_peers() as (client, server):
        data = encode(Frame(TEXT, b"Hello")) + encode(Frame(PING, b"x"))
        for byte in data[:6]:
            await server.send_bytes(bytes([byte]))
            with trio.move_on_after(1):
                await client.receive_frame()
        await server.send_bytes(data[6:])
        await client.expect_frame(TEXT, b"Hello")
        await client.expect_frame(PING, b"x")


async def test_close(autojump_clock: trio.testing.MockClock) -> None:
    """A Close goes with code and reason, or empty."""
    async with two_peers() as (client, server):
        await client.send_close()
        assert await server.expect_close(1000) == ""
        await client.send_close(4000, "ü")
        assert await server.expect_close(4000) == "ü"
        await client.send_close(None)
        assert await server.expect_close(None) == ""


async def test_end(autojump_clock: trio.testing.MockClock) -> None:
    """The end of the stream can be sent, expected, and come too early."""
    async with two_peers() as (client, server):
        await client.send_bytes(b"\x81")
        await client.send_eof()
        with pytest.raises(EOFError, match="unparsed"):
            await server.receive_frame()
    async with two_peers() as (client, server):
        await client.aclose()
        await server.expect_eof()


EXPECTATIONS: dict[str, Callable[[RawPeer], Awaitable[object]]] = {
    "another opcode": lambda peer: peer.expect_frame(PING),
    "another payload": lambda peer: peer.expect_frame(CLOSE, b"other"),
    "another code": lambda peer: peer.expect_close(1001),
    "no code": lambda peer: peer.expect_close(None),
    "the end": lambda peer: peer.expect_eof(),
}


@pytest.mark.parametrize("expected", EXPECTATIONS)
async def test_disappointment(expected: str, autojump_clock: trio.testing.MockClock) -> None:
    """What is not as expected fails, and the error shows what came."""
    async with two_peers() as (client, server):
        await server.send_close(1000, "reason")
        with pytest.raises(AssertionError, match="reason"):
            await EXPECTATIONS[expected](client)


async def test_end_behind_something(autojump_clock: trio.testing.MockClock) -> None:
    """Something that came before the end, and was not looked at yet, is no end either."""
    async with two_peers() as (client, server):
        await server.send_text("first")
        await server.send_text("second")
        await server.send_eof()
        await client.expect_frame(TEXT, b"first")
        with pytest.raises(AssertionError, match="second"):
            await client.expect_eof()


async def test_close_politely(autojump_clock: trio.testing.MockClock) -> None:
    """A polite close skips what comes before the other's Close, repeats that, and ends."""
    async with two_peers() as (client, server), trio.open_nursery() as nursery:
        await client.send_text("skipped")
        await client.send_frame(PING)
        await client.send_close(4000, "reason")
        nursery.start_soon(server.close_politely)
        assert await client.expect_close(4000) == "reason"
        await client.expect_eof()


# The opening handshake


async def test_handshake(autojump_clock: trio.testing.MockClock) -> None:
    """Two peers can open a WebSocket with each other; frames behind the head are kept."""
    async with two_peers() as (client, server):

        async def accept() -> None:
            head = await server.accept("Sec-WebSocket-Protocol: chat")
            assert head.startswith(b"GET /path HTTP/1.1\r\nHost: example.org\r\n")
            assert b"\r\nOrigin: null\r\n" in head
            await server.send_text("at once")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(accept)
            head = await client.request("/path", "Origin: null", host="example.org")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nSec-WebSocket-Protocol: chat\r\n" in head
        assert head.endswith(b"\r\n\r\n")
        await client.expect_frame(TEXT, b"at once")


async def test_accept_token(autojump_clock: trio.testing.MockClock) -> None:
    """The key of RFC 6455 §1.3 is answered with the token that stands there."""
    async with two_peers() as (client, server):
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        await client.send_bytes(f"GET / HTTP/1.1\r\nsec-websocket-KEY:  {key} \r\n\r\n".encode())
        await client.send_text("not part of the head")
        await server.accept()
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in (
            await client.receive_head()
        )
        await server.expect_frame(TEXT, b"not part of the head")


async def test_heads_that_fail(autojump_clock: trio.testing.MockClock) -> None:
    """A head that ends too early, or asks for no WebSocket, fails."""
    async with two_peers() as (client, server):
        await client.send_bytes(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        with pytest.raises(AssertionError, match="sec-websocket-key"):
            await server.accept()
        await client.send_bytes(b"GET / HTTP/1.1\r\n")
        await client.send_eof()
        with pytest.raises(EOFError, match="GET /"):
            await server.receive_head()


async def test_what_has_not_been_given_out() -> None:
    """Bytes that have come behind a frame are unread until they are asked for."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with RawPeer(ours, client=False) as peer:
        await theirs.send_all(b"\x81\x01a\x81\x01")
        assert peer.unread == b""
        await peer.receive_frame()
        assert peer.unread == b"\x81\x01"
