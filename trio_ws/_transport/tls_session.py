"""TLS between two buffers in memory: bytes in, bytes out, and no socket anywhere.

OpenSSL does TLS, and the context of the ``ssl`` module says what is verified.
It reads records from one buffer and leaves records in the other.
A transport moves them from and to a socket (`tls_transport`)::

    pieces ──seal──▶ OpenSSL ──outgoing──▶ sealed ──▶ socket
    buffer ◀──open── OpenSSL ◀──incoming───  feed ◀── socket

1. What is sealed can neither be taken back nor be sealed again: the peer counts the records.
   So it stays here until the socket has taken it, and goes before everything else.
2. Plain bytes count as written when the socket has all the records of their batch.
   Until then the writer keeps them, and gives them again before all others.
   So many of the bytes that it gives next are sealed already: they are *owed*.
3. Opening, too, may leave records to send, such as an alert.
   They go behind what is sealed, and how many of them may wait is bounded (`MAX_SEALED`).
4. Nothing here waits.
   So the task that reads and the task that writes never meet anything half done,
   and a cancellation loses nothing.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import cast, final

from .._protocol.send_queue import Piece
from .._tls_info import TLSInfo
from .base import READ_SIZE, without
from .tls import TLS_RECORD, tls_info

MAX_BATCH = READ_SIZE
"""How much is sealed or opened at once: a message of 64 KiB and its header."""

MAX_SEALED = 4 * MAX_BATCH
"""With so many sealed bytes the peer makes TLS talk, and does not listen."""

MAX_JOINED = 16
"""More pieces are joined without looking at each: they are small, and a batch of them at most."""


@final
class TLSSession:
    """One end of TLS; see the top of this file.

    Attributes:
        sealed: the records that are to be sent; the first may be the rest of one.
        hungry: whether everything that was fed is opened.
        ended: whether the peer has ended its direction, with close-notify or without.
    """

    __slots__ = (
        "_ahead",
        "_error",
        "_incoming",
        "_openssl",
        "_outgoing",
        "_owed",
        "ended",
        "hungry",
        "sealed",
    )

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._openssl = context.wrap_bio(
            self._incoming, self._outgoing, server_side, server_hostname
        )
        self._ahead = b""
        self._error: ssl.SSLError | None = None
        self._owed = 0
        self.sealed: list[Piece] = []
        self.hungry = False
        self.ended = False

    @property
    def info(self) -> TLSInfo | None:
        """Return what the handshake has established; None before it."""
        return tls_info(self._openssl)

    def shake_hands(self) -> bool:
        """Go on with the handshake; return True if it is done, False if the peer has to speak.

        Raises:
            ssl.SSLError: it has failed; what the peer is told of that is in `sealed`.
        """
        try:
            self._openssl.do_handshake()
        except ssl.SSLWantReadError:
            self._starve()
            return not self.hungry and self.shake_hands()
        finally:
            self._collect()
        return True

    def alert(self) -> bytes:
        """Return why the handshake has failed, for the peer; nothing if the stream has failed."""
        return b"".join(self.sealed)

    def close(self) -> None:
        """Say that no more comes (close-notify); behind half a record that would not be true."""
        if not self.sealed:
            with suppress(ssl.SSLError):
                self._openssl.unwrap()
            self._collect()

    # Reading

    def feed(self, data: Piece) -> None:
        """Take in what the peer has sent, when hungry; nothing is the end of its stream.

        OpenSSL keeps the room for what it was given at once, so much is given by portions.
        """
        if len(data) > MAX_BATCH:
            data, self._ahead = memoryview(data)[:MAX_BATCH], bytes(memoryview(data)[MAX_BATCH:])
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        self.hungry = False

    def open_into(self, buffer: memoryview) -> int:
        """Open what was fed, as far as there is room; return how many plain bytes that is.

        Raises:
            ssl.SSLError: this is no TLS, or it is forged; what came before was returned before.
        """
        count = 0
        while count < len(buffer) and not (self.hungry or self.ended or self._error):
            count = self._open_records(buffer, count)
        if self._outgoing.pending:
            self._collect()
            if sum(map(len, self.sealed)) > MAX_SEALED:
                self._error = ssl.SSLError("the peer makes TLS talk, and does not listen")
        if self._error and not count:
            raise self._error
        return count

    def _open_records(self, buffer: memoryview, count: int) -> int:
        """Open what was fed last behind `count` bytes; return how many there are then."""
        read = cast(Callable[[int, memoryview], int], self._openssl.read)
        incoming, size = self._incoming, len(buffer)
        try:
            while count < size:
                if not (more := read(size - count, buffer[count:])):
                    self.ended = True
                    break
                count += more
                # The next call would say so by an exception, which costs as much as a small record.
                if count < size and not incoming.pending:
                    self._starve()
                    break
        except ssl.SSLWantReadError:
            self._starve()
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.ended = True
        except ssl.SSLError as error:
            self._error = error
        return count

    def _starve(self) -> None:
        """Go on with the next portion; without one, be hungry."""
        ahead, self._ahead = self._ahead, b""
        if ahead:
            self.feed(ahead)
        else:
            self.hungry = True

    # Writing

    @property
    def owes(self) -> bool:
        """Return True if plain bytes are sealed whose writer was not told that they are gone."""
        return self._owed > 0

    def seal(self, pieces: list[Piece]) -> None:
        """Seal a batch of `pieces`, which are owed from now on.

        OpenSSL is given a record at a time, since it keeps the room for what it gave at once.

        Raises:
            ssl.SSLWantReadError: the peer has to speak first; TLS 1.2 negotiates anew.
            ssl.SSLError: nothing can be sent any more.
        """
        batch = _first_batch(pieces)
        write, take = self._openssl.write, self._outgoing.read
        try:
            for start in range(0, len(batch), TLS_RECORD):
                self._owed += write(batch[start : start + TLS_RECORD])
                self.sealed.append(take())
        finally:
            self._collect()

    def push(self, send_now: Callable[[list[Piece]], list[Piece]]) -> bool:
        """Send what is sealed by `send_now`; return True if it left nothing."""
        if self.sealed:
            self.sealed = send_now(self.sealed)
        return not self.sealed

    def sent(self, count: int) -> None:
        """Note that `count` bytes of what is sealed are gone."""
        self.sealed = without(self.sealed, count)

    def settle(self, most: int = sys.maxsize) -> int:
        """Return how many plain bytes are gone, `most` at most: its writer is told of them now."""
        count = min(self._owed, most)
        self._owed -= count
        return count

    def _collect(self) -> None:
        if self._outgoing.pending:
            self.sealed.append(self._outgoing.read())


def _first_batch(pieces: list[Piece]) -> memoryview:
    """Return the first bytes of `pieces` in one piece, which is copied only if there are more."""
    if len(pieces) > MAX_JOINED:
        pieces = [b"".join(pieces)]
    batch: list[memoryview] = []
    room = MAX_BATCH
    for piece in pieces:
        batch.append(memoryview(piece)[:room])
        room -= len(batch[-1])
        if not room:
            break
    return batch[0] if len(batch) == 1 else memoryview(b"".join(batch))
