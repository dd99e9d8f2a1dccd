"""How to test a client against a script: a strict server, frame by frame.

This is a test for pytest with pytest-trio, of the client in ``market_data.py``.
``memory_network`` is a fixture that comes with trio_ws.
"""

from __future__ import annotations

import trio
import trio.testing

from examples.market_data import Prices
from trio_ws import supervise
from trio_ws.testing import MemoryNetwork, ScriptedPeer, Text

URL = "wss://prices.example/feed"


async def test_what_the_client_says(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """A script is a strict server: it rejects, it accepts, it expects each frame."""
    prices, visits = Prices(["BTC-EUR"]), list[float]()

    async with memory_network as network:

        @network.peer(URL)
        async def server(peer: ScriptedPeer) -> None:
            visits.append(trio.current_time())
            if len(visits) == 1:
                await peer.reject(503, retry_after=60)
                return
            await peer.accept()
            await peer.expect(Text('{"subscribe":["BTC-EUR"]}'))
            await peer.send(Text('{"BTC-EUR": 1}'))
            await peer.send_close(1000)
            await peer.expect_close(1000)

        await supervise(prices.follow, URL)
    assert visits[1] >= 60
    assert prices.last == {"BTC-EUR": 1}
