"""`trio_ws.instruments._prometheus`: what Prometheus is told, by its own client library."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from trio_ws import (
    ConnectionLost,
    Ending,
    HandshakeError,
    Response,
    SupervisorState,
    Transition,
    WebSocket,
    supervise,
)
from trio_ws.instruments import PrometheusInstrument
from trio_ws.testing import open_websocket_pair, open_websocket_to_peer

from ..benchmarks.instruments import crowded, scrape_seconds
from ..halls import serving


class Scraper:
    """A registry with one instrument, and what a scrape of it says."""

    def __init__(self) -> None:
        self.instrument = PrometheusInstrument()
        self.registry = CollectorRegistry()
        self.registry.register(self.instrument)

    def __getitem__(self, key: str) -> float | None:
        """Return a value, by the name of its sample: ``name{label="value"}``."""
        text = generate_latest(self.registry).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
                if key == (f"{sample.name}{{{labels}}}" if labels else sample.name):
                    return sample.value
        return None


@pytest.fixture
def metrics() -> Scraper:
    """A new instrument in a registry of its own."""
    return Scraper()


async def test_connections(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """Open connections are counted by role, closing handshakes by who closed and the code."""
    roles = [f"websocket_connections{{role={role}}}" for role in ("client", "server")]
    assert [metrics[each] for each in roles] == [0, 0]
    async with open_websocket_pair(instruments=[metrics.instrument]) as (client, _):
        assert [metrics[each] for each in roles] == [1, 1]
        await client.close(1001)
    assert [metrics[each] for each in roles] == [0, 0]
    assert metrics["websocket_handshakes_total{outcome=opened}"] == 2
    assert metrics["websocket_closes_total{by=local,code=1001}"] == 1
    assert metrics["websocket_closes_total{by=peer,code=1001}"] == 1


@pytest.mark.parametrize(
    ("code", "label"), [(None, "1005"), (1008, "1008"), (3999, "3xxx"), (4123, "4xxx")]
)
async def test_codes_of_a_peer(
    code: int | None, label: str, metrics: Scraper, autojump_clock: trio.testing.MockClock
) -> None:
    """A peer cannot fill the memory of Prometheus: of its own codes only the thousand is told."""
    async with open_websocket_to_peer(client=False, instruments=[metrics.instrument]) as (ws, peer):
        await peer.send_close(code)
        await peer.aclose()
        await ws.wait_closed()
    assert metrics[f"websocket_closes_total{{by=peer,code={label}}}"] == 1


async def test_our_own_codes(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """The application's own codes are told in full."""
    async with open_websocket_pair(instruments=[metrics.instrument]) as (client, _):
        await client.close(4123)
    assert metrics["websocket_closes_total{by=local,code=4123}"] == 1
    assert metrics["websocket_closes_total{by=peer,code=4xxx}"] == 1


async def test_losses(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """A connection that is lost counts by the kind of its loss, and as no close."""
    with pytest.raises(ConnectionLost, match="without a closing handshake"):
        async with open_websocket_to_peer(client=True, instruments=[metrics.instrument]) as (
            ws,
            peer,
        ):
            await peer.aclose()
            await ws.receive()
    assert metrics["websocket_lost_total{cause=eof}"] == 1
    assert metrics["websocket_closes_total{by=local,code=1000}"] is None


async def test_messages(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """Messages count by direction and type, their bytes as payload and on the wire."""
    async with open_websocket_pair(instruments=[metrics.instrument]) as (client, server):
        await client.send("grüße")
        await client.send(b"12345")
        assert [await server.receive(), await server.receive()] == ["grüße", b"12345"]
        for direction in ("sent", "received"):
            for kind in ("text", "binary"):
                key = f"websocket_messages_total{{direction={direction},type={kind}}}"
                assert metrics[key] == 1
            payload, wire = (
                f"websocket_bytes_total{{direction={direction},layer={layer}}}"
                for layer in ("payload", "wire")
            )
            assert (metrics[payload], metrics[wire]) == (12, 2 * 6 + 12)
    assert metrics["websocket_bytes_total{direction=sent,layer=wire}"] == 24 + 8 + 4


async def test_bytes_never_fall(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """The bytes of a connection that has closed stay in the sum."""
    key = "websocket_bytes_total{direction=received,layer=wire}"
    seen = [metrics[key]]
    for _ in range(3):
        async with open_websocket_pair(instruments=[metrics.instrument]) as (client, server):
            await client.send("hello")
            await server.receive()
            seen.append(metrics[key])
        seen.append(metrics[key])
    assert all(one < other for one, other in pairwise(filter(None, seen)))


async def test_round_trips(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """Pings are a histogram: a round trip is in each bucket whose bound it does not exceed."""
    for seconds in (0.001, 0.3, 60):
        metrics.instrument.ping_answered(None, seconds)  # type: ignore[arg-type]
    buckets = {"0.001": 1, "0.25": 1, "0.5": 2, "10.0": 2, "+Inf": 3}
    for bound, count in buckets.items():
        assert metrics[f"websocket_ping_rtt_seconds_bucket{{le={bound}}}"] == count
    assert metrics["websocket_ping_rtt_seconds_sum"] == 60.301
    assert metrics["websocket_ping_rtt_seconds_count"] == 3


async def test_handshakes(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """What a server refuses and what a client fails at are outcomes of their own."""
    instruments = [metrics.instrument]
    async with serving(on_request=lambda _: Response(403), instruments=instruments) as hall:
        with pytest.raises(HandshakeError):
            await hall.open(instruments=instruments).__aenter__()
    assert metrics["websocket_handshakes_total{outcome=refused}"] == 1
    assert metrics["websocket_handshakes_total{outcome=failed}"] == 1
    assert metrics["websocket_handshakes_total{outcome=opened}"] == 0


async def test_supervisors(metrics: Scraper, autojump_clock: trio.testing.MockClock) -> None:
    """A supervisor is in one state, in none when it has ended; its steps are counted."""

    async def session(ws: WebSocket) -> None:
        assert metrics["supervisor_state{state=open}"] == 1
        assert metrics["supervisor_state{state=connecting}"] == 0

    def connect(url: str, **options: Any) -> Any:
        assert metrics["supervisor_state{state=connecting}"] == 1
        return hall.open(**options)

    async with serving() as hall:
        await supervise(session, "ws://a", connect=connect, instruments=[metrics.instrument])
    assert metrics["supervisor_state{state=open}"] == 0
    assert metrics["supervisor_state{state=closed}"] is None
    for state in ("connecting", "open", "closed"):
        assert metrics[f"supervisor_transitions_total{{state={state}}}"] == 1


def test_a_supervisor_that_never_ran(metrics: Scraper) -> None:
    """It has been in no state, and is in none."""
    closed = Transition(
        number=1, state=SupervisorState.CLOSED, previous=SupervisorState.IDLE, at=0, attempt=0
    )
    metrics.instrument.transition("supervisor-1", closed)
    assert metrics["supervisor_state{state=connecting}"] == 0


def test_an_ending_without_any_code(metrics: Scraper) -> None:
    """An end that none of the two closed is told all the same."""
    with crowded(metrics.instrument, 1) as (ws,):
        metrics.instrument.connection_closed(ws, Ending(received_first=False))
    assert metrics["websocket_closes_total{by=local,code=0}"] == 1


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ImportError, match=r"pip install 'trio-ws\[prometheus\]'"):
        PrometheusInstrument()


def test_ten_thousand_connections(metrics: Scraper) -> None:
    """A scrape of 10,000 connections takes 50 ms (three times as much on a busy machine)."""
    assert scrape_seconds(10_000) < 3 * 0.050
    with crowded(metrics.instrument, 10_000):
        assert metrics["websocket_connections{role=server}"] == 10_000
        assert metrics["websocket_bytes_total{direction=sent,layer=wire}"] == 10_000 * 1000
