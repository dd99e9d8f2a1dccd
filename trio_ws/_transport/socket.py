"""A plain socket, read and written by its file descriptor.

Trio has no public way to try a write without a checkpoint,
so the system call is made on the file descriptor, which Trio keeps non-blocking.
It cannot be cancelled half-way.
Reading is done likewise: `trio.lowlevel.wait_readable`, then the system call,
into the buffer that all sockets of the run share (`read_buffer`).
What is to be written comes in pieces.
A few go as they are, in one system call (``writev``); many small ones are joined first.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeGuard

import trio

from .._concurrency.slim import Elsewhere
from .._protocol.send_queue import Piece
from . import kernel
from .addresses import address
from .base import Transport, without
from .kernel import HangUp
from .lent import is_lent
from .poller import Poller, Ringing, current_poller
from .read_buffer import BEGINNING_SIZE, READ_BUFFER_SIZE, current_read_buffer
from .tls import TimeCallback

MAX_IOVECS = 16
"""Up to so many pieces it is cheaper to pass them one by one than to join them."""

_TCP_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_TCP_PROTOCOLS = (0, socket.IPPROTO_TCP)
"""A read that is short leaves nothing there.

Other families have boundaries of their own, and so has SCTP; MPTCP does not promise it."""


def is_plain_socket(stream: object) -> TypeGuard[trio.SocketStream]:
    """Return True if this is a socket, and sockets are file descriptors here."""
    return isinstance(stream, trio.SocketStream) and os.name == "posix"


class SocketTransport(Transport):
    """The transport over a socket that is a file descriptor."""

    immediate = True
    __slots__ = (
        "_bell",
        "_buffer",
        "_expects_long",
        "_is_aside",
        "_more_to_read",
        "_poller",
        "_socket",
        "_watched",
        "bytes_received",
        "bytes_sent",
    )

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock
        self._bell: Ringing | None = None
        self._watched = -1
        self._poller: Poller | None = None
        self._is_aside = False
        self._buffer = current_read_buffer()
        self._more_to_read = False
        self._expects_long = False
        self.bytes_received = 0
        self.bytes_sent = 0

    @property
    def can_half_close(self) -> bool:
        """Return True: each direction of TCP ends by itself."""
        return True

    @property
    def local_address(self) -> object:
        """Return our address; None when the socket is closed."""
        return address(self._socket.getsockname)

    @property
    def remote_address(self) -> object:
        """Return the peer's address; None when the socket is closed."""
        return address(self._socket.getpeername)

    def observe(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        """Do nothing: each call of a socket shows what came and went."""

    # What the kernel knows

    @property
    def tells_acknowledgements(self) -> bool:
        """Return True if this is TCP on Linux."""
        return kernel.tells_acknowledgements(self._socket)

    def outgoing(self) -> tuple[int, int | None]:
        """Return how many bytes the kernel was given, and how many are unacknowledged."""
        return self.bytes_sent, kernel.unacknowledged(self._socket)

    def delivered(self) -> int:
        """Return how many packets of ours have arrived; 0: the system does not tell."""
        return kernel.delivered(self._socket)

    def hang_up(self) -> HangUp | None:
        """Return how the connection has ended, if that shows without reading."""
        return kernel.hang_up(self._socket)

    # The poller

    def watch(self, bell: Ringing) -> bool:
        """Have `bell` rung when something comes, if the poller can; on TCP it can."""
        sock = self._socket
        if sock.family not in _TCP_FAMILIES or sock.proto not in _TCP_PROTOCOLS:
            return False
        poller, number = current_poller(), self._socket.fileno()
        if poller is None or not poller.watch(number, bell):
            return False
        self._bell, self._watched, self._poller = bell, number, poller
        return True

    def unwatch(self) -> None:
        """Let the poller forget the socket."""
        bell, self._bell = self._bell, None
        number, self._watched = self._watched, -1
        poller, self._poller = self._poller, None
        self._is_aside = False
        if bell is not None and poller is not None:
            poller.unwatch(number, bell)

    def set_aside(self) -> None:
        """Ring the bell no more, until `take_back`: a task waits for the socket itself."""
        if self._poller is not None and not self._is_aside:
            self._is_aside = self._poller.set_aside(self._watched)

    def take_back(self) -> None:
        """Ring the bell again, and at once if something is there."""
        if self._is_aside:
            self._is_aside = False
            assert self._poller is not None
            assert self._bell is not None
            self._poller.take_back(self._watched, self._bell)

    def set_aside_if_alone(self) -> Elsewhere | None:
        """Set it aside, and return what to wait for, if no other of the run is watched; or None."""
        if self._poller is None:
            return None
        lone = self._poller.set_aside_if_alone(self._watched)
        self._is_aside = lone is not None
        return lone

    def read_now(self, tail: bytes) -> memoryview | None:
        """Return `tail` and the bytes that are there; nothing at the end, None if none is there.

        Raises:
            trio.BrokenResourceError: the connection is broken.
        """
        try:
            data = self._read(tail)
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        assert self._bell is not None
        if data is None:
            self._bell.note_nothing()
        else:
            self._bell.note_read(more=self._more_to_read or not data)
        return data

    # Reading

    def receive_now(self) -> bytes:
        """Return what is there already; ``b""`` if that is nothing, or the end, or an error."""
        try:
            return bytes(self._read(b"") or b"")
        except OSError:
            return b""

    async def receive_some(self) -> bytes:
        """Return the bytes that are there, waiting for one; ``b""`` at the end."""
        return bytes(await self.receive_behind(bytes))

    async def receive_behind(self, tail: Callable[[], bytes]) -> memoryview:
        """Return the tail and the bytes that are there, in the buffer that all sockets share."""
        data = None
        while data is None:
            try:
                await self._readable()
                data = self._read(tail())
            except (OSError, trio.ClosedResourceError) as error:
                raise trio.BrokenResourceError(str(error)) from error
        return data

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive to where the bytes belong; return how many came, 0 at the end."""
        count = None
        while count is None:
            try:
                await self._readable()
                count = os.readv(self._socket.fileno(), [buffer])
            except BlockingIOError:
                self._more_to_read = False
            except (OSError, trio.ClosedResourceError) as error:
                raise trio.BrokenResourceError(str(error)) from error
        self._note_received(count, buffer)
        return count

    def receive_into_now(self, buffer: memoryview) -> int:
        """Receive what is there to where it belongs; return how much, 0 if nothing or at the end.

        Raises:
            trio.BrokenResourceError: the connection is broken.
        """
        try:
            count = os.readv(self._socket.fileno(), [buffer])
        except BlockingIOError:
            count = 0
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        self._note_received(count, buffer)
        assert self._bell is not None
        self._bell.note_read(more=self._more_to_read)
        return count

    def _note_received(self, count: int, buffer: memoryview) -> None:
        self.bytes_received += count
        self._more_to_read = count == len(buffer)
        self._expects_long = True

    def _readable(self) -> Awaitable[None]:
        """Return an awaitable: a wait or, when the last read left something behind, a checkpoint.

        This is no coroutine function itself: an idle connection would have to keep its frame.
        """
        if self._more_to_read:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - by the caller
        return trio.lowlevel.wait_readable(self._fileno())  # noqa: ASYNC105 - by the caller

    def _fileno(self) -> int:
        number = self._socket.fileno()
        if number < 0:
            raise trio.ClosedResourceError("another task closed the socket")
        return number

    def _read(self, tail: bytes) -> memoryview | None:
        """Make the system call; return None if nothing can be read now."""
        most = READ_BUFFER_SIZE
        try:
            if self._expects_long and not tail:
                most = BEGINNING_SIZE
                data = self._buffer.read_beginning(self._socket.fileno())
            else:
                data = self._buffer.read(self._socket.fileno(), tail)
        except BlockingIOError:
            self._more_to_read = False
            return None
        self._expects_long = False
        if data:
            self.bytes_received += len(data) - len(tail)
        self._more_to_read = len(data) == most
        return data

    # Writing

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Send as much as the kernel takes now; return what is left."""
        if len(pieces) > MAX_IOVECS:
            pieces = [b"".join(pieces)]
        try:
            if len(pieces) == 1:
                count = os.write(self._socket.fileno(), pieces[0])
                if count == len(pieces[0]):
                    self.bytes_sent += count
                    return []
            else:
                count = os.writev(self._socket.fileno(), pieces)
        except OSError:
            return pieces
        self.bytes_sent += count
        return without(pieces, count)

    def send_bytes_now(self, data: bytes) -> int:
        """Send as much of `data` as the kernel takes now; return how many bytes that were."""
        number = self._watched  # of what is watched only we close: see `poller`
        try:
            count = os.write(self._socket.fileno() if number < 0 else number, data)
        except OSError:
            return 0
        self.bytes_sent += count
        return count

    async def send_some(self, data: memoryview) -> int:
        """Send as much of `data` as the kernel takes, waiting for room; return how much."""
        count = None
        try:
            await trio.lowlevel.checkpoint()  # meanwhile the kernel gets rid of some
            while count is None:
                try:
                    count = os.write(self._fileno(), data)
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._fileno())
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        self.bytes_sent += count
        return count

    # Ending: at once, and Trio's methods would only add a checkpoint

    def send_eof_now(self) -> bool:
        """End our direction; an error then says nothing new."""
        with suppress(OSError):
            self._socket.shutdown(trio.socket.SHUT_WR)
        return True

    async def send_eof(self) -> None:
        """End our direction; this does not wait."""
        self.send_eof_now()

    def close_now(self) -> bool:
        """Close the socket."""
        self._watched = -1
        self._socket.close()
        return True

    async def aclose(self) -> None:
        """Close the socket; this does not wait."""
        self.close_now()


class LentSocketTransport(SocketTransport):
    """The transport over a socket that the application may close behind our back: see `lent`."""

    __slots__ = ()

    def watch(self, bell: Ringing) -> bool:  # noqa: ARG002 - others can
        """Have no bell rung: the poller is not told when such a socket is closed."""
        return False


def socket_transport_on(stream: trio.SocketStream) -> SocketTransport:
    """Return the transport over a plain socket."""
    kind = LentSocketTransport if is_lent(stream) else SocketTransport
    return kind(stream.socket)
