"""TLS on a plain socket, read and written without waiting.

`trio.SSLStream` does TLS on any stream, but is made to be waited for:
it gives one record (16 KiB) and takes a turn of the scheduler for each call,
and is silent until all that it was given to send has gone.
On a plain socket TLS can do what the socket can.
OpenSSL works on two buffers in memory; what it leaves in the one is written to the socket,
and what it wants in the other is read from it, by system calls that do not wait::

    pieces ──▶ OpenSSL ──outgoing──▶ sealed ──▶ socket
    reader ◀── OpenSSL ◀──incoming───────────── socket

Five things keep it right:

1. The handshake comes first, and by itself.  The context says what is checked.
2. What is sealed can neither be taken back nor be sealed again.
   So bytes count as written when the kernel has all the records that carry them;
   until then whoever writes keeps them, and gives them again, first of all.
   We know how many they are (`_owed`).
   Only `send_some`, which has to show progress, tells a part of them earlier, never the last one.
3. Reading, too, may give OpenSSL something to say: an alert, a part of a new negotiation.
   It stands behind what is sealed already, and goes as far as it goes without waiting;
   the rest goes with the next write.
4. Whoever writes may have to hear the peer first, when TLS 1.2 negotiates anew.
   Then it waits until the one who reads has heard something.
5. Nothing is awaited between OpenSSL and the two buffers,
   so the task that reads and the one that writes never see a thing half done,
   and nothing is lost when a wait is cancelled.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import final

import trio

from ._parking import QuietLot
from ._sansio.outbox import Piece

UNIT = 65 * 1024
"""How much is encrypted, or read from the socket, at once: a message of 64 KiB in its records."""

RECORD = 16 * 1024
"""How much is given to OpenSSL at once: its buffers stay as large as they have ever been."""

MUCH = 4 * UNIT
"""So much is never sealed, and not yet written, if the peer behaves."""


def tls_on(
    stream: trio.abc.Stream,
    context: ssl.SSLContext,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
) -> TLSStream | trio.SSLStream[trio.abc.Stream]:
    """TLS on any stream: ours on a plain socket, Trio's on all others."""
    if plain_socket(stream) is not None:
        assert isinstance(stream, trio.SocketStream)
        return TLSStream(stream, context, server_side, server_hostname)
    return trio.SSLStream(
        stream,
        context,
        server_side=server_side,
        server_hostname=server_hostname,
        https_compatible=not server_side,
    )


def plain_socket(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    """The socket of a stream that is nothing but one, where sockets are file descriptors."""
    if isinstance(stream, trio.SocketStream) and os.name == "posix":
        return stream.socket
    return None


@final
class TLSStream(trio.abc.Stream):
    """TLS on a plain socket; one task reads, one task writes."""

    def __init__(
        self,
        stream: trio.SocketStream,
        context: ssl.SSLContext,
        server_side: bool,
        server_hostname: str | None,
    ) -> None:
        self.transport_stream = stream
        self._socket = stream.socket
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._openssl = context.wrap_bio(
            self._incoming, self._outgoing, server_side, server_hostname
        )
        # Reading
        self._more_to_hear = False
        self._unread = True
        self._ended = False
        self._error: ssl.SSLError | None = None
        self._waiting_to_write = QuietLot()
        self.heard: Callable[[float], None] | None = None
        """Told the time whenever bytes arrive, be they less than a record."""
        # Writing
        self._sealed: Piece = b""
        self._owed = 0

    async def do_handshake(self) -> None:
        """Agree with the peer, once, before anything else.

        Raises:
            trio.BrokenResourceError: that failed; an `ssl.SSLError` is chained, or an `OSError`.
        """
        while True:
            try:
                self._openssl.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._hear():
                    self._incoming.write_eof()
            except ssl.SSLError as error:
                self._say()  # why: the peer is told, too
                raise trio.BrokenResourceError(str(error)) from error
            else:
                await self._flush()
                return

    # Reading

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What is there, at most so much, waiting for some; ``b""`` at the end."""
        while True:
            await self._more()
            room, chunks = max_bytes or UNIT, []
            while room and (chunk := self._openssl_read(room)):
                chunks.append(chunk)
                room -= len(chunk)
            self._answer()
            if chunks or self._ended:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def receive_into(self, buffer: memoryview) -> int:
        """The same to where the bytes belong; return how many came, 0 at the end."""
        while True:
            await self._more()
            count = 0
            while buffer[count:] and (more := self._openssl_read_into(buffer[count:])):
                count += more
            self._answer()
            if count or self._ended:
                return count

    async def _more(self) -> None:
        """Wait for the peer, or, where OpenSSL may have something left for us, a checkpoint."""
        if self._error is not None:
            raise trio.BrokenResourceError(str(self._error)) from self._error
        if self._unread or self._ended:
            await trio.lowlevel.checkpoint()
        elif not await self._hear():
            self._ended = True  # with close-notify or without
        self._unread = True

    def _openssl_read(self, size: int) -> bytes:
        """At most one record; nothing if OpenSSL has to hear more first, or never gives more."""
        try:
            data = self._openssl.read(size)
        except ssl.SSLError as error:
            self._read_failed(error)
            return b""
        self._ended = self._ended or not data
        return data

    def _openssl_read_into(self, buffer: memoryview) -> int:
        try:
            count: int = self._openssl.read(len(buffer), buffer)  # type: ignore[assignment]
        except ssl.SSLError as error:
            self._read_failed(error)
            return 0
        self._ended = self._ended or not count
        return count

    def _read_failed(self, error: ssl.SSLError) -> None:
        """There is no more; what was read before an error is given out before it is raised."""
        self._unread = False
        if not isinstance(error, ssl.SSLWantReadError):
            self._error = error

    async def _hear(self) -> bool:
        """Wait for the peer, and let OpenSSL have what came; False if that is the end of TCP."""
        while True:  # noqa: ASYNC913 - `wait_readable` is one
            try:
                if self._more_to_hear:
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(self._number())
                data = os.read(self._number(), UNIT)
            except BlockingIOError:
                self._more_to_hear = False
                continue
            except (OSError, trio.ClosedResourceError) as error:
                raise trio.BrokenResourceError(str(error)) from error
            if self.heard is not None and data:
                self.heard(trio.current_time())
            self._more_to_hear = len(data) == UNIT
            self._incoming.write(data)
            self._waiting_to_write.unpark_all()
            return bool(data)

    def _answer(self) -> None:
        """Say what OpenSSL has to say to what it read, if that is anything.

        We do not wait until it is heard, so a peer that asks and never listens has to be stopped.
        """
        if self._outgoing.pending:
            self._say()
            if len(self._sealed) > MUCH:
                raise trio.BrokenResourceError("the peer makes TLS talk, and does not listen")

    def _say(self) -> None:
        """Put it behind what is sealed; all goes as far as it goes without waiting."""
        self._sealed = b"".join((self._sealed, self._outgoing.read()))
        with suppress(trio.BrokenResourceError):  # whoever writes next meets it again
            self._push()

    # Writing

    def write(self, pieces: list[Piece]) -> int:
        """Write the first of `pieces` without waiting; return how many bytes have gone.

        Zero means that the kernel takes no more, or an error that `send_some` will raise.
        """
        try:
            self._push()
            if not (self._sealed or self._owed):
                self._seal(pieces)
                self._push()
        except (ssl.SSLWantReadError, trio.BrokenResourceError):
            return 0
        return 0 if self._sealed else self._tell(self._owed)

    async def send_some(self, data: memoryview) -> int:
        """Write as much of `data` as the kernel takes when it takes any; return how much."""
        gone = 0
        while True:  # noqa: ASYNC913 - where nothing is sealed there is nothing to wait for
            try:
                if not (self._sealed or self._owed):
                    self._seal([data])
            except ssl.SSLWantReadError:
                if not self._sealed:
                    await self._waiting_to_write.park()
                    continue
            if self._sealed:
                gone += await self._push_when_possible()
            told = min(gone, self._owed - 1) if self._sealed else self._owed
            if told > 0:
                return self._tell(min(told, len(data)))

    def _tell(self, count: int) -> int:
        self._owed -= count
        return count

    def _seal(self, pieces: list[Piece]) -> None:
        """Encrypt the first of `pieces`, about as much as the kernel may take at once."""
        unit, sealed = memoryview(_unit(pieces)), []
        try:
            for start in range(0, len(unit), RECORD):
                self._owed += self._openssl.write(unit[start : start + RECORD])
                sealed.append(self._outgoing.read())
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(str(error)) from error
        finally:
            if self._outgoing.pending:
                sealed.append(self._outgoing.read())
            self._sealed = b"".join(sealed)

    def _push(self) -> int:
        """Give the kernel what it takes of what is sealed; return how much that was."""
        if not self._sealed:
            return 0
        try:
            count = os.write(self._number(), self._sealed)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError(str(error)) from error
        self._sealed = memoryview(self._sealed)[count:] if count < len(self._sealed) else b""
        return count

    async def _push_when_possible(self) -> int:
        try:
            await trio.lowlevel.wait_writable(self._number())
        except (OSError, trio.ClosedResourceError) as error:
            raise trio.BrokenResourceError(str(error)) from error
        return self._push()

    async def _flush(self) -> None:
        """Write all that is sealed, and what OpenSSL has to say; no checkpoint if it goes."""
        self._say()
        while self._sealed:
            await self._push_when_possible()

    def _number(self) -> int:
        number = self._socket.fileno()
        if number < 0:
            raise trio.BrokenResourceError("somebody else closed the socket")
        return number

    # As any stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`; one that was cancelled has to be tried again with the rest."""
        rest = memoryview(data)
        while rest:
            rest = rest[await self.send_some(rest) :]

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes something."""
        await self._push_when_possible()

    def close_now(self) -> None:
        """Close the socket; say so first (close-notify), if that goes without waiting."""
        if not self._sealed:
            with suppress(ssl.SSLError):
                self._openssl.unwrap()
            self._say()
        self._socket.close()

    async def aclose(self) -> None:
        """The same, and a checkpoint."""
        self.close_now()
        await trio.lowlevel.checkpoint()


def _unit(pieces: list[Piece]) -> Piece:
    """About as much of `pieces` as goes at once, in one piece."""
    if len(pieces) == 1:
        return pieces[0] if len(pieces[0]) <= UNIT else memoryview(pieces[0])[:UNIT]
    unit: list[Piece] = []
    room = UNIT
    for piece in pieces:
        unit.append(piece if len(piece) <= room else memoryview(piece)[:room])
        room -= len(unit[-1])
        if not room:
            break
    return b"".join(unit)
