"""A stream, read in big gulps and written as far as it will go.

The one thing added to `trio.abc.Stream` is `send_some`.
`Stream.send_all` is silent until everything is gone, which may take minutes on a slow link;
but whoever judges the peer must see that bytes are leaving.
On a plain socket `send_some` is one call of ``send``;
on any other stream it is ``send_all`` of one piece.

What a stream may raise differs; here it is always `trio.BrokenResourceError`,
and the end of the stream is always ``b""``:
also a TLS stream that ends without close-notify (half the Internet does that),
since a WebSocket has its own way of saying that nothing is missing.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

READ_SIZE = 64 * 1024
PIECE = 16 * 1024
"""What is given to a stream at once that does not tell its progress: one TLS record."""


class Transport:
    """The stream under a connection; one task reads, one task writes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._send_once: Callable[[memoryview], Awaitable[int]] = self._send_piece
        if isinstance(stream, trio.SocketStream):
            self._send_once = stream.socket.send
        self.bytes_received = 0
        self.bytes_sent = 0

    @property
    def can_half_close(self) -> bool:
        """Whether we can end our direction and still read."""
        return isinstance(self._stream, trio.abc.HalfCloseableStream)

    async def receive_some(self) -> bytes:
        """The bytes that are there, waiting for at least one; ``b""`` at the end."""
        try:
            data = bytes(await self._stream.receive_some(READ_SIZE))
        except trio.BrokenResourceError as error:
            if _ended_without_notice(error):
                return b""
            raise
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        self.bytes_received += len(data)
        return data

    async def send_some(self, data: memoryview) -> int:
        """Send as much of `data` as the stream takes now, at least one byte; return how much."""
        try:
            count = await self._send_once(data)
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        self.bytes_sent += count
        return count

    async def _send_piece(self, data: memoryview) -> int:
        piece = data[:PIECE]
        await self._stream.send_all(piece)
        return len(piece)

    async def send_eof(self) -> None:
        """End our direction, where the stream can do that; an error then tells nothing new."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close in the stream's own polite way, or by force when cancelled."""
        with suppress(OSError, trio.BrokenResourceError):
            await self._stream.aclose()

    @property
    def local_address(self) -> object:
        """Our address as the socket tells it; None on other streams."""
        sock = _socket_of(self._stream)
        return None if sock is None else _address(sock.getsockname)

    @property
    def remote_address(self) -> object:
        """The peer's address as the socket tells it; None on other streams."""
        sock = _socket_of(self._stream)
        return None if sock is None else _address(sock.getpeername)


def remote_address(stream: trio.abc.Stream) -> object:
    """The peer's address of a stream that is no transport yet."""
    return Transport(stream).remote_address


def _ended_without_notice(error: BaseException) -> bool:
    return isinstance(error.__cause__, ssl.SSLEOFError)


def _socket_of(stream: object) -> trio.socket.SocketType | None:
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None


def _address(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except OSError:
        return None
