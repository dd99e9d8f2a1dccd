"""The demo's server: prices, answers, and what a button wants of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, WebSocket, open_websocket
from trio_ws._demo.world.server import DOWN, FLOOD, FLOOD_SIZE, HOST, PriceServer
from trio_ws._demo.world.wire import Wire
from trio_ws.testing import MemoryNetwork

Heard = list[tuple[str, dict[str, Any]]]


@asynccontextmanager
async def serving() -> AsyncGenerator[tuple[PriceServer, Heard]]:
    """A server in a network of its own, and what it told."""
    heard: Heard = []

    def tell(kind: str, **facts: Any) -> None:
        heard.append((kind, facts))

    async with MemoryNetwork(seed=1) as network, trio.open_nursery() as nursery:
        server = PriceServer(network, Wire(lambda kind, **facts: None), tell)
        with network.on(HOST):
            nursery.start_soon(server.run)
        await trio.sleep(1)
        yield server, heard
        nursery.cancel_scope.cancel()


async def next_answer(ws: WebSocket) -> str:
    """Return the next message that is no price."""
    while True:
        message = await ws.receive_text()
        if not message.startswith("{"):
            return message


async def test_prices_and_answers(autojump_clock: trio.testing.MockClock) -> None:
    """A price each half second, an answer to each order; leaving is no failure."""
    async with serving() as (server, heard):
        async with open_websocket(f"ws://{HOST}/") as ws:
            assert (await ws.receive_json())["price"] == 101
            began = trio.current_time()
            assert (await ws.receive_json())["number"] == 2
            assert trio.current_time() == began + 0.5
            assert len(server.connections) == 1
            await ws.send("order 1")
            assert await next_answer(ws) == "done: 'order 1'"
        await trio.sleep(1)
        assert server.connections == []
        assert heard == [("server", {"up": True, "number": 1})]


async def test_a_restart(autojump_clock: trio.testing.MockClock) -> None:
    """It says 1001, is away for a while, and comes again."""
    async with serving() as (server, heard):
        async with open_websocket(f"ws://{HOST}/") as ws:
            server.restart()
            with pytest.raises(ConnectionClosed, match="1001"):
                while True:
                    await ws.receive()
        await trio.sleep(DOWN + 1)
        async with open_websocket(f"ws://{HOST}/") as ws:
            assert await ws.receive()
        assert [facts["up"] for kind, facts in heard if kind == "server"] == [True, False, True]


@pytest.mark.parametrize(
    ("wish", "said"), [("close", "1013 .*as the button wants it"), ("raise", "1011")]
)
async def test_ends(autojump_clock: trio.testing.MockClock, wish: str, said: str) -> None:
    """The handler closes with a code, or raises; the server tells what it raised, and goes on."""
    async with serving() as (server, heard):
        async with open_websocket(f"ws://{HOST}/") as ws:
            await ws.receive()
            server.wish(wish, 1013)
            with pytest.raises(ConnectionClosed, match=said):
                while True:
                    await ws.receive()
        await trio.sleep(1)
        failures = [facts["error"] for kind, facts in heard if kind == "handler"]
        assert failures == (
            ["ExceptionGroup(RuntimeError: a bug in the handler)"] if wish == "raise" else []
        )
        async with open_websocket(f"ws://{HOST}/") as ws:
            assert await ws.receive()


async def test_a_flood(autojump_clock: trio.testing.MockClock) -> None:
    """So many messages of that size; wishes that come meanwhile have a limit."""
    async with serving() as (server, heard):
        async with open_websocket(f"ws://{HOST}/") as ws:
            for _ in range(8):
                server.wish("flood", 1000)
            count = 0
            while count < FLOOD:
                message = await ws.receive()
                count += isinstance(message, bytes)
                assert isinstance(message, str) or message == bytes(FLOOD_SIZE)
        busy = [facts for kind, facts in heard if kind == "busy"]
        assert busy == [{"wish": "flood"}] * 4  # the others wait
