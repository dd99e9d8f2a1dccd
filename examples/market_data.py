"""A market-data client: it subscribes on each connection anew, and survives what happens.

`Prices.follow` is the session.  It is called once for each connection, so it begins
with what every connection needs; what lasts longer than a connection is kept in the object.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from trio_ws import WebSocket, supervise


class Prices:
    """The last price of each symbol, and whether it is fresh."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = list(symbols)
        self.last: dict[str, float] = {}
        self.fresh = False

    async def follow(self, ws: WebSocket) -> None:
        """Subscribe, then keep up, for as long as this connection lasts."""
        await ws.send_json({"subscribe": self.symbols})
        self.last = await ws.receive_json()  # a snapshot: we do not know what we have missed
        self.fresh = True
        try:
            while True:
                self.last |= await ws.receive_json()
        finally:
            self.fresh = False


async def show(prices: Prices) -> None:
    """Print the prices once a second, and say so if they may be old."""
    while True:
        print(prices.last, "" if prices.fresh else "(stale)")
        await trio.sleep(1)


async def main(url: str) -> None:
    prices = Prices(["BTC-EUR", "ETH-EUR"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(show, prices)
        await supervise(prices.follow, url)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    trio.run(main, "ws://localhost:8765")
