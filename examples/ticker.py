"""A ticker: clients subscribe to symbols, and get each change of their prices.

Its client is ``market_data.py``, which comes back by itself, and then subscribes again.
A slow client misses prices, but never gets an old one: one for each symbol waits for it.
"""

from __future__ import annotations

import random

import trio

from trio_ws import Server, WebSocket, serve_websocket


class Subscription:
    """The newest prices that a client has not been sent yet."""

    def __init__(self, symbols: list[str]) -> None:
        self.symbols = frozenset(symbols)
        self._news: dict[str, float] = {}
        self._arrived = trio.Event()

    def offer(self, symbol: str, price: float) -> None:
        if symbol in self.symbols:
            self._news[symbol] = price
            self._arrived.set()

    async def take(self) -> dict[str, float]:
        await self._arrived.wait()
        news, self._news, self._arrived = self._news, {}, trio.Event()
        return news


class Ticker:
    """The prices, and who wants to hear of them."""

    def __init__(self, prices: dict[str, float]) -> None:
        self.prices = prices
        self._subscriptions: set[Subscription] = set()

    def change(self, symbol: str, price: float) -> None:
        self.prices[symbol] = price
        for subscription in self._subscriptions:
            subscription.offer(symbol, price)

    async def serve(self, ws: WebSocket) -> None:
        """Take the subscription, send a snapshot, then the changes, until the client leaves."""
        symbols = (await ws.receive_json())["subscribe"]
        subscription = Subscription(symbols)
        self._subscriptions.add(subscription)
        try:
            await ws.send_json({symbol: self.prices[symbol] for symbol in symbols})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_news, subscription, ws)
                async for _ in ws:
                    pass
                nursery.cancel_scope.cancel("the client has left")
        finally:
            self._subscriptions.discard(subscription)


async def send_news(subscription: Subscription, ws: WebSocket) -> None:
    while True:
        await ws.send_json(await subscription.take())


async def main(*, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED) -> None:
    ticker = Ticker({"BTC-EUR": 60000.0, "ETH-EUR": 3000.0})
    async with trio.open_nursery() as nursery:
        task_status.started(await nursery.start(serve_websocket, ticker.serve, "localhost", 8765))
        while True:
            symbol, price = random.choice(list(ticker.prices.items()))
            ticker.change(symbol, round(price + random.uniform(-1, 1), 2))
            await trio.sleep(0.2)


if __name__ == "__main__":
    trio.run(main)
