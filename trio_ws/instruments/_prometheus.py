"""Metrics for Prometheus.

A counter of ``prometheus_client`` takes a lock for each increment: a microsecond, which a message
of 32 bytes would feel.  So this counts in plain numbers, and makes metrics of them
when it is scraped, as a *collector* does.

Bytes on the wire are counted by the connections themselves.
A scrape adds up those of the connections that are open, and those of the others are added
when they close.

Prometheus scrapes from a thread of its own.
Numbers only grow, so it may read them at any time, but for one thing:
between the moment when a closed connection is forgotten and the one when its bytes are added,
a counter would seem to fall, which means a restart.  A lock makes one of the two.

A label has few values: those that a peer could choose are not among them.
Paths are no labels, and of the codes 3000 to 4999 a peer's own are told by their thousand.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any, Literal, TypeAlias, final

from .._connection.websocket import WebSocket
from .._ending import Ending
from .._errors import HandshakeError
from .._http import Request, Response
from .._instrument import Instrument, MessageKind
from .._supervision.states import ENDED, SupervisorState, Transition

Metric: TypeAlias = Any
"""A ``prometheus_client.Metric``, whose module is imported when an instrument is made."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds of a round trip: the upper bounds of the histogram, infinity aside."""

Labels = tuple[str, ...]
"""The values of the labels of a number."""


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A metric: its type, its name, what it means, its labels, and values that always show."""

    type: Literal["gauge", "counter"]
    name: str
    help: str
    labels: Labels
    known: Collection[Labels] = ()


ROLES = ("client", "server")
WAYS = ("sent", "received")
LIVING = tuple(state.value for state in SupervisorState if state not in ENDED)

CONNECTIONS = Family(
    "gauge", "websocket_connections", "Open connections.", ("role",), [(each,) for each in ROLES]
)
HANDSHAKES = Family(
    "counter",
    "websocket_handshakes",
    "Opening handshakes.",
    ("outcome",),
    [("opened",), ("refused",), ("failed",)],
)
CLOSES = Family("counter", "websocket_closes", "Closing handshakes.", ("by", "code"))
LOST = Family("counter", "websocket_lost", "Connections without a closing handshake.", ("cause",))
MESSAGES = Family(
    "counter",
    "websocket_messages",
    "Messages.",
    ("direction", "type"),
    list(product(WAYS, ("text", "binary"))),
)
BYTES = Family(
    "counter",
    "websocket_bytes",
    "Bytes of the content of messages (payload), and on the network (wire).",
    ("direction", "layer"),
    list(product(WAYS, ("payload", "wire"))),
)
STATES = Family(
    "gauge",
    "supervisor_state",
    "Supervisors that are in a state.",
    ("state",),
    [(each,) for each in LIVING],
)
STEPS = Family("counter", "supervisor_transitions", "Steps into a state.", ("state",))
FAMILIES = (CONNECTIONS, HANDSHAKES, CLOSES, LOST, MESSAGES, BYTES, STATES, STEPS)


@final
class PrometheusInstrument(Instrument):
    """An instrument that Prometheus can scrape (extra ``prometheus``)::

        metrics = PrometheusInstrument()
        prometheus_client.REGISTRY.register(metrics)
        await serve_websocket(handler, host, port, instruments=[metrics])

    One may serve any number of doors and supervisors.  Its metrics:

    ==================================================  ======================================
    ``websocket_connections{role}``                     connections that are open
    ``websocket_handshakes_total{outcome}``             ``opened``; ``refused`` by a server;
                                                        ``failed``, as seen by a client
    ``websocket_closes_total{by, code}``                closing handshakes, and who began them
    ``websocket_lost_total{cause}``                     connections that ended without one
    ``websocket_messages_total{direction, type}``       messages
    ``websocket_bytes_total{direction, layer}``         bytes: ``payload`` is what the
                                                        application sees, ``wire`` the network
    ``websocket_ping_rtt_seconds``                      a histogram of round trips
    ``supervisor_state{state}``                         supervisors that are in a state
    ``supervisor_transitions_total{state}``             steps of supervisors into a state
    ==================================================  ======================================

    Raises:
        ImportError: ``prometheus_client`` is not installed.
    """

    def __init__(self) -> None:
        try:
            from prometheus_client import core
        except ImportError as error:
            raise ImportError(
                "PrometheusInstrument needs prometheus_client: pip install 'trio-ws[prometheus]'"
            ) from error
        self._core = core
        self._lock = threading.Lock()
        self._open: set[WebSocket] = set()
        self._counts = {each: Counter[Labels](dict.fromkeys(each.known, 0)) for each in FAMILIES}
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    # What happens

    def connection_opened(self, ws: WebSocket) -> None:
        """Count an open connection."""
        self._counts[HANDSHAKES]["opened",] += 1
        with self._lock:
            self._open.add(ws)
            self._counts[CONNECTIONS][_role(ws),] += 1

    def connection_closed(self, ws: WebSocket, ending: Ending) -> None:
        """Count how a connection ended, and keep its bytes."""
        with self._lock:
            self._open.discard(ws)
            self._counts[CONNECTIONS][_role(ws),] -= 1
            _add_wire_bytes(self._counts[BYTES], ws)
        if ending.loss is None:
            self._counts[CLOSES][_first_close(ending)] += 1
        else:
            self._counts[LOST][ending.loss.name.lower(),] += 1

    def connection_refused(self, request: Request | None, response: Response) -> None:
        """Count a request that a server refused."""
        self._counts[HANDSHAKES]["refused",] += 1

    def connection_failed(self, error: HandshakeError) -> None:
        """Count an attempt of a client that led to nothing."""
        self._counts[HANDSHAKES]["failed",] += 1

    def message_sent(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        """Count a message."""
        self._counts[MESSAGES]["sent", kind] += 1
        self._counts[BYTES]["sent", "payload"] += size

    def message_received(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        """Count a message."""
        self._counts[MESSAGES]["received", kind] += 1
        self._counts[BYTES]["received", "payload"] += size

    def ping_answered(self, ws: WebSocket, round_trip: float) -> None:
        """Count a round trip."""
        self._buckets[bisect_left(BUCKETS, round_trip)] += 1
        self._seconds += round_trip

    def transition(self, supervisor: str, transition: Transition) -> None:
        """Count a step of a supervisor, which stays in its new state until the next."""
        self._counts[STEPS][transition.state.value,] += 1
        if transition.previous is not SupervisorState.IDLE:
            self._counts[STATES][transition.previous.value,] -= 1
        if transition.state not in ENDED:
            self._counts[STATES][transition.state.value,] += 1

    # A scrape

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now; a registry calls this, in any thread."""
        for family in FAMILIES:
            values = self._bytes() if family is BYTES else self._counts[family].copy()
            yield self._metric(family, values)
        yield self._round_trips()

    def _bytes(self) -> Counter[Labels]:
        """Return the bytes of all connections: of those that are closed, and of the open ones."""
        with self._lock:
            connections, total = self._open.copy(), self._counts[BYTES].copy()
        for ws in connections:
            _add_wire_bytes(total, ws)
        return total

    def _metric(self, family: Family, values: Counter[Labels]) -> Metric:
        gauge = family.type == "gauge"
        make = self._core.GaugeMetricFamily if gauge else self._core.CounterMetricFamily
        metric = make(family.name, family.help, labels=family.labels)
        for labels, value in values.items():
            metric.add_metric(labels, value)
        return metric

    def _round_trips(self) -> Metric:
        bounds = [*map(str, BUCKETS), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._buckets), strict=True))
        return self._core.HistogramMetricFamily(
            "websocket_ping_rtt_seconds",
            "Round trips of pings.",
            buckets=buckets,
            sum_value=self._seconds,
        )


def _role(ws: WebSocket) -> str:
    return "client" if ws._core.client else "server"


def _add_wire_bytes(total: Counter[Labels], ws: WebSocket) -> None:
    transport = ws._core.transport
    total["sent", "wire"] += transport.bytes_sent
    total["received", "wire"] += transport.bytes_received


def _first_close(ending: Ending) -> Labels:
    """Return who closed, and with which code; a peer may choose of thousands."""
    close = ending.received if ending.received_first else ending.sent
    code = 0 if close is None else close.code
    if not ending.received_first:
        return "local", str(code)
    return "peer", str(code) if code < 3000 else f"{code // 1000}xxx"
