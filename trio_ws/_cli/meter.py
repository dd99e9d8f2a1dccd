"""What is measured while ways of sending events are compared: bytes, and processor time.

All ways run side by side in one process, so processor time is counted by task:
a context variable says for which way a task works (tasks inherit it),
and an instrument of Trio adds each step of the task to that way.
What belongs to no task, such as waiting for sockets, is counted for none.

Bytes are those that HTTP, TLS-free, hands to TCP; TCP and IP add some forty to each packet.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar

import trio

from trio_ws import Headers, WebSocket

WAY: ContextVar[str] = ContextVar("WAY")
"""The way of sending events for which the present task works."""


class Meter(trio.abc.Instrument):
    """A meter of processor time, by way.

    Attributes:
        used: nanoseconds, by way.
    """

    def __init__(self, clock: Callable[[], int] = time.thread_time_ns) -> None:
        self.used: Counter[str] = Counter()
        self._clock = clock
        self._began = 0

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        """Start the watch."""
        self._began = self._clock()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Stop it, for the way that the task works for."""
        way = task.context.get(WAY)
        if way is not None:
            self.used[way] += self._clock() - self._began


class Traffic:
    """A count of the bytes of all connections of a way, as its clients see them."""

    def __init__(self) -> None:
        self._sent = 0
        self._received = 0
        self._counting: list[WebSocket] = []

    @property
    def sent(self) -> int:
        """Return the bytes from the clients."""
        return self._sent + sum(ws.statistics().bytes_sent for ws in self._counting)

    @property
    def received(self) -> int:
        """Return the bytes to the clients."""
        return self._received + sum(ws.statistics().bytes_received for ws in self._counting)

    def count(self, *, sent: int = 0, received: int = 0) -> None:
        """Add bytes."""
        self._sent += sent
        self._received += received

    def watch(self, ws: WebSocket) -> None:
        """Count a WebSocket, which counts its frames by itself, and its handshake."""
        asked = f"GET {ws.request.target} HTTP/1.1\r\n"
        answered = "HTTP/1.1 101 Switching Protocols\r\n"
        self.count(
            sent=len(asked) + head_size(ws.request.headers),
            received=len(answered) + head_size(ws.response.headers),
        )
        self._counting.append(ws)


def head_size(headers: Headers) -> int:
    """Return the bytes of header lines, with the empty line behind them."""
    return sum(len(f"{name}: {value}\r\n") for name, value in headers.multi_items()) + 2


class Counted(trio.abc.Stream):
    """A client's stream whose bytes are counted."""

    def __init__(self, stream: trio.abc.Stream, traffic: Traffic) -> None:
        self._stream = stream
        self._traffic = traffic

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, and count."""
        await self._stream.send_all(data)
        self._traffic.count(sent=len(data))

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive, and count."""
        data = await self._stream.receive_some(max_bytes)
        self._traffic.count(received=len(data))
        return data

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
