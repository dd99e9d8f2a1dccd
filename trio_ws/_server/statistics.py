"""The numbers that a server tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatistics:
    """A snapshot of a server; see `Server.statistics`.

    The first two are about now, the others count since the start.
    What was accepted, but neither opened nor is among the handshakes, never became a WebSocket:
    it was refused, or answered by `on_request`, or TLS failed, or it said too little for too long.

    Attributes:
        connections: open WebSocket connections, their handlers included.
        handshakes: connections that have not been upgraded yet.
        accepted: connections that were accepted, whatever became of them.
        refused: requests that the server itself answered with an error: what is no upgrade
            or not a proper one, a strange origin, a full server, an `on_request` that failed.
        opened: WebSocket connections that were opened.
        lost: of these, the ones that ended without a closing handshake (`Ending.loss`);
            counted when the handler has ended.
        failed: handlers that raised.
    """

    connections: int
    handshakes: int
    accepted: int
    refused: int
    opened: int
    lost: int
    failed: int
