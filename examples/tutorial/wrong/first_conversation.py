"""Chapter 1, the wrong way: a connection that is opened here and closed there."""

from __future__ import annotations

from contextlib import AsyncExitStack

import trio
import trio.testing

from trio_ws import WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork

URL = "ws://parrot.example/"


class Client:
    """Is connected from `connect` to `close`."""

    async def connect(self) -> None:
        self._stack = AsyncExitStack()
        self.ws = await self._stack.enter_async_context(open_websocket(URL))

    async def close(self) -> None:
        await self._stack.aclose()


async def talk() -> None:
    """Ask for a number."""
    client = Client()
    await client.connect()
    await client.ws.send("How old are you?")
    print("the age is", int(await client.ws.receive()))
    await client.close()  # Bad! If anything above raises, this line is not reached.


async def answer(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(f"You said: {message!s}")


async def main() -> None:
    async with MemoryNetwork(seed=1) as network:
        server = await network.serve(URL, answer)
        try:
            await talk()
        except ValueError as error:
            print("talk has failed:", error)
        await trio.sleep(3600)
        print("an hour later the server has", len(server.connections), "connection")


if __name__ == "__main__":
    try:
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    except RuntimeError as error:
        print("and at the end:", str(error).partition(":")[0])
