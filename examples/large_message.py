"""A message larger than one would like to have in memory, on either side.

The client sends an iterable: each item leaves as one fragment before the next one is made.
The server takes the message in chunks as they arrive, and keeps none of them.
So 32 MiB go through, and no side ever holds more than its buffers.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import trio

from trio_ws import Limits, WebSocket, open_websocket, serve_websocket

KIB, MIB = 1024, 1024 * 1024
SIZE = 32 * MIB
LIMITS = Limits(max_message_size=SIZE, receive_buffer=256 * KIB)


async def produce() -> AsyncIterator[bytes]:
    """Make the message piece by piece, as if from a file or another connection."""
    for number in range(SIZE // (64 * KIB)):
        await trio.lowlevel.checkpoint()
        yield number.to_bytes(8, "big") * (8 * KIB)


async def digest(ws: WebSocket) -> None:
    """Answer a message with its size and its digest, having held only chunks of it."""
    size, most_held = 0, 0
    sha256 = hashlib.sha256()
    async with ws.receive_stream() as chunks:
        async for chunk in chunks:
            assert isinstance(chunk, bytes)
            size += len(chunk)
            sha256.update(chunk)
            most_held = max(most_held, len(chunk) + ws.statistics().receive_queue)
    await ws.send_json({"size": size, "sha256": sha256.hexdigest(), "most_held": most_held})


async def main() -> None:
    """Send one large message to a server of our own, and print what it says about it."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_digest)
        async with open_websocket(f"ws://127.0.0.1:{server.port}/", proxy=None) as ws:
            await ws.send(produce())
            answer = await ws.receive_json()
        nursery.cancel_scope.cancel()
    print(f"{answer['size'] // MIB} MiB arrived, with SHA-256 {answer['sha256'][:16]}…")
    print(f"the server never held more than {answer['most_held'] // KIB} KiB of them")


async def serve_digest(*, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve on a port that is free."""
    await serve_websocket(digest, "127.0.0.1", 0, limits=LIMITS, task_status=task_status)


if __name__ == "__main__":
    trio.run(main)
