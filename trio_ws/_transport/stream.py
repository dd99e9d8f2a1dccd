"""Any other stream, by Trio's own methods: memory, a tunnel, TLS of the user's.

Nothing is done without waiting here.
A stream that is silent until everything is gone gets one TLS record at once (`TLS_RECORD`),
so that progress is seen.
TLS of our own stands on a `MonitoredStream` and gets much more at once:
its progress is seen from below.

The end of a TLS stream without close-notify is an end like any other.
Half the Internet ends so, and a WebSocket has its own way of saying that nothing is missing.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

import trio

from .._protocol.send_queue import Piece
from .._tls_info import TLSInfo
from . import kernel
from .addresses import layers, local_address, remote_address, socket_below
from .base import READ_SIZE, Transport
from .kernel import HangUp
from .tls import TLS_RECORD, MonitoredStream, TimeCallback, tls_info

NOTHING = memoryview(b"")


class StreamTransport(Transport):
    """The transport over a `trio.abc.Stream`."""

    immediate = False
    __slots__ = ("_below", "_socket", "_stream", "_surplus", "bytes_received", "bytes_sent")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._below = _below(stream)
        self._socket = socket_below(stream)
        self._surplus = NOTHING
        self.bytes_received = 0
        self.bytes_sent = 0

    @property
    def can_half_close(self) -> bool:
        """Return True if our direction can be ended while we still read."""
        return isinstance(self._stream, trio.abc.HalfCloseableStream)

    @property
    def local_address(self) -> object:
        """Return our address, of the socket below; None without a socket."""
        return local_address(self._stream)

    @property
    def remote_address(self) -> object:
        """Return the peer's address, of the socket below; None without a socket."""
        return remote_address(self._stream)

    @property
    def tls(self) -> TLSInfo | None:
        """Return what TLS has established; None if the stream is not one of TLS."""
        return tls_info(self._stream)

    def observe(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        """Report bytes that come and go below our own TLS; other streams show no more."""
        if self._below is not None:
            self._below.observe(on_arrival=on_arrival, on_departure=on_departure)

    # What the kernel knows

    @property
    def tells_acknowledgements(self) -> bool:
        """Return True over TLS of our own on TCP on Linux.

        TLS that was not made by us does not tell how many bytes it has sent.
        """
        below, sock = self._below, self._socket
        return below is not None and sock is not None and kernel.tells_acknowledgements(sock)

    def outgoing(self) -> tuple[int, int | None]:
        """Return how many bytes the kernel was given below TLS, and how many are unacknowledged."""
        sent = self.bytes_sent if self._below is None else self._below.bytes_sent
        return sent, None if self._socket is None else kernel.unacknowledged(self._socket)

    def delivered(self) -> int:
        """Return how many packets of ours have arrived; 0: the system does not tell."""
        return 0 if self._socket is None else kernel.delivered(self._socket)

    def hang_up(self) -> HangUp | None:
        """Return how the connection has ended, if that shows without reading."""
        return None if self._socket is None else kernel.hang_up(self._socket)

    # Reading

    def receive_now(self) -> bytes:
        """Return nothing: whether there is something cannot be known without waiting."""
        return b""

    async def receive_some(self) -> bytes:
        """Wait for bytes and return those that are there, up to a size; ``b""`` at the end."""
        return bytes(await self._receive(READ_SIZE))

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive to where the bytes belong; return how many came, 0 at the end."""
        data = memoryview(await self._receive(min(len(buffer), READ_SIZE)))
        count = min(len(data), len(buffer))
        buffer[:count] = data[:count]
        self._surplus = data[count:] or NOTHING
        return count

    async def _receive(self, size: int) -> bytes | memoryview:
        """Return some bytes; a stream may give more than it is asked for."""
        if self._surplus:
            await trio.lowlevel.checkpoint()
            surplus, self._surplus = self._surplus, NOTHING
            return surplus
        try:
            data = bytes(await self._stream.receive_some(size))
        except trio.BrokenResourceError as error:
            if isinstance(error.__cause__, ssl.SSLEOFError):
                return b""
            raise
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        self.bytes_received += len(data)
        return data

    # Writing

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Send nothing; return the pieces as one."""
        return [b"".join(pieces)]

    async def send_some(self, data: memoryview) -> int:
        """Send what the stream may be given at once; return how much that was."""
        piece = data[: TLS_RECORD if self._below is None else READ_SIZE]
        try:
            await self._stream.send_all(piece)
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        self.bytes_sent += len(piece)
        return len(piece)

    # Ending

    def send_eof_now(self) -> bool:
        """Do nothing: it would have to wait."""
        return False

    async def send_eof(self) -> None:
        """End our direction, where the stream can do that."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                await self._stream.send_eof()

    def close_now(self) -> bool:
        """Do nothing: it would have to wait."""
        return False

    async def aclose(self) -> None:
        """Close in the stream's own polite way, or by force when cancelled."""
        with suppress(OSError, trio.BrokenResourceError):
            await self._stream.aclose()


def _below(stream: trio.abc.Stream) -> MonitoredStream | None:
    """Return what TLS of our own stands on; of two, through a proxy, the lower one.

    It must be the lowest layer: what TLS of the user's own sends below it, it does not see.
    """
    *_, below, _ = [None, *layers(stream)]
    return below if isinstance(below, MonitoredStream) else None
