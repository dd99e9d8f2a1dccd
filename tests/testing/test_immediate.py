"""A simulated stream, used as the library uses a socket."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws._transport.adapter import transport_on
from trio_ws.testing._wire import BUFFER, WINDOW

from .lines import open_line, receive_exactly

Clock = trio.testing.MockClock


async def test_sending_without_waiting(autojump_clock: Clock) -> None:
    """As much as there is room for is taken, and the rest is given back, as a socket does."""
    async with open_line() as (_, client, server):
        assert client.immediate
        assert client.can_half_close
        assert transport_on(client) is client
        assert client.send_now([b"ab", memoryview(b"cd")]) == []
        assert client.receive_now() == b""
        rest = client.send_now([bytes(WINDOW), bytes(BUFFER), b"more"])
        assert [len(piece) for piece in rest] == [4, 4]
        assert client.bytes_sent == WINDOW + BUFFER
        buffer = bytearray(3)
        assert await server.receive_into(memoryview(buffer)) == 3
        assert buffer == b"abc"
        assert server.bytes_received == 3
        assert await client.send_some(memoryview(bytes(10))) == 3
        with trio.move_on_after(10) as waiting:
            await client.send_some(memoryview(b"x"))
        assert waiting.cancelled_caught
        await receive_exactly(server, WINDOW)
        assert await client.send_some(memoryview(b"xy")) == 2


async def test_ending_without_waiting(autojump_clock: Clock) -> None:
    """One direction, or both; errors are met by the next call that waits."""
    async with open_line() as (_, client, server):
        client.observe(on_arrival=print, on_departure=print)
        assert client.send_eof_now()
        assert await server.receive_some() == b""
        assert client.send_now([b"x", b"y"]) == [b"x", b"y"]
        assert client.close_now()
        with pytest.raises(trio.BrokenResourceError, match="this stream is closed"):
            await client.send_some(memoryview(b"x"))
