"""A stream that keeps the heads of the opening handshake which pass through it.

With `change` the request is altered on its way out:
so the library's client sends what it would never send, and the server shows what it makes of it.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from .rules import Head

END = b"\r\n\r\n"

MAX_HEAD = 64 * 1024
"""No more of an answer is kept, should it have no end."""

BREAKS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "method": ("the method is POST", lambda head: head.replace(b"GET ", b"POST ", 1)),
    "http": (
        "the version is HTTP/1.0",
        lambda head: head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1),
    ),
    "host": ("there is no Host header", lambda head: without(head, b"Host")),
    "upgrade": ("there is no Upgrade header", lambda head: without(head, b"Upgrade")),
    "connection": ("there is no Connection header", lambda head: without(head, b"Connection")),
    "key": ("there is no key", lambda head: without(head, b"Sec-WebSocket-Key")),
    "version": (
        "the version is 25",
        lambda head: head.replace(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 25"),
    ),
}
"""The seven rules whose breach a server must refuse (RFC 6455 §4.2.1), and how to break them."""


def without(head: bytes, name: bytes) -> bytes:
    """Return the head without a header."""
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(name + b":"))


class Tap(trio.abc.Stream):
    """A stream, overheard until the heads have passed.

    Attributes:
        request: the head that was sent, as far as it has been.
        answer: what came back, up to the end of its head; an HTTP 1xx before a 101 is kept too.
        sent_at: when the request was sent.
        answered_at: when the head of the answer was complete; None: it is not.
    """

    def __init__(
        self, stream: trio.abc.Stream, change: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._stream = stream
        self._change = change
        self.request = b""
        self.answer = b""
        self.sent_at = trio.current_time()
        self.answered_at: float | None = None

    @property
    def heads(self) -> tuple[Head | None, Head | None]:
        """Return the request and the answer, None where there is none."""
        request = Head.split(self.request) if self.request else None
        return request, Head.split(self.answer) if self.answer else None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; the first that is sent is the request."""
        if not self.request:
            self.request = self._change(bytes(data)) if self._change else bytes(data)
            self.sent_at = trio.current_time()
            data = self.request
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive, and keep what belongs to the head of the answer."""
        data = await self._stream.receive_some(max_bytes)
        if self.answered_at is None and len(self.answer) < MAX_HEAD:
            self.answer += data
            if END in self.answer:
                self.answer = self.answer.partition(END)[0] + END
                self.answered_at = trio.current_time()
        return data

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
