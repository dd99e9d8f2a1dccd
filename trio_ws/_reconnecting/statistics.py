"""What a reconnecting channel counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectingStatistics:
    """A snapshot of one channel; see `ReconnectingWebSocket.statistics`.

    Attributes:
        connections: connections that were opened.
        downtime: seconds without a connection.
        messages_sent: messages that `send` accepted.
        messages_received: messages that `receive` gave out.
        waiting: messages that wait for a connection.
        waiting_bytes: how many bytes they are, each counted with 64 bytes for itself.
        in_doubt: messages that were handed to the kernel and may not have arrived:
            the connection ended before anything proved that they had.
        expired: messages that were dropped because they had waited for `SendBuffer.max_age`.
        dropped: messages that arrived and were dropped when their connection ended,
            because `Limits.receive_buffer` bytes of earlier connections were still not taken.
            What is kept of connections that have ended is at most twice that, and one read.
    """

    connections: int
    downtime: float
    messages_sent: int
    messages_received: int
    waiting: int
    waiting_bytes: int
    in_doubt: int
    expired: int
    dropped: int
