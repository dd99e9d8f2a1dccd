"""TLS, and what can be seen of it from below.

`trio.SSLStream` does TLS, and hides two facts that the heartbeat needs:
bytes that have come but are no whole record yet, which are 16 KiB over a slow link perhaps,
and bytes that leave while it waits for all of them to be gone.

So where it stands on a stream that is no plain socket it stands on a `MonitoredStream`,
through which all its bytes pass.
That reports both, and the TLS stream may be given much at once.
TLS that the user made is given one record at once instead (`TLS_RECORD`)::

    StreamTransport ──▶ SSLStream ──▶ MonitoredStream ──▶ tunnel, memory
        ▲                                   │
        └────────── bytes come, bytes go ───┘

On a plain socket it is not used at all: see `tls_transport`.
"""

from __future__ import annotations

import ssl
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias, final

import trio

from .._tls_info import TLSInfo

TLS_RECORD = 16 * 1024
"""A stream that is silent while it sends gets so many bytes at once: one record of TLS."""

ALERT_LINGER = 1.0
"""Seconds for which we read on after an alert: a reset would destroy it on its way."""

TimeCallback: TypeAlias = Callable[[float], None]
"""Called with the time."""


def ignore(now: float) -> None:
    """Do nothing: the stream is not observed yet."""


@final
class MonitoredStream(trio.abc.Stream):
    """A stream that tells when bytes come, and when some have gone."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.bytes_sent = 0
        self._on_arrival: TimeCallback = ignore
        self._on_departure: TimeCallback = ignore

    def observe(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        """Call these with the time when bytes have come, and when some have gone."""
        self._on_arrival, self._on_departure = on_arrival, on_departure

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive; the end of the stream is no byte."""
        data = await self.stream.receive_some(max_bytes)
        if data:
            self._on_arrival(trio.current_time())
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send in pieces: a socket takes what it has room for."""
        rest = memoryview(data)
        while rest:
            count = await self._send_some(rest)
            self.bytes_sent += count
            rest = rest[count:]
            self._on_departure(trio.current_time())

    async def _send_some(self, data: memoryview) -> int:
        if isinstance(self.stream, trio.SocketStream):
            try:
                return await self.stream.socket.send(data)
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error
        await self.stream.send_all(piece := data[:TLS_RECORD])
        return len(piece)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the stream takes something."""
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream."""
        await self.stream.aclose()


class TLSStandIn(trio.abc.Stream):
    """A stream with a handshake of its own in the place of TLS, as a simulated network has it."""

    @property
    @abstractmethod
    def expects_tls(self) -> bool:
        """Return True if that handshake is to be done, and no TLS begun on the stream."""

    @abstractmethod
    async def do_handshake(self) -> None:
        """Do the handshake; the errors are those of `trio.SSLStream.do_handshake`."""


def tls_on(
    stream: trio.abc.Stream,
    context: ssl.SSLContext,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
) -> trio.SSLStream[MonitoredStream]:
    """TLS on a stream; to be followed by its handshake."""
    return trio.SSLStream(
        MonitoredStream(stream),
        context,
        server_side=server_side,
        server_hostname=server_hostname,
        https_compatible=not server_side,
    )


def tls_info(tls: object) -> TLSInfo | None:
    """Return what TLS has established; None if this is no TLS, or before its handshake."""
    if not isinstance(tls, trio.SSLStream | ssl.SSLObject):
        return None
    try:
        cipher: tuple[str, str, int] | None = tls.cipher()
        return TLSInfo(
            version=tls.version(),
            cipher=cipher[0] if cipher else None,
            peer_certificate=tls.getpeercert(),
            alpn=tls.selected_alpn_protocol(),
        )
    except (trio.NeedHandshakeError, ValueError):
        return None


@final
class AlertRecorder:
    """What `trio.SSLStream` takes for a context; it remembers what OpenSSL has to say."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._outgoing = ssl.MemoryBIO()

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, **options: Any
    ) -> ssl.SSLObject:
        """Do what the context does."""
        self._outgoing = outgoing
        return self._context.wrap_bio(incoming, outgoing, **options)

    def alert(self) -> bytes:
        """Return what Trio has not sent: it raises before."""
        return self._outgoing.read()


async def send_alert(stream: trio.abc.Stream, alert: bytes) -> None:
    """Send our last words, then read and discard until the peer has closed, for a moment."""
    with trio.move_on_after(ALERT_LINGER), suppress(trio.BrokenResourceError, OSError):
        await stream.send_all(alert)
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
        while await stream.receive_some():
            pass
