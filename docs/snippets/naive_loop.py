"""The usual reconnect loop, and what it does to a server.

All of it happens in virtual time and in memory, a minute of it takes no time at all.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any

import trio
import trio.testing

from trio_ws import (
    HandshakeError,
    Rejected,
    Response,
    WebSocket,
    open_websocket_on,
    serve_websocket_on,
    supervise,
)

Connect = Callable[..., AbstractAsyncContextManager[WebSocket]]


async def print_all(ws: WebSocket) -> None:
    async for message in ws:
        print(message)


# Bad!
async def naive_loop(open_websocket: Connect, url: str) -> None:
    while True:
        try:
            async with open_websocket(url) as ws:
                await print_all(ws)
        except Exception:
            await trio.sleep(1)


async def supervised(open_websocket: Connect, url: str) -> None:
    await supervise(print_all, url, connect=open_websocket)


async def goes_away(ws: WebSocket) -> None:
    await ws.close(1001)


def wrong_token(request: object) -> Response:
    return Response(401)


def count_handshakes(client: Callable[[Connect, str], Awaitable[None]], **server: Any) -> int:
    """How often a client knocks in a minute, when every answer takes 100 ms."""
    handshakes = 0

    async def count() -> None:
        def connect(url: str, **options: Any) -> AbstractAsyncContextManager[WebSocket]:
            nonlocal handshakes
            handshakes += 1
            ours, theirs = trio.testing.memory_stream_pair()
            theirs.receive_stream.receive_some_hook = partial(trio.sleep, 0.1)
            nursery.start_soon(partial(serve_websocket_on, goes_away, theirs, **server))
            return open_websocket_on(ours, url, **options)

        with trio.move_on_after(60), suppress(HandshakeError):
            async with trio.open_nursery() as nursery:
                with suppress(Rejected):
                    await client(connect, "ws://server.example/")
                nursery.cancel_scope.cancel()

    trio.run(count, clock=trio.testing.MockClock(autojump_threshold=0))
    return handshakes


def main() -> None:
    logging.disable()
    random.seed(1)  # the delays are random, the table is not
    print("handshakes in a minute                 naive loop   supervise")
    for title, server in (
        ("a server that accepts and goes away", {}),
        ("a server that does not know our token", {"on_request": wrong_token}),
    ):
        naive = count_handshakes(naive_loop, **server)
        ours = count_handshakes(supervised, **server)
        print(f"{title:<38} {naive:>10} {ours:>11}")


if __name__ == "__main__":
    main()
