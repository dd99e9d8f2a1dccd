"""A client: says one thing, prints what comes back."""

import trio

from trio_ws import open_websocket


async def main(url: str) -> None:
    async with open_websocket(url) as ws:
        await ws.send("Hello, is anybody there?")
        print(await ws.receive())


if __name__ == "__main__":
    trio.run(main, "ws://localhost:8765")
