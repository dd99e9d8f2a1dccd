"""A kernel that says what a test wants it to say, whatever the stream is."""

from __future__ import annotations

import pytest
import trio

from trio_ws._transport.kernel import HangUp
from trio_ws._transport.socket import SocketTransport
from trio_ws._transport.stream import StreamTransport


class SaidKernel:
    """What the kernel says of every connection of a test.

    Attributes:
        sent: how many bytes it was given.
        unacknowledged: how many of them wait; None: it does not tell.
        delivers: whether packets arrive, one each second, behind one that was lost.
        end: how the connection has ended, if it has.
        looks: when it was asked.
        deliveries: how often it was asked for packets that arrived.
    """

    def __init__(self) -> None:
        self.sent = 1_000_000
        self.unacknowledged: int | None = 0
        self.delivers = False
        self.end: HangUp | None = None
        self.looks: list[float] = []
        self.deliveries = 0

    def outgoing(self) -> tuple[int, int | None]:
        """Stand in for `Transport.outgoing`."""
        self.looks.append(trio.current_time())
        return self.sent, self.unacknowledged

    def delivered(self) -> int:
        """Stand in for `Transport.delivered`."""
        self.deliveries += 1
        return 1 + int(trio.current_time()) if self.delivers else 1

    def hang_up(self) -> HangUp | None:
        """Stand in for `Transport.hang_up`."""
        return self.end


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> SaidKernel:
    """Let a `SaidKernel` speak for the kernel."""
    said = SaidKernel()
    for transport in (SocketTransport, StreamTransport):
        monkeypatch.setattr(transport, "tells_acknowledgements", True)
        monkeypatch.setattr(transport, "outgoing", lambda _: said.outgoing())
        monkeypatch.setattr(transport, "delivered", lambda _: said.delivered())
        monkeypatch.setattr(transport, "hang_up", lambda _: said.hang_up())
    return said
