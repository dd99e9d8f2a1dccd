"""Clients that follow a feed, each in one of four ways, and note how late they hear of events."""

from __future__ import annotations

import json
from array import array
from collections.abc import Awaitable, Callable

import trio

from trio_ws import open_websocket_on

from .feed import LONG, SHORT, SSE, WEBSOCKET, Feed, Heads
from .meter import WAY, Counted, Traffic

Connect = Callable[[], Awaitable[trio.abc.Stream]]

HOST = "127.0.0.1"


class Record:
    """A record of what the clients of a way have seen.

    Attributes:
        way: which.
        requests: HTTP requests that were sent.
        delays: seconds from each event to when a client had it.
        traffic: bytes.
    """

    def __init__(self, way: str, feed: Feed) -> None:
        self.way = way
        self.requests = 0
        self.delays = array("d")
        self.traffic = Traffic()
        self._feed = feed

    def asked(self) -> None:
        """Note a request."""
        self.requests += 1

    def heard(self, event: str | bytes) -> None:
        """Note an event, by its number."""
        self.delays.append(self._feed.age(json.loads(event)["id"]))


class Follower:
    """A client.

    Args:
        connect: opens a stream to the server.
        record: what it sees is counted here.
        interval: seconds between requests of short polling.
    """

    def __init__(self, connect: Connect, record: Record, interval: float) -> None:
        self._connect = connect
        self._record = record
        self._interval = interval
        self._ways = {
            SHORT: self._poll_shortly,
            LONG: self._poll_long,
            SSE: self._read_events,
        }

    async def follow(self, delay: float = 0.0) -> None:
        """Follow the feed until cancelled, beginning after a delay."""
        WAY.set(self._record.way)
        await trio.sleep(delay)
        async with await self._connect() as stream:
            if self._record.way == WEBSOCKET:
                await self._receive(stream)  # which counts by itself, and is fastest on a socket
            else:
                await self._ways[self._record.way](Counted(stream, self._record.traffic))

    async def _poll_shortly(self, stream: trio.abc.Stream) -> None:
        poll = Poll(stream, "/short", self._record)
        while True:
            await poll.once()
            await trio.sleep(self._interval)

    async def _poll_long(self, stream: trio.abc.Stream) -> None:
        poll = Poll(stream, "/long", self._record)
        while True:
            await poll.once()

    async def _read_events(self, stream: trio.abc.Stream) -> None:
        await self._ask(stream, "/sse")
        heads = Heads(stream)
        await heads.next()
        while (line := await heads.line()) is not None:
            if line.startswith(b"data: "):
                self._record.heard(line.removeprefix(b"data: "))

    async def _receive(self, stream: trio.abc.Stream) -> None:
        self._record.asked()
        url = f"ws://{HOST}/ws"
        async with open_websocket_on(stream, url, user_agent=None, heartbeat=None) as ws:
            self._record.traffic.watch(ws)
            async for message in ws:
                self._record.heard(message)

    async def _ask(self, stream: trio.abc.Stream, target: str) -> None:
        self._record.asked()
        await stream.send_all(request(target))


class Poll:
    """A series of polls over one connection, each for what is new since the last."""

    def __init__(self, stream: trio.abc.Stream, path: str, record: Record) -> None:
        self._stream = stream
        self._heads = Heads(stream)
        self._path = path
        self._record = record
        self._seen = 0

    async def once(self) -> None:
        """Ask once, and note what came.

        Raises:
            trio.BrokenResourceError: the server has ended the connection.
        """
        self._record.asked()
        await self._stream.send_all(request(f"{self._path}?after={self._seen}"))
        head = await self._heads.next()
        if head is None:
            raise trio.BrokenResourceError("the server has ended the connection")
        body = await self._heads.take(int(head.partition("Content-Length: ")[2].split("\r\n")[0]))
        for event in json.loads(body):
            self._record.heard(json.dumps(event))
            self._seen = event["id"] + 1


def request(target: str) -> bytes:
    """Return a request with as few headers as can be; those of browsers are ten times as many."""
    return f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
