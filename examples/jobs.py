"""Jobs for workers that confirm: none is lost, whatever happens to a connection or a worker.

If a connection ends before its job was confirmed, the job goes to the next worker.
It may have been done, so a worker remembers what it did, and only confirms that the next time.

    python examples/jobs.py server
    python examples/jobs.py worker
"""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from trio_ws import WebSocket, serve_websocket, supervise

Job = dict[str, Any]


class Jobs:
    """What is to be done; `hand_out` is the handler of the server."""

    def __init__(self, *jobs: Job) -> None:
        self._put, self._waiting = trio.open_memory_channel[Job](math.inf)
        self.confirmed: list[int] = []
        for job in jobs:
            self._put.send_nowait(job)

    async def hand_out(self, ws: WebSocket) -> None:
        """Give one job after the other to a worker, until it leaves."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hand_out, ws)
            await ws.wait_closed()
            nursery.cancel_scope.cancel("the worker has left")

    async def _hand_out(self, ws: WebSocket) -> None:
        async for job in self._waiting:
            confirmed = False
            try:
                await ws.send_json(job)
                confirmed = await ws.receive_json() == {"done": job["id"]}
            finally:  # cancelled if the connection is lost, so nothing here awaits
                if confirmed:
                    self.confirmed.append(job["id"])
                else:
                    self._put.send_nowait(job)


class Worker:
    """Does jobs, on one connection after another."""

    def __init__(self, do: Callable[[Job], Awaitable[object]]) -> None:
        self._do = do
        self._done: set[int] = set()

    async def work(self, ws: WebSocket) -> None:
        while True:
            job = await ws.receive_json()
            if job["id"] not in self._done:
                await self._do(job)
                self._done.add(job["id"])
            await ws.send_json({"done": job["id"]})


async def do(job: Job) -> None:
    print("doing", job)
    await trio.sleep(1)


if __name__ == "__main__":
    if sys.argv[1:] == ["server"]:
        jobs = Jobs(*({"id": number} for number in range(100)))
        trio.run(serve_websocket, jobs.hand_out, "localhost", 8765)
    else:
        trio.run(supervise, Worker(do).work, "ws://localhost:8765")
