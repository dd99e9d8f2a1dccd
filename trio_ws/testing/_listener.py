"""Listening on a simulated host."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias, final

import trio

from ._stream import Address, MemoryStream

Security: TypeAlias = Literal["none", "stand-in", "real"]
"""Whether TLS is spoken on a port: not at all, by the stand-in of `_tls`, or by OpenSSL."""


@final
class MemoryListener(trio.abc.Listener[MemoryStream]):
    """A listener on one port of one simulated host.

    Attributes:
        address: (host, port) that it listens on.
        port: the second half of that; `Server.port` asks for it.
        security: whether TLS is spoken here.
    """

    def __init__(
        self,
        address: Address,
        on_close: Callable[[MemoryListener], object],
        security: Security = "none",
    ) -> None:
        self.address = address
        self.port = address[1]
        self.security = security
        self._on_close = on_close
        self._closed = False
        self._send, self._receive = trio.open_memory_channel[MemoryStream](math.inf)

    def offer(self, stream: MemoryStream) -> None:
        """Let a connection be accepted."""
        self._send.send_nowait(stream)

    async def accept(self) -> MemoryStream:
        """Wait for a connection and return our end of it.

        Raises:
            trio.ClosedResourceError: the listener is closed.
        """
        return await self._receive.receive()

    async def aclose(self) -> None:
        """Listen no longer; connections that were not accepted are reset."""
        if not self._closed:
            self._closed = True
            self._on_close(self)
            self._drop_the_unaccepted()
            self._receive.close()
        await trio.lowlevel.checkpoint()

    def _drop_the_unaccepted(self) -> None:
        while self._receive.statistics().current_buffer_used:
            stream = self._receive.receive_nowait()
            stream.connection.reset()
            stream.close()
