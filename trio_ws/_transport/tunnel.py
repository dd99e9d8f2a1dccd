"""A tunnel: the stream behind a proxy to which there is TLS.

That TLS protects the way to the proxy, and says nothing about the server.
So the connection must not take it for its own: `WebSocket.tls` is about the server,
and TLS to the server begins anew, inside the tunnel.
A proxy without TLS needs no such thing: its stream is the tunnel, and as fast as any other.
"""

from __future__ import annotations

from typing import final

import trio


@final
class TunnelStream(trio.abc.Stream):
    """A stream that passes everything on to another, of which it hides the kind.

    Attributes:
        stream: the one to the proxy.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive."""
        return await self.stream.receive_some(max_bytes)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the stream takes something."""
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream."""
        await self.stream.aclose()
