"""The numbers that a server tells of itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias


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
            or not a proper one, a strange origin, a full server, an `on_request` that failed
            or took longer than `Timeouts.connect`.
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


Counted: TypeAlias = Literal["accepted", "refused", "opened", "lost", "failed"]


class Counters:
    """What a server has counted since its start."""

    def __init__(self) -> None:
        self._counts: Counter[Counted] = Counter()

    def add(self, what: Counted) -> None:
        """Count one more."""
        self._counts[what] += 1

    def snapshot(self, *, connections: int, handshakes: int) -> ServerStatistics:
        """Return the counts, with what is there now."""
        counts = {name: self._counts[name] for name in _COUNTED}
        return ServerStatistics(connections=connections, handshakes=handshakes, **counts)


_COUNTED: tuple[Counted, ...] = ("accepted", "refused", "opened", "lost", "failed")
