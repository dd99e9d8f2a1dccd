"""Calls over one connection: many at a time, each with a deadline that reaches the other side.

A call is a cancel scope on both sides.
If the caller is cancelled, by a timeout or anything else, it says so,
and the scope of the function at the other side is cancelled, too.

    {"call": 7, "name": "add", "args": [1, 2]}   →
                                                 ←   {"answer": 7, "result": 3}
    {"cancel": 7}                                →
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import trio

from trio_ws import ConnectionClosed, WebSocket

Functions = Mapping[str, Callable[..., Awaitable[object]]]


async def answer_calls(functions: Functions, ws: WebSocket) -> None:
    """Be the handler: run each call in a task and a scope of its own."""
    scopes: dict[int, trio.CancelScope] = {}

    async def run(number: int, name: str, args: list[Any]) -> None:
        with trio.CancelScope() as scopes[number]:
            try:
                answer = {"answer": number, "result": await functions[name](*args)}
            except Exception as error:
                answer = {"answer": number, "error": repr(error)}
            await ws.send_json(answer)
        del scopes[number]

    async with trio.open_nursery() as nursery:
        while True:
            message = await ws.receive_json()
            if "call" in message:
                nursery.start_soon(run, message["call"], message["name"], message["args"])
            elif scope := scopes.get(message["cancel"]):
                scope.cancel("the caller was cancelled")


class Caller:
    """Calls functions of the other side; `run` must run beside the calls."""

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws
        self._numbers = count()
        self._waiting: dict[int, trio.MemorySendChannel[dict[str, Any]]] = {}

    async def run(self) -> None:
        """Hand each answer to its call."""
        while True:
            message = await self._ws.receive_json()
            if waiting := self._waiting.get(message["answer"]):
                waiting.send_nowait(message)

    async def call(self, name: str, *args: object) -> Any:
        number = next(self._numbers)
        self._waiting[number], answers = trio.open_memory_channel[dict[str, Any]](1)
        try:
            await self._ws.send_json({"call": number, "name": name, "args": args})
            message = await answers.receive()
        except trio.Cancelled:
            with trio.move_on_after(1, shield=True), suppress(ConnectionClosed):
                await self._ws.send_json({"cancel": number})
            raise
        finally:
            del self._waiting[number]
        if "error" in message:
            raise RuntimeError(message["error"])
        return message["result"]
