"""A stream of events, and a server that offers it in four ways on one port.

=====================  ==========  ==============================================================
way                    path        the server
=====================  ==========  ==============================================================
short polling          ``/short``  answers at once with the events that are new, often none
long polling           ``/long``   answers when there is a new event
server-sent events     ``/sse``    answers once, and never ends: each event is a few lines more
WebSocket              ``/ws``     switches protocols; each event is a message
=====================  ==========  ==============================================================

The HTTP here is the least that does it properly: requests without a body, connections kept alive.
A request for ``/ws`` is handed to `serve_websocket_on`:
of a socket the head was only peeked at, into another stream it is put back.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import trio

from trio_ws import WebSocket, serve_websocket_on

from .meter import WAY

SHORT, LONG, SSE, WEBSOCKET = "short polling", "long polling", "server-sent events", "WebSocket"
PATHS = {"/short": SHORT, "/long": LONG, "/sse": SSE, "/ws": WEBSOCKET}
WAYS = tuple(PATHS.values())

END = b"\r\n\r\n"

MAX_HEAD = 16 * 1024

_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\n"


class Feed:
    """A list of events, each with the time at which it happened."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._texts: list[str] = []
        self._more = trio.Event()

    def __len__(self) -> int:
        return len(self._times)

    def publish(self) -> None:
        """Let an event happen now."""
        self._texts.append(json.dumps({"id": len(self), "price": 100 + len(self) % 7}))
        self._times.append(trio.current_time())
        self._more.set()
        self._more = trio.Event()

    def age(self, number: int) -> float:
        """Return how long ago an event happened."""
        return trio.current_time() - self._times[number]

    def beyond(self, seen: int) -> list[str]:
        """Return the events that a viewer who has seen so many has not seen."""
        return self._texts[seen:]

    async def wait_beyond(self, seen: int) -> list[str]:
        """Wait until there is an event beyond these, and return as `beyond` does."""
        while len(self) <= seen:
            await self._more.wait()
        return self.beyond(seen)


class Heads:
    """A reader of the heads of HTTP messages in a stream, and of what is behind them."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.rest = bytearray()

    async def next(self) -> str | None:
        """Return the next head; None: the stream has ended, or it is too large."""
        while END not in self.rest:
            if len(self.rest) > MAX_HEAD or not await self._more():
                return None
        return self._cut(self.rest.index(END) + len(END)).decode("latin-1")

    async def take(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end of the stream."""
        while len(self.rest) < size and await self._more():
            pass
        return self._cut(size)

    async def line(self) -> bytes | None:
        """Return the next line; None: the stream has ended."""
        while b"\n" not in self.rest:
            if not await self._more():
                return None
        return self._cut(self.rest.index(b"\n") + 1).rstrip()

    async def _more(self) -> bool:
        data = await self._stream.receive_some()
        self.rest += data
        return bool(data)

    def _cut(self, size: int) -> bytes:
        taken = bytes(self.rest[:size])
        del self.rest[:size]
        return taken


class Replayed(trio.abc.Stream):
    """A stream whose beginning was read already, and comes again."""

    def __init__(self, stream: trio.abc.Stream, beginning: bytes) -> None:
        self._stream = stream
        self._beginning = beginning

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Return the beginning first."""
        if self._beginning:
            await trio.lowlevel.checkpoint()
            data, self._beginning = self._beginning, b""
            return data
        return await self._stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()


def _asked(head: str) -> tuple[str, int]:
    """Return the way that a request asks for, and how many events were seen before it."""
    target = head.partition(" ")[2].partition(" ")[0]
    path, _, query = target.partition("?")
    (after, *_) = parse_qs(query).get("after", ["0"])
    return PATHS.get(path, ""), int(after) if after.isdecimal() and after.isascii() else 0


async def _begins(stream: trio.abc.Stream, beginning: bytes) -> bool:
    """Return True if this is a socket, and what arrives first begins so; it stays there."""
    if not isinstance(stream, trio.SocketStream):
        return False
    return await stream.socket.recv(len(beginning), trio.socket.MSG_PEEK) == beginning


class FeedServer:
    """A server that offers a feed in four ways."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection, until the client leaves."""
        try:
            async with stream:
                await self._serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _serve(self, stream: trio.abc.Stream) -> None:
        if await _begins(stream, b"GET /ws "):  # a plain socket is what the library is fastest on
            WAY.set(WEBSOCKET)
            await serve_websocket_on(self._push, stream)
            return
        heads = Heads(stream)
        while (head := await heads.next()) is not None:
            way, seen = _asked(head)
            WAY.set(way)
            if way == WEBSOCKET:
                replayed = Replayed(stream, head.encode("latin-1") + heads.rest)
                await serve_websocket_on(self._push, replayed)
            elif way == SSE:
                await self._stream_events(stream)
            else:
                await stream.send_all(await self._answer(way, seen))

    async def _answer(self, way: str, seen: int) -> bytes:
        """Return the answer to a poll."""
        if way not in (SHORT, LONG):
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        events = await self._feed.wait_beyond(seen) if way == LONG else self._feed.beyond(seen)
        body = f"[{','.join(events)}]".encode()
        head = _HEAD.format(kind="application/json") + f"Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    async def _stream_events(self, stream: trio.abc.Stream) -> None:
        await stream.send_all(f"{_HEAD.format(kind='text/event-stream')}\r\n".encode())
        seen = 0
        while True:
            events = await self._feed.wait_beyond(seen)
            lines = (f"id: {seen + n}\ndata: {event}\n\n" for n, event in enumerate(events))
            await stream.send_all("".join(lines).encode())
            seen += len(events)

    async def _push(self, ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_events, ws)
            await ws.wait_closed()
            nursery.cancel_scope.cancel(reason="the client has left")

    async def _send_events(self, ws: WebSocket) -> None:
        seen = 0
        while True:
            for event in await self._feed.wait_beyond(seen):
                await ws.send(event)
                seen += 1
