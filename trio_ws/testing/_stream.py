"""A simulated connection, and the two streams that are its ends.

A `MemoryStream` behaves as a `trio.SocketStream` does: `send_all` returns when the bytes are
in the send buffer, a reset is a `trio.BrokenResourceError` with the `OSError` chained,
closing with unread bytes resets the connection.
"""

from __future__ import annotations

import operator
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, final

import trio

from .._transport.entropy import Entropy
from .._transport.tls import TLSStandIn
from ._agenda import Agenda
from ._busy import Busy
from ._faults import FaultKind
from ._hosts import Host
from ._immediate import Immediate
from ._log import Log
from ._passage import Passage
from ._wire import Line, Wire

RECEIVE_SIZE = 64 * 1024
"""How much `receive_some` returns at most unless told otherwise, as Trio's sockets do."""

Address: TypeAlias = tuple[str, int]
Given = TypeVar("Given")
Found = TypeVar("Found")


@final
class MemoryStream(TLSStandIn, Immediate, trio.abc.HalfCloseableStream):
    """One end of a simulated connection.

    Attributes:
        connection: the connection that this is an end of.
        bytes_received: how many bytes have been read.
        bytes_sent: how many bytes have been written.
        log: what was written and read here.
    """

    def __init__(
        self,
        connection: Connection,
        outgoing: Wire,
        incoming: Wire,
        *,
        local: Address,
        remote: Address,
    ) -> None:
        self.connection = connection
        self.bytes_received = self.bytes_sent = 0
        self._addresses = local, remote
        self._outgoing = outgoing
        self._incoming = incoming
        self._closed = False
        self._left_unread = b""
        self.log = Log()
        self._sending, self._receiving = Busy("sending"), Busy("receiving")

    @property
    def local_address(self) -> Address:
        """Return our address, as the simulated network has it: (host, port)."""
        return self._addresses[0]

    @property
    def remote_address(self) -> Address:
        """Return the peer's address."""
        return self._addresses[1]

    @property
    def closed(self) -> bool:
        """Return True after `aclose`."""
        return self._closed

    @property
    def unread(self) -> bytes:
        """Return the bytes that have arrived and were not read, until `aclose` or since."""
        return self._left_unread or self._incoming.unread

    @property
    def entropy(self) -> Entropy:
        """Return the source that masks and keys are drawn from (`_transport.entropy`)."""
        return self.connection.entropy

    @property
    def expects_tls(self) -> bool:
        """Return True if this is a client's end, and its server speaks the stand-in for TLS."""
        return self is self.connection.client and self.connection.tls is not None

    async def do_handshake(self) -> None:
        """Do what stands for the handshake of TLS: a round trip, and no secret.

        Raises:
            trio.BrokenResourceError: it failed, as a `Fault.tls_failure` wants it,
                or the server does not speak the stand-in for TLS.
        """
        await self.connection.do_handshake()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`; return when it is in the send buffer.

        Raises:
            trio.BrokenResourceError: the connection was reset.
            trio.ClosedResourceError: the stream is closed, or its sending is.
        """
        with self._sending:
            await trio.lowlevel.checkpoint()
            self._check_open()
            rest = memoryview(data)
            while rest:
                rest = rest[self.write_now(rest) :]
                if rest:
                    await self._outgoing.room_or_end()

    def write_now(self, data: memoryview) -> int:
        """Write what there is room for in the send buffer; return how much."""
        self._check_open()
        if self._outgoing.finished:
            raise trio.ClosedResourceError("can't send after the end of the stream")
        if self.expects_tls:
            self.connection.hang_up()  # what a TLS server does to a client without TLS
        count = _broken(self._outgoing.write, data)
        self.bytes_sent += count
        self.log.add(bytes(data[:count]), sent=True)
        return count

    async def wait_for_room(self) -> None:
        """Wait until there is room in the send buffer; a checkpoint in any case."""
        await trio.lowlevel.checkpoint()
        await self._outgoing.room_or_end()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room in the send buffer."""
        with self._sending:
            self._check_open()
            await self.wait_for_room()
            self._check_open()

    async def send_eof(self) -> None:
        """End our direction; the other goes on."""
        with self._sending:
            self._check_open()
            await trio.lowlevel.checkpoint()
            self.finish()

    def finish(self) -> None:
        """End our direction at once."""
        self.log.add(b"", sent=True)
        self._outgoing.finish()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what has arrived, waiting for a byte; ``b""`` at the end.

        Raises:
            trio.BrokenResourceError: the connection was reset.
            trio.ClosedResourceError: the stream is closed.
        """
        size = RECEIVE_SIZE if max_bytes is None else operator.index(max_bytes)
        if size < 1:
            raise ValueError("max_bytes must be 1 or more")
        return await self.receive_up_to(size)

    async def receive_up_to(self, size: int) -> bytes:
        """Return what has arrived, `size` bytes at most, waiting for one."""
        with self._receiving:
            self._check_open()
            await self._incoming.data_or_end()
            self._check_open()
            data = _broken(self._incoming.read, size)
            self.bytes_received += len(data)
            self.log.add(data, sent=False)
            return data

    async def aclose(self) -> None:
        """Close; a peer whose bytes were not read, or that sends more, gets a reset."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close at once."""
        if self._closed:
            return
        self._closed = True
        self.log.add(b"", sent=True)
        if unread := self._incoming.stop_reading():
            self._left_unread = unread
            self.connection.reset()
        else:
            self._outgoing.finish()
        self._incoming.wake()
        self._outgoing.wake()
        self.connection.on_close()

    def forget(self) -> None:
        """Close without a word to the peer."""
        self._closed = True
        self.connection.on_close()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream is closed")


@dataclass(frozen=True, slots=True)
class StandIn:
    """What stands for a TLS handshake: whether it fails, and what is done if not."""

    fails: Callable[[], bool]
    accept: Callable[[], object]


@final
class Connection:
    """A simulated connection: two wires and the streams at their ends.

    Attributes:
        name: who connected to whom.
        hosts: the two machines: that of the client, that of the server.
        entropy: what masks and keys are drawn from.
        secret: whether real TLS is spoken on it.
        tls: the stand-in for TLS that the client has yet to begin, or None.
        client, server: the streams of the one that connected, and of the one that accepted.
    """

    def __init__(
        self,
        agenda: Agenda,
        name: str,
        *,
        to_server: tuple[Line, Passage],
        to_client: tuple[Line, Passage],
        hosts: tuple[Host, Host],
        client: Address,
        server: Address,
        secret: bool,
        entropy: Entropy,
        on_close: Callable[[Connection], object],
    ) -> None:
        self._out = Wire(agenda, *to_server, on_fault=self.suffer)
        self._back = Wire(agenda, *to_client, on_fault=self._suffer_on_the_way_back)
        self._on_close = on_close
        self.name = name
        self.hosts = hosts
        self.secret = secret
        self.entropy = entropy
        self.tls: StandIn | None = None
        self.client = MemoryStream(self, self._out, self._back, local=client, remote=server)
        self.server = MemoryStream(self, self._back, self._out, local=server, remote=client)

    @property
    def over(self) -> bool:
        """Return True if both ends are closed."""
        return self.client.closed and self.server.closed

    def look_again(self, now: float) -> None:
        """Take note that lines or faults have changed."""
        self._out.look_again(now)
        self._back.look_again(now)

    def reset(self) -> None:
        """Break both directions at once."""
        self._out.reset()
        self._back.reset()

    def be_silent(self) -> None:
        """Let nothing come from the server's end any more."""
        self.vanish()
        self.server.forget()

    def vanish(self) -> None:
        """Lose all that is sent from now on, in both directions."""
        self._out.vanish()
        self._back.vanish()

    def suffer(self, kind: FaultKind) -> None:
        """Let a sudden fault happen that met the direction to the server."""
        self._suffer(kind, self._out)

    def _suffer_on_the_way_back(self, kind: FaultKind) -> None:
        self._suffer(kind, self._back)

    def _suffer(self, kind: FaultKind, wire: Wire) -> None:
        match kind:
            case FaultKind.BLACK_HOLE:
                wire.vanish()
            case FaultKind.HALF_CLOSE:
                wire.end_now(reset_sender=False)
            case FaultKind.CUT:
                self._out.end_now(reset_sender=True)
                self._back.end_now(reset_sender=True)
            case _:
                self.reset()

    # TLS

    def expect_tls(self, fails: Callable[[], bool], accept: Callable[[], object]) -> None:
        """Let the server have this connection when the client has begun TLS."""
        self.tls = StandIn(fails, accept)

    async def do_handshake(self) -> None:
        """Do the handshake of the stand-in for TLS."""
        if self.tls is None:
            raise trio.BrokenResourceError from ssl.SSLError(1, "this server speaks no TLS")
        await trio.sleep(self._out.latency + self._back.latency)
        if self.tls is None:
            raise trio.ClosedResourceError("this stream was closed during the handshake")
        stand_in, self.tls = self.tls, None
        if stand_in.fails():
            self.reset()
            self.server.close()
            raise trio.BrokenResourceError from ssl.SSLCertVerificationError(
                1, "certificate verify failed: Fault.tls_failure() makes it so"
            )
        stand_in.accept()

    def fail_tls(self) -> None:
        """Answer a real TLS handshake with something else."""
        self._back.write(memoryview(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        self.hang_up()

    def hang_up(self) -> None:
        """End the stream to the client, and heed nothing more of it."""
        self.tls = None
        self._back.finish()
        self._out.vanish()
        self.server.forget()

    def on_close(self) -> None:
        """Tell that one end was closed; before TLS, no server is there to close the other."""
        if self.tls is None:
            self._on_close(self)
        else:
            self.tls = None
            self.server.forget()


def _broken(call: Callable[[Given], Found], argument: Given) -> Found:
    """Call, and turn what the system would say into what Trio says."""
    try:
        return call(argument)
    except OSError as error:
        raise trio.BrokenResourceError(str(error)) from error
