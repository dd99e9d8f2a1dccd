"""What the log of a supervisor looks like on a bad night, in virtual time."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import trio
import trio.testing

from trio_ws import (
    HandshakeError,
    Response,
    WebSocket,
    open_websocket_on,
    serve_websocket_on,
    supervise,
)

Handler = Callable[[WebSocket], Awaitable[object]]


class Virtual(logging.Formatter):
    """Shows Trio's time."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{trio.current_time():6.1f}  {record.getMessage()}"


async def restart(ws: WebSocket) -> None:
    await trio.sleep(15)
    await ws.close(1012, "new version")


async def finish(ws: WebSocket) -> None:
    await ws.close(1000)


async def session(ws: WebSocket) -> None:
    async for _ in ws:
        pass


async def main() -> None:
    show = logging.StreamHandler(sys.stdout)
    show.setFormatter(Virtual())
    logger = logging.getLogger("trio_ws.supervisor")
    logger.setLevel(logging.INFO)
    logger.addHandler(show)

    refused = HandshakeError("no connection to ws://a.example/: Connection refused", transient=True)
    night: Iterator[HandshakeError | Response | Handler] = iter(
        [refused, Response(503, {"Retry-After": "7"}), restart, *[refused] * 5, finish]
    )

    def connect(url: str, **options: Any) -> AbstractAsyncContextManager[WebSocket]:
        event = next(night)
        if isinstance(event, HandshakeError):
            raise event
        ours, theirs = trio.testing.memory_stream_pair()
        if isinstance(event, Response):
            busy = event
            serve = partial(serve_websocket_on, session, theirs, on_request=lambda _: busy)
        else:
            serve = partial(serve_websocket_on, event, theirs)
        nursery.start_soon(serve)
        return open_websocket_on(ours, url, **options)

    async with trio.open_nursery() as nursery:
        await supervise(
            session,
            "ws://user:secret@a.example/?token=secret",
            connect=connect,
            jitter=lambda: 0.5,
        )
    logger.removeHandler(show)


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
