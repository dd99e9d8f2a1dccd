"""A stream, read in big gulps and written as far as it will go.

Two things are added to `trio.abc.Stream`.

`send_some` shows progress.  `Stream.send_all` is silent until everything is gone,
which may take minutes on a slow link; but whoever judges the peer must see that bytes are leaving.
A stream that is silent therefore gets little at once (`PIECE`),
unless it is TLS of which we see more from below (`_tls`).

`send_now` does not wait.  Trio has no public way to try a write without a checkpoint,
and a checkpoint is most of the cost of a small write, so on a plain socket the system call
is made on the file descriptor, which Trio keeps non-blocking.  It cannot be cancelled half-way.
Reading is done likewise: `trio.lowlevel.wait_readable`, then the system call.
On any other stream `send_now` takes nothing, and the rest is done with Trio's own methods.
What is to be written comes in pieces; a few go as they are, in one system call (``writev``),
many small ones are joined first.

What a stream may raise differs; here it is always `trio.BrokenResourceError`,
and the end of the stream is always ``b""``:
also a TLS stream that ends without close-notify (half the Internet does that),
since a WebSocket has its own way of saying that nothing is missing.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from .._protocol.send_queue import Piece
from . import kernel
from .kernel import HangUp
from .tls import TLS_RECORD, MonitoredStream, TimeCallback

READ_SIZE = 65 * 1024
"""How much is read at once: a message of 64 KiB and its header."""

BULK_READ_SIZE = 256 * 1024
"""How much is read at once when the last read left something behind."""

NOTHING = memoryview(b"")

MAX_IOVECS = 16
"""Up to so many pieces it is cheaper to pass them one by one than to join them."""


class Transport:
    """The stream under a connection; one task reads, one task writes."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._socket = _plain_socket(stream)
        self._below = _below(stream)
        self._under_all = _socket_of(stream)
        self._more_to_read = False
        self._surplus = NOTHING
        self.bytes_received = 0
        self.bytes_sent = 0

    @property
    def immediate(self) -> bool:
        """Whether `send_now` can take anything at all."""
        return self._socket is not None

    @property
    def can_half_close(self) -> bool:
        """Whether we can end our direction and still read."""
        return isinstance(self._stream, trio.abc.HalfCloseableStream)

    def tell(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        """Tell also of bytes that our own calls do not show (P12), as far as they can be seen."""
        if self._below is not None:
            self._below.on_arrival, self._below.on_departure = on_arrival, on_departure

    # What the kernel knows

    @property
    def tells_acknowledgements(self) -> bool:
        """Return True if `outgoing` tells what the peer's kernel has acknowledged.

        TLS that was not made by us is no help: nothing counts what it sends.
        """
        counted = self._socket is not None or self._below is not None
        sock = self._under_all
        return counted and sock is not None and kernel.tells_acknowledgements(sock)

    def outgoing(self) -> tuple[int, int | None]:
        """Return how many bytes the kernel was given, and how many are unacknowledged.

        Both are counted below TLS.  None: the system does not tell.
        """
        sent = self.bytes_sent if self._below is None else self._below.bytes_sent
        return sent, None if self._under_all is None else kernel.unacknowledged(self._under_all)

    def delivered(self) -> int:
        """Return how many packets of ours have arrived; 0: the system does not tell."""
        return 0 if self._under_all is None else kernel.delivered(self._under_all)

    def hang_up(self) -> HangUp | None:
        """Return how the connection has ended, if that shows without reading."""
        return None if self._under_all is None else kernel.hang_up(self._under_all)

    # Reading

    def receive_now(self) -> bytes:
        """What is there already; ``b""`` if that is nothing, or cannot be told without waiting."""
        if self._socket is None:
            return b""
        try:
            data = os.read(self._socket.fileno(), READ_SIZE)
        except OSError:
            return b""
        self._read(len(data), READ_SIZE)
        return data

    async def receive_some(self) -> bytes:
        """The bytes that are there, about a gulp, waiting for one; ``b""`` at the end."""
        if self._socket is None:
            return bytes(await self._receive_from_stream(READ_SIZE))
        size = BULK_READ_SIZE if self._more_to_read else READ_SIZE
        while True:  # noqa: ASYNC913 - `_readable` is one
            try:
                await self._readable(self._socket.fileno())
                data = os.read(self._socket.fileno(), size)
            except BlockingIOError:
                self._more_to_read = False
            except (OSError, trio.ClosedResourceError) as error:
                raise trio.BrokenResourceError(str(error)) from error
            else:
                self._read(len(data), size)
                return data

    async def receive_into(self, buffer: memoryview) -> int:
        """The same to where the bytes belong; return how many came, 0 at the end."""
        if self._socket is None:
            return await self._receive_from_stream_into(buffer)
        while True:  # noqa: ASYNC913 - `_readable` is one
            try:
                await self._readable(self._socket.fileno())
                count = os.readv(self._socket.fileno(), [buffer])
            except BlockingIOError:
                self._more_to_read = False
            except (OSError, trio.ClosedResourceError) as error:
                raise trio.BrokenResourceError(str(error)) from error
            else:
                self._read(count, len(buffer))
                return count

    def _readable(self, number: int) -> Awaitable[None]:
        """To be awaited: a wait or, when the last read left something behind, a checkpoint.

        This is no coroutine function itself: an idle connection would have to keep its frame.
        """
        if number < 0:
            raise trio.ClosedResourceError("somebody else closed the socket")
        if self._more_to_read:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - by the caller
        return trio.lowlevel.wait_readable(number)  # noqa: ASYNC105 - by the caller

    def _read(self, count: int, wanted: int) -> None:
        self.bytes_received += count
        self._more_to_read = count == wanted

    async def _receive_from_stream_into(self, buffer: memoryview) -> int:
        data = memoryview(await self._receive_from_stream(min(len(buffer), READ_SIZE)))
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        self._surplus = data[count:] or NOTHING
        return count

    async def _receive_from_stream(self, size: int) -> bytes | memoryview:
        """Some bytes; they may be more than was asked for, that is up to the stream."""
        if self._surplus:
            await trio.lowlevel.checkpoint()
            surplus, self._surplus = self._surplus, NOTHING
            return surplus
        try:
            data = bytes(await self._stream.receive_some(size))
        except trio.BrokenResourceError as error:
            if _ended_without_notice(error):
                return b""
            raise
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        self.bytes_received += len(data)
        return data

    # Writing

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Send as much as goes without waiting; return what is left, perhaps everything.

        An error sends nothing: `send_some` will meet it again and raise it.
        """
        if len(pieces) > MAX_IOVECS or self._socket is None:
            pieces = [b"".join(pieces)]
        if self._socket is None:
            return pieces
        try:
            if len(pieces) == 1:
                count = os.write(self._socket.fileno(), pieces[0])
            else:
                count = os.writev(self._socket.fileno(), pieces)
        except OSError:
            return pieces
        self.bytes_sent += count
        return without(pieces, count)

    async def send_all(self, data: bytes) -> None:
        """Send all of `data`, at once and without a checkpoint if the kernel takes it."""
        rest = self.send_now([data])
        while rest:
            rest = without(rest, await self.send_some(memoryview(rest[0])))

    async def send_some(self, data: memoryview) -> int:
        """Send as much of `data` as the stream takes now, at least one byte; return how much."""
        try:
            if self._socket is not None:
                count = await self._socket.send(data)
            else:
                count = len(piece := data[: TLS_RECORD if self._below is None else READ_SIZE])
                await self._stream.send_all(piece)
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        self.bytes_sent += count
        return count

    # Ending; a plain socket does all of it at once, and Trio's methods would only add a checkpoint

    def send_eof_now(self) -> bool:
        """End our direction if that needs no waiting; an error then tells nothing new."""
        if self._socket is None:
            return False
        with suppress(OSError):
            self._socket.shutdown(trio.socket.SHUT_WR)
        return True

    async def send_eof(self) -> None:
        """End our direction, where the stream can do that."""
        stream = self._stream
        if not self.send_eof_now() and isinstance(stream, trio.abc.HalfCloseableStream):
            with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                await stream.send_eof()

    def close_now(self) -> bool:
        """Close if that needs no waiting."""
        if self._socket is None:
            return False
        self._socket.close()
        return True

    async def aclose(self) -> None:
        """Close in the stream's own polite way, or by force when cancelled."""
        if not self.close_now():
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


def without(pieces: list[Piece], count: int) -> list[Piece]:
    """What is left of `pieces` behind the first `count` bytes."""
    for index, piece in enumerate(pieces):
        if count < len(piece):
            return [memoryview(piece)[count:], *pieces[index + 1 :]]
        count -= len(piece)
    return []


def remote_address(stream: trio.abc.Stream) -> object:
    """The peer's address of a stream that is no transport yet."""
    return Transport(stream).remote_address


def _ended_without_notice(error: BaseException) -> bool:
    return isinstance(error.__cause__, ssl.SSLEOFError)


def _plain_socket(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    """The socket of a stream that is nothing but one, where sockets are file descriptors."""
    if isinstance(stream, trio.SocketStream) and os.name == "posix":
        return stream.socket
    return None


def _below(stream: trio.abc.Stream) -> MonitoredStream | None:
    """What TLS of our own stands on."""
    below = stream.transport_stream if isinstance(stream, trio.SSLStream) else None
    return below if isinstance(below, MonitoredStream) else None


def _socket_of(stream: object) -> trio.socket.SocketType | None:
    while isinstance(stream, trio.SSLStream | MonitoredStream):
        stream = stream.stream if isinstance(stream, MonitoredStream) else stream.transport_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None


def _address(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except OSError:
        return None
