"""How to test a supervised client: broken networks, without a network, at exact times.

`Network` takes the place of ``open_websocket``: each connection is served, in memory,
by the next of the handlers that it was given, so a test says what becomes of each attempt.
``jitter`` gives the supervisor a random source that is not random:
with 0.5 it waits 2.5 s, then 3, 9, 27, 43.5, and 45 s from then on.

These are tests for pytest with pytest-trio, of the client in ``market_data.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import trio
import trio.testing

from examples.market_data import Prices
from trio_ws import WebSocket, open_websocket_on, serve_websocket_on, supervise

Handler = Callable[[WebSocket], Awaitable[object]]


class Network:
    """The servers that a client meets, connection after connection."""

    def __init__(self, nursery: trio.Nursery, *handlers: Handler) -> None:
        self.nursery = nursery
        self.handlers = iter(handlers)
        self.connected_at: list[float] = []

    def connect(self, url: str, **options: Any) -> AbstractAsyncContextManager[WebSocket]:
        """What `open_websocket` would do."""
        self.connected_at.append(trio.current_time())
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(partial(serve_websocket_on, next(self.handlers), theirs))
        return open_websocket_on(ours, url, **options)


def feed(snapshot: dict[str, float], *updates: dict[str, float], code: int = 1000) -> Handler:
    """A server that takes a subscription, tells its prices, and closes a minute later."""

    async def handler(ws: WebSocket) -> None:
        assert await ws.receive_json() == {"subscribe": ["BTC-EUR"]}
        for prices in (snapshot, *updates):
            await ws.send_json(prices)
        await trio.sleep(60)
        await ws.close(code)

    return handler


async def test_prices_survive_a_restart(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """After a loss the client is back within the first delay, and subscribes again."""
    network = Network(
        nursery,
        feed({"BTC-EUR": 1.0}, {"BTC-EUR": 2.0}, code=1011),
        feed({"BTC-EUR": 3.0}),
    )
    prices = Prices(["BTC-EUR"])
    await supervise(
        prices.follow, "ws://prices.example/", connect=network.connect, jitter=lambda: 0.5
    )
    assert network.connected_at == [0, 60 + 2.5]
    assert prices.last == {"BTC-EUR": 3.0}


async def test_prices_are_stale_while_there_is_no_connection(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Between two connections the prices say that they are not fresh."""
    network = Network(nursery, feed({"BTC-EUR": 1.0}, code=1011), feed({"BTC-EUR": 3.0}))
    prices = Prices(["BTC-EUR"])
    nursery.start_soon(
        partial(
            supervise,
            prices.follow,
            "ws://prices.example/",
            connect=network.connect,
            jitter=lambda: 0.5,
        )
    )
    seen = []
    for at in (59, 61, 64):
        await trio.sleep_until(at)
        seen.append(prices.fresh)
    assert seen == [True, False, True]
