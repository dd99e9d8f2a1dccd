"""Chat rooms with a page: what a member says, all in the room hear.

Open http://localhost:8765/?name=Ada#tea in a window, and the same with another name in a second.
A slow member must not make the others wait, so each has a queue of bounded length,
and is sent away (1013) if that overflows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from trio_ws import CloseCode, Response, Router, WebSocket, serve_websocket

PAGE = Path(__file__).with_name("chat_rooms.html").read_text(encoding="utf-8")
QUEUE_LENGTH = 100


class Rooms:
    """The members of each room, each with a queue of what it has not heard yet."""

    def __init__(self) -> None:
        self._rooms: dict[str, set[trio.MemorySendChannel[str]]] = {}

    @contextmanager
    def member(self, room: str, name: str) -> Iterator[trio.MemoryReceiveChannel[str]]:
        """Be a member inside the block; what is said comes out of the channel."""
        queue, lines = trio.open_memory_channel[str](QUEUE_LENGTH)
        self._rooms.setdefault(room, set()).add(queue)
        self.say(room, f"{name} comes in")
        with queue, lines:
            try:
                yield lines
            finally:
                self._rooms[room].discard(queue)
                self.say(room, f"{name} leaves")
                if not self._rooms[room]:
                    del self._rooms[room]

    def say(self, room: str, line: str) -> None:
        """Queue a line for each member, without waiting; a member whose queue is full is out."""
        for queue in list(self._rooms[room]):
            try:
                queue.send_nowait(line)
            except trio.WouldBlock:
                self._rooms[room].discard(queue)
                queue.close()


router = Router()
rooms = Rooms()
router.get("/")(lambda _: Response.from_html(PAGE))
router.get("/health")(lambda _: Response.from_text("fine\n"))


@router.websocket("/rooms/{room}")
async def chat(ws: WebSocket) -> None:
    """Be the server's side of one member."""
    room, name = ws.path_params["room"], ws.request.query.get("name", ["a guest"])[0]
    with rooms.member(room, name) as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tell, lines, ws)
            async for text in ws:
                rooms.say(room, f"{name}: {text!s}")
            nursery.cancel_scope.cancel("the member has left")


async def tell(lines: trio.MemoryReceiveChannel[str], ws: WebSocket) -> None:
    """Pass on what is said; if the queue has overflowed, its end comes after what it held."""
    async for line in lines:
        await ws.send(line)
    await ws.close(CloseCode.TRY_AGAIN_LATER, "too slow for this room")


if __name__ == "__main__":
    trio.run(serve_websocket, router, "localhost", 8765)
