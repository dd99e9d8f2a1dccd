"""Why a reader must not wait for a writer: two ends that answer what they read."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import WebSocket
from trio_ws.testing import open_websocket_pair

MESSAGES = 1000


class End:
    """One end of a line, made by hand: it sends questions, and answers those that it reads."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._turn = trio.Lock()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            for _ in range(MESSAGES):
                await self._send(b"?")

    async def _read(self) -> None:
        async for data in self._stream:
            if data == b"?":
                await self._send(b"!")  # Bad! Until this is sent, nothing is read.

    async def _send(self, data: bytes) -> None:
        async with self._turn:
            await self._stream.send_all(data)


async def by_hand() -> None:
    async with trio.open_nursery() as nursery:
        for stream in trio.testing.lockstep_stream_pair():
            nursery.start_soon(End(stream).run)


async def ask(ws: WebSocket) -> None:
    """Ask in the same way with pings, which the reader at the other end answers."""
    for _ in range(MESSAGES):
        await ws.ping()


async def with_the_library() -> None:
    async with open_websocket_pair() as pair, trio.open_nursery() as nursery:
        for ws in pair:
            nursery.start_soon(ask, ws)


async def main() -> None:
    for name, way in (("by hand", by_hand), ("with the library", with_the_library)):
        with trio.move_on_after(60) as limit:
            await way()
        print(f"{name}: {'still stuck after 60 s' if limit.cancelled_caught else 'done'}")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
