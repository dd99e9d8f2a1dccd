"""trio_ws."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio

from ..wire import Talk, read_talk
from .line import Options, listening, read_options
from .talking import Ends, OnTrio, Talking, converse, main

OPTIONS = read_options()  # before the library is imported: numpy may have to be hidden

import trio_ws  # noqa: E402

try:
    from trio_ws._connection import fanout  # what a hub will stand on
except ImportError:
    fanout = None  # type: ignore[assignment, unused-ignore]


class TrioWs(OnTrio, Talking):
    """The library that all this is about."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""
        heartbeat = trio_ws.Heartbeat() if options.heartbeat else None
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                lambda **start: trio_ws.serve_websocket(
                    self.handle,
                    "127.0.0.1",
                    0,
                    ssl_context=options.server_tls(),
                    heartbeat=heartbeat,
                    **_compression(),
                    **start,
                )
            )
            listening(server.port)

    async def handle(self, ws: trio_ws.WebSocket) -> None:
        """Serve one connection."""
        with suppress(trio_ws.ConnectionClosed):
            await converse(Ends(ws.receive, ws.send, ws), read_talk(ws.request.path), fan_out, loop)

    @asynccontextmanager
    async def connect(self, url: str, talk: Talk, tls: Any) -> AsyncGenerator[Ends]:
        """Open a connection."""
        compression = _compression() if talk.kind == "json" else {}
        async with trio_ws.open_websocket(url, ssl_context=tls, **compression) as ws:
            yield Ends(ws.receive, ws.send)


async def fan_out(audience: list[Ends], burst: list[Any]) -> None:
    """Use the library's own fan-out, which a version to compare with may not have."""
    if fanout is None:
        await loop(audience, burst)
    else:
        await fanout.fan_out([ends.connection for ends in audience], *burst)


async def loop(audience: list[Ends], burst: list[Any]) -> None:
    """Do what an application can do for connections that are not slow."""
    for data in burst:
        for ends in audience:
            ends.connection.send_nowait(data)


def _compression() -> dict[str, Any]:
    """Return the option for compression; a version to compare with may have none."""
    return {"compression": trio_ws.Deflate()} if hasattr(trio_ws, "Deflate") else {}


if __name__ == "__main__":
    main(TrioWs())
