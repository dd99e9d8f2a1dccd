"""What instruments cost: ``python -m tests.benchmarks.instruments``.

Messages of 32 bytes go through connections to servers in this process and back, 64 of them
in flight, and both ends of a connection have the same instruments:

none
    no instruments
idle
    an `Instrument` that overrides nothing
no-op
    an `Instrument` whose methods do nothing: each message of each end takes a call
Prometheus
    `PrometheusInstrument`

The connections take turns, and the figure is the median of the ratios of CPU time in a turn.
Then `PrometheusInstrument` is scraped, with 10,000 connections that are only numbers.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import trio
from prometheus_client import CollectorRegistry, generate_latest

from trio_ws import (
    ConnectionClosed,
    Instrument,
    MessageKind,
    WebSocket,
    open_websocket,
    serve_websocket,
)
from trio_ws.instruments import PrometheusInstrument

from ..cpu import cpu_seconds
from .table import aligned

IN_FLIGHT = 64
MESSAGES = 2000
"""Messages in a turn."""

CONNECTIONS = 10_000
BAR = 1.05
"""What an instrument that does nothing may cost."""

SCRAPE_BAR = 0.050
"""Seconds that a scrape may take."""


class NoOp(Instrument):
    """It wants to know of messages, and does nothing."""

    def message_sent(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        pass

    def message_received(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        pass


def kinds() -> dict[str, list[Instrument]]:
    """Return the instruments that are measured."""
    return {
        "none": [],
        "idle": [Instrument()],
        "no-op": [NoOp()],
        "Prometheus": [PrometheusInstrument()],
    }


async def echo(ws: WebSocket) -> None:
    """Send back whatever comes."""
    with suppress(ConnectionClosed):
        while True:
            await ws.send(await ws.receive())


async def turn(ws: WebSocket, messages: int) -> float:
    """Return the seconds of CPU time that one message takes, both ends together."""
    data = bytes(32)
    began = time.process_time()
    for _ in range(IN_FLIGHT):
        await ws.send(data)
    for _ in range(messages - IN_FLIGHT):
        await ws.receive()
        await ws.send(data)
    for _ in range(IN_FLIGHT):
        await ws.receive()
    return (time.process_time() - began) / messages


async def measure(turns: int, messages: int = MESSAGES) -> dict[str, list[float]]:
    """Return for each kind of instruments the seconds of each turn."""
    seconds: dict[str, list[float]] = {}
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        connections: dict[str, WebSocket] = {}
        for name, instruments in kinds().items():
            serve = partial(serve_websocket, echo, "127.0.0.1", 0, instruments=instruments)
            server = await nursery.start(serve)
            url = f"ws://127.0.0.1:{server.port}"
            opened = open_websocket(url, instruments=instruments)
            connections[name] = await stack.enter_async_context(opened)
            seconds[name] = []
        for _ in range(turns):
            for name, ws in connections.items():
                seconds[name].append(await turn(ws, messages))
        nursery.cancel_scope.cancel()
    return seconds


def ratio(seconds: dict[str, list[float]], name: str) -> float:
    """Return how much longer a message takes than without instruments."""
    turns = zip(seconds[name], seconds["none"], strict=True)
    return statistics.median(one / none for one, none in turns)


@contextmanager
def crowded(instrument: PrometheusInstrument, count: int) -> Generator[Sequence[Any]]:
    """Have so many connections of a server open, which are nothing but their numbers."""
    crowd = []
    for _ in range(count):
        transport = SimpleNamespace(bytes_sent=1000, bytes_received=1000)
        ws: Any = _Connection(SimpleNamespace(client=False, transport=transport))
        instrument.connection_opened(ws)
        crowd.append(ws)
    yield crowd


class _Connection:
    """What the instrument sees of a connection."""

    def __init__(self, core: SimpleNamespace) -> None:
        self._core = core


def scrape_seconds(count: int = CONNECTIONS, times: int = 5) -> float:
    """Return the CPU time of a scrape with so many open connections: the least of a few."""
    instrument, registry = PrometheusInstrument(), CollectorRegistry()
    registry.register(instrument)
    found = []
    with crowded(instrument, count):
        for _ in range(times):
            with cpu_seconds() as spent:
                generate_latest(registry)
            found.append(spent[0])
    return min(found)


def shown(seconds: dict[str, list[float]]) -> str:
    """Make a table: a line for each kind of instruments."""
    rows = [["instruments", "µs a message", "× none"]]
    for name, turns in seconds.items():
        each = f"{statistics.median(turns) * 1e6:.2f}"
        rows.append([name, each, f"{ratio(seconds, name):.3f}"])
    return aligned(rows)


def main(arguments: list[str]) -> int:
    """Run it; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.instruments",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--turns", type=int, default=60, help="of each kind (60)")
    options = parser.parse_args(arguments)
    seconds = trio.run(measure, options.turns)
    scrape = scrape_seconds()
    print(f"{shown(seconds)}\n\na scrape of {CONNECTIONS} connections: {scrape * 1000:.1f} ms")
    return int(ratio(seconds, "no-op") > BAR or scrape > SCRAPE_BAR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
