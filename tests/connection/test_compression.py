"""Compression and other extensions on a connection, from the doors to the statistics."""

from __future__ import annotations

import json
import time
import tracemalloc
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    Deflate,
    DeflateStatistics,
    InvalidHandshake,
    Limits,
    LocalProtocolError,
    WebSocket,
    open_websocket_on,
    serve_websocket,
)
from trio_ws.testing import RawPeer, open_websocket_pair, open_websocket_to_peer
from trio_ws.testing._peer import CLOSE, CONTINUATION, PING, TEXT, Frame, encode

from ..halls import echo, serving
from ..toys import IDENTITY, REVERSING

MESSAGE = json.dumps([{"id": number, "name": "alice"} for number in range(40)])
AGREED = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"


@asynccontextmanager
async def echoed(**options: Any) -> AsyncGenerator[WebSocket]:
    """Open a connection to a server that echoes, both with the same options."""
    async with serving(echo, **options) as hall, hall.open(**options) as ws:
        yield ws


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000, 100_000])
@pytest.mark.parametrize("kind", [str, bytes])
async def test_echo(size: int, kind: type) -> None:
    """Messages of all sizes go there and back."""
    message = "ä" * size if kind is str else b"\x00\xff" * size
    async with echoed(compression=Deflate()) as ws:
        assert ws.extensions == (AGREED,)
        for _ in range(3):
            await ws.send(message)
            assert await ws.receive() == message


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        (None, None, ()),
        (Deflate(), None, ()),
        (None, Deflate(), ()),
        (
            Deflate(window_bits=9),
            Deflate(window_bits=15),
            ("permessage-deflate; client_max_window_bits=15",),
        ),
    ],
)
async def test_off_by_default(
    ours: Deflate | None, theirs: Deflate | None, agreed: tuple[str, ...]
) -> None:
    """It takes both to agree."""
    seen: list[tuple[str, ...]] = []

    async def handler(ws: WebSocket) -> None:
        seen.append(ws.extensions)
        await echo(ws)

    async with serving(handler, compression=theirs) as hall, hall.open(compression=ours) as ws:
        await ws.send(MESSAGE)
        assert await ws.receive() == MESSAGE
        assert ws.extensions == agreed
        assert (ws.statistics().compression is None) is (agreed == ())
    assert seen == [agreed]


async def test_statistics() -> None:
    """What was saved is counted at both ends; small messages are not compressed."""
    async with open_websocket_pair(compression=Deflate()) as (client, server):
        await client.send(MESSAGE)
        await client.send("small")
        assert await server.receive() == MESSAGE
        assert await server.receive() == "small"
        sent, received = client.statistics().compression, server.statistics().compression
        assert sent is not None
        assert received is not None
        assert (sent.messages_sent, sent.bytes_sent) == (1, len(MESSAGE))
        assert 0 < sent.bytes_sent_compressed < len(MESSAGE) / 3
        assert received == DeflateStatistics(
            messages_received=1,
            bytes_received=len(MESSAGE),
            bytes_received_compressed=sent.bytes_sent_compressed,
        )


@pytest.mark.parametrize(
    ("compress", "size", "compressed"),
    [(None, 63, 0), (None, 64, 1), (True, 1, 1), (False, 1000, 0)],
)
@pytest.mark.parametrize("way", ["send", "send_nowait"])
async def test_compress(compress: bool | None, size: int, compressed: int, way: str) -> None:
    """Each message may be compressed or not, whatever its size."""
    async with open_websocket_pair(compression=Deflate()) as (client, server):
        if way == "send":
            await client.send("x" * size, compress=compress)
        else:
            client.send_nowait("x" * size, compress=compress)
        assert await server.receive() == "x" * size
        statistics = client.statistics().compression
        assert statistics is not None
        assert statistics.messages_sent == compressed


@pytest.mark.parametrize(("compress", "compressed"), [(None, 1), (False, 0)])
async def test_compress_fragments(compress: bool | None, compressed: int) -> None:
    """A message in fragments is compressed unless it is asked not to be; each can be read."""
    async with open_websocket_pair(compression=Deflate()) as (client, server):
        send, fragments = trio.open_memory_channel[str](0)
        async with server.receive_stream() as chunks, trio.open_nursery() as nursery:
            nursery.start_soon(partial(client.send, fragments, compress=compress))
            async with send:
                for word in ("one", "two"):
                    await send.send(word)
                    assert await anext(chunks) == word
            assert [chunk async for chunk in chunks] == []
        statistics = client.statistics().compression
        assert statistics is not None
        assert statistics.messages_sent == compressed


async def test_compress_when_the_queue_is_full() -> None:
    """What waits for room is compressed as it was asked for."""
    limits = Limits(send_buffer=1000)
    async with open_websocket_pair(compression=Deflate(), limits=limits) as (client, server):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(lambda: client.send("x" * 900, compress=False))
            for _ in range(3):
                assert await server.receive() == "x" * 900
        statistics = client.statistics().compression
        assert statistics is not None
        assert statistics.messages_sent == 0


@pytest.mark.parametrize("compress", ["yes", 1, 0])
async def test_compress_is_checked(compress: Any) -> None:
    """What is neither a bool nor None is refused where it is given."""
    async with open_websocket_pair() as (client, _):
        with pytest.raises(TypeError, match="compress must be True, False or None"):
            await client.send("a", compress=compress)
        with pytest.raises(TypeError, match="compress must be True, False or None"):
            client.send_nowait("a", compress=compress)
        await client.send("a", compress=True)  # nothing was agreed on: it is not


# What peers do


def compressed(data: bytes) -> bytes:
    """Compress a message as a peer would."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -12)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("client", [True, False])
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(TEXT, b"not compressed at all", rsv=4), 1007),
        (Frame(TEXT, compressed(b"\xff"), rsv=4), 1007),
        (Frame(TEXT, compressed(b"a"), rsv=6), 1002),
        (Frame(PING, b"", rsv=4), 1002),
        (Frame(CONTINUATION, b"", rsv=4), 1002),
        (Frame(TEXT, compressed(bytes(2_000_000)), rsv=4), 1009),
    ],
    ids=["garbage", "bad text", "other bits", "control", "nothing to go on with", "bomb"],
)
async def test_hostile_peers(
    frame: Frame, code: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A peer that agreed and does otherwise is told so, and nothing of it arrives."""
    with pytest.raises(ConnectionClosed) as caught:
        async with open_websocket_to_peer(client=client, compression=Deflate()) as (ws, peer):
            await peer.send_frame(frame.opcode, frame.payload, rsv=frame.rsv)
            await ws.receive()
    assert caught.value.ending.sent is not None
    assert caught.value.ending.sent.code == code
    assert trio.current_time() <= 1


async def test_uncompressed_messages_of_a_peer_that_agreed() -> None:
    """Some peers send some messages as they are; nothing is wrong with that."""
    async with open_websocket_to_peer(client=False, compression=Deflate()) as (ws, peer):
        await peer.send_frame(TEXT, b"plain")
        await peer.send_frame(TEXT, compressed(b"compressed"), rsv=4)
        assert [await ws.receive() for _ in range(2)] == ["plain", "compressed"]
        await peer.send_frame(CLOSE, b"\x03\xe8")


@pytest.mark.parametrize("limit", [1 << 20, 16 << 20])
@pytest.mark.parametrize("fragments", [1, 50])
async def test_bomb(limit: int, fragments: int) -> None:
    """512 MiB in half a megabyte cost no more than the limit and 4 MB, and no time (D1)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -12)
    block = compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    bomb = block + (compressor.compress(bytes(1 << 20)) + compressor.flush(zlib.Z_SYNC_FLUSH)) * 511
    limits = Limits(max_message_size=limit)
    with pytest.raises(ConnectionClosed) as caught:
        async with open_websocket_to_peer(client=False, compression=Deflate(), limits=limits) as (
            ws,
            peer,
        ):
            size = len(bomb) // fragments + 1
            frames = [
                encode(
                    Frame(
                        CONTINUATION if start else TEXT,
                        bomb[start : start + size],
                        fin=start + size >= len(bomb),
                        rsv=0 if start else 4,
                        masked=True,
                    )
                )
                for start in range(0, len(bomb), size)
            ]
            data = b"".join(frames)
            tracemalloc.start()
            began = time.process_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.stream.send_all, data)
                try:
                    await ws.receive()
                finally:
                    spent = time.process_time() - began
                    peak = tracemalloc.get_traced_memory()[1]
                    tracemalloc.stop()
                    nursery.cancel_scope.cancel()
    assert caught.value.ending.sent is not None
    assert caught.value.ending.sent.code == 1009
    assert peak <= limit + 4_000_000
    assert spent < 0.1 * (limit >> 20) + 0.1


# Extensions of one's own


async def test_extensions_of_a_user() -> None:
    """Both doors take extensions; they are applied in the order in which they were agreed on."""
    async with echoed(extensions=[IDENTITY, REVERSING], compression=Deflate()) as ws:
        assert ws.extensions == ("x-identity", "x-reversing; how=backwards; now", AGREED)
        for message in ("grüße", b"\x00\xff", MESSAGE):
            await ws.send(message)
            assert await ws.receive() == message
        with pytest.raises(TypeError, match="str, bytes or an iterable"):
            await ws.send(3)  # type: ignore[arg-type]


async def test_a_server_that_chooses_what_was_not_offered() -> None:
    """A client refuses what it did not offer."""

    async def serve(peer: RawPeer) -> None:
        await peer.accept("Sec-WebSocket-Extensions: permessage-deflate")

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, RawPeer(theirs, client=False))
        with pytest.raises(InvalidHandshake, match="extension that was not offered"):
            async with open_websocket_on(ours, "ws://testserver/", extensions=[IDENTITY]):
                pass


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"compression": True}, TypeError, r"compression must be Deflate\(…\) or None"),
        ({"compression": "deflate"}, TypeError, "compression must be"),
        ({"extensions": ["permessage-deflate"]}, TypeError, "of type Extension"),
        ({"extensions": [IDENTITY, IDENTITY]}, LocalProtocolError, "named twice"),
        ({"extensions": [Deflate()], "compression": Deflate()}, LocalProtocolError, "named twice"),
    ],
)
async def test_options_are_checked(
    options: dict[str, Any], error: type[Exception], why: str
) -> None:
    """What makes no sense is refused where it is given, at both doors."""
    ours, _ = trio.testing.memory_stream_pair()
    with pytest.raises(error, match=why):
        open_websocket_on(ours, "ws://testserver/", **options)
    with pytest.raises(error, match=why):
        await serve_websocket(echo, "127.0.0.1", 0, **options)
