"""`_connection.writer`: what is sent in one round of the poller leaves together (`rounds`).

The sockets are TCP's, on the loopback: others the poller does not watch.
All messages of a round have arrived before any task runs, so the counts hold on every machine.
"""

from __future__ import annotations

import os
import select
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_ws import WebSocket
from trio_ws._transport.base import Transport
from trio_ws._transport.socket import SocketTransport
from trio_ws.testing._peer import TEXT, Frame, encode

from ..streams import tcp_pair
from .pairs import Pair, on_sockets, received

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="epoll is Linux's")

Writes = Counter[Transport]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Writes:
    """The system calls that write, by transport."""
    counted: Writes = Counter()

    def counting(write: Callable[[SocketTransport, Any], object]) -> Callable[..., object]:
        def counted_write(transport: SocketTransport, data: object) -> object:
            counted[transport] += 1
            return write(transport, data)

        return counted_write

    for name in ("send_now", "send_bytes_now"):
        monkeypatch.setattr(SocketTransport, name, counting(getattr(SocketTransport, name)))
    return counted


def arrive_together(pairs: list[Pair]) -> None:
    """Let a message of each peer arrive; no task runs meanwhile."""
    for ws, peer in pairs:
        ours, theirs = ws._connection.core.transport, peer.stream
        assert isinstance(ours, SocketTransport)
        assert isinstance(theirs, trio.SocketStream)
        os.write(theirs.socket.fileno(), encode(Frame(TEXT, b"x", masked=peer.client)))
        assert select.select([ours._socket], [], [], 5)[0]


async def exchange(
    pairs: list[Pair], handle: Callable[[WebSocket], Awaitable[None]], writes: Writes
) -> None:
    """Run a handler for each connection, and let a message for each arrive at the same time."""
    async with trio.open_nursery() as nursery:
        for ws, _ in pairs:
            nursery.start_soon(handle, ws)
        await wait_all_tasks_blocked(0.01)
        writes.clear()
        arrive_together(pairs)
        await wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()


async def test_many_relay_to_one(writes: Writes) -> None:
    """What a hundred connections relay to one in a round leaves in a few writes."""
    count = 100
    async with on_sockets(count + 1, make=tcp_pair) as ((sink, sink_peer), *sources):

        async def relay(ws: WebSocket) -> None:
            async for message in ws:
                await sink.send(message)

        await exchange(sources, relay, writes)
        assert await received(sink_peer, count) == ["x"] * count
        calls = writes[sink._connection.core.transport]
    assert 1 <= calls <= 5


async def test_a_hub(writes: Writes) -> None:
    """If each of thirty connections sends to all in a round, each writes about three times."""
    count = 30
    async with on_sockets(count, make=tcp_pair) as pairs:

        async def tell_all(ws: WebSocket) -> None:
            async for message in ws:
                for other, _ in pairs:
                    other.send_nowait(message)

        await exchange(pairs, tell_all, writes)
        for _, peer in pairs:
            assert await received(peer, count) == ["x"] * count
        calls = writes.total()
    assert count <= calls <= 3 * count


async def test_in_a_new_round_any_connection_writes_at_once() -> None:
    """What is sent behind a wakeup by the poller belongs to no burst of before."""
    waiting: list[bool] = []
    async with on_sockets(3, make=tcp_pair) as pairs:
        (reading, other), *pairs = pairs
        for ws, _ in pairs:
            ws.send_nowait("at once")
        await other.send_text("go on")
        await reading.receive()
        for text in ("at once again", "waits"):
            for ws, _ in pairs:
                ws.send_nowait(text)
                waiting.append(ws.statistics().send_queue > 0)
        for _, peer in pairs:
            assert await received(peer, 3) == ["at once", "at once again", "waits"]
    assert waiting == [False, False, True, True]
