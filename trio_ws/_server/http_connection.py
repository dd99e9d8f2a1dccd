"""One connection before it is a WebSocket: requests come, and each gets an answer.

An answer that ends the connection is followed by a moment in which we only read:
a stream that is closed with unread bytes in it is reset,
and a reset destroys the answer before the peer has seen it.
"""

from __future__ import annotations

import trio

from .._handshake.server import ServerHandshake
from .._http import Headers, Request, Response
from .._transport.adapter import transport_on
from .admission import HandshakeSlot
from .options import ServerConfig

LINGER = 1.0
"""Seconds for which we read on after an answer that ends the connection."""


class HttpConnection:
    """The requests and answers of one connection; its slot is told what it waits for.

    Attributes:
        name: what it is called in the log.
        slot: the handshake slot that it holds.
        handshake: the request in hand, as HTTP and RFC 6455 see it.
    """

    def __init__(
        self, stream: trio.abc.Stream, config: ServerConfig, slot: HandshakeSlot, name: str
    ) -> None:
        self.name = name
        self.slot = slot
        self._transport = transport_on(stream)
        self._keep_alive = config.timeouts.keep_alive
        self.handshake = ServerHandshake(
            limits=config.limits,
            remote_address=self._transport.remote_address,
            tls=self._transport.tls,
        )

    def take_what_is_there(self) -> None:
        """Read what has come already; waiting for it would cost a turn of the scheduler."""
        self._feed(self._transport.receive_now())

    async def next_request(self) -> Request | None:
        """Return the next request; None if the peer has gone.

        Raises:
            Refusal: it is no proper request.
        """
        while (request := self.handshake.next_request()) is None:
            self.slot.acquire()
            data = await self._transport.receive_some()
            if not data:
                return None
            self._feed(data)
        self.slot.on_request()  # it may have come together with the last one
        return request

    def _feed(self, data: bytes) -> None:
        self.handshake.feed(data)
        if data:
            self.slot.on_request()

    def encode(self, response: Response, *, close: bool) -> bytes:
        """Return the bytes of an answer to the request in hand.

        Raises:
            LocalProtocolError: it cannot be sent.
        """
        return self.handshake.respond(_dated(response), close=close, keep_alive=self._keep_alive)

    async def send(self, data: bytes) -> None:
        """Send all of it; if the kernel takes it at once, nothing waits."""
        count = self._transport.send_bytes_now(data)
        if count < len(data):
            self.slot.acquire()
            await self._transport.send_all(data[count:])

    async def answer(self, data: bytes) -> bool:
        """Send an answer; return True if another request may follow it."""
        self.slot.acquire()
        await self.send(data)
        await trio.lowlevel.checkpoint()  # a peer may have sent a hundred requests at once
        if self.handshake.reusable:
            self.slot.on_answered()
            return True
        await self._linger()
        return False

    async def _linger(self) -> None:
        """Read and discard until the peer has closed, too, for a moment at most (law 10)."""
        with trio.move_on_after(LINGER):
            await self._transport.send_eof()
            while await self._transport.receive_some():
                pass


def _dated(response: Response) -> Response:
    """Add the ``Date`` that HTTP wants from whatever has a clock (RFC 9110 §6.6.1)."""
    if "Date" in response.headers:
        return response
    from email.utils import formatdate  # takes long to import, and an upgrade needs no date

    lines = [*response.headers.multi_items(), ("Date", formatdate(usegmt=True))]
    return Response(response.status, Headers(lines), response.body)
