"""How to test a client that comes back: any URL, in virtual time, with restarts.

`MemoryNetwork` is a network in memory.  While its block lasts, every URL that it serves is found
by `open_websocket`, `supervise` and `open_reconnecting_websocket`, and no other.
Nothing is patched, no socket is opened, and an hour takes milliseconds.

These are tests for pytest with pytest-trio, of the client in ``market_data.py``.
``memory_network`` is a fixture that comes with trio_ws.
"""

from __future__ import annotations

import trio
import trio.testing

from examples.market_data import Prices
from trio_ws import WebSocket, supervise
from trio_ws.testing import MemoryNetwork

URL = "wss://prices.example/feed"


class Exchange:
    """A server that sends a price every second, higher each time, for a day."""

    def __init__(self) -> None:
        self.price = 0.0
        self.connected_at: list[float] = []

    async def serve(self, ws: WebSocket) -> None:
        """Take a subscription, send a snapshot, then the changes."""
        self.connected_at.append(trio.current_time())
        assert await ws.receive_json() == {"subscribe": ["BTC-EUR"]}
        while trio.current_time() < 86400:
            await ws.send_json({"BTC-EUR": self.price})
            self.price += 1
            await trio.sleep(1)


async def test_prices_survive_a_restart(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """Within seconds after the server is back the client is back, and subscribes again."""
    exchange, prices = Exchange(), Prices(["BTC-EUR"])
    async with memory_network as network:
        await network.serve(URL, exchange.serve)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, prices.follow, URL)
            await trio.sleep(3600)
            network.restart("prices.example", for_=20)
            await trio.sleep(3600)
            nursery.cancel_scope.cancel()
    first, second = exchange.connected_at
    assert first == 0
    assert 3620 <= second < 3720
    assert prices.last == {"BTC-EUR": exchange.price - 1}


async def test_prices_are_stale_while_there_is_no_connection(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """Between two connections the prices say that they are not fresh."""
    exchange, prices = Exchange(), Prices(["BTC-EUR"])
    async with memory_network as network:
        await network.serve(URL, exchange.serve)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, prices.follow, URL)
            seen = []
            for seconds in (60, 1, 600):
                await trio.sleep(seconds)
                seen.append(prices.fresh)
                if len(seen) == 1:
                    network.cut("prices.example", for_=300)
            nursery.cancel_scope.cancel()
    assert seen == [True, False, True]
