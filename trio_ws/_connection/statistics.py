"""The numbers of a connection.

Most of them stand where they arise: bytes at the transport, sizes at the queues,
round trips with the pings.
Nothing is collected, and nothing is written down twice: `snapshot` reads what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from .._protocol.extensions.deflate import DeflateStatistics
from .connection import Connection


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
        reading_paused: true while we have stopped reading because the receive queue is full;
            meanwhile the peer's silence proves nothing and no heartbeat gives it up.
        tasks_sending: tasks that wait in `send` for room.
        tasks_receiving: tasks that wait in `receive`.
        seconds_paused: seconds for which we had stopped reading, a pause in progress included.
        latency: seconds of the last ping's round trip, or None.
        smoothed_latency: the same, averaged with a weight of 1/8 for the newest.
        least_latency: the shortest so far.
        silence: seconds since the last byte arrived.
        compression: what compression has saved; None if it was not agreed on.
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
    compression: DeflateStatistics | None = None


def snapshot(
    connection: Connection, *, messages_sent: int, messages_received: int
) -> ConnectionStatistics:
    """Return the statistics of a connection now; its face gives what it alone knows."""
    core, pauses, now = connection.core, connection.heartbeat.pauses, trio.current_time()
    round_trips = core.pings.round_trips
    in_turn = 0 if core.send_turn is None else len(core.send_turn)
    return ConnectionStatistics(
        bytes_sent=core.transport.bytes_sent,
        bytes_received=core.transport.bytes_received,
        messages_sent=messages_sent,
        messages_received=messages_received,
        send_queue=core.protocol.send_queue.size,
        receive_queue=core.receive_queue.size,
        reading_paused=core.receive_queue.reader_waits,
        tasks_sending=in_turn + len(core.room),
        tasks_receiving=len(core.receive_queue.receivers),
        seconds_paused=0.0 if pauses is None else pauses.seconds(now),
        latency=round_trips.last,
        smoothed_latency=round_trips.smoothed,
        least_latency=round_trips.least,
        silence=now - core.lease.last_heard,
        compression=None if core.deflate is None else core.deflate.statistics(),
    )
