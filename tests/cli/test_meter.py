"""Bytes and processor time are counted by way."""

from __future__ import annotations

from itertools import count

import pytest
import trio
import trio.testing

from trio_ws import Headers, WebSocket, open_websocket_on, serve_websocket_on
from trio_ws._cli.meter import WAY, Counted, Meter, Traffic, head_size


async def test_steps_are_counted_for_the_way_that_a_task_works_for() -> None:
    """Tasks inherit it; those without a way are counted for none."""
    ticks = count()
    meter = Meter(clock=lambda: next(ticks))

    async def step(times: int) -> None:
        for _ in range(times):
            await trio.lowlevel.checkpoint()

    async def work(way: str, times: int) -> None:
        WAY.set(way)
        async with trio.open_nursery() as inner:
            inner.start_soon(step, times)
            await trio.lowlevel.checkpoint()

    trio.lowlevel.add_instrument(meter)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, "a", 3)
        nursery.start_soon(work, "b", 10)
        nursery.start_soon(step, 5)
    trio.lowlevel.remove_instrument(meter)
    assert set(meter.used) == {"a", "b"}
    assert meter.used["b"] - meter.used["a"] == 7


async def test_the_bytes_of_a_stream_are_counted() -> None:
    """In both directions, of all streams of a way."""
    traffic = Traffic()
    for _ in range(2):
        ours, theirs = trio.testing.memory_stream_pair()
        async with Counted(ours, traffic) as stream:
            await stream.wait_send_all_might_not_block()
            await stream.send_all(b"12345")
            await theirs.send_all(b"123")
            assert await stream.receive_some() == b"123"
        assert await theirs.receive_some() == b"12345"
    assert (traffic.sent, traffic.received) == (10, 6)


async def test_a_websocket_is_counted_as_its_stream_would_be() -> None:
    """To the byte: frames and handshake."""
    ours, theirs = trio.testing.memory_stream_pair()
    real, told = Traffic(), Traffic()

    async def greet(ws: WebSocket) -> None:
        await ws.send("hello")
        await ws.wait_closed()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_websocket_on, greet, theirs)
        stream = Counted(ours, real)
        async with open_websocket_on(stream, "ws://x/path?query", subprotocols=["chat"]) as ws:
            told.watch(ws)
            assert await ws.receive() == "hello"
            await ws.send("hi")
    assert (told.sent, told.received) == (real.sent, real.received)


@pytest.mark.parametrize(("lines", "size"), [([], 2), ([("A", "b"), ("C", "dé")], 6 + 7 + 2)])
def test_a_head_has_its_lines_and_an_empty_line(lines: list[tuple[str, str]], size: int) -> None:
    """Each character is a byte there."""
    assert head_size(Headers(lines)) == size
