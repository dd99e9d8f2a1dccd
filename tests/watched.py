"""A socket that a poller watches, without a kernel: each thing happens when a test says so."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar

import trio

from trio_ws import Limits, WebSocket
from trio_ws._concurrency.slim import Elsewhere
from trio_ws._options import ConnectionOptions
from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.base import Transport
from trio_ws._transport.poller import Ringing
from trio_ws._transport.tls import TimeCallback

from .wires import opening

ROOM = 1000
"""How much is read at once."""

RECEIVE_BUFFER = 2000
"""`Limits.receive_buffer`, little enough to be full."""


class LoneArrival(Elsewhere):
    """What `LoneSocket` is for a connection: a task waits for the socket itself."""

    def __init__(self, sock: WatchedSocket) -> None:
        self._sock = sock
        self._lot = trio.lowlevel.ParkingLot()
        self._was_woken = False
        self.is_taken = False

    def wait(self) -> Awaitable[None]:
        assert not self.is_taken
        self.is_taken, self._was_woken = True, False
        return self._arrival()

    async def _arrival(self) -> None:
        if self._sock.has_something:
            await trio.lowlevel.checkpoint()
            return
        await self._lot.park()
        if self._was_woken:
            raise trio.ClosedResourceError

    def arrive(self) -> None:
        """Let the kernel tell of something."""
        self._lot.unpark_all()

    def release(self) -> None:
        assert self.is_taken
        self.is_taken = False

    def wake(self) -> None:
        if self.is_taken and len(self._lot):
            self._was_woken = True
            self._lot.unpark_all()


class WatchedSocket(Transport, trio.abc.Stream):
    """What `SocketTransport` and the poller are for a connection.

    Attributes:
        unread: what has arrived and was not read.
        reads: who has read, as the names of tasks.
        is_aside: whether a task waits for the socket itself.
    """

    immediate: ClassVar[bool] = True

    def __init__(self) -> None:
        self.unread = bytearray()
        self.reads: list[str] = []
        self.error: OSError | None = None
        self.bytes_received = 0
        self.bytes_sent = 0
        self.is_closed = False
        self.was_unwatched_first = False
        self._is_alone = False
        self.is_aside = False
        self.lone = LoneArrival(self)
        self._is_over = False
        self._edge = False
        self._bell: Ringing | None = None
        self._arrival = trio.lowlevel.ParkingLot()

    # For the test

    def arrive(self, data: bytes) -> None:
        """Let bytes arrive; the poller has not noticed yet."""
        self.unread += data
        self._edge = True
        self._tell()

    def end(self, error: OSError | None = None) -> None:
        """Let the peer end, or the connection break."""
        self._is_over, self._edge, self.error = True, True, error
        self._tell()

    def _tell(self) -> None:
        if self.has_something:
            self._arrival.unpark_all()
            self.lone.arrive()

    @property
    def has_something(self) -> bool:
        """Whether a read would not block."""
        return bool(self.unread) or self._is_over

    def poll(self) -> None:
        """Let the poller notice; a thing is noticed once."""
        if self._bell is None or (self.is_aside and self.error is None):
            return  # an epoll tells of errors always
        if self._edge and self.has_something:
            self._bell.ring(lasting=self._is_over)
        self._edge = False

    def end_poller(self) -> None:
        """Let the poller end."""
        assert self._bell is not None
        self._bell.fall_silent()

    @property
    def is_alone(self) -> bool:
        """Whether no other socket of the run is watched."""
        return self._is_alone

    @is_alone.setter
    def is_alone(self, alone: bool) -> None:
        self._is_alone = alone
        if self._bell is not None:
            self._bell.note_others(some=not alone)

    @property
    def is_watched(self) -> bool:
        """Whether there is a bell to be rung."""
        return self._bell is not None

    # For the connection

    @property
    def can_half_close(self) -> bool:
        return True

    local_address = remote_address = None

    def observe(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        pass

    def watch(self, bell: Ringing) -> bool:
        self._bell = bell
        bell.note_others(some=not self._is_alone)
        return True

    def unwatch(self) -> None:
        self._bell = None

    def set_aside(self) -> None:
        self.is_aside = True

    def set_aside_if_alone(self) -> Elsewhere | None:
        if not self.is_alone or self.lone.is_taken:
            return None
        self.set_aside()
        return self.lone

    def take_back(self) -> None:
        if self.is_aside:
            self.is_aside, self._edge = False, True

    def read_now(self, tail: bytes) -> memoryview | None:
        assert self._bell is not None
        self.reads.append(trio.lowlevel.current_task().name)
        if self.error is not None:
            error, self.error = self.error, None  # a socket tells it once
            raise trio.BrokenResourceError(str(error)) from error
        data = self._taken(ROOM)
        if not data and not self._is_over:
            self._bell.note_nothing()
            return None
        self._bell.note_read(more=len(data) == ROOM or not data)
        return memoryview(tail + data if data else b"")

    def receive_now(self) -> bytes:
        return b""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        buffer = bytearray(ROOM)
        return bytes(buffer[: await self.receive_into(memoryview(buffer))])

    async def receive_into(self, buffer: memoryview) -> int:
        await trio.lowlevel.checkpoint()
        while not self.unread and not self._is_over:
            await self._arrival.park()
        data = self._taken(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def receive_into_now(self, buffer: memoryview) -> int:
        assert self._bell is not None
        self.reads.append(trio.lowlevel.current_task().name)
        data = self._taken(len(buffer))
        buffer[: len(data)] = data
        self._bell.note_read(more=len(data) == len(buffer))
        return len(data)

    def _taken(self, size: int) -> bytes:
        data = bytes(self.unread[:size])
        del self.unread[:size]
        self.bytes_received += len(data)
        return data

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        self.bytes_sent += sum(map(len, pieces))
        return []

    async def send_some(self, data: memoryview) -> int:
        await trio.lowlevel.checkpoint()
        return len(data)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    def send_eof_now(self) -> bool:
        return True

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()

    def close_now(self) -> bool:
        self.was_unwatched_first = not self.is_watched or self.is_closed
        self.is_closed = True
        return True

    async def aclose(self) -> None:
        self.close_now()


def watched_websocket(sock: WatchedSocket, **policies: Any) -> WebSocket:
    """Make a client over a watched socket."""
    limits = Limits(receive_buffer=RECEIVE_BUFFER, max_message_size=1 << 20)
    options = ConnectionOptions(**{"heartbeat": None, "limits": limits, **policies})
    return WebSocket(sock, opening(), client=True, options=options, name="tested")
