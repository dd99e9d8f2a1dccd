"""A client that says what went wrong."""

from __future__ import annotations

import trio

from trio_ws import ConnectionClosed, HandshakeError, open_websocket


async def main(url: str) -> None:
    try:
        async with open_websocket(url) as ws:
            async for message in ws:
                print(message)
    except HandshakeError as error:
        print(f"could not connect: {error}")
    except ConnectionClosed as error:
        print(f"connection closed: {error}")


if __name__ == "__main__":
    trio.run(main, "ws://localhost:8765")
