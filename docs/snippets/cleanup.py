"""Clean-up that awaits, in a handler whose connection may be lost."""

from __future__ import annotations

from typing import Protocol

import trio

from trio_ws import WebSocket


class Store(Protocol):
    """Where a handler keeps what it knows, over a network of its own."""

    async def save(self, key: str, value: str | bytes) -> None: ...


async def forgetful(store: Store, ws: WebSocket) -> None:
    # Bad! After a loss this task is cancelled: ``save`` is, too, before it has begun.
    draft: str | bytes = ""
    try:
        async for message in ws:
            draft = message
    finally:
        await store.save(ws.request.path, draft)


async def careful(store: Store, ws: WebSocket) -> None:
    # Good: a shield, and a bound for it.
    draft: str | bytes = ""
    try:
        async for message in ws:
            draft = message
    finally:
        with trio.move_on_after(3, shield=True):
            await store.save(ws.request.path, draft)
