"""A chat room: what one member says, all of them hear.

Two things happen at the same time on each connection:
one task receives from the member, another sends what the others say.
So each connection has a nursery with two tasks.
The nursery is inside the handler, so it cannot outlive the connection.

A member who reads more slowly than the others talk must not make them wait.
So each member has a queue of bounded length.
If it overflows, the member is asked to come back later (1013).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import trio

from trio_ws import CloseCode, Server, WebSocket, serve_websocket

QUEUE_LENGTH = 100
"""How many lines a member may lag behind."""


class Room:
    """The members, each with a queue of what they have not heard yet."""

    def __init__(self) -> None:
        self._queues: set[trio.MemorySendChannel[str]] = set()

    @contextmanager
    def member(self, name: str) -> Iterator[trio.MemoryReceiveChannel[str]]:
        """Be a member inside the block; what is said comes out of the channel."""
        queue, lines = trio.open_memory_channel[str](QUEUE_LENGTH)
        self._queues.add(queue)
        self.say(f"{name} comes in")
        with queue, lines:
            try:
                yield lines
            finally:
                self._queues.discard(queue)
                self.say(f"{name} leaves")

    def say(self, line: str) -> None:
        """Queue a line for each member, without waiting; a member whose queue is full is out."""
        for queue in list(self._queues):
            try:
                queue.send_nowait(line)
            except trio.WouldBlock:
                self._queues.discard(queue)
                queue.close()


async def chat(room: Room, ws: WebSocket) -> None:
    """Be the server's side of one member."""
    name = ws.request.query.get("name", ["somebody"])[0]
    with room.member(name) as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tell, lines, ws)
            async for text in ws:
                room.say(f"{name}: {text!s}")
            nursery.cancel_scope.cancel("the member has left")


async def tell(lines: trio.MemoryReceiveChannel[str], ws: WebSocket) -> None:
    """Pass on what is said; when the queue has overflowed, its end comes after what it held."""
    async for line in lines:
        await ws.send(line)
    await ws.close(CloseCode.TRY_AGAIN_LATER, "too slow for this room")


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve one room."""
    await serve_websocket(partial(chat, Room()), "localhost", port, task_status=task_status)


if __name__ == "__main__":
    trio.run(main)
