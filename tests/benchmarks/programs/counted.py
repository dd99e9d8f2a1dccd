"""Echoes whose function calls are counted: ``counted client KIND SIZE``.

A client and a server of the library are in one run, with a loopback socket between them,
and the heartbeat that is the default.
The client sends a message, the server's handler sends it back, the client receives it:
every function of the library that Python enters meanwhile, or comes back to in a coroutine,
is a call.

The first echoes warm up.  Garbage is not collected, so nothing happens beside the echo.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import trio

import trio_ws

from ..wire import message
from .line import tell

WARM_UP = 10
ECHOES = 30

OURS = f"{Path(trio_ws.__file__).parent}/"
TRIOS = f"{Path(trio.__file__).parent}/"

Call = tuple[str, str]
"""File and function."""


class Counter:
    """It writes down each call of an echo."""

    def __init__(self) -> None:
        self.echoes: list[list[Call]] = []

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is called inside the block, by any task, as one echo."""
        self.echoes.append([])
        sys.setprofile(self._look)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            code = frame.f_code
            self.echoes[-1].append((code.co_filename, code.co_name))


async def echo(ws: trio_ws.WebSocket) -> None:
    """Send back whatever comes."""
    with suppress(trio_ws.ConnectionClosed):
        while True:
            await ws.send(await ws.receive())


async def count(data: str | bytes) -> list[list[Call]]:
    """Return the calls of each echo."""
    counter = Counter()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda **start: trio_ws.serve_websocket(echo, "127.0.0.1", 0, **start)
        )
        async with trio_ws.open_websocket(f"ws://127.0.0.1:{server.port}") as ws:
            for _ in range(WARM_UP):
                await ws.send(data)
                await ws.receive()
            gc.collect()
            gc.disable()
            for _ in range(ECHOES):
                with counter.counting():
                    await ws.send(data)
                    await ws.receive()
        nursery.cancel_scope.cancel()
    return counter.echoes


def summed_up(calls: list[Call]) -> dict[str, Any]:
    """Say what one echo took."""
    ours = [
        (file.removeprefix(OURS), function) for file, function in calls if file.startswith(OURS)
    ]
    files = [file for file, _ in ours]
    return {
        "calls": len(ours),
        "changes": sum(one != other for one, other in pairwise(files)),
        "files": len(set(files)),
        "trio": sum(file.startswith(TRIOS) for file, _ in calls),
        "path": [f"{file}:{function}" for file, function in ours],
    }


def main() -> None:
    """Count, and tell what the usual echo took: the one in the middle."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client"])
    parser.add_argument("kind", choices=["text", "binary"])
    parser.add_argument("size", type=int)
    options = parser.parse_args()
    echoes = trio.run(count, message(options.kind, options.size))
    ordered = sorted(map(summed_up, echoes), key=lambda one: (one["calls"], one["trio"]))
    tell(ordered[len(ordered) // 2])


if __name__ == "__main__":
    main()
