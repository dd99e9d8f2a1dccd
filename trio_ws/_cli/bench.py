"""Measure a server that echoes: how many messages a second, and how long each takes.

Each connection keeps a number of messages in flight: when one comes back, the next is sent.
So the rate is what server, network and this program manage together,
and a latency is the time from `send` to the echo, with all that waits before it.
A server on another machine is measured only with --yes: it is a load.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import time
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

import trio

from trio_ws import Limits, WebSocket

from .console import Console, escape
from .exits import CommandError, Exit
from .percentiles import percentile
from .running import run_async
from .target import Target, positive, read_target, seconds
from .target import add_arguments as add_target

EXAMPLES = """\
examples:
  trio-ws serve --quiet & trio-ws bench ws://127.0.0.1:8765/
  trio-ws bench ws://127.0.0.1:8765/ --connections 10 --in-flight 16 --size 1024
  trio-ws bench wss://test.example.com/echo --yes --json
"""

SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
"""The percentiles that are told; the last is the slowest message of all."""

BUSY = 0.8
"""From this share of a core on, this program may be what limits the rate."""

LAST = 5.0
"""Seconds that messages in flight have to come back at the end."""

KIB = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_target(parser)
    load = parser.add_argument_group("the load")
    load.add_argument("--connections", type=positive, default=1, metavar="N")
    load.add_argument(
        "--in-flight", type=positive, default=1, metavar="N", help="messages on each connection"
    )
    load.add_argument("--size", type=positive, default=32, metavar="BYTES", help="of a message")
    load.add_argument("--binary", action="store_true", help="binary instead of text")
    load.add_argument("--seconds", type=seconds, default=5.0, metavar="SECONDS")
    load.add_argument("--warm-up", type=seconds, default=0.5, metavar="SECONDS", help="not counted")
    parser.add_argument("--yes", action="store_true", help="the server may be another machine")
    parser.add_argument("--json", action="store_true", help="the result as JSON")


@dataclass(frozen=True, kw_only=True)
class Load:
    """A load that is put on a server."""

    connections: int
    in_flight: int
    payload: str | bytes
    seconds: float
    warm_up: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """A result of a measurement.

    Attributes:
        messages: how many came back, after the warm-up.
        seconds: in how long.
        latencies: seconds, for each of `SHARES`.
        processor: the share of a core that this program took.
    """

    messages: int
    seconds: float
    latencies: tuple[float, ...]
    processor: float

    @property
    def rate(self) -> float:
        """Return the messages a second, each there and back."""
        return self.messages / self.seconds


def run(options: argparse.Namespace, console: Console) -> int:
    """Measure, and show the result."""
    most = max(KIB * KIB, 2 * options.in_flight * (options.size + KIB))
    limits = Limits(max_message_size=max(KIB * KIB, options.size), receive_buffer=most)
    target = read_target(options, limits=limits)
    payload = "x" * options.size
    load = Load(
        connections=options.connections,
        in_flight=options.in_flight,
        payload=payload.encode() if options.binary else payload,
        seconds=options.seconds,
        warm_up=options.warm_up,
    )
    return run_async(lambda: bench(target, load, console, yes=options.yes, as_json=options.json))


async def bench(
    target: Target, load: Load, console: Console, *, yes: bool = False, as_json: bool = False
) -> int:
    """Measure a server.

    Raises:
        CommandError: it is not to be measured, or it does not echo.
    """
    if not yes:
        await check_loopback(target)
    result = await measure(target, load)
    if as_json:
        told = {**asdict(result), "rate": result.rate, "shares": SHARES}
        console.line(json.dumps(told))
    else:
        for line in report(load, result):
            console.line(line)
    return Exit.OK


async def check_loopback(target: Target) -> None:
    """Refuse another machine, which may not be ours to load.

    Raises:
        CommandError: it is one, or cannot be looked up.
    """
    if target.unix is not None:
        return
    try:
        found = await trio.socket.getaddrinfo(target.host, target.port)
    except OSError as error:
        raise CommandError(f"{escape(target.host)}: {error}", Exit.NO_CONNECTION) from error
    addresses = {str(address[0]).partition("%")[0] for *_, address in found}
    if not all(ipaddress.ip_address(address).is_loopback for address in addresses):
        raise CommandError(
            f"{escape(target.host)} is another machine; say --yes if you may load it"
        )


async def measure(
    target: Target, load: Load, processor: Callable[[], float] = time.process_time
) -> Result:
    """Load the server, and return what was measured after the warm-up."""
    latencies = array("d")
    open_all = _Barrier(load.connections)
    async with trio.open_nursery() as nursery:
        runs = [_Run(load, latencies) for _ in range(load.connections)]
        for one in runs:
            nursery.start_soon(one.run, target, open_all)
        await open_all.passed.wait()
        await trio.sleep(load.warm_up)
        latencies[:] = array("d")
        began, used = trio.current_time(), processor()
        await trio.sleep(load.seconds)
        messages = len(latencies)
        took, used = trio.current_time() - began, processor() - used
        ordered = sorted(latencies)
        if not ordered:
            raise CommandError(f"no message came back in {load.seconds:g} s", Exit.UNEXPECTED)
        for one in runs:
            one.stop()
        nursery.cancel_scope.deadline = trio.current_time() + LAST
    return Result(
        messages=messages,
        seconds=took,
        latencies=tuple(percentile(ordered, share) for share in SHARES),
        processor=used / took,
    )


class _Barrier:
    """A barrier that holds everything until all connections are open."""

    def __init__(self, missing: int) -> None:
        self.passed = trio.Event()
        self._missing = missing

    async def wait(self) -> None:
        """Arrive, and wait for the others."""
        self._missing -= 1
        if not self._missing:
            self.passed.set()
        await self.passed.wait()


class _Run:
    """A connection that keeps messages in flight."""

    def __init__(self, load: Load, latencies: array[float]) -> None:
        self._load = load
        self._latencies = latencies
        self._sent: deque[float] = deque()
        self._stopped = False

    def stop(self) -> None:
        """Send no more; what is in flight is awaited."""
        self._stopped = True

    async def run(self, target: Target, barrier: _Barrier) -> None:
        """Keep messages in flight until it is stopped."""
        async with target.open() as ws:
            await barrier.wait()
            for _ in range(self._load.in_flight):
                await self._send(ws)
            while self._sent:
                await self._take(ws)
                if not self._stopped:
                    await self._send(ws)

    async def _send(self, ws: WebSocket) -> None:
        self._sent.append(trio.current_time())
        await ws.send(self._load.payload)

    async def _take(self, ws: WebSocket) -> None:
        message = await ws.receive()
        self._latencies.append(trio.current_time() - self._sent.popleft())
        if message != self._load.payload:
            raise CommandError("the server does not echo: something else came", Exit.UNEXPECTED)


def report(load: Load, result: Result) -> list[str]:
    """Return the result, for people."""
    size = len(load.payload)
    volume = result.rate * size / 1e6
    names = [f"p{share * 100:g}" if share < 1 else "max" for share in SHARES]
    latencies = "   ".join(
        f"{name} {latency * 1000:.3g} ms"
        for name, latency in zip(names, result.latencies, strict=True)
    )
    lines = [
        f"connections {load.connections}, each with {load.in_flight} in flight, of {size} bytes",
        f"rate        {result.rate:,.0f} messages/s there and back, {volume:.3g} MB/s each way",
        f"latency     {latencies}",
        f"this side   {result.processor:.2f} of a core",
    ]
    if result.processor > BUSY:
        lines.append("            (it may be what limits the rate; a faster server would not show)")
    return lines
