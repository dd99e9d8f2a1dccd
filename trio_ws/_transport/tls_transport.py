"""TLS on a plain socket, read and written as the socket itself, much at once and without waiting.

`trio.SSLStream` does TLS on any stream, but is made to be waited for:
each call brings or takes 16 KiB and a turn of the scheduler.
This is TLS as one more kind of socket, between the connection and the transport below::

    connection ◀──▶ TLSTransport ◀──▶ SocketTransport ◀──▶ kernel
                        │ ▲
                     TLSSession         what is sealed, what is opened

The records of many come through the one buffer of the run (`read_buffer`).
They are gone into OpenSSL before the plain bytes take their place there.

The task that reads never waits for the task that writes.
If TLS has something to say to what was read, that is sent as far as it goes at once;
the rest goes with the next write.
If something is sealed already, the writer is about to send it and takes this along:
what it has in hand must not be sent twice.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import final

import trio

from .._concurrency.slim import Elsewhere, SlimParkingLot
from .._protocol.send_queue import Piece
from .._tls_info import TLSInfo
from .base import Transport, without
from .kernel import HangUp
from .poller import Ringing
from .read_buffer import current_read_buffer
from .tls import TimeCallback, ignore
from .tls_session import TLSSession


@final
class TLSTransport(Transport, trio.abc.Stream):
    """TLS over a transport that sends without waiting."""

    immediate = True

    def __init__(self, below: Transport, session: TLSSession) -> None:
        self._below = below
        self._session = session
        self._buffer = current_read_buffer()
        self._on_arrival: TimeCallback = ignore
        self._on_departure: TimeCallback = ignore
        self._heard = SlimParkingLot()
        self._bell: Ringing | None = None
        self.bytes_received = 0
        self.bytes_sent = 0

    async def do_handshake(self) -> None:
        """Agree with the peer, once, before anything else.

        Raises:
            trio.BrokenResourceError: that failed; an `ssl.SSLError` is chained, or an `OSError`.
        """
        try:
            while not self._session.shake_hands():
                await self._push()
                await self._hear()
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(str(error)) from error
        await self._push()

    @property
    def can_half_close(self) -> bool:
        """Return False: many implementations of TLS take one end for both."""
        return False

    @property
    def tls(self) -> TLSInfo | None:
        """Return what TLS has established; None before the handshake."""
        return self._session.info

    def observe(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        """Report records that come and go in parts; count from now on, without the handshakes."""
        self._on_arrival, self._on_departure = on_arrival, on_departure
        self.bytes_received = self.bytes_sent = 0

    # The socket below

    @property
    def local_address(self) -> object:
        """Return our address; None when the socket is closed."""
        return self._below.local_address

    @property
    def remote_address(self) -> object:
        """Return the peer's address; None when the socket is closed."""
        return self._below.remote_address

    @property
    def tells_acknowledgements(self) -> bool:
        """Return True if the system tells of this socket."""
        return self._below.tells_acknowledgements

    def outgoing(self) -> tuple[int, int | None]:
        """Return how many bytes of TLS the kernel was given, and how many are unacknowledged."""
        return self._below.outgoing()

    def delivered(self) -> int:
        """Return how many packets of ours have arrived; 0: the system does not tell."""
        return self._below.delivered()

    def hang_up(self) -> HangUp | None:
        """Return how the connection has ended, if that shows without reading."""
        return self._below.hang_up()

    # The poller

    def watch(self, bell: Ringing) -> bool:
        """Have `bell` rung when something comes to the socket, or something is left to open."""
        if not self._below.watch(bell):
            return False
        self._bell = bell
        self._ring_for_the_rest()
        return True

    def unwatch(self) -> None:
        """Ring the bell no more."""
        self._bell = None
        self._below.unwatch()

    def set_aside(self) -> None:
        """Ring the bell no more, until `take_back`: a task waits for the socket itself."""
        self._below.set_aside()

    def take_back(self) -> None:
        """Ring the bell again, and at once if something is there."""
        self._below.take_back()

    def set_aside_if_alone(self) -> Elsewhere | None:
        """Set it aside, and return what to wait for, if no other of the run is watched; or None."""
        return self._below.set_aside_if_alone()

    def _ring_for_the_rest(self) -> None:
        """Keep the bell rung while something is left to open: the poller knows nothing of it."""
        if self._bell is not None and not self._session.hungry:
            self._bell.note_read(more=True)

    def read_now(self, tail: bytes) -> memoryview | None:
        """Return `tail` and the bytes that are there; nothing at the end, None if none is there.

        Raises:
            trio.BrokenResourceError: the connection is broken, or its TLS.
        """
        if self._session.hungry:
            data = self._below.read_now(b"")
            if data is None:
                return None
            self._take_in(data)
        if count := self._open_into(self._buffer.behind(tail)):
            return self._buffer.view[: len(tail) + count]
        return self._buffer.view[:0] if self._session.ended else None

    # Reading

    def receive_now(self) -> bytes:
        """Return what is there already; ``b""`` if that is nothing, or the end, or an error."""
        view = self._buffer.view
        try:
            count = self._open_into(view)
            if not count and (data := self._below.receive_now()):
                self._session.feed(data)
                count = self._open_into(view)
        except trio.BrokenResourceError:
            return b""
        return bytes(view[:count])

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the bytes that are there, waiting for one; ``b""`` at the end."""
        view = self._buffer.view[:max_bytes]
        return bytes(view[: await self.receive_into(view)])

    async def receive_behind(self, tail: Callable[[], bytes]) -> memoryview:
        """Return the tail and the bytes that are there, in the buffer that all sockets share."""
        while True:
            await self._ready()
            before = tail()
            if count := self._open_into(self._buffer.behind(before)):
                return self._buffer.view[: len(before) + count]
            if self._session.ended:
                return self._buffer.view[:0]

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive to where the bytes belong; return how many came, 0 at the end."""
        while True:
            await self._ready()
            if (count := self._open_into(buffer)) or self._session.ended:
                return count

    async def _ready(self) -> None:
        """Wait for the peer or, if something may be left to open, make a checkpoint."""
        if self._session.hungry:
            await self._hear()
        else:
            await trio.lowlevel.checkpoint()

    async def _hear(self) -> None:
        """Wait for bytes, and give them to TLS."""
        self._take_in(await self._below.receive_behind(bytes))

    def _take_in(self, data: bytes | memoryview) -> None:
        self._session.feed(data)
        self._heard.unpark_all()
        if data:
            self._on_arrival(trio.current_time())

    def _open_into(self, buffer: memoryview) -> int:
        writing = bool(self._session.sealed)
        try:
            count = self._session.open_into(buffer)
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(str(error)) from error
        finally:
            if not writing:
                self._session.push(self._below.send_now)
        self._ring_for_the_rest()
        self.bytes_received += count
        return count

    # Writing

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Send as much as the kernel takes now; return what is left."""
        with suppress(ssl.SSLError):
            while self._session.push(self._below.send_now) and (pieces := self._settled(pieces)):
                self._session.seal(pieces)
                if not self._session.owes:
                    return []  # all of them were empty
        return pieces

    def _settled(self, pieces: list[Piece]) -> list[Piece]:
        """Return what is left of `pieces` when those that are owed are gone."""
        count = self._session.settle()
        self.bytes_sent += count
        return without(pieces, count) if count else pieces

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`, at once and without a checkpoint if the kernel takes it."""
        await super().send_all(bytes(data))

    async def send_some(self, data: memoryview) -> int:
        """Send as much of `data` as is sealed at once; return how much, when it is gone."""
        while data and not self._session.owes:  # noqa: ASYNC913 - `_push` waits
            try:
                self._session.seal([data])
            except ssl.SSLWantReadError:
                await (self._push() if self._session.sealed else self._heard.park())
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(str(error)) from error
        await self._push()
        count = self._session.settle(len(data))
        self.bytes_sent += count
        return count

    async def _push(self) -> None:
        """Wait until the kernel has all that is sealed; show how it goes."""
        if not self._session.sealed:
            await trio.lowlevel.checkpoint()
        while self._session.sealed:
            self._session.sent(await self._below.send_some(memoryview(self._session.sealed[0])))
            self._on_departure(trio.current_time())
            self._session.push(self._below.send_now)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel has all that is sealed."""
        await self._push()

    # Ending

    def send_eof_now(self) -> bool:
        """Do nothing: both directions end together."""
        return True

    async def send_eof(self) -> None:
        """Do nothing: both directions end together."""

    def close_now(self) -> bool:
        """Say that this is the end, as far as that goes without waiting; close the socket."""
        self._session.close()
        self._session.push(self._below.send_now)
        return self._below.close_now()

    async def aclose(self) -> None:
        """Close the socket; this does not wait."""
        self.close_now()
