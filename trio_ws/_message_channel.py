"""What can be used like a connection: `MessageChannel`, a protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from ._ending import Ending


@runtime_checkable
class MessageChannel(Protocol):
    """Something that sends and receives messages, and ends: what every kind of connection is.

    `WebSocket` and `ReconnectingWebSocket` are message channels.
    Code that takes one works with either, and with a wrapper of your own:
    one that counts, encrypts, or checks what passes.
    """

    @property
    def ending(self) -> Ending | None:
        """Return how it ended, or None while it has not."""

    async def send(self, message: str | bytes | bytearray | memoryview, /) -> None:
        """Send a message: `str` as text, bytes-like as binary."""

    async def receive(self) -> str | bytes:
        """Return the next message."""

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages."""

    async def __anext__(self) -> str | bytes:
        """Return the next message; the iteration ends quietly after a normal end."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close politely, within a bound."""

    async def aclose(self) -> None:
        """Close as `trio.abc.AsyncResource` asks: politely, and by force if cancelled."""
