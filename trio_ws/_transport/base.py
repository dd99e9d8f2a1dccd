"""The transport: what a connection needs of the stream under it, whatever that stream is.

Two things are added to `trio.abc.Stream`.

`Transport.send_some` shows progress.  `Stream.send_all` is silent until everything is gone,
which may take minutes on a slow link, while the heartbeat must see that bytes are leaving.

`Transport.send_now` does not wait.  A checkpoint is most of the cost of a small write.
Where the stream cannot be written without one, `send_now` takes nothing.

What a stream may raise differs; a transport always raises `trio.BrokenResourceError`,
and the end of the stream is always ``b""``.

Another kind of stream is another class with these methods::

    SocketTransport   a plain socket, by its file descriptor  (`socket`)
    TLSTransport      TLS on a plain socket                   (`tls_transport`)
    StreamTransport   any other stream, by Trio's methods     (`stream`)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

from .._concurrency.slim import Elsewhere
from .._protocol.send_queue import Piece
from .._tls_info import TLSInfo
from .kernel import HangUp
from .poller import Ringing
from .tls import TimeCallback

READ_SIZE = 65 * 1024
"""How much a stream that is no socket is asked for: a message of 64 KiB and its header."""


@runtime_checkable
class Transport(Protocol):
    """The stream under a connection; one task reads, one task writes.

    Attributes:
        immediate: whether `send_now` can take anything at all.
        can_half_close: whether our direction can be ended while we still read.
        bytes_received: how many bytes have been received.
        bytes_sent: how many bytes the stream has taken.
    """

    __slots__ = ()

    immediate: ClassVar[bool]
    bytes_received: int
    bytes_sent: int

    @property
    def can_half_close(self) -> bool: ...

    @property
    def local_address(self) -> object:
        """Return our address; None if the stream has none."""

    @property
    def remote_address(self) -> object:
        """Return the peer's address; None if the stream has none."""

    @property
    def tls(self) -> TLSInfo | None:
        """Return what TLS has established; None if there is no TLS."""
        return None

    def observe(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        """Report bytes that come and go inside one call, as far as they can be seen (P12)."""

    # What the kernel knows (`kernel`); a stream without a socket tells nothing

    @property
    def tells_acknowledgements(self) -> bool:
        """Return True if `outgoing` tells what the peer's kernel has acknowledged."""
        return False

    def outgoing(self) -> tuple[int, int | None]:
        """Return how many bytes the kernel was given, and how many are unacknowledged.

        Both are counted below TLS.  None: the system does not tell.
        """
        return self.bytes_sent, None

    def delivered(self) -> int:
        """Return how many packets of ours have arrived; 0: the system does not tell."""
        return 0

    def hang_up(self) -> HangUp | None:
        """Return how the connection has ended, if that shows without reading."""
        return None

    # Reading

    def watch(self, bell: Ringing) -> bool:  # noqa: ARG002 - others can
        """Have `bell` rung when something comes that `read_now` takes; return False if it cannot.

        Before the stream is closed, `unwatch` ends that.
        """
        return False

    def unwatch(self) -> None:
        """Ring the bell no more."""
        return  # not abstract: others have none

    def set_aside(self) -> None:
        """Ring the bell no more, until `take_back`: a task waits for the stream itself."""
        return

    def take_back(self) -> None:
        """Ring the bell again, and at once if something is there."""
        return

    def set_aside_if_alone(self) -> Elsewhere | None:
        """Set it aside, and return what to wait for, if no other of the run is watched; or None."""
        return None

    def read_now(self, tail: bytes) -> memoryview | None:  # noqa: ARG002 - others can
        """Return `tail` and the bytes that are there; nothing at the end, None if none is there.

        They lie in a buffer that others read into.  Only after `watch`.
        """
        return None

    def receive_now(self) -> bytes:
        """Return what is there already; ``b""`` if that is nothing or cannot be known now."""

    async def receive_some(self) -> bytes:
        """Return the bytes that are there, waiting for one; ``b""`` at the end."""

    async def receive_behind(self, tail: Callable[[], bytes]) -> bytes | memoryview:
        """Return the tail and the bytes that are there, waiting for one; nothing at the end.

        They may lie in a buffer that others read into: take them apart before the next ``await``.
        The tail is asked for when the bytes are there: it may be used while they are waited for.
        """
        data = await self.receive_some()
        return tail() + data if data else data

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive to where the bytes belong; return how many came, 0 at the end."""

    def receive_into_now(self, buffer: memoryview) -> int:  # noqa: ARG002 - others can
        """Receive what is there to where it belongs; return how much, 0 if nothing or at the end.

        Only after `watch`.
        """
        return 0

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Send as much as goes without waiting; return what is left, perhaps everything.

        An error sends nothing: `send_some` meets it again and raises it.
        """

    def send_bytes_now(self, data: bytes) -> int:
        """Send as much of `data` as goes without waiting; return how many bytes that were."""
        return len(data) - sum(map(len, self.send_now([data])))

    async def send_some(self, data: memoryview) -> int:
        """Send as much of `data` as the stream takes now, at least one byte; return how much."""

    async def send_all(self, data: bytes) -> None:
        """Send all of `data`, at once and without a checkpoint if the kernel takes it."""
        rest = self.send_now([data])
        while rest:
            rest = without(rest, await self.send_some(memoryview(rest[0])))

    def send_eof_now(self) -> bool:
        """End our direction and return True, if that needs no waiting."""

    async def send_eof(self) -> None:
        """End our direction, where the stream can do that."""

    def close_now(self) -> bool:
        """Close and return True, if that needs no waiting."""

    async def aclose(self) -> None:
        """Close in the stream's own polite way, or by force when cancelled."""


def without(pieces: list[Piece], count: int) -> list[Piece]:
    """Return what is left of `pieces` behind the first `count` bytes."""
    if count == sum(map(len, pieces)):  # so it is nearly always
        return []
    index = 0
    while count >= len(pieces[index]):
        count -= len(pieces[index])
        index += 1
    return [memoryview(pieces[index])[count:], *pieces[index + 1 :]]
