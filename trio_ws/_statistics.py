"""The numbers of a connection, and of a server, for whoever watches them.

Most of them stand where they arise: bytes at the transport, sizes at the queues,
round trips with the pings, seats at the admission.
Nothing is collected, and nothing is written down twice:
`snapshot` goes from room to room and reads what is there, and so does `Server.statistics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from ._services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatistics:
    """A snapshot of one connection; see `WebSocket.statistics`.

    Attributes:
        bytes_sent: bytes that the kernel took, frames' headers included.
        bytes_received: bytes that arrived, frames' headers included.
        messages_sent: messages that `send` accepted.
        messages_received: messages that `receive` gave out.
        send_queue: bytes that wait for the writer.
        receive_queue: bytes that wait for `receive`.
        reading_paused: whether we have stopped reading because the receive queue is full;
            meanwhile the peer's silence proves nothing and no heartbeat gives it up.
        tasks_sending: tasks that wait in `send` for room.
        tasks_receiving: tasks that wait in `receive`.
        seconds_paused: seconds for which we had stopped reading, a pause in progress included.
        latency: seconds of the last ping's round trip, or None.
        smoothed_latency: the same, averaged with a weight of 1/8 for the newest.
        least_latency: the shortest so far.
        silence: seconds since the last byte arrived.
    """

    bytes_sent: int
    bytes_received: int
    messages_sent: int
    messages_received: int
    send_queue: int
    receive_queue: int
    reading_paused: bool
    tasks_sending: int
    tasks_receiving: int
    seconds_paused: float
    latency: float | None
    smoothed_latency: float | None
    least_latency: float | None
    silence: float


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


def snapshot(
    services: Services, *, messages_sent: int, messages_received: int, tasks_in_turn: int
) -> ConnectionStatistics:
    """The statistics of a connection now; what only its face knows is given."""
    session, inbox, reader = services.session, services.inbox, services.reader
    transport, round_trips = services.transport, services.pings.round_trips
    return ConnectionStatistics(
        bytes_sent=transport.bytes_sent,
        bytes_received=transport.bytes_received,
        messages_sent=messages_sent,
        messages_received=messages_received,
        send_queue=session.outbox.size,
        receive_queue=inbox.size,
        reading_paused=reader.paused,
        tasks_sending=tasks_in_turn + len(services.writer.room),
        tasks_receiving=len(inbox.receivers),
        seconds_paused=reader.seconds_paused,
        latency=round_trips.last,
        smoothed_latency=round_trips.smoothed,
        least_latency=round_trips.least,
        silence=trio.current_time() - services.lease.last_heard,
    )
