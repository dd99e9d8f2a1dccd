"""`trio_ws._connection.reader`: large messages among small ones, on every kind of stream."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import memory_stream_pair

from trio_ws import ConnectionLost, Heartbeat, Limits, Loss, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws._protocol import encoder, masking
from trio_ws._protocol.masking import LARGE
from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.base import without
from trio_ws._transport.stream import StreamTransport
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import BINARY, CLOSE, PING, TEXT, encode

from ..streams import (
    Pair,
    generous_pair,
    over_tls,
    pair_without_half_close,
    shake_hands,
    socket_pair,
    tls_pair,
    tls_socket_pair,
)
from ..wires import both_roles, frames_of, goodbye_of, open_wired, opening, settled

NOISE = random.Random(6455).randbytes(300_000)

MESSAGES: list[str | bytes] = [
    "small",
    NOISE,
    b"",
    "x" * (LARGE - 1),
    "ü" * LARGE,
    NOISE[:65_536],
    "small again",
    NOISE[:LARGE],
    NOISE[7:],
    "t" * 200_000,
    b"last",
]


def tiny_sockets() -> Pair:
    """Sockets that take little at once."""
    return socket_pair(4096)


def tls_sockets() -> Pair:
    """TLS over sockets."""
    return tls_pair(*socket_pair())


def tls_seen_from_below() -> Pair:
    """The same, as the doors make it on streams that are no sockets."""
    return over_tls(*socket_pair())


def tiny_sockets_with_tls() -> Pair:
    """TLS as the doors make it on sockets, which take little at once."""
    return tls_socket_pair(4096)


every_stream = pytest.mark.parametrize(
    "make",
    [
        socket_pair,
        tiny_sockets,
        memory_stream_pair,
        generous_pair,
        pair_without_half_close,
        tls_sockets,
        tls_seen_from_below,
        tls_socket_pair,
        tiny_sockets_with_tls,
    ],
)
bare_streams = pytest.mark.parametrize("make", [socket_pair, memory_stream_pair])


@asynccontextmanager
async def open_over(
    make: Callable[[], Pair], client: bool, **policies: Any
) -> AsyncGenerator[tuple[WebSocket, RawPeer]]:
    """Open a connection over a pair of streams to a raw peer, which closes it in the end."""
    ours, theirs = make()
    await shake_hands(ours, theirs)
    rules = ConnectionOptions(**{"heartbeat": None, **policies})
    ws = WebSocket(ours, opening(), client=client, options=rules, name="tested")
    peer = RawPeer(theirs, client=not client)
    async with ConnectionBlock(ws):
        yield ws, peer
        if ws.ending is None:
            await peer.send_close(1000)
            await peer.expect_close(1000)
        await trio.aclose_forcefully(theirs)


def frame_of(message: str | bytes, *, masked: bool) -> Frame:
    """The frame of a message."""
    if isinstance(message, str):
        return Frame(TEXT, message.encode(), masked=masked)
    return Frame(BINARY, message, masked=masked)


# Order


@both_roles
@every_stream
async def test_sending_in_order(make: Callable[[], Pair], client: bool) -> None:
    """Large and small messages, text and binary, leave whole and in the order of `send`."""
    received: list[Frame] = []
    async with open_over(make, client) as (ws, peer), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def receive() -> None:
            received.extend([await peer.receive_frame() for _ in MESSAGES * 2])

        for message in MESSAGES * 2:
            await ws.send(message)
    assert received == [frame_of(message, masked=client) for message in MESSAGES * 2]


@both_roles
@every_stream
@pytest.mark.parametrize("seed", range(3))
async def test_receiving_in_order(seed: int, make: Callable[[], Pair], client: bool) -> None:
    """However the network cuts them, messages arrive whole and in the order they were sent."""
    data = b"".join(encode(frame_of(message, masked=not client)) for message in MESSAGES)
    dice = random.Random(seed)
    places = sorted({0, len(data), *(dice.randrange(len(data)) for _ in range(30))})
    async with open_over(make, client) as (ws, peer), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send() -> None:
            for start, end in pairwise(places):
                await peer.send_bytes(data[start:end])

        for message in MESSAGES:
            assert await ws.receive() == message


@both_roles
@every_stream
async def test_header_before_payload(make: Callable[[], Pair], client: bool) -> None:
    """A peer may write the header of a long frame, and its payload when it likes."""
    data = encode(Frame(BINARY, NOISE, masked=not client))
    head = len(data) - len(NOISE)
    async with open_over(make, client) as (ws, peer), trio.open_nursery() as nursery:
        async with trio.open_nursery() as both:
            both.start_soon(peer.send_bytes, data[:head])
            while ws.statistics().bytes_received < head:  # noqa: ASYNC110
                await trio.lowlevel.checkpoint()
        await settled()
        nursery.start_soon(peer.send_bytes, data[head:])
        assert await ws.receive() == NOISE


# Partial writes


class StingyTransport(StreamTransport):
    """A transport that takes so many bytes at each call as a script says, then everything."""

    def __init__(self, stream: trio.abc.Stream, script: list[int]) -> None:
        super().__init__(stream)
        self.script = script
        self.written = bytearray()

    def _take(self, data: bytes | memoryview, least: int) -> int:
        count = max(least, min(self.script.pop(0) if self.script else len(data), len(data)))
        self.written += data[:count]
        return count

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Take some of it."""
        return without(pieces, self._take(b"".join(pieces), 0))

    async def send_some(self, data: memoryview) -> int:
        """Take some of it, at least one byte."""
        await trio.lowlevel.checkpoint()
        return self._take(data, 1)


@both_roles
@pytest.mark.parametrize("second", [0, 1, 2, 9])
@pytest.mark.parametrize("together", [True, False])
async def test_partial_writes(
    together: bool,
    second: int,
    client: bool,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever a write stops, in a header, in a payload or between them, nothing is lost."""
    for room in (encoder, masking):
        monkeypatch.setattr(room, "LARGE", 5)  # so that short frames are in two pieces, too
    messages: list[str | bytes] = ["ab", b"12345", "cd", b"67890"]
    whole = sum(len(encode(frame_of(message, masked=client))) for message in messages)
    for first in range(whole + 1):
        script: list[int] = []
        monkeypatch.setattr(
            "trio_ws._connection.core.transport_on", partial(StingyTransport, script=script)
        )
        async with open_wired(client) as (ws, peer, _):
            transport = ws._connection.core.transport
            assert isinstance(transport, StingyTransport)
            if together:
                await ws.send("the one that leaves at once")
                await settled()
                transport.written.clear()
                ws._writer._wrote_in = ws._writer._rounds.number
            script += [first, second, second, 1]
            for message in messages:
                await ws.send(message)
            await settled()
            assert frames_of(transport.written) == [
                frame_of(message, masked=client) for message in messages
            ]
            await peer.send_close(1000)
            await peer.send_eof()
            await ws.wait_closed()


# While a long frame is on its way


@both_roles
@bare_streams
async def test_heartbeat_while_a_message_arrives(
    make: Callable[[], Pair], client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A read that is cancelled because a ping is due loses nothing of a slow message."""
    data = encode(Frame(BINARY, NOISE, masked=not client))
    beat = Heartbeat(interval=10, timeout=10)
    async with open_over(make, client, heartbeat=beat) as (ws, peer):
        pings = 0
        for start in range(0, len(data), 60_000):
            await peer.send_bytes(data[start : start + 60_000])
            while ws.statistics().bytes_received < min(start + 60_000, len(data)):  # noqa: ASYNC110
                await trio.lowlevel.checkpoint()
            await peer.expect_frame(PING)
            pings += 1
        assert pings == 6
        assert await ws.receive() == NOISE
        assert ws.ending is None


@both_roles
async def test_backpressure_while_a_message_arrives(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A full receive buffer stops the reader in the middle of a long message, which goes on."""
    limits = Limits(receive_buffer=100_000)
    async with open_wired(client, limits=limits) as (ws, peer, _):
        await peer.send_text("not taken yet")
        await settled()
        await peer.send_frame(BINARY, NOISE)
        await settled()
        assert ws.statistics().reading_paused
        assert 100_000 <= ws.statistics().bytes_received < 200_000
        assert await ws.receive() == "not taken yet"
        assert await ws.receive() == NOISE


@both_roles
@bare_streams
async def test_closing_while_a_message_arrives(
    make: Callable[[], Pair], client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Our Close may meet a long message on its way: it arrives, and then the peer's answer."""
    data = encode(Frame(BINARY, NOISE, masked=not client))
    async with open_over(make, client) as (ws, peer), trio.open_nursery() as nursery:
        await peer.send_bytes(data[:100_000])
        await settled()
        nursery.start_soon(ws.close, 4000)
        await peer.expect_close(4000)
        nursery.start_soon(peer.send_bytes, data[100_000:] + closing(4000, masked=not client))
        assert await ws.receive() == NOISE
        assert (await ws.wait_closed()).clean


def closing(code: int, *, masked: bool) -> bytes:
    """A Close frame."""
    return encode(Frame(CLOSE, code.to_bytes(2, "big"), masked=masked))


@both_roles
@pytest.mark.parametrize("how", ["ended", "broken"])
async def test_loss_while_a_message_arrives(
    how: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Nothing is seen of a message that did not arrive whole."""
    data = encode(Frame(BINARY, NOISE, masked=not client))
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client) as (ws, peer, wire):
            await peer.send_bytes(data[:200_000])
            await settled()
            if how == "ended":
                await peer.send_eof()
            else:
                wire.break_receiving(trio.BrokenResourceError("reset"))
            await ws.receive()
    assert caught.value.ending.loss is (Loss.EOF if how == "ended" else Loss.BROKEN)
    assert ws.statistics().receive_queue == 0


@both_roles
async def test_cancellation_while_a_message_arrives(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A goodbye in the middle of a long message is said at once, and waits for no more of it."""
    data = encode(Frame(BINARY, NOISE, masked=not client))
    with trio.CancelScope() as scope:
        async with open_wired(client) as (ws, peer, wire):
            await peer.send_bytes(data[:200_000])
            await settled()
            scope.cancel()
            await ws.receive()
    assert scope.cancelled_caught
    assert goodbye_of(wire.written)[0] == 1001
    assert trio.current_time() == 0.5
