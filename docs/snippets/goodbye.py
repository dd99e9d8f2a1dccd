"""What to do, and what not, about cancellation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_ws import CloseCode, WebSocket, open_websocket


async def newest_price(ws: WebSocket, last: str) -> str:
    """Good: if nothing comes in time nothing is lost, and the next call goes on."""
    with trio.move_on_after(5):
        return str(await ws.receive())
    return last


async def upload_in_a_hurry(ws: WebSocket, parts: AsyncIterator[bytes]) -> None:
    # Bad! When the time is up in the middle of the message, the connection is, too.
    with trio.move_on_after(60):
        await ws.send(parts)


async def upload(ws: WebSocket, parts: AsyncIterator[bytes]) -> None:
    # Good: each part is a message, and what arrived counts.
    with trio.move_on_after(60):
        async for part in parts:
            await ws.send(part)


async def until_midnight(url: str, midnight: trio.Event) -> None:
    async with trio.open_nursery() as nursery:
        ws = await nursery.start(watch, url)
        await midnight.wait()
        # The server hears: 1001 (going away) 'the shift is over'.
        await ws.close(CloseCode.GOING_AWAY, "the shift is over")


async def watch(
    url: str, task_status: trio.TaskStatus[WebSocket] = trio.TASK_STATUS_IGNORED
) -> None:
    async with open_websocket(url) as ws:
        task_status.started(ws)
        async for message in ws:
            print(message)


async def thermostat(ws: WebSocket) -> None:
    while True:
        plan = await ws.receive_json()
        for step in plan:
            heat(step["power"])
            await trio.sleep(step["seconds"])


def heat(power: float) -> None:
    print(f"heating with {power} W")


async def stubborn(ws: WebSocket) -> None:
    # Bad! "Whatever happens, go on" includes the end of the connection.
    while True:
        try:
            print(await ws.receive_json())
        except Exception as error:
            print(error)


async def sensible(ws: WebSocket) -> None:
    # Good: what cannot be read is skipped, and the end is the end.
    while True:
        try:
            print(await ws.receive_json())
        except ValueError as error:
            print(error)


async def last_words_bad(ws: WebSocket) -> None:
    # Bad! Whoever cancels this waits as long as the peer likes.
    try:
        await ws.receive()
    finally:
        with trio.CancelScope(shield=True):
            await ws.send("I have to go")
            await ws.flush()


async def last_words(ws: WebSocket) -> None:
    # Good: a shield, and a bound for it.
    try:
        await ws.receive()
    finally:
        with trio.move_on_after(0.2, shield=True):
            await ws.send("I have to go")
            await ws.flush()


async def prices_bad(url: str) -> AsyncIterator[str]:
    # Bad! If the consumer stops early, the block is not left then.
    async with open_websocket(url) as ws:
        async for message in ws:
            yield str(message)


@asynccontextmanager
async def prices(url: str) -> AsyncIterator[AsyncIterator[str | bytes]]:
    # Good: ``async with prices(url) as stream`` is a block, and ends when it is left.
    async with open_websocket(url) as ws:
        yield aiter(ws)
